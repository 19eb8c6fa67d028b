#ifndef PUPIL_CYAML_H
#define PUPIL_CYAML_H
#endif
