#ifndef PUPIL_CIMAGE_H
#define PUPIL_CIMAGE_H
#endif
