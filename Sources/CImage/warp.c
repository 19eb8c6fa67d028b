#include "CImage.h"
#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// No fused multiply-add, so that the wide variants give the bytes of the narrow one on every machine.
#pragma STDC FP_CONTRACT OFF
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))

typedef float float4 __attribute__((vector_size(16)));
typedef float float8 __attribute__((vector_size(32)));
typedef uint8_t byte8 __attribute__((vector_size(8)));

// Narrows [*from, *to) to the pixels x of a row whose centres a linear function k + a (x + 0.5) sends into [low, high).
static void narrow(double a, double k, double low, double high, int32_t *from, int32_t *to) {
    double first = *from, last = *to;
    if (a == 0) {
        if (k < low || k >= high) last = first;
    } else {
        double p = (low - k) / a - 0.5, q = (high - k) / a - 0.5;
        // a > 0: x >= p and x < q. a < 0: x <= p and x > q.
        double begin = a > 0 ? ceil(p) : floor(q) + 1, end = a > 0 ? ceil(q) : floor(p) + 1;
        if (end < last) last = end > first ? end : first;
        if (begin > first) first = begin < last ? begin : last;
    }
    *from = (int32_t)first;
    *to = (int32_t)last;
}

// The pixels of row y whose centres the map sends into a rectangle.
static void span(pupil_map m, double x1, double y1, double x2, double y2, int32_t y, int32_t *from, int32_t *to) {
    double v = y + 0.5;
    narrow(m.a, m.b * v + m.tx, x1, x2, from, to);
    narrow(m.c, m.d * v + m.ty, y1, y2, from, to);
}

typedef struct {
    const uint8_t *pixels;
    size_t stride;
    int32_t width, height;
} picture;

// The bilinear sample at (u, v) in the half-open frame, the picture's edge going on outside.
static inline float4 sample(const picture *p, float u, float v) {
    u -= 0.5f;
    v -= 0.5f;
    float right = (float)(p->width - 1), bottom = (float)(p->height - 1);
    u = u < 0 ? 0 : u > right ? right : u;
    v = v < 0 ? 0 : v > bottom ? bottom : v;
    int32_t x = (int32_t)u, y = (int32_t)v;
    // The last column and row are reached with the weight 1 of the second of two.
    if (x > p->width - 2) x = p->width - 2;
    if (y > p->height - 2) y = p->height - 2;
    if (x < 0) x = 0;
    if (y < 0) y = 0;
    float fx = u - (float)x, fy = v - (float)y;
    const uint8_t *at = p->pixels + (size_t)y * p->stride + 3 * (size_t)x;
    size_t down = p->height > 1 ? p->stride : 0;
    byte8 top, low;
    if ((y + 2 < p->height && p->width > 1) || x + 3 <= p->width - 1) {
        memcpy(&top, at, 8);
        memcpy(&low, at + down, 8);
    } else {  // bytes too many would lie behind the picture's end
        size_t pair = p->width > 1 ? 6 : 3;
        memset(&top, 0, 8);
        memset(&low, 0, 8);
        memcpy(&top, at, pair);
        memcpy(&low, at + down, pair);
    }
    float8 a = __builtin_convertvector(top, float8), b = __builtin_convertvector(low, float8);
    float8 mixed = a + (b - a) * fy;
    float4 left = __builtin_shufflevector(mixed, mixed, 0, 1, 2, 6);
    float4 other = __builtin_shufflevector(mixed, mixed, 3, 4, 5, 6);
    return left + (other - left) * fx;
}

static inline void store(float *to, float4 value, int more) {
    if (more) {
        memcpy(to, &value, sizeof value);  // the fourth is overwritten by the next pixel
    } else {
        to[0] = value[0];
        to[1] = value[1];
        to[2] = value[2];
    }
}

