#include "fused.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define PUPIL_AVX512
#pragma clang diagnostic ignored "-Wpsabi" // vectors are passed in functions that are always inlined
#define TILE 8
#define WEIGHT_ROWS 5
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma"))),        \
                             apply_to = function)
namespace pupil::fused {
namespace wide {
#include "fused_kernels.h"
} // namespace wide
const Kernels avx512[2] = {wide::table<float>(), wide::table<wide::Half>()};
} // namespace pupil::fused
#pragma clang attribute pop
#endif
