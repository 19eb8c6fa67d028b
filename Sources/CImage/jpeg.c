#include "decoder.h"
#include "huffman.h"
#include <stdlib.h>
#include <string.h>
#include <jerror.h>

// A progressive file of a few kB can ask for the whole picture to be refined thousands of times.
enum { MAX_SCANS = 500 };

typedef struct {
    pupil_decoder shared;
    struct jpeg_decompress_struct codec;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    // The file ended and an end marker was made up.
    int ran_out;
    // The first row of MCUs for which the data did not suffice, in any scan; or none.
    JDIMENSION first_short_row;
    // Set once the header is through.
    int reading;
    // Our own reader of codes, and whether it met something that is libjpeg's to judge.
    pupil_huffman *huffman;
    int gave_up;
    int plain;
    int was_ours;
} jpeg_decoder;

// The first members of libjpeg's own (jpegint.h, which is not installed): they are the same in libjpeg 6b and in every
// libjpeg-turbo, 2 and 3 among them. HuffmanTests see to it that ours is called.
struct jpeg_entropy_decoder {
    void (*start_pass)(j_decompress_ptr codec);
    boolean (*decode_mcu)(j_decompress_ptr codec, JBLOCKROW *blocks);
};

static const JDIMENSION NONE = ~(JDIMENSION)0;

static void on_error(j_common_ptr codec) {
    jpeg_decoder *d = codec->client_data;
    char text[JMSG_LENGTH_MAX];
    codec->err->format_message(codec, text);
    if (d->reading && d->ran_out) {
        snprintf(d->shared.message, sizeof d->shared.message, "the file is cut off between its scans");
    } else if (codec->err->msg_code == JERR_BAD_PRECISION) {
        snprintf(d->shared.message, sizeof d->shared.message,
                 "a JPEG with %d bits a sample; only 8 are read (convert it to 8-bit JPEG or PNG)",
                 codec->err->msg_parm.i[0]);
    } else if (codec->err->msg_code == JERR_SOF_UNSUPPORTED) {
        snprintf(d->shared.message, sizeof d->shared.message,
                 "a lossless or hierarchical JPEG (frame type 0x%02x); only baseline and progressive ones are read",
                 codec->err->msg_parm.i[0]);
    } else {
        snprintf(d->shared.message, sizeof d->shared.message, "%s", text);
    }
    longjmp(d->shared.fault, 1);
}

static void on_message(j_common_ptr codec, int level) {
    if (level >= 0) return;  // traces
    jpeg_decoder *d = codec->client_data;
    codec->err->num_warnings++;
    if (!d->reading) return;
    // Data that breaks off at a restart marker goes on behind it; at any other marker nothing follows.
    int goes_on = d->codec.unread_marker >= JPEG_RST0 && d->codec.unread_marker <= JPEG_RST0 + 7;
    if (codec->err->msg_code == JWRN_HIT_MARKER && !goes_on && d->codec.input_iMCU_row < d->first_short_row)
        d->first_short_row = d->codec.input_iMCU_row;
    if (d->shared.message[0] == 0) {
        char text[JMSG_LENGTH_MAX];
        codec->err->format_message(codec, text);
        snprintf(d->shared.message, sizeof d->shared.message, "%s", text);
    }
}

static void on_output(j_common_ptr codec) { (void)codec; }

static void on_progress(j_common_ptr codec) {
    jpeg_decoder *d = codec->client_data;
    if (codec->is_decompressor && d->codec.input_scan_number > MAX_SCANS) {
        snprintf(d->shared.message, sizeof d->shared.message, "a progressive JPEG of more than %d scans", MAX_SCANS);
        longjmp(d->shared.fault, 1);
    }
}

static void source_start(j_decompress_ptr codec) { (void)codec; }

static boolean source_fill(j_decompress_ptr codec) {
    static const JOCTET end[2] = {0xFF, JPEG_EOI};
    jpeg_decoder *d = codec->client_data;
    d->ran_out = 1;
    d->source.next_input_byte = end;
    d->source.bytes_in_buffer = 2;
    return TRUE;
}

