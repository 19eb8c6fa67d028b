// The kernels of fused layers, written once in vectors of 16 floats. fused_avx512.cpp, fused_avx2.cpp and
// fused_plain.cpp each include this inside a namespace and a `target` pragma of their own, so that the compiler makes
// one, two or four registers of each vector. Everything is inline or a template in that namespace: nothing leaks from a
// wide file into a plain one. TILE is how many vectors of sums the registers hold, WEIGHT_ROWS how many rows of a 5 x 5
// kernel's.

#include "fused_vectors.h"

#include "fused_passes.h"

#include "fused_depthwise.h"

#include "fused_focal.h"

template <class T> constexpr Kernels table() {
    return {scratch_floats, convolve<T>, convolve_back<T>, convolve_weight<T>, statistics<T>,
            apply<T>,       mean<T>,     back_sums<T>,     excite_sums<T>,     back_apply<T>,
            focal_background};
}
