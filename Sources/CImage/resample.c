#include "CImage.h"
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// No fused multiply-add, so that the wide variants give the bytes of the narrow one on every machine.
#pragma STDC FP_CONTRACT OFF
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))

typedef float float4 __attribute__((vector_size(16)));

// The weights of one axis: canvas pixel i is the sum over k < length[i] of weight[i * taps + k] * source[first[i] + k].
typedef struct {
    int32_t taps;
    int32_t *first;
    int32_t *length;
    float *weight;
} filter;

static void filter_free(filter *f) {
    free(f->first);
    free(f->length);
    free(f->weight);
}

static double triangle(double distance, double stretch) {
    double x = (distance < 0 ? -distance : distance) / stretch;
    return x < 1 ? 1 - x : 0;
}

// The triangle filter with half-pixel centres: what Pillow and torch's interpolate(antialias=True) do. Its support is
// widened by the reduction factor; weights are cut at the picture's edge and normalised. Without antialias the support
// is one pixel each side, which is plain bilinear interpolation.
static int filter_make(filter *f, pupil_axis axis) {
    double step = axis.step < 0 ? -axis.step : axis.step;
    double stretch = axis.antialias && step > 1 ? step : 1;
    size_t count = axis.count > 0 ? (size_t)axis.count : 1;
    f->taps = (int32_t)(2 * stretch) + 3;
    f->first = malloc(count * sizeof(int32_t));
    f->length = malloc(count * sizeof(int32_t));
    f->weight = malloc(count * (size_t)f->taps * sizeof(float));
    if (!f->first || !f->length || !f->weight) return 0;
    for (int32_t i = 0; i < axis.count; i++) {
        double centre = axis.start + (i + 0.5) * axis.step;
        if (centre < axis.low) centre = axis.low;
        if (centre > axis.high) centre = axis.high;
        int32_t from = (int32_t)(centre - stretch + 0.5), to = (int32_t)(centre + stretch + 0.5);
        if (centre - stretch + 0.5 < axis.low) from = axis.low;
        if (to > axis.high) to = axis.high;
        if (to - from > f->taps) to = from + f->taps;
        double sum = 0;
        for (int32_t k = from; k < to; k++) sum += triangle(k + 0.5 - centre, stretch);
        float *weight = f->weight + (size_t)i * (size_t)f->taps;
        for (int32_t k = from; k < to; k++) weight[k - from] = (float)(triangle(k + 0.5 - centre, stretch) / sum);
        f->first[i] = from;
        f->length[i] = to - from;
    }
    return 1;
}

// sum[c] = the weighted sum of `taps` rows that lie `stride` bytes apart.
WIDE static void gather_rows(
    const uint8_t *restrict rows, size_t stride, const float *restrict weight, int32_t taps, float *restrict sum,
    size_t count) {
    int32_t k = 0;
    for (; k + 4 <= taps; k += 4) {
        const uint8_t *r0 = rows + stride * (size_t)k, *r1 = r0 + stride, *r2 = r1 + stride, *r3 = r2 + stride;
        float w0 = weight[k], w1 = weight[k + 1], w2 = weight[k + 2], w3 = weight[k + 3];
        if (k == 0) {
            for (size_t c = 0; c < count; c++) sum[c] = (w0 * r0[c] + w1 * r1[c]) + (w2 * r2[c] + w3 * r3[c]);
        } else {
            for (size_t c = 0; c < count; c++) sum[c] += (w0 * r0[c] + w1 * r1[c]) + (w2 * r2[c] + w3 * r3[c]);
        }
    }
    if (k == 0) {
        const uint8_t *r0 = rows;
        float w0 = weight[0];
        if (taps >= 2) {
            const uint8_t *r1 = rows + stride;
            float w1 = weight[1];
            for (size_t c = 0; c < count; c++) sum[c] = w0 * r0[c] + w1 * r1[c];
            k = 2;
        } else {
            for (size_t c = 0; c < count; c++) sum[c] = w0 * r0[c];
            k = 1;
        }
    }
    for (; k < taps; k++) {
        const uint8_t *r = rows + stride * (size_t)k;
        float w = weight[k];
        for (size_t c = 0; c < count; c++) sum[c] += w * r[c];
    }
}

static inline float4 load(const float *p) {
    float4 v;
    memcpy(&v, p, sizeof v);
    return v;
}

// Canvas pixels `from` to `count` of one row out of one gathered row, whose first pixel is source column `base`.
WIDE static void gather_columns(
    const float *restrict sum, int32_t base, const filter *restrict f, int32_t from, int32_t count, float4 scale,
    float4 bias, float *restrict target) {
    for (int32_t i = from; i < count; i++) {
        const float *p = sum + 3 * (size_t)(f->first[i] - base);
        const float *w = f->weight + (size_t)i * (size_t)f->taps;
        int32_t n = f->length[i], k = 0;
        float4 a = {0, 0, 0, 0}, b = {0, 0, 0, 0};
        for (; k + 2 <= n; k += 2) {
            a += load(p + 3 * k) * w[k];
            b += load(p + 3 * k + 3) * w[k + 1];
        }
        if (k < n) a += load(p + 3 * k) * w[k];
        a = (a + b) * scale + bias;
        float *to = target + 3 * (size_t)i;
        if (i + 1 < count) {
            memcpy(to, &a, sizeof a);  // the fourth is overwritten by the next pixel
        } else {
            to[0] = a[0];
            to[1] = a[1];
            to[2] = a[2];
        }
    }
}