WIDE static void warp_row(
    const picture *p, pupil_map m, int32_t y, int32_t from, int32_t to, int32_t samples, float4 scale, float4 bias,
    float *target) {
    float du = (float)m.a, dv = (float)m.c;
    if (samples <= 1) {
        double u0 = m.a * 0.5 + m.b * (y + 0.5) + m.tx, v0 = m.c * 0.5 + m.d * (y + 0.5) + m.ty;
        for (int32_t x = from; x < to; x++) {
            float4 value = sample(p, (float)(u0 + m.a * x), (float)(v0 + m.c * x));
            store(target + 3 * (size_t)x, value * scale + bias, x + 1 < to);
        }
        return;
    }
    float share = 1 / ((float)samples * (float)samples), part = 1 / (float)samples;
    for (int32_t x = from; x < to; x++) {
        float4 sum = {0, 0, 0, 0};
        for (int32_t j = 0; j < samples; j++) {
            double at = y + (j + 0.5) / samples;
            float u = (float)((m.b * at + m.tx) + m.a * x) + 0.5f * part * du;
            float v = (float)((m.d * at + m.ty) + m.c * x) + 0.5f * part * dv;
            for (int32_t i = 0; i < samples; i++) {
                sum += sample(p, u, v);
                u += part * du;
                v += part * dv;
            }
        }
        store(target + 3 * (size_t)x, sum * share * scale + bias, x + 1 < to);
    }
}

#if defined(__x86_64__)
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq")))

typedef struct {
    __m512 red, green, blue;
} colors;

// The bytes of one channel of 16 pixels, as Float.
AVX512 static inline __m512 channel(__m512i pixels, int shift) {
    return _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32(pixels, shift), _mm512_set1_epi32(255)));
}

// 16 pixels by their offsets in bytes, and their right neighbours: eight bytes hold both. Of the last two pixels those
// before their end are read.
AVX512 static inline void fetch(const picture *p, __m512i offset, __m512i *pixel, __m512i *neighbour) {
    const __m512i lows = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    __m512i last = _mm512_set1_epi32((int32_t)(p->stride * (size_t)p->height) - 8);
    __m512i from = _mm512_min_epi32(offset, last);
    __m512i bits = _mm512_slli_epi32(_mm512_sub_epi32(offset, from), 3);
    __m512i a = _mm512_i32gather_epi64(_mm512_castsi512_si256(from), p->pixels, 1);
    __m512i b = _mm512_i32gather_epi64(_mm512_extracti32x8_epi32(from, 1), p->pixels, 1);
    a = _mm512_srlv_epi64(a, _mm512_cvtepu32_epi64(_mm512_castsi512_si256(bits)));
    b = _mm512_srlv_epi64(b, _mm512_cvtepu32_epi64(_mm512_extracti32x8_epi32(bits, 1)));
    *pixel = _mm512_permutex2var_epi32(a, lows, b);
    *neighbour = _mm512_permutex2var_epi32(_mm512_srli_epi64(a, 24), lows, _mm512_srli_epi64(b, 24));
}

AVX512 static inline __m512 mix(__m512 a, __m512 b, __m512 share) {
    return _mm512_add_ps(a, _mm512_mul_ps(_mm512_sub_ps(b, a), share));
}

// `sample` at 16 places, to the last bit.
AVX512 static inline colors sample16(const picture *p, __m512 u, __m512 v) {
    const __m512 half = _mm512_set1_ps(0.5f), zero = _mm512_setzero_ps();
    u = _mm512_min_ps(_mm512_max_ps(_mm512_sub_ps(u, half), zero), _mm512_set1_ps((float)(p->width - 1)));
    v = _mm512_min_ps(_mm512_max_ps(_mm512_sub_ps(v, half), zero), _mm512_set1_ps((float)(p->height - 1)));
    __m512i x = _mm512_min_epi32(_mm512_cvttps_epi32(u), _mm512_set1_epi32(p->width - 2));
    __m512i y = _mm512_min_epi32(_mm512_cvttps_epi32(v), _mm512_set1_epi32(p->height - 2));
    __m512 fx = _mm512_sub_ps(u, _mm512_cvtepi32_ps(x)), fy = _mm512_sub_ps(v, _mm512_cvtepi32_ps(y));
    __m512i stride = _mm512_set1_epi32((int32_t)p->stride), three = _mm512_set1_epi32(3);
    __m512i at = _mm512_add_epi32(_mm512_mullo_epi32(y, stride), _mm512_mullo_epi32(x, three));
    __m512i a, b, c, d;
    fetch(p, at, &a, &b);
    fetch(p, _mm512_add_epi32(at, stride), &c, &d);
    colors out;
    out.red = mix(mix(channel(a, 0), channel(c, 0), fy), mix(channel(b, 0), channel(d, 0), fy), fx);
    out.green = mix(mix(channel(a, 8), channel(c, 8), fy), mix(channel(b, 8), channel(d, 8), fy), fx);
    out.blue = mix(mix(channel(a, 16), channel(c, 16), fy), mix(channel(b, 16), channel(d, 16), fy), fx);
    return out;
}

