// Depthwise convolution and its gradients. Part of fused_kernels.h.
//
// Rows that are needed are kept as floats in a ring: [channels / 16][kernel rows][columns and a border of zeros][16].
// So the inner loops know no borders, no element types and no odd channel counts; rows outside the map are left out of
// the list of taps.

struct Ring {
    int64_t blocks, rows, border, columns;
    float *data;

    Ring(const Depthwise &s, int64_t width, float *scratch)
        : blocks((s.channels + lanes - 1) / lanes), rows(s.kernel), border(s.kernel),
          columns(width + 2 * s.kernel + 2 * TILE * s.stride), data(scratch) {}
    int64_t floats() const { return blocks * rows * columns * lanes; }
    /// Column 0 of a row of the map.
    float *at(int64_t block, int64_t row) const {
        return data + ((block * rows + row % rows) * columns + border) * lanes;
    }
    template <class T> void fill(const T *source, int64_t width, int64_t channels, int64_t row) {
        for (int64_t block = 0; block < blocks; ++block) {
            float *to = at(block, row);
            const T *from = source + block * lanes;
            const int64_t n = some(channels, block);
            for (int64_t w = 0; w < width; ++w) store(to + w * lanes, part(from + w * channels, n));
        }
    }
    /// The same, scaled, shifted and activated. The border is of what the convolution sees: it stays 0.
    template <int A, class T>
    void fill(const T *source, int64_t width, int64_t channels, int64_t row, const Affine &affine) {
        for (int64_t block = 0; block < blocks; ++block) {
            float *to = at(block, row);
            const T *from = source + block * lanes;
            const int64_t n = some(channels, block);
            for (int64_t w = 0; w < width; ++w)
                store(to + w * lanes, activated<A>(moved(part(from + w * channels, n), affine, block * lanes)));
        }
    }
    template <class T>
    void fill(const T *source, int64_t width, int64_t channels, int64_t row, const Affine *affine) {
        if (!affine) return fill(source, width, channels, row);
        if (affine->activation == silu) return fill<silu>(source, width, channels, row, *affine);
        if (affine->activation == relu) return fill<relu>(source, width, channels, row, *affine);
        fill<none>(source, width, channels, row, *affine);
    }
    /// How many channels a block has.
    static int64_t some(int64_t channels, int64_t block) {
        return channels - block * lanes < lanes ? channels - block * lanes : lanes;
    }
};

struct Taps {
    const float *in[25], *weight[25];
    int count = 0;
    ALWAYS_INSIDE void add(const float *from, const float *by) {
        in[count] = from;
        weight[count++] = by;
    }
};

/// What happens to 16 channels of a convolution before they are stored.
struct Nothing {
    ALWAYS_INSIDE V operator()(V x) { return x; }
};
template <int A> struct After {
    V centre, scale, shift, sum;
    ALWAYS_INSIDE V operator()(V x) {
        const V y = activated<A>(fma(x - centre, scale, shift));
        sum += y;
        return y;
    }
};

/// `count` pixels of 16 channels: out[t] = after(sum over taps of in[t * step] * weight).
template <int64_t step, class T, class A>
ALWAYS void tapped(const Taps &taps, int64_t count, T *out, int64_t out_step, int64_t channels, A &after) {
    for (int64_t t = 0; t < count; t += TILE) {
        V sum[TILE] = {};
        for (int k = 0; k < taps.count; ++k) {
            const V w = load(taps.weight[k]);
            const float *in = taps.in[k] + t * step * lanes;
#pragma clang loop unroll(full)
            for (int64_t j = 0; j < TILE; ++j) sum[j] = fma(load(in + j * step * lanes), w, sum[j]);
        }
        // Each sum by its number, or they would go through memory.
#pragma clang loop unroll(full)
        for (int64_t j = 0; j < TILE; ++j)
            if (t + j < count) put(out + (t + j) * out_step, channels, after(sum[j]));
    }
}