// What a whole vector of canvas values is made of where every pixel has at most two taps, as when a picture grows: the
// 32 gathered values from `base` on hold both taps of all 16.
typedef struct {
    int32_t base;
    uint8_t place[16];
    float near[16], far[16];
} block;

#if defined(__x86_64__)
#define AVX512 __attribute__((target("avx512f,avx512bw")))

// The blocks of all canvas values but the last few, which do not fill one; NULL where some do not fit.
static block *blocks_make(const filter *f, int32_t base, int32_t count, size_t *made) {
    size_t values = 3 * (size_t)count / 48 * 48;
    block *blocks = malloc((values / 16 + 1) * sizeof(block));
    if (!blocks) return NULL;
    for (size_t v = 0; v < values; v += 16) {
        block *b = blocks + v / 16;
        b->base = INT32_MAX;
        for (size_t i = v / 3; i <= (v + 15) / 3; i++) {
            int32_t at = 3 * (f->first[i] - base);
            if (f->length[i] > 2) goto misfit;
            if (at < b->base) b->base = at;
        }
        for (size_t lane = 0; lane < 16; lane++) {
            size_t i = (v + lane) / 3, c = (v + lane) % 3;
            int32_t at = 3 * (f->first[i] - base) + (int32_t)c - b->base;
            const float *w = f->weight + i * (size_t)f->taps;
            if (at + 3 > 31) goto misfit;
            b->place[lane] = (uint8_t)at;
            b->near[lane] = w[0];
            b->far[lane] = f->length[i] > 1 ? w[1] : 0;
        }
    }
    *made = values / 16;
    return blocks;
misfit:
    free(blocks);
    return NULL;
}

// As gather_columns, to the last bit.
AVX512 static void gather_blocks(
    const float *restrict sum, const block *restrict blocks, size_t count, const float *scale, const float *bias,
    float *restrict target) {
    float pattern[2][48];
    for (int i = 0; i < 48; i++) {
        pattern[0][i] = scale[i % 3];
        pattern[1][i] = bias[i % 3];
    }
    __m512 s[3], t[3];
    for (int k = 0; k < 3; k++) {
        s[k] = _mm512_loadu_ps(pattern[0] + 16 * k);
        t[k] = _mm512_loadu_ps(pattern[1] + 16 * k);
    }
    const __m512i pixel = _mm512_set1_epi32(3);
    for (size_t i = 0; i < count; i += 3) {
        for (size_t k = 0; k < 3; k++) {
            const block *b = blocks + i + k;
            __m512 low = _mm512_loadu_ps(sum + b->base), high = _mm512_loadu_ps(sum + b->base + 16);
            __m512i place = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)b->place));
            __m512 near = _mm512_permutex2var_ps(low, place, high);
            __m512 far = _mm512_permutex2var_ps(low, _mm512_add_epi32(place, pixel), high);
            __m512 value = _mm512_mul_ps(near, _mm512_loadu_ps(b->near));
            value = _mm512_add_ps(value, _mm512_mul_ps(far, _mm512_loadu_ps(b->far)));
            value = _mm512_add_ps(_mm512_mul_ps(value, s[k]), t[k]);
            _mm512_storeu_ps(target + 16 * (i + k), value);
        }
    }
}
#endif

int pupil_render(
    const uint8_t *source, int32_t source_width, pupil_axis x, pupil_axis y, const float *scale, const float *bias,
    float *target, int32_t width, int32_t height) {
    filter columns = {0}, rows = {0};
    float *sum = NULL;
    block *blocks = NULL;
    size_t made = 0;
    int done = 0;
    if (!filter_make(&columns, x) || !filter_make(&rows, y)) goto out;
    // The source columns that the crop needs.
    int32_t low = x.high, high = 0;
    for (int32_t i = 0; i < x.count; i++) {
        if (columns.first[i] < low) low = columns.first[i];
        if (columns.first[i] + columns.length[i] > high) high = columns.first[i] + columns.length[i];
    }
    size_t span = high > low ? (size_t)(high - low) * 3 : 0;
    sum = malloc((span + 32) * sizeof(float));
    if (!sum) goto out;
    memset(sum + span, 0, 32 * sizeof(float));  // what the last loads read beyond
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw")) blocks = blocks_make(&columns, low, x.count, &made);
#endif
    size_t stride = (size_t)source_width * 3;
    float4 s = {scale[0], scale[1], scale[2], 0}, b = {bias[0], bias[1], bias[2], 0};
    for (int32_t i = 0; i < y.count; i++) {
        const uint8_t *from = source + stride * (size_t)rows.first[i] + (span ? 3 * (size_t)low : 0);
        gather_rows(from, stride, rows.weight + (size_t)i * (size_t)rows.taps, rows.length[i], sum, span);
        float *to = target + (size_t)i * (size_t)width * 3;
        int32_t ready = 0;
#if defined(__x86_64__)
        if (blocks) {
            gather_blocks(sum, blocks, made, scale, bias, to);
            ready = (int32_t)(made * 16 / 3);
        }
#endif
        gather_columns(sum, low, &columns, ready, x.count, s, b, to);
        memset(to + 3 * (size_t)x.count, 0, (size_t)(width - x.count) * 3 * sizeof(float));
    }
    memset(target + (size_t)y.count * (size_t)width * 3, 0,
           (size_t)(height - y.count) * (size_t)width * 3 * sizeof(float));
    done = 1;
out:
    filter_free(&columns);
    filter_free(&rows);
    free(sum);
    free(blocks);
    return done;
}