// k + a * (x, x + 1, ... x + 15).
AVX512 static inline __m512 line(double k, double a, int32_t x) {
    const __m512d ramp = _mm512_set_pd(7, 6, 5, 4, 3, 2, 1, 0);
    __m512d low = _mm512_add_pd(ramp, _mm512_set1_pd(x)), high = _mm512_add_pd(low, _mm512_set1_pd(8));
    __m512d start = _mm512_set1_pd(k), step = _mm512_set1_pd(a);
    __m256 first = _mm512_cvtpd_ps(_mm512_add_pd(start, _mm512_mul_pd(step, low)));
    __m256 second = _mm512_cvtpd_ps(_mm512_add_pd(start, _mm512_mul_pd(step, high)));
    return _mm512_insertf32x8(_mm512_castps256_ps512(first), second, 1);
}

// The rows of three channels, one value a pixel each, in turns.
AVX512 static inline void interleave(colors c, float *to) {
    // Of output value i: channel i % 3 of pixel i / 3. First red and green are brought together, then blue into gaps.
    const __m512i rg0 = _mm512_setr_epi32(0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
    const __m512i rg1 = _mm512_setr_epi32(21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
    const __m512i rg2 = _mm512_setr_epi32(0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
    const __m512i b0 = _mm512_setr_epi32(0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15);
    const __m512i b1 = _mm512_setr_epi32(0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15);
    const __m512i b2 = _mm512_setr_epi32(26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31);
    __m512 first = _mm512_permutex2var_ps(c.red, rg0, c.green);
    __m512 second = _mm512_permutex2var_ps(c.red, rg1, c.green);
    __m512 third = _mm512_permutex2var_ps(c.red, rg2, c.green);
    _mm512_storeu_ps(to, _mm512_permutex2var_ps(first, b0, c.blue));
    _mm512_storeu_ps(to + 16, _mm512_permutex2var_ps(second, b1, c.blue));
    _mm512_storeu_ps(to + 32, _mm512_permutex2var_ps(third, b2, c.blue));
}

AVX512 static inline __m512 scaled(__m512 value, float scale, float bias) {
    return _mm512_add_ps(_mm512_mul_ps(value, _mm512_set1_ps(scale)), _mm512_set1_ps(bias));
}

// As warp_row, 16 pixels at once; returns where it stopped.
AVX512 static int32_t warp_row_avx512(
    const picture *p, pupil_map m, int32_t y, int32_t from, int32_t to, int32_t samples, const float *scale,
    const float *bias, float *target) {
    int32_t x = from;
    if (samples <= 1) {
        double u0 = m.a * 0.5 + m.b * (y + 0.5) + m.tx, v0 = m.c * 0.5 + m.d * (y + 0.5) + m.ty;
        for (; x + 16 <= to; x += 16) {
            colors c = sample16(p, line(u0, m.a, x), line(v0, m.c, x));
            c.red = scaled(c.red, scale[0], bias[0]);
            c.green = scaled(c.green, scale[1], bias[1]);
            c.blue = scaled(c.blue, scale[2], bias[2]);
            interleave(c, target + 3 * (size_t)x);
        }
        return x;
    }
    float share = 1 / ((float)samples * (float)samples), part = 1 / (float)samples;
    __m512 du = _mm512_set1_ps(part * (float)m.a), dv = _mm512_set1_ps(part * (float)m.c);
    __m512 u_half = _mm512_set1_ps(0.5f * part * (float)m.a), v_half = _mm512_set1_ps(0.5f * part * (float)m.c);
    for (; x + 16 <= to; x += 16) {
        colors sum = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
        for (int32_t j = 0; j < samples; j++) {
            double at = y + (j + 0.5) / samples;
            __m512 u = _mm512_add_ps(line(m.b * at + m.tx, m.a, x), u_half);
            __m512 v = _mm512_add_ps(line(m.d * at + m.ty, m.c, x), v_half);
            for (int32_t i = 0; i < samples; i++) {
                colors c = sample16(p, u, v);
                sum.red = _mm512_add_ps(sum.red, c.red);
                sum.green = _mm512_add_ps(sum.green, c.green);
                sum.blue = _mm512_add_ps(sum.blue, c.blue);
                u = _mm512_add_ps(u, du);
                v = _mm512_add_ps(v, dv);
            }
        }
        __m512 part16 = _mm512_set1_ps(share);
        sum.red = scaled(_mm512_mul_ps(sum.red, part16), scale[0], bias[0]);
        sum.green = scaled(_mm512_mul_ps(sum.green, part16), scale[1], bias[1]);
        sum.blue = scaled(_mm512_mul_ps(sum.blue, part16), scale[2], bias[2]);
        interleave(sum, target + 3 * (size_t)x);
    }
    return x;
}
#endif

void pupil_warp(
    const uint8_t *source, int32_t source_width, int32_t source_height, pupil_map map, int32_t samples,
    const float *scale, const float *bias, float *target, int32_t width, int32_t height, int32_t covered_width,
    int32_t covered_height) {
    picture p = {source, (size_t)source_width * 3, source_width, source_height};
    float4 s = {scale[0], scale[1], scale[2], 0}, b = {bias[0], bias[1], bias[2], 0};
#if defined(__x86_64__)
    // Offsets are of 32 bits; two pixels a side are read at once, and eight bytes.
    int wide = __builtin_cpu_supports("avx512dq") && source_width > 1 && source_height > 1
               && (size_t)source_width * (size_t)source_height * 3 < INT32_MAX;
#endif
    for (int32_t y = 0; y < height; y++) {
        float *row = target + (size_t)y * (size_t)width * 3;
        int32_t from = 0, to = y < covered_height ? covered_width : 0;
        span(map, -1, -1, source_width + 1.0, source_height + 1.0, y, &from, &to);
        memset(row, 0, (size_t)from * 3 * sizeof(float));
        int32_t ready = from;
#if defined(__x86_64__)
        if (wide) ready = warp_row_avx512(&p, map, y, from, to, samples, scale, bias, row);
#endif
        warp_row(&p, map, y, ready, to, samples, s, b, row);
        memset(row + 3 * (size_t)to, 0, (size_t)(width - to) * 3 * sizeof(float));
    }
}

static void fill(float *row, int32_t from, int32_t to, const float *color) {
    for (int32_t x = from; x < to; x++) {
        row[3 * x] = color[0];
        row[3 * x + 1] = color[1];
        row[3 * x + 2] = color[2];
    }
}

void pupil_paint_canvas(
    const pupil_paint *paints, int32_t count, float *target, int32_t width, int32_t covered_width,
    int32_t covered_height) {
    for (int32_t y = 0; y < covered_height; y++) {
        float *row = target + (size_t)y * (size_t)width * 3;
        for (int32_t i = 0; i < count; i++) {
            const pupil_paint *p = paints + i;
            int32_t from = 0, to = covered_width;
            span(p->map, p->x1, p->y1, p->x2, p->y2, y, &from, &to);
            if (p->outside) {
                fill(row, 0, from, p->color);
                fill(row, to, covered_width, p->color);
            } else {
                fill(row, from, to, p->color);
            }
        }
    }
}

void pupil_warp_labels(
    const uint8_t *source, int32_t source_width, int32_t source_height, pupil_map map, const pupil_paint *frames,
    int32_t frame_count, uint8_t fill, uint8_t *target, int32_t width, int32_t height, int32_t covered_width,
    int32_t covered_height) {
    memset(target, fill, (size_t)width * (size_t)height);
    for (int32_t y = 0; y < covered_height; y++) {
        int32_t from = 0, to = covered_width;
        span(map, 0, 0, source_width, source_height, y, &from, &to);
        for (int32_t i = 0; i < frame_count; i++) {
            const pupil_paint *p = frames + i;
            if (p->outside) span(p->map, p->x1, p->y1, p->x2, p->y2, y, &from, &to);
        }
        uint8_t *row = target + (size_t)y * (size_t)width;
        for (int32_t x = from; x < to; x++) {
            int32_t u = (int32_t)(map.a * (x + 0.5) + map.b * (y + 0.5) + map.tx);
            int32_t v = (int32_t)(map.c * (x + 0.5) + map.d * (y + 0.5) + map.ty);
            // The span's ends were found by dividing, which may round the other way.
            u = u < 0 ? 0 : u >= source_width ? source_width - 1 : u;
            v = v < 0 ? 0 : v >= source_height ? source_height - 1 : v;
            row[x] = source[(size_t)v * (size_t)source_width + (size_t)u];
        }
    }
}
