// Passes over whole maps: statistics, normalisation, activation, gates and what their gradients sum. Part of
// fused_kernels.h.

template <class T> void statistics(const void *map, int64_t count, int64_t period, float *sums) {
    const T *x = static_cast<const T *>(map);
    float *near = sums, *sum = sums + period, *square = sums + 2 * period;
    for (int64_t i = 0; i < period; i += lanes) {
        const int64_t n = count - i;
        store(near + i, n >= lanes ? load(x + i) : n > 0 ? load_some(x + i, n, V{}) : V{});
        store(sum + i, V{});
        store(square + i, V{});
    }
    int64_t at = 0;
    for (; at + 4 * period <= count; at += 4 * period) {
        for (int64_t i = 0; i < period; i += lanes) {
            const V k = load(near + i);
            const V s = load(sum + i), q = load(square + i);
            const T *p = x + at + i;
            const V a = load(p) - k, b = load(p + period) - k, c = load(p + 2 * period) - k,
                    d = load(p + 3 * period) - k;
            store(sum + i, s + ((a + b) + (c + d)));
            store(square + i, q + (fma(a, a, b * b) + fma(c, c, d * d)));
        }
    }
    for (int64_t i = 0; at < count; at += lanes, i = i + lanes < period ? i + lanes : 0) {
        const V k = load(near + i);
        const V d = (count - at >= lanes ? load(x + at) : load_some(x + at, count - at, k)) - k;
        store(sum + i, load(sum + i) + d);
        store(square + i, fma(d, d, load(square + i)));
    }
}

/// body(at, i, n) for each vector of a map: its place, its parameters' place, how many of its lanes there are.
#define EACH_VECTOR(body)                                                                                              \
    int64_t at = 0;                                                                                                    \
    for (; at + affine.period <= count; at += affine.period)                                                           \
        for (int64_t i = 0; i < affine.period; i += lanes) body(at + i, i, lanes);                                     \
    for (int64_t i = 0; at < count; at += lanes, i += lanes) body(at, i, count - at < lanes ? count - at : lanes);

/// (x - centre) scale + shift of the parameters at i.
ALWAYS V moved(V x, const Affine &affine, int64_t i) {
    return fma(x - load(affine.centre + i), load(affine.scale + i), load(affine.shift + i));
}
/// A map's vector; lanes that are not there read 0.
template <class T> ALWAYS V part(const T *p, int64_t n) { return n == lanes ? load(p) : load_some(p, n, V{}); }
template <class T> ALWAYS void put(T *p, int64_t n, V x) { n == lanes ? store(p, x) : store_some(p, n, x); }

