#include "decoder.h"
#include <stdio.h>
#include <stdlib.h>

pupil_status pupil_decoder_open(pupil_decoder *d, int64_t max_pixels, pupil_header *header) {
    return d->open(d, max_pixels, header);
}

pupil_status pupil_decoder_read(pupil_decoder *d, int32_t reduction, uint8_t *rgb) {
    return d->read(d, reduction, rgb);
}

pupil_status pupil_check_size(pupil_decoder *d, int64_t width, int64_t height, int64_t max_pixels) {
    if (width * height <= max_pixels) return PUPIL_DECODED;
    snprintf(d->message, sizeof d->message, "a picture of %lld x %lld pixels; the limit is %lld pixels",
             (long long)width, (long long)height, (long long)max_pixels);
    return PUPIL_REFUSED;
}

const char *pupil_decoder_message(const pupil_decoder *d) { return d->message; }

void pupil_decoder_close(pupil_decoder *d) {
    if (d) d->close(d);
}

void pupil_buffer_free(uint8_t *buffer) { free(buffer); }
