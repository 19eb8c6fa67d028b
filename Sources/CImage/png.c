#include "decoder.h"
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    pupil_decoder shared;
    png_structp codec;
    png_infop info;
    size_t position;
    int ran_out;
    // Rows that are whole (in the last pass of an interlaced picture).
    uint32_t rows;
    int last_pass;
    uint32_t height;
} png_decoder;

static void on_error(png_structp codec, png_const_charp text) {
    png_decoder *d = png_get_error_ptr(codec);
    snprintf(d->shared.message, sizeof d->shared.message, "%s", text);
    longjmp(d->shared.fault, 1);
}

static void on_warning(png_structp codec, png_const_charp text) {
    png_decoder *d = png_get_error_ptr(codec);
    if (d->shared.message[0] == 0) snprintf(d->shared.message, sizeof d->shared.message, "%s", text);
}

static void on_read(png_structp codec, png_bytep target, size_t count) {
    png_decoder *d = png_get_io_ptr(codec);
    if (count > d->shared.count - d->position) {
        d->ran_out = 1;
        png_error(codec, "the file is cut off");
    }
    memcpy(target, d->shared.bytes + d->position, count);
    d->position += count;
}

static pupil_status png_open(pupil_decoder *shared, int64_t max_pixels, pupil_header *header) {
    png_decoder *d = (png_decoder *)shared;
    memset(header, 0, sizeof *header);
    if (setjmp(shared->fault)) return d->ran_out ? PUPIL_NEEDS_MORE : PUPIL_REFUSED;
    png_read_info(d->codec, d->info);
    header->width = (int32_t)png_get_image_width(d->codec, d->info);
    header->height = (int32_t)png_get_image_height(d->codec, d->info);
    d->height = (uint32_t)header->height;
    return pupil_check_size(shared, header->width, header->height, max_pixels);
}

// The rows, `channels` bytes a pixel, as RGB or as they stand.
static pupil_status read_rows(png_decoder *d, uint8_t *target, size_t channels) {
    pupil_decoder *shared = &d->shared;
    shared->message[0] = 0;
    if (setjmp(shared->fault)) {
        // An error behind the last row (a bad checksum, no end chunk) does not touch the picture. libpng counts the
        // last row before it reads what follows it, and so reports that error from within it.
        if (d->last_pass && png_get_current_row_number(d->codec) >= d->height) d->rows = d->height;
        if (png_get_current_pass_number(d->codec) >= 7) d->rows = d->height;
        char reason[160];
        snprintf(reason, sizeof reason, "%s", shared->message);
        if (d->rows == d->height) {
            snprintf(shared->message, sizeof shared->message, "%s behind the last row", reason);
            return PUPIL_DECODED_WITH_NOTE;
        }
        snprintf(shared->message, sizeof shared->message, "%s: only %u of %u rows are there", reason, d->rows,
                 d->height);
        return PUPIL_REFUSED;
    }
    png_set_packing(d->codec);
    if (channels == 3) {
        // The high byte of 16 bits and colours without their transparency, as Pillow's conversion to RGB does.
        png_set_strip_16(d->codec);
        png_set_palette_to_rgb(d->codec);
        png_set_expand_gray_1_2_4_to_8(d->codec);
        png_set_gray_to_rgb(d->codec);
        png_set_strip_alpha(d->codec);
    }
    int passes = png_set_interlace_handling(d->codec);
    png_read_update_info(d->codec, d->info);
    size_t stride = png_get_rowbytes(d->codec, d->info);
    if (stride != (size_t)png_get_image_width(d->codec, d->info) * channels)
        png_error(d->codec, "an unknown colour type");
    if (passes > 1) memset(target, 0, stride * d->height);  // each pass fills in between
    for (int pass = 0; pass < passes; pass++) {
        d->rows = 0;
        d->last_pass = pass == passes - 1;
        for (uint32_t y = 0; y < d->height; y++) {
            png_read_row(d->codec, target + stride * y, NULL);
            if (d->last_pass) d->rows = y + 1;
        }
    }
    png_read_end(d->codec, NULL);
    return shared->message[0] ? PUPIL_DECODED_WITH_NOTE : PUPIL_DECODED;
}

static pupil_status png_read(pupil_decoder *shared, int32_t reduction, uint8_t *rgb) {
    (void)reduction;
    return read_rows((png_decoder *)shared, rgb, 3);
}

pupil_status pupil_png_labels(pupil_decoder *shared, uint8_t *labels) {
    png_decoder *d = (png_decoder *)shared;
    int kind = png_get_color_type(d->codec, d->info), depth = png_get_bit_depth(d->codec, d->info);
    if ((kind != PNG_COLOR_TYPE_PALETTE && kind != PNG_COLOR_TYPE_GRAY) || depth > 8) {
        snprintf(shared->message, sizeof shared->message,
                 "its pixels are %s of %d bits; a mask has one number a pixel, palette or grey, of at most 8 bits, "
                 "or the colours that the list of classes names (name red green blue)",
                 kind & PNG_COLOR_MASK_COLOR ? "colours" : kind & PNG_COLOR_MASK_ALPHA ? "grey with alpha" : "grey",
                 depth);
        return PUPIL_REFUSED;
    }
    return read_rows(d, labels, 1);
}

