#include "CImage.h"
#include <stdlib.h>
#include <string.h>

// No fused multiply-add, so that the wide variants give the bytes of the narrow one on every machine.
#pragma STDC FP_CONTRACT OFF
#define WIDE __attribute__((target_clones("avx512f", "avx2", "default")))

// e^x for x <= 0, to 2e-7 of its value: 2^n times a polynomial of the rest (Cephes' coefficients).
static inline float exponential(float x) {
    x = x < -87 ? -87 : x;
    float n = __builtin_floorf(x * 1.44269504f + 0.5f);
    float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1;
    int32_t bits = ((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, 4);
    return p * power;
}

// The place of a sample on an axis of `size` values whose centres lie at 0.5, 1.5, ...: the first of two neighbours and
// the weight of the second. Beyond the outer centres the edge goes on.
static inline int32_t place(double at, int32_t size, float *weight) {
    double u = at - 0.5;
    u = u < 0 ? 0 : u > size - 1 ? size - 1 : u;
    int32_t i = (int32_t)u;
    if (i > size - 2) i = size > 1 ? size - 2 : 0;
    *weight = size > 1 ? (float)(u - i) : 0;
    return i;
}

WIDE static void blend(const float *a, const float *b, float weight, float *out, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = a[i] + (b[i] - a[i]) * weight;
}

// Adds the probabilities of the log-odds to `sums`.
WIDE static void add_softmax(const float *z, int32_t count, float *work, float *sums) {
    float most = z[0], total = 0;
    for (int32_t k = 1; k < count; k++) most = z[k] > most ? z[k] : most;
    for (int32_t k = 0; k < count; k++) work[k] = exponential(z[k] - most);
    for (int32_t k = 0; k < count; k++) total += work[k];
    float scale = 1 / total;
    for (int32_t k = 0; k < count; k++) sums[k] += work[k] * scale;
}

static int32_t largest(const float *values, int32_t count) {
    int32_t best = 0;
    for (int32_t k = 1; k < count; k++) best = values[k] > values[best] ? k : best;
    return best;
}

int32_t pupil_label_rows(
    const pupil_logits *maps, int32_t map_count, int32_t classes, int32_t width, int32_t from, int32_t to,
    uint8_t *labels, uint8_t *confidence) {
    size_t k = (size_t)classes, longest = 0;
    for (int32_t m = 0; m < map_count; m++)
        if ((size_t)maps[m].width > longest) longest = (size_t)maps[m].width;
    // A row of each map, blended out of two; a row of sums; what a pixel needs.
    float *memory = malloc(((size_t)longest * k + (size_t)width * k + 2 * k) * sizeof *memory);
    if (!memory) return 0;
    float *row = memory, *sums = row + longest * k, *z = sums + (size_t)width * k, *work = z + k;
    int one = map_count == 1;
    for (int32_t y = from; y < to; y++) {
        memset(sums, 0, (size_t)width * k * sizeof *sums);
        for (int32_t m = 0; m < map_count; m++) {
            const pupil_logits *p = maps + m;
            float weight;
            size_t stride = (size_t)p->width * k;
            const float *upper = p->logits + (size_t)place(p->ay * (y + 0.5) + p->ty, p->height, &weight) * stride;
            blend(upper, p->height > 1 ? upper + stride : upper, weight, row, stride);
            for (int32_t x = 0; x < width; x++) {
                const float *left = row + (size_t)place(p->ax * (x + 0.5) + p->tx, p->width, &weight) * k;
                const float *right = p->width > 1 ? left + k : left;
                // The arg-max of one map needs no probabilities.
                if (one) {
                    blend(left, right, weight, sums + (size_t)x * k, k);
                } else {
                    blend(left, right, weight, z, k);
                    add_softmax(z, classes, work, sums + (size_t)x * k);
                }
            }
        }
        for (int32_t x = 0; x < width; x++) {
            const float *values = sums + (size_t)x * k;
            int32_t best = largest(values, classes);
            size_t at = (size_t)(y - from) * (size_t)width + (size_t)x;
            labels[at] = (uint8_t)best;
            if (!confidence) continue;
            float share;
            if (one) {
                memset(z, 0, k * sizeof *z);
                add_softmax(values, classes, work, z);
                share = z[best];
            } else {
                share = values[best] / (float)map_count;
            }
            float scaled = share * 256;
            confidence[at] = scaled >= 255 ? 255 : (uint8_t)scaled;
        }
    }
    free(memory);
    return 1;
}

// Masks are runs of one label nearly everywhere.

// The first byte lowest, as all machines have it that this runs on.
static inline uint64_t eight(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

static inline uint64_t repeated(uint8_t byte) { return byte * 0x0101010101010101u; }

// Where the run of one byte in `a` and one in `b` ends that begins at `i`.
static inline size_t run_end(const uint8_t *a, const uint8_t *b, size_t i, size_t count) {
    uint64_t first = repeated(a[i]), second = repeated(b[i]);
    size_t j = i;
    for (; j + 8 <= count; j += 8) {
        uint64_t other = (eight(a + j) ^ first) | (eight(b + j) ^ second);
        if (other) return j + (size_t)(__builtin_ctzll(other) / 8);
    }
    for (; j < count && a[j] == a[i] && b[j] == b[i]; j++) {}
    return j;
}

void pupil_count_labels(const uint8_t *labels, size_t count, uint32_t *counts) {
    for (size_t i = 0; i < count;) {
        size_t end = run_end(labels, labels, i, count);
        counts[labels[i]] += (uint32_t)(end - i);
        i = end;
    }
}

int32_t pupil_count_label_pairs(
    const uint8_t *rows, const uint8_t *columns, size_t count, int32_t classes, uint32_t *counts) {
    uint32_t none = (uint32_t)classes, stride = none + 1;
    uint8_t place[256], is_strange[256], strange = 0;
    for (uint32_t v = 0; v < 256; v++) {
        place[v] = (uint8_t)(v < none ? v : none);
        is_strange[v] = v >= none && v != 255;
    }
    size_t i = 0;
    // Noise has no runs and is counted one by one.
    for (size_t runs = 0; i < count && runs < 512 + i / 8; runs++) {
        size_t end = run_end(rows, columns, i, count);
        strange |= is_strange[rows[i]] | is_strange[columns[i]];
        counts[place[rows[i]] * stride + place[columns[i]]] += (uint32_t)(end - i);
        i = end;
    }
    for (; i < count; i++) {
        strange |= is_strange[rows[i]] | is_strange[columns[i]];
        counts[place[rows[i]] * stride + place[columns[i]]]++;
    }
    return !strange;
}

void pupil_relabel(uint8_t *labels, size_t count, const uint8_t *table) {
    for (size_t i = 0; i < count; i++) labels[i] = table[labels[i]];
}
