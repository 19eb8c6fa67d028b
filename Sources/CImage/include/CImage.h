#ifndef PUPIL_CIMAGE_H
#define PUPIL_CIMAGE_H
#include <stddef.h>
#include <stdint.h>

// Pixels in C: the codecs (libjpeg-turbo, libpng, libwebp), the turn of EXIF, and the resampling of a training canvas.
// Nothing here reads files or keeps state between calls; every function may be called from any thread.

/// What a picture's header says, before any turn.
typedef struct {
    int32_t width;
    int32_t height;
    /// The EXIF block behind "Exif\0\0" and the XMP packet, or null; valid until the picture is read (JPEG only).
    const uint8_t *_Nullable exif;
    size_t exif_count;
    const uint8_t *_Nullable xmp;
    size_t xmp_count;
    /// Whether it can be decoded at 1/2, 1/4 and 1/8 of its size (JPEG only).
    int32_t reducible;
} pupil_header;

/// How an opening or a decoding ended.
typedef enum {
    PUPIL_DECODED = 0,
    /// Every row is there, but something was wrong on the way: `pupil_decoder_message` says what.
    PUPIL_DECODED_WITH_NOTE = 1,
    /// Refused; the message says why.
    PUPIL_REFUSED = 2,
    /// The bytes end before the header does: with more of the file it may be readable.
    PUPIL_NEEDS_MORE = 3,
} pupil_status;

typedef struct pupil_decoder pupil_decoder;

/// A decoder over bytes that must outlive it. Null only where memory is short.
pupil_decoder *_Nullable pupil_jpeg_new(const uint8_t *_Nonnull bytes, size_t count);
/// Has all of a JPEG read by libjpeg, the codes of ordinary ones too, which are read faster else: for tests.
void pupil_jpeg_leave_to_libjpeg(pupil_decoder *_Nonnull d);
/// Whether the codes of a JPEG that was read were read by us.
int pupil_jpeg_codes_were_ours(const pupil_decoder *_Nonnull d);
pupil_decoder *_Nullable pupil_png_new(const uint8_t *_Nonnull bytes, size_t count);
pupil_decoder *_Nullable pupil_webp_new(const uint8_t *_Nonnull bytes, size_t count);

/// Reads the header. Pictures of more than `max_pixels` are refused.
pupil_status pupil_decoder_open(pupil_decoder *_Nonnull d, int64_t max_pixels, pupil_header *_Nonnull header);

/// After a successful opening, once: `height * width` bytes of labels, the palette's indices or the grey values of a
/// PNG of at most 8 bits as they stand. Any other picture is refused.
pupil_status pupil_png_labels(pupil_decoder *_Nonnull d, uint8_t *_Nonnull labels);

/// After a successful opening, once: `height * width * 3` bytes of RGB into `rgb`. With a `reduction` of 2, 4 or 8,
/// which a reducible picture takes, each side is divided by it and rounded up; else it is 1.
pupil_status pupil_decoder_read(pupil_decoder *_Nonnull d, int32_t reduction, uint8_t *_Nonnull rgb);

/// The last note or refusal; valid until the decoder is closed.
const char *_Nonnull pupil_decoder_message(const pupil_decoder *_Nonnull d);

void pupil_decoder_close(pupil_decoder *_Nullable d);

/// Encodes RGB as JPEG (4:4:4 from quality 90 on, else 4:2:0) or PNG into a buffer to be freed by
/// `pupil_buffer_free`. Returns the byte count; 0 where memory is short. A PNG may have 1 channel: grey, or with
/// `palette` (256 colours of 3 bytes) an index.
size_t pupil_jpeg_encode(
    const uint8_t *_Nonnull rgb, int32_t width, int32_t height, int32_t quality,
    uint8_t *_Nullable *_Nonnull buffer);
size_t pupil_png_encode(
    const uint8_t *_Nonnull pixels, int32_t width, int32_t height, int32_t channels, const uint8_t *_Nullable palette,
    uint8_t *_Nullable *_Nonnull buffer);
void pupil_buffer_free(uint8_t *_Nullable buffer);

/// Applies EXIF orientation 1...8. `width` and `height` are those of `source`; from 5 on they trade places.
void pupil_turn(
    const uint8_t *_Nonnull source, int32_t width, int32_t height, int32_t orientation, uint8_t *_Nonnull target);

/// One axis of a resampling. Canvas pixel i shows what lies around `start + (i + 0.5) * step` of the source, in its
/// half-open frame (the centre of source pixel 0 is at 0.5). Only source pixels in `low..<high` are read; beyond them
/// their edge goes on.
typedef struct {
    int32_t low;
    int32_t high;
    double start;
    /// Source pixels a canvas pixel; negative where the picture is mirrored.
    double step;
    int32_t count;
    /// Widen the triangle by the reduction factor when shrinking.
    int32_t antialias;
} pupil_axis;

/// Renders u8 RGB, `source_width` pixels a row, into f32 `[height, width, 3]`: the covered `y.count` x `x.count` corner
/// gets `value * scale[c] + bias[c]`, the rest 0. Returns 0 where memory is short.
int pupil_render(
    const uint8_t *_Nonnull source, int32_t source_width, pupil_axis x, pupil_axis y, const float *_Nonnull scale,
    const float *_Nonnull bias, float *_Nonnull target, int32_t width, int32_t height);

/// An affine map of points, `x' = a x + b y + tx`, `y' = c x + d y + ty`.
typedef struct {
    double a, b, tx, c, d, ty;
} pupil_map;