template <class T, int A> struct Passes {
    template <bool gated>
    static void apply(const T *x, T *y, int64_t count, const Affine &affine, const float *gate) {
#define BODY(at, i, n)                                                                                                 \
    {                                                                                                                  \
        V a = activated<A>(moved(part(x + (at), n), affine, i));                                                       \
        if constexpr (gated) a *= load(gate + (i));                                                                    \
        put(y + (at), n, a);                                                                                           \
    }
        EACH_VECTOR(BODY)
#undef BODY
    }

    static void mean(const T *x, int64_t count, const Affine &affine, float *sums) {
        for (int64_t i = 0; i < affine.period; ++i) sums[i] = 0;
#define BODY(at, i, n)                                                                                                 \
    {                                                                                                                  \
        V a = activated<A>(moved(part(x + (at), n), affine, i));                                                       \
        if (n != lanes) a = only(a, n);                                                                                \
        store(sums + (i), load(sums + (i)) + a);                                                                       \
    }
        EACH_VECTOR(BODY)
#undef BODY
    }

    static void back_sums(const T *x, const T *dy, int64_t count, const Affine &affine, float *sums) {
        for (int64_t i = 0; i < 2 * affine.period; ++i) sums[i] = 0;
        float *more = sums + affine.period;
#define BODY(at, i, n)                                                                                                 \
    {                                                                                                                  \
        const V far = part(x + (at), n) - load(affine.centre + (i));                                                   \
        V y;                                                                                                           \
        const V slope = derivative<A>(fma(far, load(affine.scale + (i)), load(affine.shift + (i))), y);                \
        const V g = part(dy + (at), n) * slope;                                                                        \
        store(sums + (i), load(sums + (i)) + g);                                                                       \
        store(more + (i), fma(g, far, load(more + (i))));                                                              \
    }
        EACH_VECTOR(BODY)
#undef BODY
    }

    static void excite_sums(const T *x, const T *dy, int64_t count, const Affine &affine, float *sums) {
        const int64_t period = affine.period;
        for (int64_t i = 0; i < 5 * period; ++i) sums[i] = 0;
#define BODY(at, i, n)                                                                                                 \
    {                                                                                                                  \
        const V far = part(x + (at), n) - load(affine.centre + (i));                                                   \
        V y;                                                                                                           \
        V slope = derivative<A>(fma(far, load(affine.scale + (i)), load(affine.shift + (i))), y);                      \
        if (n != lanes) slope = only(slope, n);                                                                        \
        const V d = part(dy + (at), n);                                                                                \
        const V g = d * slope;                                                                                         \
        float *s = sums + (i);                                                                                         \
        store(s, fma(d, y, load(s)));                                                                                  \
        store(s + period, load(s + period) + g);                                                                       \
        store(s + 2 * period, load(s + 2 * period) + slope);                                                           \
        store(s + 3 * period, fma(g, far, load(s + 3 * period)));                                                      \
        store(s + 4 * period, fma(slope, far, load(s + 4 * period)));                                                  \
    }
        EACH_VECTOR(BODY)
#undef BODY
    }

    template <bool gated>
    static void back_apply(const T *x, const T *dy, T *dx, int64_t count, const Affine &affine, const float *gate,
                           const float *add, const float *slope, const float *offset) {
#define BODY(at, i, n)                                                                                                 \
    {                                                                                                                  \
        const V far = part(x + (at), n) - load(affine.centre + (i)), scale = load(affine.scale + (i));                 \
        V y, d = part(dy + (at), n);                                                                                   \
        if constexpr (gated) d = fma(d, load(gate + (i)), load(add + (i)));                                            \
        const V g = d * derivative<A>(fma(far, scale, load(affine.shift + (i))), y);                                   \
        put(dx + (at), n, fma(g, scale, fma(far, load(slope + (i)), load(offset + (i)))));                             \
    }
        EACH_VECTOR(BODY)
#undef BODY
    }
};

#define BY_ACTIVATION(call)                                                                                            \
    switch (affine.activation) {                                                                                       \
    case relu: Passes<T, relu>::call; break;                                                                           \
    case silu: Passes<T, silu>::call; break;                                                                           \
    default: Passes<T, none>::call; break;                                                                             \
    }

template <class T> void apply(const void *x, void *y, int64_t count, const Affine &affine, const float *gate) {
    const T *from = static_cast<const T *>(x);
    T *to = static_cast<T *>(y);
    if (gate) {
        BY_ACTIVATION(template apply<true>(from, to, count, affine, gate))
    } else {
        BY_ACTIVATION(template apply<false>(from, to, count, affine, gate))
    }
}
template <class T> void mean(const void *x, int64_t count, const Affine &affine, float *sums) {
    BY_ACTIVATION(mean(static_cast<const T *>(x), count, affine, sums))
}
template <class T>
void back_sums(const void *x, const void *dy, int64_t count, const Affine &affine, float *sums) {
    BY_ACTIVATION(back_sums(static_cast<const T *>(x), static_cast<const T *>(dy), count, affine, sums))
}
template <class T>
void excite_sums(const void *x, const void *dy, int64_t count, const Affine &affine, float *sums) {
    BY_ACTIVATION(excite_sums(static_cast<const T *>(x), static_cast<const T *>(dy), count, affine, sums))
}
template <class T>
void back_apply(const void *x, const void *dy, void *dx, int64_t count, const Affine &affine, const float *gate,
                const float *add, const float *slope, const float *offset) {
    const T *value = static_cast<const T *>(x), *above = static_cast<const T *>(dy);
    T *to = static_cast<T *>(dx);
    if (gate) {
        BY_ACTIVATION(template back_apply<true>(value, above, to, count, affine, gate, add, slope, offset))
    } else {
        BY_ACTIVATION(template back_apply<false>(value, above, to, count, affine, gate, add, slope, offset))
    }
}
