#include "decoder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

typedef struct {
    pupil_decoder shared;
    WebPBitstreamFeatures features;
} webp_decoder;

static pupil_status webp_open(pupil_decoder *shared, int64_t max_pixels, pupil_header *header) {
    webp_decoder *d = (webp_decoder *)shared;
    memset(header, 0, sizeof *header);
    VP8StatusCode status = WebPGetFeatures(shared->bytes, shared->count, &d->features);
    if (status == VP8_STATUS_NOT_ENOUGH_DATA) return PUPIL_NEEDS_MORE;
    if (status != VP8_STATUS_OK || d->features.width <= 0 || d->features.height <= 0) {
        snprintf(shared->message, sizeof shared->message, "a WebP with a damaged header");
        return PUPIL_REFUSED;
    }
    header->width = d->features.width;
    header->height = d->features.height;
    return pupil_check_size(shared, header->width, header->height, max_pixels);
}

// One picture, with or without its RIFF container. Transparency is dropped: the colours are what the file stores.
static pupil_status decode(
    pupil_decoder *d, const uint8_t *bytes, size_t count, int width, int height, uint8_t *rgb, size_t stride) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) return PUPIL_REFUSED;
    size_t size = stride * (size_t)(height - 1) + (size_t)width * 3;
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = rgb;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = size;
    VP8StatusCode status = WebPDecode(bytes, count, &config);
    if (status == VP8_STATUS_OK) return PUPIL_DECODED;
    if (status == VP8_STATUS_OUT_OF_MEMORY) {
        snprintf(d->message, sizeof d->message, "out of memory");
        return PUPIL_REFUSED;
    }
    // The decoder for files that still arrive tells how far the rows go.
    int rows = 0;
    WebPIDecoder *partial = WebPINewRGB(MODE_RGB, rgb, size, (int)stride);
    if (partial) {
        status = WebPIUpdate(partial, bytes, count);
        WebPIDecGetRGB(partial, &rows, NULL, NULL, NULL);
        WebPIDelete(partial);
    }
    if (partial && status == VP8_STATUS_OK) {
        snprintf(d->message, sizeof d->message, "the file is cut off behind the last row");
        return PUPIL_DECODED_WITH_NOTE;
    }
    snprintf(d->message, sizeof d->message, "%s: only %d of %d rows are there",
             status == VP8_STATUS_SUSPENDED ? "the file is cut off" : "the data is damaged", rows, height);
    return PUPIL_REFUSED;
}

// An animation shows its first frame, on black where the frame leaves some of the canvas free.
static pupil_status decode_first_frame(webp_decoder *d, uint8_t *rgb) {
    size_t stride = (size_t)d->features.width * 3;
    WebPData data = {d->shared.bytes, d->shared.count};
    WebPDemuxState state;
    WebPDemuxer *demuxer = WebPDemuxPartial(&data, &state);
    WebPIterator frame;
    pupil_status status = PUPIL_REFUSED;
    if (!demuxer || !WebPDemuxGetFrame(demuxer, 1, &frame)) {
        snprintf(d->shared.message, sizeof d->shared.message, "an animated WebP %s",
                 demuxer && state != WEBP_DEMUX_DONE ? "that is cut off before the end of its first frame"
                                                     : "that is damaged");
        WebPDemuxDelete(demuxer);
        return PUPIL_REFUSED;
    }
    if (frame.x_offset < 0 || frame.y_offset < 0 || frame.width <= 0 || frame.height <= 0
        || frame.width > d->features.width - frame.x_offset || frame.height > d->features.height - frame.y_offset) {
        snprintf(d->shared.message, sizeof d->shared.message, "an animated WebP whose first frame lies outside it");
    } else {
        memset(rgb, 0, stride * (size_t)d->features.height);
        uint8_t *corner = rgb + stride * (size_t)frame.y_offset + 3 * (size_t)frame.x_offset;
        status = decode(&d->shared, frame.fragment.bytes, frame.fragment.size, frame.width, frame.height, corner,
                        stride);
        if (status == PUPIL_DECODED && state != WEBP_DEMUX_DONE) {
            snprintf(d->shared.message, sizeof d->shared.message,
                     "the file is cut off behind the first frame of its animation");
            status = PUPIL_DECODED_WITH_NOTE;
        }
    }
    WebPDemuxReleaseIterator(&frame);
    WebPDemuxDelete(demuxer);
    return status;
}

static pupil_status webp_read(pupil_decoder *shared, int32_t reduction, uint8_t *rgb) {
    (void)reduction;
    webp_decoder *d = (webp_decoder *)shared;
    shared->message[0] = 0;
    if (d->features.has_animation) return decode_first_frame(d, rgb);
    return decode(shared, shared->bytes, shared->count, d->features.width, d->features.height, rgb,
                  (size_t)d->features.width * 3);
}

static void webp_close(pupil_decoder *shared) { free(shared); }

pupil_decoder *pupil_webp_new(const uint8_t *bytes, size_t count) {
    webp_decoder *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->shared.open = webp_open;
    d->shared.read = webp_read;
    d->shared.close = webp_close;
    d->shared.bytes = bytes;
    d->shared.count = count;
    return &d->shared;
}