static void source_skip(j_decompress_ptr codec, long count) {
    jpeg_decoder *d = codec->client_data;
    if (count <= 0) return;
    if ((size_t)count >= d->source.bytes_in_buffer) {
        d->source.next_input_byte += d->source.bytes_in_buffer;
        d->source.bytes_in_buffer = 0;
        if ((size_t)count > 0) source_fill(codec);
    } else {
        d->source.next_input_byte += count;
        d->source.bytes_in_buffer -= (size_t)count;
    }
}

static void source_end(j_decompress_ptr codec) { (void)codec; }

static boolean decode_mcu(j_decompress_ptr codec, JBLOCKROW *blocks) {
    jpeg_decoder *d = codec->client_data;
    if (!pupil_huffman_mcu(d->huffman, codec, blocks)) {
        d->gave_up = 1;
        longjmp(d->shared.fault, 1);
    }
    return TRUE;
}

// Puts the file before the decoder anew.
static void jpeg_rewind(jpeg_decoder *d) {
    d->source.next_input_byte = d->shared.bytes;
    d->source.bytes_in_buffer = d->shared.count;
    d->ran_out = 0;
    d->first_short_row = NONE;
    d->reading = 0;
}

static pupil_status jpeg_open(pupil_decoder *shared, int64_t max_pixels, pupil_header *header) {
    jpeg_decoder *d = (jpeg_decoder *)shared;
    memset(header, 0, sizeof *header);
    if (setjmp(shared->fault)) return d->ran_out ? PUPIL_NEEDS_MORE : PUPIL_REFUSED;
    jpeg_save_markers(&d->codec, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&d->codec, TRUE);
    header->width = (int32_t)d->codec.image_width;
    header->height = (int32_t)d->codec.image_height;
    static const char exif[] = "Exif\0";                            // and the 0 that C adds
    static const char xmp[] = "http://ns.adobe.com/xap/1.0/";       // and the 0 that C adds
    for (jpeg_saved_marker_ptr m = d->codec.marker_list; m; m = m->next) {
        if (!header->exif && m->data_length > sizeof exif && memcmp(m->data, exif, sizeof exif) == 0) {
            header->exif = m->data + sizeof exif;
            header->exif_count = m->data_length - sizeof exif;
        } else if (!header->xmp && m->data_length > sizeof xmp && memcmp(m->data, xmp, sizeof xmp) == 0) {
            header->xmp = m->data + sizeof xmp;
            header->xmp_count = m->data_length - sizeof xmp;
        }
    }
    header->reducible = 1;
    if (pupil_check_size(shared, header->width, header->height, max_pixels) != PUPIL_DECODED) return PUPIL_REFUSED;
    switch (d->codec.jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_YCbCr:
    case JCS_RGB: d->codec.out_color_space = JCS_RGB; break;
    case JCS_CMYK:
    case JCS_YCCK: d->codec.out_color_space = JCS_CMYK; break;
    default:
        snprintf(shared->message, sizeof shared->message, "a JPEG of %d colour channels; 1, 3 and 4 are read",
                 d->codec.num_components);
        return PUPIL_REFUSED;
    }
    return PUPIL_DECODED;
}

// As Pillow does: what is stored is taken as inverted (Adobe's habit, and nobody else writes such files), so `row`
// holds 255 - ink, and red = paper left by black - cyan on that paper.
static void from_cmyk(const uint8_t *row, uint8_t *rgb, JDIMENSION width) {
    for (JDIMENSION i = 0; i < width; i++) {
        unsigned light = row[4 * i + 3];
        for (int c = 0; c < 3; c++) {
            unsigned ink = (255u - row[4 * i + c]) * light + 128;
            rgb[3 * i + c] = (uint8_t)(light - ((ink + (ink >> 8)) >> 8));
        }
    }
}

// Whether a progressive file broke off before its later scans, which sharpen the picture. To be asked before
// jpeg_finish_decompress, which frees what is looked at here.
static int jpeg_lacks_scans(const jpeg_decoder *d) {
    if (!d->ran_out || !d->codec.progressive_mode || !d->codec.coef_bits) return 0;
    for (int c = 0; c < d->codec.num_components; c++)
        for (int k = 0; k < DCTSIZE2; k++)
            if (d->codec.coef_bits[c][k] != 0) return 1;
    return 0;
}

// Whether rows of MCUs are missing. That the last of several breaks off is let pass: it is at most 32 rows at the edge,
// and where the data ends within it cannot be told.
static int jpeg_lacks_rows(const jpeg_decoder *d) {
    JDIMENSION last = d->codec.total_iMCU_rows - 1;
    return d->first_short_row != NONE && (d->first_short_row < last || last == 0);
}

