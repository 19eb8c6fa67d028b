#include "fused_map.h"

#include <cstdlib>
#include <cstring>
#include <memory>

// Depthwise convolution in channels-last. A picture's rows are cut into bands of fixed height, which are the work of
// the threads and the terms of the weights' gradient.

namespace pupil::fused {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

/// Weights [C, 1, k, k] as the kernels want them: [C / 16, k * k, 16], zeros where there is no channel.
at::Tensor packed(const at::Tensor &weight) {
    const int64_t channels = weight.size(0), taps = weight.size(2) * weight.size(3), blocks = (channels + 15) / 16;
    auto out = at::zeros({blocks * 16, taps}, at::kFloat);
    out.narrow(0, 0, channels).copy_(weight.reshape({channels, taps}));
    return out.view({blocks, 16, taps}).transpose(1, 2).contiguous();
}

at::Tensor unpacked(const at::Tensor &gradient, const at::Tensor &weight) {
    const int64_t blocks = gradient.size(0), taps = gradient.size(1);
    return gradient.transpose(1, 2).reshape({blocks * 16, taps}).narrow(0, 0, weight.size(0)).reshape(weight.sizes());
}

/// body(picture, row, end, band, scratch) over the bands of all pictures.
template <class Body>
void each_band(const Map &map, const Depthwise &shape, int64_t rows, int64_t height, Body body) {
    const int64_t bands = (rows + height - 1) / height;
    parallel_for(map.pictures * bands, 1, [&](int64_t begin, int64_t end) {
        // Aligned to cache lines: a vector across two of them costs twice.
        const auto size = static_cast<size_t>(map.kernels.scratch_floats(shape)) * sizeof(float);
        std::unique_ptr<void, decltype(&std::free)> memory(std::aligned_alloc(64, (size + 63) / 64 * 64), std::free);
        if (!memory) throw std::bad_alloc();
        std::memset(memory.get(), 0, size);
        auto *scratch = static_cast<float *>(memory.get());
        for (int64_t i = begin; i < end; ++i) {
            const int64_t row = i % bands * height;
            body(i / bands, row, std::min(rows, row + height), i, scratch);
        }
    });
}

constexpr int64_t band = 32;

Depthwise shape_of(const Map &map, const at::Tensor &weight, int64_t stride, at::IntArrayRef sides) {
    const int64_t k = weight.size(2);
    return {map.channels, map.height, map.width, (map.height + sides[0] + sides[1] - k) / stride + 1,
            (map.width + sides[2] + sides[3] - k) / stride + 1, k, stride, sides[0], sides[2]};
}

/// By libtorch's operators, in the dtype of x.
at::Tensor by_libtorch(const at::Tensor &x, const at::Tensor &weight, int64_t stride, at::IntArrayRef sides) {
    c10::impl::ExcludeDispatchKeyGuard without_autocast(c10::DispatchKey::AutocastCPU);
    const auto w = weight.to(x.scalar_type());
    const int64_t strides[] = {stride, stride}, zero[] = {0, 0}, one[] = {1, 1}, symmetric[] = {sides[0], sides[2]};
    if (sides[0] == sides[1] && sides[2] == sides[3])
        return at::conv2d(x, w, {}, strides, symmetric, one, x.size(1));
    const int64_t pads[] = {sides[2], sides[3], sides[0], sides[1]};
    return at::conv2d(at::constant_pad_nd(x, pads), w, {}, strides, zero, one, x.size(1));
}

struct DepthwiseConvolution : torch::autograd::Function<DepthwiseConvolution> {
    static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight, int64_t stride,
                              at::IntArrayRef sides) {
        const Map map(x);
        context->save_for_backward({map.value, weight});
        context->saved_data["stride"] = stride;
        context->saved_data["sides"] = sides;
        // Alone and in fp32, libtorch's forward pass is up to a third faster: it has no ring to fill.
        if (x.scalar_type() == at::kFloat && sides[0] == sides[1] && sides[2] == sides[3])
            return by_libtorch(map.value, weight, stride, sides).contiguous(at::MemoryFormat::ChannelsLast);
        return convolved(map, weight, stride, sides, nullptr, nullptr, nullptr);
    }

