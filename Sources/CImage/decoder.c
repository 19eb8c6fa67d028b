#include "decoder.h"
#include <stdlib.h>

pupil_status pupil_decoder_open(pupil_decoder *d, int64_t max_pixels, pupil_header *header) {
    return d->open(d, max_pixels, header);
}

pupil_status pupil_decoder_read(pupil_decoder *d, uint8_t *rgb) { return d->read(d, rgb); }

const char *pupil_decoder_message(const pupil_decoder *d) { return d->message; }

void pupil_decoder_close(pupil_decoder *d) {
    if (d) d->close(d);
}

void pupil_buffer_free(uint8_t *buffer) { free(buffer); }
