// What the fused layers share: a map with its kernels, passes over it in blocks, and the backward plumbing.
#pragma once

#include "fused.h"
#include "shim.h"

#include <numeric>
#include <torch/csrc/autograd/custom_function.h>

namespace pupil::fused {

/// Whether the kernels are for this tensor; others take libtorch's operators.
inline bool fusable(const at::Tensor &x) {
    return x.is_cpu() && x.dim() == 4 && x.numel() > 0 &&
           (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

/// `[N, C, H, W]`, channels-last, float or bfloat16.
struct Map {
    at::Tensor value;
    const Kernels &kernels;
    int64_t pictures, channels, height, width;
    /// Elements of a picture.
    int64_t each;
    /// A multiple of the channels and of 16: parameters are repeated to this length.
    int64_t period;

    explicit Map(const at::Tensor &x)
        : value(x.contiguous(at::MemoryFormat::ChannelsLast)),
          kernels(fused::kernels(x.scalar_type() == at::kBFloat16)), pictures(x.size(0)), channels(x.size(1)),
          height(x.size(2)), width(x.size(3)), each(channels * height * width),
          period(std::lcm(channels, int64_t{16})) {}

    /// The gradient of a map, brought to the type and layout of `like`.
    Map(const at::Tensor &gradient, const Map &like) : Map(gradient.to(like.value.scalar_type())) {}

    /// Of all pictures.
    double pixels() const { return static_cast<double>(pictures * height * width); }
    at::Tensor empty(int64_t h, int64_t w) const {
        return at::empty({pictures, channels, h, w}, value.options(), at::MemoryFormat::ChannelsLast);
    }
    at::Tensor empty() const { return empty(height, width); }
    const char *at(int64_t element) const {
        return static_cast<const char *>(value.const_data_ptr()) + offset(element);
    }
    int64_t offset(int64_t element) const { return element * static_cast<int64_t>(value.element_size()); }

    /// Numbers `[..., C]` repeated so that each row is `period` long.
    std::vector<float> repeated(const at::Tensor &numbers) const;
};

inline const float *floats(const at::Tensor &t) { return static_cast<const float *>(t.const_data_ptr()); }
inline char *bytes(const at::Tensor &t) { return static_cast<char *>(t.mutable_data_ptr()); }

/// A part of a map of fixed size, so that sums do not depend on the number of threads.
struct Block {
    int64_t picture, start, count;
};

/// The blocks of a map as one long array, or picture by picture.
std::vector<Block> blocks(const Map &map, bool by_picture);

/// body(block) over all blocks, in parallel.
template <class Body> void each_block(const std::vector<Block> &list, Body body) {
    parallel_for(static_cast<int64_t>(list.size()), 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) body(list[static_cast<size_t>(i)], i);
    });
}

/// Runs body(block, sums), which fills `kinds` * period sums, over the blocks; double `[kinds, C]`, or
/// `[kinds, N, C]` by picture.
at::Tensor summed(const Map &map, int64_t kinds, bool by_picture,
                  const std::function<void(const Block &, float *)> &body);

/// A normalisation's numbers: float `[C]`.
struct Moments {
    at::Tensor mean, inverse; // inverse: 1 / sqrt(variance + eps)
};

/// Of the batch, moving the running ones; or the running ones.
Moments moments(const Map &map, at::Tensor &mean, at::Tensor &variance, bool training, double momentum, double eps);

/// Parameters of a normalisation, repeated for the kernels.
struct Normalisation {
    std::vector<float> centre, scale, shift;
    Affine affine;
    Normalisation(const Map &map, const at::Tensor &weight, const at::Tensor &bias, const Moments &moments,
                  Activation activation);
};

// The fused layers themselves; what they are stands in CTorch.h.

struct Norm {
    at::Tensor weight, bias, mean, variance;
    bool training;
    double momentum, eps;
};
/// The two small layers between mean and gate: [N, C] -> [N, R] -> [N, C].
struct Bottleneck {
    at::Tensor reduce_weight, reduce_bias, expand_weight, expand_bias;
};

at::Tensor depthwise_conv2d(const at::Tensor &x, const at::Tensor &weight, int64_t stride, at::IntArrayRef sides);
at::Tensor batch_norm_act(const at::Tensor &x, const Norm &norm, int64_t activation);
at::Tensor batch_norm_excite(const at::Tensor &x, const Norm &norm, const Bottleneck &bottleneck);
at::Tensor global_mean(const at::Tensor &x);
at::Tensor scale_by_gate(const at::Tensor &x, const at::Tensor &gate);
at::Tensor depthwise_block(const at::Tensor &x, const Norm *before, const at::Tensor &weight, int64_t stride,
                           at::IntArrayRef sides, const Norm &after, const Bottleneck &bottleneck);

/// The gate of a mean [N, C], float.
at::Tensor gate_of(const at::Tensor &mean, const Bottleneck &bottleneck);
/// Depthwise convolution outside autograd, with what `Kernels::convolve` does before and after; `mean`, of what comes
/// out, is made where there is an `after`.
at::Tensor convolved(const Map &map, const at::Tensor &weight, int64_t stride, at::IntArrayRef sides,
                     const Affine *before, const Affine *after, at::Tensor *mean);

void check_depthwise(const at::Tensor &x, const at::Tensor &weight, int64_t stride, at::IntArrayRef sides);
/// Whether the kernels have this size of kernel, stride and border.
bool has_kernel(const at::Tensor &weight, int64_t stride, at::IntArrayRef sides);
void check_parameters(const char *name, const at::Tensor &x, std::initializer_list<at::Tensor> parameters);

} // namespace pupil::fused
