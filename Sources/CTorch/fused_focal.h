// The focal loss of logits that are all background. Part of fused_kernels.h.

/// e^x of -87 to 0, and 0 below; to 2 units in the last place.
ALWAYS V exponential(V x) {
    const V t = __builtin_elementwise_max(x, splat(-88.0f)) * 1.44269504f;
    const V shifted = t + 12582912.0f; // 1.5 * 2^23: the nearest whole number stands in the low bits
    const V n = shifted - 12582912.0f;
    const V r = fma(n, splat(2.12194440e-4f), fma(n, splat(-0.693359375f), x)); // x - n log 2, the first product exact
    // Taylor's; |r| is at most log(2) / 2.
    V p = splat(1.0f / 5040);
    p = fma(p, r, splat(1.0f / 720));
    p = fma(p, r, splat(1.0f / 120));
    p = fma(p, r, splat(1.0f / 24));
    p = fma(p, r, splat(1.0f / 6));
    p = fma(p, r, splat(0.5f));
    p = fma(p, r, splat(1.0f));
    p = fma(p, r, splat(1.0f));
    const V y = p * reinterpret_cast<V>((reinterpret_cast<U>(shifted) << 23) + (127u << 23));
    return x < -87.0f ? V{} : y;
}

/// log(1 + e) of 0 to 1: 2 atanh(e / (2 + e)), to 3 units in the last place.
ALWAYS V log_of_one_plus(V e) {
    const V s = e / (2.0f + e), q = s * s;
    V p = splat(2.0f / 15);
    p = fma(p, q, splat(2.0f / 13));
    p = fma(p, q, splat(2.0f / 11));
    p = fma(p, q, splat(2.0f / 9));
    p = fma(p, q, splat(2.0f / 7));
    p = fma(p, q, splat(2.0f / 5));
    p = fma(p, q, splat(2.0f / 3));
    return s * fma(p, q, splat(2.0f));
}

/// With p = sigmoid(x) and q = 1 - p: slopes (1 - a) p^g (p - g q log q), and the sum of -(1 - a) p^g log q.
static double focal_background(const float *logits, float *slopes, int64_t count, float alpha, float gamma) {
    const float share = 1.0f - alpha;
    double total = 0;
    for (int64_t at = 0; at < count;) {
        V sum{};
        // So few that a sum in floats loses nothing.
        for (const int64_t end = at + 16 * lanes; at < end && at < count; at += lanes) {
            const int64_t n = count - at < lanes ? count - at : lanes;
            const V x = part(logits + at, n);
            const V far = x < 0 ? x : -x;
            const V e = exponential(far), more = log_of_one_plus(e);
            const V up = __builtin_elementwise_max(x, V{}) + more;  // softplus(x), which is -log q
            const V down = __builtin_elementwise_max(-x, V{}) + more; // softplus(-x), which is -log p
            const V near = 1.0f / (1.0f + e), less = e * near;
            const V p = x < 0 ? less : near, q = x < 0 ? near : less;
            const V weight = share * exponential(-gamma * down);
            V loss = weight * up;
            V slope = weight * fma(gamma * q, up, p);
            // NaN and what is infinite stay what they are.
            loss = x == x ? loss : x;
            slope = x == x ? slope : x;
            put(slopes + at, n, slope);
            sum += n == lanes ? loss : only(loss, n);
        }
        float few[lanes];
        store(few, sum);
        for (float x : few) total += static_cast<double>(x);
    }
    return total;
}
