// The kernels of fused layers as a table of functions, one table for each instruction set and element type.
#pragma once

#include <cstdint>

namespace pupil::fused {

enum Activation { none = 0, relu = 1, silu = 2 };

/// A depthwise convolution of one picture `[height, width, channels]` to `[out_height, out_width, channels]`.
struct Depthwise {
    int64_t channels, height, width, out_height, out_width, kernel, stride, top, left;
};

/// activation((x - centre) scale + shift). The centre is taken off first, or a mean far greater than the spread would
/// cost digits. Each array has `period` numbers, a multiple of both the channels and of 16, so that element i of a map
/// has the parameters i % period.
struct Affine {
    int64_t period;
    const float *centre, *scale, *shift;
    Activation activation;
};

/// Maps are `void *`: floats or bfloat16. Strips and sums are floats. Counts are of elements.
struct Kernels {
    // depthwise.cpp. Weights are packed [channels / 16, k * k, 16], `scratch` has scratch_floats(shape)
    // floats, zeros before the first call; after it, it is for calls of the same function with the same shape.
    int64_t (*scratch_floats)(const Depthwise &shape);
    /// Rows row..<end of y = after(convolution of before(x)), where there are such; `after` with the sums of y, which
    /// are a number a channel, rounded up to 16, and overwritten.
    void (*convolve)(const Depthwise &shape, const void *x, const Affine *before, const float *weight, void *y,
                     const Affine *after, float *sums, int64_t row, int64_t end, float *scratch);
    /// Rows row..<end of the gradient of x.
    void (*convolve_back)(const Depthwise &shape, const void *dy, const float *weight, void *dx, int64_t row,
                          int64_t end, float *scratch);
    /// What output rows row..<end add to the weights' gradient, packed like the weights; `gradient` is overwritten.
    void (*convolve_weight)(const Depthwise &shape, const void *x, const void *dy, float *gradient, int64_t row,
                            int64_t end, float *scratch);

    // Passes over a map. Those with sums overwrite sums[k * period + i].
    /// A value near the data, the sum of what is above it and of its square: 3 sums.
    void (*statistics)(const void *x, int64_t count, int64_t period, float *sums);
    /// y = activation(z) gate, where there is a gate; here and below z = (x - centre) scale + shift.
    void (*apply)(const void *x, void *y, int64_t count, const Affine &affine, const float *gate);
    /// The sum of y without gate: 1 sum.
    void (*mean)(const void *x, int64_t count, const Affine &affine, float *sums);
    /// The sums of dy activation'(z), and of that times (x - centre): 2 sums.
    void (*back_sums)(const void *x, const void *dy, int64_t count, const Affine &affine, float *sums);
    /// With a = activation: the sums of dy a(z), dy a'(z), a'(z), and of the latter two times (x - centre): 5 sums.
    void (*excite_sums)(const void *x, const void *dy, int64_t count, const Affine &affine, float *sums);
    /// dx = (dy gate + add) activation'(z) scale + (x - centre) slope + offset; without `gate`, dy for the bracket.
    void (*back_apply)(const void *x, const void *dy, void *dx, int64_t count, const Affine &affine, const float *gate,
                       const float *add, const float *slope, const float *offset);

    /// The focal loss of logits whose target is background: their slopes, and the sum.
    double (*focal_background)(const float *logits, float *slopes, int64_t count, float alpha, float gamma);
};

extern const Kernels plain[2], avx2[2], avx512[2]; // of float, of bfloat16

/// The best table this processor has for an element type.
const Kernels &kernels(bool bfloat16);

} // namespace pupil::fused
