#ifndef PUPIL_DECODER_H
#define PUPIL_DECODER_H
#include "CImage.h"
#include <setjmp.h>

// The part that the decoders share; each file's own struct begins with it.
struct pupil_decoder {
    pupil_status (*open)(pupil_decoder *d, int64_t max_pixels, pupil_header *header);
    pupil_status (*read)(pupil_decoder *d, int32_t reduction, uint8_t *rgb);
    void (*close)(pupil_decoder *d);
    const uint8_t *bytes;
    size_t count;
    // Where the codecs' fatal errors land. Set anew in every function that calls them.
    jmp_buf fault;
    char message[256];
};

// Says that a picture is too large and gives PUPIL_REFUSED, or PUPIL_DECODED.
pupil_status pupil_check_size(pupil_decoder *d, int64_t width, int64_t height, int64_t max_pixels);

#endif