// Accepted where every row was decoded, refused where rows are missing: grey rows would be learned as they are.
static pupil_status jpeg_verdict(jpeg_decoder *d, int unfinished) {
    unsigned rows_a_step = (unsigned)d->codec.max_v_samp_factor * DCTSIZE;
    if (jpeg_lacks_rows(d)) {
        snprintf(d->shared.message, sizeof d->shared.message, "%s: only %u of %u rows are there",
                 d->ran_out ? "the file is cut off" : "the data is damaged",
                 d->first_short_row * rows_a_step, d->codec.image_height);
        return PUPIL_REFUSED;
    }
    if (unfinished) {
        snprintf(d->shared.message, sizeof d->shared.message,
                 "the file is cut off: not all scans of this progressive JPEG are there");
        return PUPIL_REFUSED;
    }
    if (d->first_short_row != NONE)
        snprintf(d->shared.message, sizeof d->shared.message, "%s within its last %u rows",
                 d->ran_out ? "the file is cut off" : "the data is damaged",
                 d->codec.image_height - d->first_short_row * rows_a_step);
    else if (d->ran_out)
        snprintf(d->shared.message, sizeof d->shared.message, "no end marker; all rows are there");
    return d->shared.message[0] ? PUPIL_DECODED_WITH_NOTE : PUPIL_DECODED;
}

static pupil_status jpeg_read(pupil_decoder *shared, int32_t reduction, uint8_t *rgb) {
    jpeg_decoder *d = (jpeg_decoder *)shared;
    uint8_t *volatile row = NULL;
    shared->message[0] = 0;
    if (setjmp(shared->fault)) {
        free(row);
        pupil_huffman_free(d->huffman);
        d->huffman = NULL;
        if (!d->gave_up) return PUPIL_REFUSED;
        d->gave_up = 0;
        d->plain = 1;
        pupil_header again;
        jpeg_abort_decompress(&d->codec);
        jpeg_rewind(d);
        if (jpeg_open(shared, INT64_MAX, &again) != PUPIL_DECODED) return PUPIL_REFUSED;
        return jpeg_read(shared, reduction, rgb);
    }
    d->reading = 1;
    d->codec.scale_num = 1;
    d->codec.scale_denom = (unsigned)reduction;
    jpeg_start_decompress(&d->codec);
    // The caller's buffer is made for this size.
    if (d->codec.output_width != (d->codec.image_width + (JDIMENSION)reduction - 1) / (JDIMENSION)reduction ||
        d->codec.output_height != (d->codec.image_height + (JDIMENSION)reduction - 1) / (JDIMENSION)reduction) {
        snprintf(shared->message, sizeof shared->message, "a kind of JPEG that cannot be decoded at 1/%d", reduction);
        return PUPIL_REFUSED;
    }
#ifdef LIBJPEG_TURBO_VERSION
    if (!d->plain && (d->huffman = pupil_huffman_new(&d->codec))) d->codec.entropy->decode_mcu = decode_mcu;
#endif
    size_t stride = (size_t)d->codec.output_width * 3;
    if (d->codec.out_color_space == JCS_CMYK) {
        row = malloc((size_t)d->codec.output_width * 4);
        if (!row) {
            snprintf(shared->message, sizeof shared->message, "out of memory");
            return PUPIL_REFUSED;
        }
    }
    // The arithmetic coder feeds itself zeros without a word, so the end of the file is watched here too.
    int said = 0;
    // What lacks rows is refused, so no time is spent on the rest of it.
    while (d->codec.output_scanline < d->codec.output_height && !jpeg_lacks_rows(d)) {
        uint8_t *target = rgb + stride * d->codec.output_scanline;
        JSAMPROW rows[1] = {row ? row : target};
        jpeg_read_scanlines(&d->codec, rows, 1);
        if (row) from_cmyk(row, target, d->codec.output_width);
        if (d->ran_out && d->codec.arith_code && !said) {
            said = 1;
            if (d->codec.input_iMCU_row < d->first_short_row) d->first_short_row = d->codec.input_iMCU_row;
        }
    }
    int unfinished = jpeg_lacks_scans(d);
    if (!jpeg_lacks_rows(d)) jpeg_finish_decompress(&d->codec);
    free(row);
    row = NULL;
    d->was_ours = d->huffman && d->huffman->left == 0;
    pupil_huffman_free(d->huffman);
    d->huffman = NULL;
    return jpeg_verdict(d, unfinished);
}

