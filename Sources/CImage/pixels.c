#include "CImage.h"
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Operators on 8-bit pixels. Rectangles of a picture are walked row by row, so that only what will be shown is touched.

// No fused multiply-add, so that the wide variants give the bytes of the narrow one on every machine.
#pragma STDC FP_CONTRACT OFF
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))

static void table_row(const uint8_t *from, uint8_t *to, size_t count, const uint8_t *table) {
    for (size_t i = 0; i + 3 <= count; i += 3) {
        uint8_t r = table[from[i]], g = table[256 + from[i + 1]], b = table[512 + from[i + 2]];
        to[i] = r;
        to[i + 1] = g;
        to[i + 2] = b;
    }
}

#if defined(__x86_64__)
// 64 lookups at once: a table of 256 bytes lies in four registers, of which two instructions choose by seven bits each.
#define VBMI __attribute__((target("avx512f,avx512bw,avx512vbmi")))

typedef struct {
    __m512i part[4];
} table256;

VBMI static inline __m512i look_up(const table256 *t, __m512i index) {
    __m512i low = _mm512_permutex2var_epi8(t->part[0], index, t->part[1]);
    __m512i high = _mm512_permutex2var_epi8(t->part[2], index, t->part[3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high);
}

VBMI static void table_row_vbmi(const uint8_t *from, uint8_t *to, size_t count, const uint8_t *table) {
    table256 t[3];
    for (int c = 0; c < 3; c++)
        for (int k = 0; k < 4; k++) t[c].part[k] = _mm512_loadu_si512(table + c * 256 + k * 64);
    // Every third byte: the places of one channel in 64 bytes that begin with it.
    const __mmask64 third = 0x9249249249249249;
    size_t i = 0;
    for (; i + 192 <= count; i += 192) {
        for (int block = 0; block < 3; block++) {
            // 64 mod 3 is 1: block b begins with channel b.
            __m512i v = _mm512_loadu_si512(from + i + 64 * (size_t)block);
            __m512i r = look_up(&t[block], v), g = look_up(&t[(block + 1) % 3], v), b = look_up(&t[(block + 2) % 3], v);
            r = _mm512_mask_blend_epi8(third << 1, r, g);
            r = _mm512_mask_blend_epi8(third << 2, r, b);
            _mm512_storeu_si512(to + i + 64 * (size_t)block, r);
        }
    }
    table_row(from + i, to + i, count - i, table);
}
#endif

void pupil_apply_table(const uint8_t *from, uint8_t *to, pupil_area area, const uint8_t *table) {
    void (*row)(const uint8_t *, uint8_t *, size_t, const uint8_t *) = table_row;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512vbmi")) row = table_row_vbmi;
#endif
    for (int32_t y = 0; y < area.height; y++) {
        size_t at = area.offset + area.stride * (size_t)y;
        row(from + at, to + at, (size_t)area.width * 3, table);
    }
}

void pupil_histogram(const uint8_t *from, pupil_area area, uint32_t *counts) {
    // Two tables a channel: neighbours are often equal, and a count must be stored before it can be raised again.
    uint32_t other[768] = {0};
    for (int32_t y = 0; y < area.height; y++) {
        const uint8_t *p = from + area.offset + area.stride * (size_t)y;
        int32_t x = 0;
        for (; x + 2 <= area.width; x += 2, p += 6) {
            counts[p[0]]++;
            counts[256 + p[1]]++;
            counts[512 + p[2]]++;
            other[p[3]]++;
            other[256 + p[4]]++;
            other[512 + p[5]]++;
        }
        if (x < area.width) {
            counts[p[0]]++;
            counts[256 + p[1]]++;
            counts[512 + p[2]]++;
        }
    }
    for (int i = 0; i < 768; i++) counts[i] += other[i];
}

WIDE void pupil_round(const float *values, uint8_t *to, size_t count) {
    for (size_t i = 0; i < count; i++) {
        float value = values[i] + 0.5f;
        // The comparison that a NaN fails comes first.
        to[i] = (uint8_t)(int32_t)(value > 0 ? value < 255 ? value : 255 : 0);
    }
}

static inline uint8_t cut(float value) { return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value); }

WIDE static void saturate_row(const uint8_t *from, uint8_t *to, int32_t width, float factor) {
    for (int32_t x = 0; x < width; x++) {
        float r = from[3 * x], g = from[3 * x + 1], b = from[3 * x + 2];
        // As tf.image.rgb_to_grayscale rounds: 255.5 of what was divided by 255, cut.
        float grey = (float)(int32_t)((0.2989f * r + 0.587f * g + 0.114f * b) * (255.5f / 255));
        to[3 * x] = cut(grey + factor * (r - grey));
        to[3 * x + 1] = cut(grey + factor * (g - grey));
        to[3 * x + 2] = cut(grey + factor * (b - grey));
    }
}

void pupil_saturate(const uint8_t *from, uint8_t *to, pupil_area area, float factor) {
    for (int32_t y = 0; y < area.height; y++) {
        size_t at = area.offset + area.stride * (size_t)y;
        saturate_row(from + at, to + at, area.width, factor);
    }
}

// `count` bytes whose neighbours lie 3 bytes and a row away.
WIDE static void sharpen_row(const uint8_t *from, uint8_t *restrict to, size_t stride, size_t count, float factor) {
    const uint8_t *up = from - stride, *down = from + stride;
    for (size_t i = 0; i < count; i++) {
        int32_t sum = up[i - 3] + up[i] + up[i + 3] + from[i - 3] + 5 * from[i] + from[i + 3] + down[i - 3] + down[i]
                      + down[i + 3];
        // sum / 13 for sums up to 3315.
        float smooth = (float)(int32_t)((uint32_t)sum * 20165u >> 18), value = from[i];
        to[i] = cut(smooth + factor * (value - smooth));
    }
}

void pupil_sharpen(const uint8_t *from, uint8_t *to, pupil_area area, float factor) {
    size_t count = (size_t)area.width * 3;
    for (int32_t y = 0; y < area.height; y++) {
        size_t at = area.offset + area.stride * (size_t)y;
        if (y == 0 || y == area.height - 1 || area.width < 3) {
            memcpy(to + at, from + at, count);
            continue;
        }
        memcpy(to + at, from + at, 3);
        memcpy(to + at + count - 3, from + at + count - 3, 3);
        sharpen_row(from + at + 3, to + at + 3, area.stride, count - 6, factor);
    }
}