template <int A, class T>
ALWAYS void activated_row(const Depthwise &s, const Taps &taps, T *to, int64_t block, const Affine &affine,
                          float *sums) {
    const int64_t at = block * lanes, channels = Ring::some(s.channels, block);
    After<A> after{load(affine.centre + at), load(affine.scale + at), load(affine.shift + at), load(sums + at)};
    if (s.stride == 1)
        tapped<1>(taps, s.out_width, to, s.channels, channels, after);
    else
        tapped<2>(taps, s.out_width, to, s.channels, channels, after);
    store(sums + at, after.sum);
}

template <class T>
void convolve(const Depthwise &s, const void *x, const Affine *before, const float *weight, void *y,
              const Affine *after, float *sums, int64_t row, int64_t end, float *scratch) {
    Ring ring(s, s.width, scratch);
    for (int64_t i = 0; after && i < ring.blocks; ++i) store(sums + i * lanes, V{});
    const T *source = static_cast<const T *>(x);
    int64_t next = row * s.stride - s.top < 0 ? 0 : row * s.stride - s.top; // the first row not yet in the ring
    for (int64_t out = row; out < end; ++out) {
        const int64_t first = out * s.stride - s.top;
        for (; next < first + s.kernel && next < s.height; ++next)
            ring.fill(source + next * s.width * s.channels, s.width, s.channels, next, before);
        for (int64_t block = 0; block < ring.blocks; ++block) {
            T *to = static_cast<T *>(y) + out * s.out_width * s.channels + block * lanes;
            Taps taps;
            const float *w = weight + block * s.kernel * s.kernel * lanes;
            for (int64_t i = 0; i < s.kernel; ++i) {
                if (first + i < 0 || first + i >= s.height) continue;
                const float *from = ring.at(block, first + i) - s.left * lanes;
                for (int64_t j = 0; j < s.kernel; ++j) taps.add(from + j * lanes, w + (i * s.kernel + j) * lanes);
            }
            Nothing nothing;
            if (!after && s.stride == 1)
                tapped<1>(taps, s.out_width, to, s.channels, Ring::some(s.channels, block), nothing);
            else if (!after)
                tapped<2>(taps, s.out_width, to, s.channels, Ring::some(s.channels, block), nothing);
            else if (after->activation == silu)
                activated_row<silu>(s, taps, to, block, *after, sums);
            else if (after->activation == relu)
                activated_row<relu>(s, taps, to, block, *after, sums);
            else
                activated_row<none>(s, taps, to, block, *after, sums);
        }
    }
}

template <class T>
void convolve_back(const Depthwise &s, const void *dy, const float *weight, void *dx, int64_t row, int64_t end,
                   float *scratch) {
    Ring ring(s, s.out_width, scratch);
    Nothing nothing;
    const T *source = static_cast<const T *>(dy);
    // Row r of x was seen by the outputs (r + top - i) / stride of the kernel's rows i.
    int64_t next = row + s.top - s.kernel + 1;
    next = next <= 0 ? 0 : (next + s.stride - 1) / s.stride;
    for (int64_t in = row; in < end; ++in) {
        for (; next * s.stride <= in + s.top && next < s.out_height; ++next)
            ring.fill(source + next * s.out_width * s.channels, s.out_width, s.channels, next);
        T *to = static_cast<T *>(dx) + in * s.width * s.channels;
        for (int64_t block = 0; block < ring.blocks; ++block) {
            const float *w = weight + block * s.kernel * s.kernel * lanes;
            const int64_t channels = Ring::some(s.channels, block);
            for (int64_t phase = 0; phase < s.stride && phase < s.width; ++phase) {
                Taps taps;
                for (int64_t i = (in + s.top) % s.stride; i < s.kernel; i += s.stride) {
                    const int64_t out = (in + s.top - i) / s.stride;
                    if (in + s.top < i || out >= s.out_height) continue;
                    for (int64_t j = (phase + s.left) % s.stride; j < s.kernel; j += s.stride)
                        taps.add(ring.at(block, out) + (phase + s.left - j) / s.stride * lanes,
                                 w + (i * s.kernel + j) * lanes);
                }
                const int64_t count = (s.width - phase + s.stride - 1) / s.stride;
                T *place = to + phase * s.channels + block * lanes;
                tapped<1>(taps, count, place, s.stride * s.channels, channels, nothing);
            }
        }
    }
}