    static tensor_list backward(AutogradContext *context, tensor_list gradients) {
        const auto saved = context->get_saved_variables();
        const Map map(saved[0]), above(gradients[0], map);
        const auto &weight = saved[1];
        const auto sides = context->saved_data["sides"].toIntVector();
        const auto s = shape_of(map, weight, context->saved_data["stride"].toInt(), sides);
        at::Tensor dx, dw;
        if (context->needs_input_grad(0)) {
            const auto w = packed(weight);
            dx = map.empty();
            char *to = bytes(dx);
            each_band(map, s, s.height, band, [&](int64_t picture, int64_t row, int64_t end, int64_t, float *scratch) {
                map.kernels.convolve_back(s, above.at(picture * above.each), floats(w),
                                          to + map.offset(picture * map.each), row, end, scratch);
            });
        }
        if (context->needs_input_grad(1)) {
            const int64_t bands = (s.out_height + band - 1) / band, blocks = (s.channels + 15) / 16;
            auto partial = at::empty({map.pictures * bands, blocks, s.kernel * s.kernel, 16}, at::kFloat);
            auto *parts = static_cast<float *>(partial.mutable_data_ptr());
            const int64_t length = blocks * s.kernel * s.kernel * 16;
            each_band(map, s, s.out_height, band,
                      [&](int64_t picture, int64_t row, int64_t end, int64_t i, float *scratch) {
                          map.kernels.convolve_weight(s, map.at(picture * map.each), above.at(picture * above.each),
                                                      parts + i * length, row, end, scratch);
                      });
            dw = unpacked(partial.sum(0), weight).to(weight.scalar_type());
        }
        return {dx, dw, at::Tensor(), at::Tensor()};
    }
};

} // namespace

at::Tensor convolved(const Map &map, const at::Tensor &weight, int64_t stride, at::IntArrayRef sides,
                     const Affine *before, const Affine *after, at::Tensor *mean) {
    const auto s = shape_of(map, weight, stride, sides);
    const auto w = packed(weight);
    auto y = map.empty(s.out_height, s.out_width);
    char *to = bytes(y);
    const int64_t each = s.channels * s.out_height * s.out_width;
    const int64_t bands = (s.out_height + band - 1) / band, padded = (s.channels + 15) / 16 * 16;
    std::vector<float> sums(static_cast<size_t>(after ? map.pictures * bands * padded : 0));
    each_band(map, s, s.out_height, band, [&](int64_t picture, int64_t row, int64_t end, int64_t i, float *scratch) {
        map.kernels.convolve(s, map.at(picture * map.each), before, floats(w), to + map.offset(picture * each), after,
                             after ? sums.data() + i * padded : nullptr, row, end, scratch);
    });
    if (after)
        *mean = at::from_blob(sums.data(), {map.pictures, bands, padded}, at::kFloat)
                    .sum(1)
                    .narrow(1, 0, s.channels)
                    .div(static_cast<double>(s.out_height * s.out_width));
    return y;
}

at::Tensor depthwise_conv2d(const at::Tensor &x, const at::Tensor &weight, int64_t stride, at::IntArrayRef sides) {
    check_depthwise(x, weight, stride, sides);
    if (fusable(x) && has_kernel(weight, stride, sides)) return DepthwiseConvolution::apply(x, weight, stride, sides);
    if (x.is_meta()) { // libtorch has no shape function for it outside Python
        const int64_t k = weight.size(2);
        return at::empty({x.size(0), x.size(1), (x.size(2) + sides[0] + sides[1] - k) / stride + 1,
                          (x.size(3) + sides[2] + sides[3] - k) / stride + 1}, x.options());
    }
    return by_libtorch(x, weight, stride, sides);
}

bool has_kernel(const at::Tensor &weight, int64_t stride, at::IntArrayRef sides) {
    const int64_t k = weight.size(2);
    return (k == 3 || k == 5) && weight.size(3) == k && stride <= 2 &&
           std::all_of(sides.begin(), sides.end(), [k](int64_t n) { return n < k; });
}

void check_depthwise(const at::Tensor &x, const at::Tensor &weight, int64_t stride, at::IntArrayRef sides) {
    TORCH_CHECK(x.dim() == 4 && weight.dim() == 4 && weight.size(0) == x.size(1) && weight.size(1) == 1,
                "depthwise_conv2d: a map [N, C, H, W] needs weights [C, 1, k, k]; there are ", x.sizes(), " and ",
                weight.sizes());
    TORCH_CHECK(stride > 0 && std::all_of(sides.begin(), sides.end(), [](int64_t n) { return n >= 0; }),
                "depthwise_conv2d: stride ", stride, ", borders ", sides);
    TORCH_CHECK(x.size(2) + sides[0] + sides[1] >= weight.size(2) && x.size(3) + sides[2] + sides[3] >= weight.size(3),
                "depthwise_conv2d: a map ", x.sizes(), " with borders ", sides, " is smaller than the kernel ",
                weight.sizes());
}

} // namespace pupil::fused

extern "C" pupil_tensor *pupil_depthwise_conv2d(pupil_tensor *x, pupil_tensor *weight, int64_t stride, int64_t top,
                                                int64_t bottom, int64_t left, int64_t right) {
    return pupil::make([&] {
        const int64_t sides[] = {top, bottom, left, right};
        return pupil::fused::depthwise_conv2d(x->value, weight->value, stride, sides);
    });
}