/// The same by any affine map, which leads from canvas points to source points. Each pixel is the mean of `samples`
/// squared bilinear samples, evenly spread over it; where the map leads outside the source by more than a pixel, 0.
void pupil_warp(
    const uint8_t *_Nonnull source, int32_t source_width, int32_t source_height, pupil_map map, int32_t samples,
    const float *_Nonnull scale, const float *_Nonnull bias, float *_Nonnull target, int32_t width, int32_t height,
    int32_t covered_width, int32_t covered_height);

/// A rectangle, `[x1, x2)` by `[y1, y2)` in a frame to which `map` leads from the canvas, and one colour for what lies
/// in it or outside it.
typedef struct {
    pupil_map map;
    double x1, y1, x2, y2;
    int32_t outside;
    float color[3];
} pupil_paint;

/// Writes the paints over the covered corner of a canvas, later ones over earlier ones, by the centres of pixels.
void pupil_paint_canvas(
    const pupil_paint *_Nonnull paints, int32_t count, float *_Nonnull target, int32_t width, int32_t covered_width,
    int32_t covered_height);

/// Class log-odds over a picture, f32 `[height, width, classes]`. The centre (x + 0.5, y + 0.5) of a pixel of the
/// picture lies at (ax (x + 0.5) + tx, ay (y + 0.5) + ty), where values have their centres at 0.5, 1.5, ...
typedef struct {
    const float *_Nonnull logits;
    int32_t width, height;
    double ax, tx, ay, ty;
} pupil_logits;

/// The class of each pixel of the rows `from..<to` of a picture, u8 `[to - from, width]`: the largest mean over the
/// maps of the softmax of their bilinear samples; with `confidence` that mean, too, in whole 256ths, at most 255.
/// Returns 0 where memory is short.
int32_t pupil_label_rows(
    const pupil_logits *_Nonnull maps, int32_t map_count, int32_t classes, int32_t width, int32_t from, int32_t to,
    uint8_t *_Nonnull labels, uint8_t *_Nullable confidence);

/// The labels of a canvas, u8 `[height, width]`: the nearest of the source where the map leads into it and into the
/// rectangles of all `frames` (paints that are `outside`; others and colours do not count), else `fill`.
void pupil_warp_labels(
    const uint8_t *_Nonnull source, int32_t source_width, int32_t source_height, pupil_map map,
    const pupil_paint *_Nonnull frames, int32_t frame_count, uint8_t fill, uint8_t *_Nonnull target, int32_t width,
    int32_t height, int32_t covered_width, int32_t covered_height);

/// Adds to `counts`, [256], how often each byte occurs.
void pupil_count_labels(const uint8_t *_Nonnull labels, size_t count, uint32_t *_Nonnull counts);

/// Adds to `counts`, [classes + 1][classes + 1], how often a label of `rows` meets one of `columns` at the same place;
/// 255 counts as `classes`. 0 where there is a label that is neither under `classes` nor 255.
int32_t pupil_count_label_pairs(
    const uint8_t *_Nonnull rows, const uint8_t *_Nonnull columns, size_t count, int32_t classes,
    uint32_t *_Nonnull counts);

/// Each byte replaced by that of the table, [256].
void pupil_relabel(uint8_t *_Nonnull labels, size_t count, const uint8_t *_Nonnull table);

/// A rectangle of an RGB picture: its first pixel, what a row is long in bytes, and its sides in pixels.
typedef struct {
    size_t offset;
    size_t stride;
    int32_t width;
    int32_t height;
} pupil_area;

/// `to = table[c * 256 + from]`, channel by channel. `from` and `to` may be one.
void pupil_apply_table(
    const uint8_t *_Nonnull from, uint8_t *_Nonnull to, pupil_area area, const uint8_t *_Nonnull table);
/// Adds how often each value stands in each channel to `counts[c * 256 + value]`.
void pupil_histogram(const uint8_t *_Nonnull from, pupil_area area, uint32_t *_Nonnull counts);
/// `to = grey + factor * (from - grey)`, clipped and cut to whole numbers. `from` and `to` may be one.
void pupil_saturate(const uint8_t *_Nonnull from, uint8_t *_Nonnull to, pupil_area area, float factor);
/// `to = smooth + factor * (from - smooth)`, likewise, where smooth is the mean of 3 x 3 in which the centre counts 5
/// times; pixels of the area's edge stay. `from` and `to` must be two.
void pupil_sharpen(const uint8_t *_Nonnull from, uint8_t *_Nonnull to, pupil_area area, float factor);

/// Values to the nearest of 0...255, halves up.
void pupil_round(const float *_Nonnull values, uint8_t *_Nonnull to, size_t count);

/// Operators on a canvas of f32 RGB of 0...1, `count` pixels; each clips its result to 0...1.
void pupil_canvas_brightness(float *_Nonnull pixels, size_t count, float factor);
void pupil_canvas_contrast(float *_Nonnull pixels, size_t count, float factor);
void pupil_canvas_saturation(float *_Nonnull pixels, size_t count, float factor);
/// Turns the hue by `shift` of a whole turn.
void pupil_canvas_hue(float *_Nonnull pixels, size_t count, float shift);
/// A Gaussian of `2 * radius + 1` pixels a side; at the edges the picture is mirrored. Returns 0 where memory is short.
int pupil_canvas_blur(float *_Nonnull pixels, int32_t width, int32_t height, int32_t radius, double sigma);
/// `pixels = pixels * scale[c] + bias[c]`.
void pupil_canvas_affine(
    float *_Nonnull pixels, size_t count, const float *_Nonnull scale, const float *_Nonnull bias);

#endif
