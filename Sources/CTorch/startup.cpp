#include <cpuid.h>
#include <cstdlib>

// Before libtorch computes anything: oneDNN reads its settings at the first operator.

namespace {

/// A virtual machine may show AMX (leaf 7, EDX bit 24) and hide how its tiles are shaped (leaf 1DH). oneDNN 3.10 then
/// configures none, but its strided bf16 convolutions use them in the backward pass and the process dies of SIGILL.
/// Without AMX in oneDNN's eyes all is well, and as fast: it could not have used the tiles anyway.
bool amx_without_tiles() {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & (1u << 24))) return false;
    if (__get_cpuid_max(0, nullptr) < 0x1d) return true;
    __cpuid_count(0x1d, 1, a, b, c, d);
    return (b >> 16) == 0; // the number of tile registers
}

__attribute__((constructor)) void choose_instruction_set() {
    if (amx_without_tiles()) setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_FP16", /*overwrite=*/0);
}

} // namespace

extern "C" bool pupil_amx_is_hidden(void) { return amx_without_tiles(); }