static void jpeg_close(pupil_decoder *shared) {
    jpeg_decoder *d = (jpeg_decoder *)shared;
    if (setjmp(shared->fault) == 0) jpeg_destroy_decompress(&d->codec);
    pupil_huffman_free(d->huffman);
    free(d);
}

static void use_errors(struct jpeg_error_mgr *errors) {
    jpeg_std_error(errors);
    errors->error_exit = on_error;
    errors->emit_message = on_message;
    errors->output_message = on_output;
}

pupil_decoder *pupil_jpeg_new(const uint8_t *bytes, size_t count) {
    jpeg_decoder *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->shared.open = jpeg_open;
    d->shared.read = jpeg_read;
    d->shared.close = jpeg_close;
    use_errors(&d->errors);
    d->codec.err = &d->errors;
    d->codec.client_data = d;
    if (setjmp(d->shared.fault)) {
        free(d);
        return NULL;
    }
    jpeg_create_decompress(&d->codec);
    d->codec.client_data = d;
    d->source.init_source = source_start;
    d->source.fill_input_buffer = source_fill;
    d->source.skip_input_data = source_skip;
    d->source.resync_to_restart = jpeg_resync_to_restart;
    d->source.term_source = source_end;
    d->shared.bytes = bytes;
    d->shared.count = count;
    jpeg_rewind(d);
    d->codec.src = &d->source;
    d->progress.progress_monitor = on_progress;
    d->codec.progress = &d->progress;
    return &d->shared;
}

void pupil_jpeg_leave_to_libjpeg(pupil_decoder *shared) { ((jpeg_decoder *)shared)->plain = 1; }

int pupil_jpeg_codes_were_ours(const pupil_decoder *shared) { return ((const jpeg_decoder *)shared)->was_ours; }

typedef struct {
    struct jpeg_compress_struct codec;
    struct jpeg_error_mgr errors;
    jmp_buf fault;
    unsigned char *buffer;
    unsigned long count;
} jpeg_encoder;

static void on_encode_error(j_common_ptr codec) { longjmp(((jpeg_encoder *)codec->client_data)->fault, 1); }
static void on_encode_message(j_common_ptr codec, int level) { (void)codec, (void)level; }

size_t pupil_jpeg_encode(const uint8_t *rgb, int32_t width, int32_t height, int32_t quality, uint8_t **buffer) {
    *buffer = NULL;
    jpeg_encoder *e = calloc(1, sizeof *e);
    if (!e) return 0;
    jpeg_std_error(&e->errors);
    e->errors.error_exit = on_encode_error;
    e->errors.emit_message = on_encode_message;
    e->errors.output_message = on_output;
    e->codec.err = &e->errors;
    e->codec.client_data = e;
    if (setjmp(e->fault)) {
        jpeg_destroy_compress(&e->codec);
        free(e->buffer);
        free(e);
        return 0;
    }
    jpeg_create_compress(&e->codec);
    e->codec.client_data = e;
    jpeg_mem_dest(&e->codec, &e->buffer, &e->count);
    e->codec.image_width = (JDIMENSION)width;
    e->codec.image_height = (JDIMENSION)height;
    e->codec.input_components = 3;
    e->codec.in_color_space = JCS_RGB;
    jpeg_set_defaults(&e->codec);
    jpeg_set_quality(&e->codec, quality, TRUE);
    if (quality >= 90) {
        e->codec.comp_info[0].h_samp_factor = 1;
        e->codec.comp_info[0].v_samp_factor = 1;
    }
    jpeg_start_compress(&e->codec, TRUE);
    while (e->codec.next_scanline < e->codec.image_height) {
        JSAMPROW row = (JSAMPROW)(rgb + (size_t)width * 3 * e->codec.next_scanline);
        jpeg_write_scanlines(&e->codec, &row, 1);
    }
    jpeg_finish_compress(&e->codec);
    size_t count = e->count;
    *buffer = e->buffer;
    jpeg_destroy_compress(&e->codec);
    free(e);
    return count;
}
