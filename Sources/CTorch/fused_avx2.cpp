#include "fused.h"

#if defined(__x86_64__)
#pragma clang diagnostic ignored "-Wpsabi" // vectors are passed in functions that are always inlined
#define TILE 4
#define WEIGHT_ROWS 1
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
namespace pupil::fused {
namespace middle {
#include "fused_kernels.h"
} // namespace middle
const Kernels avx2[2] = {middle::table<float>(), middle::table<middle::Half>()};
} // namespace pupil::fused
#pragma clang attribute pop
#endif