static void png_close(pupil_decoder *shared) {
    png_decoder *d = (png_decoder *)shared;
    png_destroy_read_struct(&d->codec, &d->info, NULL);
    free(d);
}

pupil_decoder *pupil_png_new(const uint8_t *bytes, size_t count) {
    png_decoder *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->shared.open = png_open;
    d->shared.read = png_read;
    d->shared.close = png_close;
    d->shared.bytes = bytes;
    d->shared.count = count;
    if (setjmp(d->shared.fault)) {
        png_close(&d->shared);
        return NULL;
    }
    d->codec = png_create_read_struct(PNG_LIBPNG_VER_STRING, d, on_error, on_warning);
    d->info = d->codec ? png_create_info_struct(d->codec) : NULL;
    if (!d->info) {
        png_close(&d->shared);
        return NULL;
    }
    png_set_read_fn(d->codec, d, on_read);
    png_set_user_limits(d->codec, 0x7fffffff, 0x7fffffff);
    png_set_chunk_malloc_max(d->codec, 8 << 20);
    // Text, profiles and animation are not read: nothing to unpack, nothing to explode.
    static const png_byte ignored[] = "iCCP\0tEXt\0zTXt\0iTXt\0eXIf\0sPLT\0hIST\0tIME\0pHYs\0oFFs\0pCAL\0sCAL\0"
                                      "bKGD\0cHRM\0gAMA\0sRGB\0sBIT";
    png_set_keep_unknown_chunks(d->codec, PNG_HANDLE_CHUNK_NEVER, ignored, (int)(sizeof ignored / 5));
    png_set_keep_unknown_chunks(d->codec, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    // A wrong checksum is noted; whether the picture is whole is told by its rows.
    png_set_crc_action(d->codec, PNG_CRC_WARN_USE, PNG_CRC_QUIET_USE);
    png_set_benign_errors(d->codec, 1);
    return &d->shared;
}

typedef struct {
    jmp_buf fault;
    uint8_t *buffer;
    size_t count;
    size_t capacity;
} png_encoder;

static void on_encode_error(png_structp codec, png_const_charp text) {
    (void)text;
    longjmp(((png_encoder *)png_get_error_ptr(codec))->fault, 1);
}
static void on_encode_warning(png_structp codec, png_const_charp text) { (void)codec, (void)text; }

static void on_write(png_structp codec, png_bytep bytes, size_t count) {
    png_encoder *e = png_get_io_ptr(codec);
    if (e->count + count > e->capacity) {
        size_t capacity = (e->count + count) * 2 + 4096;
        uint8_t *larger = realloc(e->buffer, capacity);
        if (!larger) png_error(codec, "out of memory");
        e->buffer = larger;
        e->capacity = capacity;
    }
    memcpy(e->buffer + e->count, bytes, count);
    e->count += count;
}
static void on_flush(png_structp codec) { (void)codec; }

size_t pupil_png_encode(
    const uint8_t *pixels, int32_t width, int32_t height, int32_t channels, const uint8_t *palette, uint8_t **buffer) {
    *buffer = NULL;
    png_encoder *e = calloc(1, sizeof *e);
    if (!e) return 0;
    png_structp volatile codec = NULL;
    png_infop volatile info = NULL;
    if (setjmp(e->fault)) {
        png_structp c = codec;
        png_infop i = info;
        png_destroy_write_struct(&c, &i);
        free(e->buffer);
        free(e);
        return 0;
    }
    codec = png_create_write_struct(PNG_LIBPNG_VER_STRING, e, on_encode_error, on_encode_warning);
    if (codec) info = png_create_info_struct(codec);
    if (!info) longjmp(e->fault, 1);
    png_set_write_fn(codec, e, on_write, on_flush);
    int type = palette ? PNG_COLOR_TYPE_PALETTE : channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB;
    png_set_IHDR(codec, info, (uint32_t)width, (uint32_t)height, 8, type, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (palette) {
        png_color colors[256];
        for (int i = 0; i < 256; i++) {
            colors[i].red = palette[3 * i];
            colors[i].green = palette[3 * i + 1];
            colors[i].blue = palette[3 * i + 2];
        }
        png_set_PLTE(codec, info, colors, 256);
    }
    png_write_info(codec, info);
    for (int32_t y = 0; y < height; y++) png_write_row(codec, pixels + (size_t)width * (size_t)channels * (size_t)y);
    png_write_end(codec, info);
    png_structp c = codec;
    png_infop i = info;
    png_destroy_write_struct(&c, &i);
    size_t count = e->count;
    *buffer = e->buffer;
    free(e);
    return count;
}