/// sums[i][j] += the sum over t of in[i][(t * step + j)] * dy[t], for `rows` rows of a kernel of `size` columns.
template <int64_t size, int64_t rows, int64_t step>
ALWAYS void correlate(const float *const *in, const float *dy, int64_t count, float *const *sums) {
    V sum[rows][size];
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < rows; ++i)
#pragma clang loop unroll(full)
        for (int64_t j = 0; j < size; ++j) sum[i][j] = load(sums[i] + j * lanes);
    for (int64_t t = 0; t < count; ++t) {
        const V d = load(dy + t * lanes);
#pragma clang loop unroll(full)
        for (int64_t i = 0; i < rows; ++i)
#pragma clang loop unroll(full)
            for (int64_t j = 0; j < size; ++j)
                sum[i][j] = fma(load(in[i] + (t * step + j) * lanes), d, sum[i][j]);
    }
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < rows; ++i)
#pragma clang loop unroll(full)
        for (int64_t j = 0; j < size; ++j) store(sums[i] + j * lanes, sum[i][j]);
}

template <int64_t size, int64_t step>
ALWAYS void correlate_rows(const float *const *in, const float *dy, int64_t count, float *const *sums, int64_t rows) {
    constexpr int64_t together = size == 3 ? 3 : WEIGHT_ROWS;
    int64_t i = 0;
    for (; i + together <= rows; i += together) correlate<size, together, step>(in + i, dy, count, sums + i);
    for (; i < rows; ++i) correlate<size, 1, step>(in + i, dy, count, sums + i);
}

template <class T>
void convolve_weight(const Depthwise &s, const void *x, const void *dy, float *gradient, int64_t row, int64_t end,
                     float *scratch) {
    Ring ring(s, s.width, scratch);
    float *above = scratch + ring.floats(); // one row of dy, of one block of channels
    const int64_t taps = s.kernel * s.kernel;
    for (int64_t i = 0; i < ring.blocks * taps; ++i) store(gradient + i * lanes, V{});
    const T *source = static_cast<const T *>(x);
    int64_t next = row * s.stride - s.top < 0 ? 0 : row * s.stride - s.top;
    for (int64_t out = row; out < end; ++out) {
        const int64_t first = out * s.stride - s.top;
        for (; next < first + s.kernel && next < s.height; ++next)
            ring.fill(source + next * s.width * s.channels, s.width, s.channels, next);
        const T *from = static_cast<const T *>(dy) + out * s.out_width * s.channels;
        for (int64_t block = 0; block < ring.blocks; ++block) {
            const int64_t channels = Ring::some(s.channels, block);
            for (int64_t t = 0; t < s.out_width; ++t)
                store(above + t * lanes, part(from + t * s.channels + block * lanes, channels));
            const float *in[5];
            float *sums[5];
            int64_t rows = 0;
            for (int64_t i = 0; i < s.kernel; ++i) {
                if (first + i < 0 || first + i >= s.height) continue;
                in[rows] = ring.at(block, first + i) - s.left * lanes;
                sums[rows++] = gradient + (block * taps + i * s.kernel) * lanes;
            }
            if (s.kernel == 3 && s.stride == 1) correlate_rows<3, 1>(in, above, s.out_width, sums, rows);
            if (s.kernel == 3 && s.stride == 2) correlate_rows<3, 2>(in, above, s.out_width, sums, rows);
            if (s.kernel == 5 && s.stride == 1) correlate_rows<5, 1>(in, above, s.out_width, sums, rows);
            if (s.kernel == 5 && s.stride == 2) correlate_rows<5, 2>(in, above, s.out_width, sums, rows);
        }
    }
}

inline int64_t scratch_floats(const Depthwise &s) {
    const int64_t widest = s.width > s.out_width ? s.width : s.out_width;
    return Ring(s, widest, nullptr).floats() + s.out_width * lanes;
}
