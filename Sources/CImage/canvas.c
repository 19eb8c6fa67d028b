#include "CImage.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Operators on a canvas of f32 RGB of 0...1, interleaved: what contrastive views are varied by.

#pragma STDC FP_CONTRACT OFF
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))

static inline float clip(float value) { return value < 0 ? 0 : value > 1 ? 1 : value; }

static inline float grey_of(const float *p) { return 0.2989f * p[0] + 0.587f * p[1] + 0.114f * p[2]; }

WIDE void pupil_canvas_brightness(float *pixels, size_t count, float factor) {
    for (size_t i = 0; i < 3 * count; i++) pixels[i] = clip(pixels[i] * factor);
}

WIDE void pupil_canvas_contrast(float *pixels, size_t count, float factor) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += grey_of(pixels + 3 * i);
    float rest = (1 - factor) * (float)(count ? sum / (double)count : 0);
    for (size_t i = 0; i < 3 * count; i++) pixels[i] = clip(pixels[i] * factor + rest);
}

WIDE void pupil_canvas_saturation(float *pixels, size_t count, float factor) {
    for (size_t i = 0; i < count; i++) {
        float *p = pixels + 3 * i, rest = (1 - factor) * grey_of(p);
        for (int c = 0; c < 3; c++) p[c] = clip(p[c] * factor + rest);
    }
}

// By way of hue, saturation and value; of those only the hue changes, so that the least and the greatest channel stay.
WIDE void pupil_canvas_hue(float *pixels, size_t count, float shift) {
    for (size_t i = 0; i < count; i++) {
        float *p = pixels + 3 * i, r = p[0], g = p[1], b = p[2];
        float high = r > g ? (r > b ? r : b) : (g > b ? g : b), low = r < g ? (r < b ? r : b) : (g < b ? g : b);
        float range = high - low, spread = range > 0 ? range : 1;
        float hue = high == r ? (g - b) / spread : high == g ? 2 + (b - r) / spread : 4 + (r - g) / spread;
        hue += 6 * shift;
        hue -= 6 * floorf(hue / 6);
        // The distance of the hue from red, green and blue, in sixths of a turn.
        float fr = fabsf(hue - 3) - 1, fg = 2 - fabsf(hue - 2), fb = 2 - fabsf(hue - 4);
        p[0] = low + range * clip(fr);
        p[1] = low + range * clip(fg);
        p[2] = low + range * clip(fb);
    }
}

WIDE void pupil_canvas_affine(float *pixels, size_t count, const float *scale, const float *bias) {
    float s0 = scale[0], s1 = scale[1], s2 = scale[2], b0 = bias[0], b1 = bias[1], b2 = bias[2];
    for (size_t i = 0; i < count; i++) {
        float *p = pixels + 3 * i;
        p[0] = p[0] * s0 + b0;
        p[1] = p[1] * s1 + b1;
        p[2] = p[2] * s2 + b2;
    }
}

// The place of -i and of n - 1 + i is i and n - 1 - i, without the edge standing twice.
static int32_t mirrored(int32_t i, int32_t n) {
    if (n == 1) return 0;
    int32_t period = 2 * (n - 1);
    i = ((i % period) + period) % period;
    return i < n ? i : period - i;
}

WIDE static void add_row(float *restrict to, const float *restrict from, float weight, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] += weight * from[i];
}

int pupil_canvas_blur(float *pixels, int32_t width, int32_t height, int32_t radius, double sigma) {
    size_t row = (size_t)width * 3, taps = 2 * (size_t)radius + 1;
    float *weight = malloc(taps * sizeof(float)), *copy = malloc(row * (size_t)height * sizeof(float));
    float *wide = malloc((row + 6 * (size_t)radius) * sizeof(float));
    int done = 0;
    if (!weight || !copy || !wide) goto out;
    double sum = 0;
    for (int32_t k = -radius; k <= radius; k++) sum += exp(-0.5 * k * k / (sigma * sigma));
    for (int32_t k = -radius; k <= radius; k++)
        weight[k + radius] = (float)(exp(-0.5 * k * k / (sigma * sigma)) / sum);
    for (int32_t y = 0; y < height; y++) {
        float *from = pixels + row * (size_t)y, *to = copy + row * (size_t)y;
        for (int32_t x = -radius; x < width + radius; x++)
            memcpy(wide + 3 * (size_t)(x + radius), from + 3 * (size_t)mirrored(x, width), 3 * sizeof(float));
        memset(to, 0, row * sizeof(float));
        for (size_t k = 0; k < taps; k++) add_row(to, wide + 3 * k, weight[k], row);
    }
    for (int32_t y = 0; y < height; y++) {
        float *to = pixels + row * (size_t)y;
        memset(to, 0, row * sizeof(float));
        for (int32_t k = -radius; k <= radius; k++)
            add_row(to, copy + row * (size_t)mirrored(y + k, height), weight[k + radius], row);
    }
    done = 1;
out:
    free(weight);
    free(copy);
    free(wide);
    return done;
}
