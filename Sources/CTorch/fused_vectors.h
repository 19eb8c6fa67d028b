// Vectors of 16 floats, loaded from and stored to floats and bfloat16. Part of fused_kernels.h.

typedef float V __attribute__((vector_size(64)));
typedef float Loose __attribute__((vector_size(64), aligned(4), may_alias));
typedef uint32_t U __attribute__((vector_size(64)));
typedef uint16_t H __attribute__((vector_size(32)));
typedef uint16_t LooseH __attribute__((vector_size(32), aligned(2), may_alias));
typedef uint16_t Half; // a bfloat16's bits

#define ALWAYS static inline __attribute__((always_inline))
#define ALWAYS_INSIDE inline __attribute__((always_inline))

constexpr int64_t lanes = 16;

ALWAYS V splat(float x) { return V{} + x; }
ALWAYS V fma(V a, V b, V c) {
#ifdef PLAIN_MULTIPLY_ADD // without the instruction it is a call of a function for each lane
    return a * b + c;
#else
    return __builtin_elementwise_fma(a, b, c);
#endif
}

ALWAYS V load(const float *p) { return *reinterpret_cast<const Loose *>(p); }
ALWAYS V load(const Half *p) {
    return reinterpret_cast<V>(__builtin_convertvector(H(*reinterpret_cast<const LooseH *>(p)), U) << 16);
}
ALWAYS void store(float *p, V x) { *reinterpret_cast<Loose *>(p) = x; }
ALWAYS void store(Half *p, V x) {
#ifdef PUPIL_AVX512
    *reinterpret_cast<__m256i_u *>(p) = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(x)));
#else
    const U bits = reinterpret_cast<U>(x);
    const U rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16; // to nearest, ties to even
    const U nan = (bits >> 16) | 0x40;
    *reinterpret_cast<LooseH *>(p) = __builtin_convertvector(x == x ? rounded : nan, H);
#endif
}
/// The first n < 16 lanes; the others are those of `rest`.
template <class T> ALWAYS V load_some(const T *p, int64_t n, V rest) {
    T some[lanes];
    store(some, rest);
    for (int64_t i = 0; i < n; ++i) some[i] = p[i];
    return load(some);
}
template <class T> ALWAYS void store_some(T *p, int64_t n, V x) {
    T some[lanes];
    store(some, x);
    for (int64_t i = 0; i < n; ++i) p[i] = some[i];
}

/// The first n lanes and zeros.
ALWAYS V only(V x, int64_t n) {
    for (int64_t i = n; i < lanes; ++i) x[i] = 0;
    return x;
}

/// 1 / (1 + e^-x), to 3 units in the last place.
ALWAYS V sigmoid(V x) {
    V t = x * -1.44269504f;
    t = __builtin_elementwise_min(__builtin_elementwise_max(t, splat(-126.0f)), splat(126.0f));
    const V shifted = t + 12582912.0f; // 1.5 * 2^23: the nearest whole number stands in the low bits
    const V f = t - (shifted - 12582912.0f);
    V p = splat(1.327647204836167e-3f); // 2^f on [-1/2, 1/2] to 8e-8, fitted by least squares with moving weights
    p = fma(p, f, splat(9.675541384677014e-3f));
    p = fma(p, f, splat(5.5507132737621805e-2f));
    p = fma(p, f, splat(0.24022119722914442f));
    p = fma(p, f, splat(0.6931469670643257f));
    p = fma(p, f, splat(1.0f));
    const V e = p * reinterpret_cast<V>((reinterpret_cast<U>(shifted) << 23) + (127u << 23));
#ifdef PUPIL_AVX512
    const V d = 1.0f + e;
    const V r = reinterpret_cast<V>(_mm512_rcp14_ps(reinterpret_cast<__m512>(d)));
    return r * fma(-d, r, splat(2.0f)); // one step of Newton's
#else
    return 1.0f / (1.0f + e);
#endif
}
template <int A> ALWAYS V activated(V z) {
    if constexpr (A == relu) return z > 0 ? z : (z == z ? V{} : z);
    if constexpr (A == silu) return z * sigmoid(z);
    return z;
}
/// The activation's derivative, its value in `y`.
template <int A> ALWAYS V derivative(V z, V &y) {
    if constexpr (A == relu) {
        y = z > 0 ? z : V{};
        return z > 0 ? splat(1.0f) : V{};
    }
    if constexpr (A == silu) {
        const V s = sigmoid(z);
        y = z * s;
        return fma(y, 1.0f - s, s);
    }
    y = z;
    return splat(1.0f);
}
