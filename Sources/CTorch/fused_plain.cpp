#include "fused.h"

#include "CTorch.h"
#include <algorithm>
#include <atomic>

#ifndef __aarch64__
#define PLAIN_MULTIPLY_ADD
#endif
#pragma clang diagnostic ignored "-Wpsabi" // vectors are passed in functions that are always inlined
#define TILE 2
#define WEIGHT_ROWS 1
namespace pupil::fused {
namespace narrow {
#include "fused_kernels.h"
} // namespace narrow
const Kernels plain[2] = {narrow::table<float>(), narrow::table<narrow::Half>()};

namespace {

constexpr const Kernels *sets[] = {
    plain,
#if defined(__x86_64__)
    avx2,
    avx512,
#endif
};

int best() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bf16"))
        return 2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
    return 0;
}

std::atomic<int> &chosen() {
    static std::atomic<int> set{best()};
    return set;
}

} // namespace

const Kernels &kernels(bool bfloat16) { return sets[chosen()][bfloat16]; }

} // namespace pupil::fused

extern "C" int pupil_fused_set(void) { return pupil::fused::chosen(); }
extern "C" void pupil_choose_fused_set(int set) {
    pupil::fused::chosen() = std::max(0, std::min(set, pupil::fused::best()));
}
