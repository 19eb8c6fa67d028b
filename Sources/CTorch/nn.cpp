#include "shim.h"

#include <ATen/autocast_mode.h>

using namespace pupil;

extern "C" {

pupil_tensor *pupil_conv2d(pupil_tensor *x, pupil_tensor *weight, pupil_tensor *bias, int64_t stride,
                           const int64_t *padding, int64_t dilation, int64_t groups) {
    return make([&] {
        const int64_t strides[] = {stride, stride};
        const int64_t dilations[] = {dilation, dilation};
        const auto &input = x->value;
        if (input.is_meta()) { // libtorch has no shape function for it outside Python
            const auto &w = weight->value;
            auto side = [&](int d) {
                return (input.size(d) + 2 * padding[d - 2] - dilation * (w.size(d) - 1) - 1) / stride + 1;
            };
            return at::empty({input.size(0), w.size(0), side(2), side(3)}, input.options());
        }
        // oneDNN 3.10: the weights' gradient of a strided bf16 convolution over a picture one pixel wide reads memory
        // that nobody wrote (seen: 1e20 and NaN). Such pictures are tiny, so fp32 costs nothing.
        const bool half = input.scalar_type() == at::kBFloat16 || at::autocast::is_autocast_enabled(at::kCPU);
        const bool narrow = input.dim() == 4 && input.size(3) == 1;
        if (half && input.is_cpu() && narrow && stride > 1 && weight->value.size(3) > 1) {
            c10::impl::ExcludeDispatchKeyGuard without_autocast(c10::DispatchKey::AutocastCPU);
            auto b = bias ? std::optional<at::Tensor>(bias->value.to(at::kFloat)) : std::nullopt;
            const auto x32 = input.to(at::kFloat), w32 = weight->value.to(at::kFloat);
            return at::conv2d(x32, w32, b, strides, sizes(padding, 2), dilations, groups).to(at::kBFloat16);
        }
        return at::conv2d(input, weight->value, optional(bias), strides, sizes(padding, 2), dilations, groups);
    });
}
pupil_tensor *pupil_linear(pupil_tensor *x, pupil_tensor *weight, pupil_tensor *bias) {
    return make([&] { return at::linear(x->value, weight->value, optional(bias)); });
}
pupil_tensor *pupil_batch_norm(pupil_tensor *x, pupil_tensor *weight, pupil_tensor *bias, pupil_tensor *mean,
                               pupil_tensor *variance, bool training, double momentum, double eps) {
    return make([&] {
        if (x->value.is_meta()) return at::empty_like(x->value);
        return at::batch_norm(x->value, optional(weight), optional(bias), optional(mean), optional(variance), training,
                              momentum, eps, /*cudnn_enabled=*/true);
    });
}
pupil_tensor *pupil_group_norm(pupil_tensor *x, int64_t groups, pupil_tensor *weight, pupil_tensor *bias, double eps) {
    return make([&] {
        if (x->value.is_meta()) return at::empty_like(x->value);
        return at::group_norm(x->value, groups, optional(weight), optional(bias), eps);
    });
}
pupil_tensor *pupil_max_pool2d(pupil_tensor *x, int64_t kernel, int64_t stride, int64_t padding) {
    return make([&] { return at::max_pool2d(x->value, {kernel, kernel}, {stride, stride}, {padding, padding}); });
}
pupil_tensor *pupil_avg_pool2d(pupil_tensor *x, int64_t kernel, int64_t stride, int64_t padding) {
    return make([&] { return at::avg_pool2d(x->value, {kernel, kernel}, {stride, stride}, {padding, padding}); });
}
pupil_tensor *pupil_upsample_nearest(pupil_tensor *x, int64_t height, int64_t width) {
    return make([&] {
        const int64_t size[] = {height, width};
        return at::upsample_nearest2d(x->value, size);
    });
}
pupil_tensor *pupil_upsample_bilinear(pupil_tensor *x, int64_t height, int64_t width) {
    return make([&] {
        const int64_t size[] = {height, width};
        return at::upsample_bilinear2d(x->value, size, /*align_corners=*/false);
    });
}
pupil_tensor *pupil_softmax(pupil_tensor *x, int64_t dim) {
    return make([&] { return at::softmax(x->value, dim); });
}
pupil_tensor *pupil_log_softmax(pupil_tensor *x, int64_t dim) {
    return make([&] { return at::log_softmax(x->value, dim); });
}
pupil_tensor *pupil_cross_entropy(
    pupil_tensor *logits, pupil_tensor *target, int64_t ignore, double smoothing, bool mean) {
    return make([&] {
        return at::cross_entropy_loss(logits->value, target->value, {}, mean ? at::Reduction::Mean : at::Reduction::Sum,
                                      ignore, smoothing);
    });
}
}
