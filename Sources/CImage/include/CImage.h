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
    /// The EXIF block behind "Exif\0\0" and the XMP packet, or null; valid until the decoder is closed (JPEG only).
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
pupil_decoder *_Nullable pupil_png_new(const uint8_t *_Nonnull bytes, size_t count);
pupil_decoder *_Nullable pupil_webp_new(const uint8_t *_Nonnull bytes, size_t count);

/// Reads the header. Pictures of more than `max_pixels` are refused.
pupil_status pupil_decoder_open(pupil_decoder *_Nonnull d, int64_t max_pixels, pupil_header *_Nonnull header);

/// After a successful opening, once: `height * width * 3` bytes of RGB into `rgb`. With a `reduction` of 2, 4 or 8,
/// which a reducible picture takes, each side is divided by it and rounded up; else it is 1.
pupil_status pupil_decoder_read(pupil_decoder *_Nonnull d, int32_t reduction, uint8_t *_Nonnull rgb);

/// The last note or refusal; valid until the decoder is closed.
const char *_Nonnull pupil_decoder_message(const pupil_decoder *_Nonnull d);

void pupil_decoder_close(pupil_decoder *_Nullable d);

/// Encodes RGB as JPEG (4:4:4 from quality 90 on, else 4:2:0) or PNG into a buffer to be freed by
/// `pupil_buffer_free`. Returns the byte count; 0 where memory is short.
size_t pupil_jpeg_encode(
    const uint8_t *_Nonnull rgb, int32_t width, int32_t height, int32_t quality,
    uint8_t *_Nullable *_Nonnull buffer);
size_t pupil_png_encode(
    const uint8_t *_Nonnull rgb, int32_t width, int32_t height, uint8_t *_Nullable *_Nonnull buffer);
void pupil_buffer_free(uint8_t *_Nullable buffer);

/// Applies EXIF orientation 1...8. `width` and `height` are those of `source`; from 5 on they trade places.
void pupil_turn(
    const uint8_t *_Nonnull source, int32_t width, int32_t height, int32_t orientation, uint8_t *_Nonnull target);

/// One axis of a resampling: of a picture `source` pixels long, resized to `resized` pixels (and mirrored), the
/// canvas shows `count` pixels from `offset` on.
typedef struct {
    int32_t source;
    /// How much of the source is picture: `source`, or less where its last pixel is one only in part.
    double extent;
    int32_t resized;
    int32_t offset;
    int32_t count;
    int32_t mirrored;
    /// Widen the triangle by the reduction factor when shrinking.
    int32_t antialias;
} pupil_axis;

/// Renders u8 RGB `[y.source, x.source, 3]` into f32 `[height, width, 3]`: the covered `y.count` x `x.count` corner
/// gets `value * scale[c] + bias[c]`, the rest 0. Returns 0 where memory is short.
int pupil_render(
    const uint8_t *_Nonnull source, pupil_axis x, pupil_axis y, const float *_Nonnull scale,
    const float *_Nonnull bias, float *_Nonnull target, int32_t width, int32_t height);

#endif
