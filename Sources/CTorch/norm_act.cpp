#include "fused_map.h"

// Batch normalisation and the activation after it in one pass; the backward pass computes the activation again from the
// input, so that no second tensor of the map's size is kept.

namespace pupil::fused {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

struct NormAct : torch::autograd::Function<NormAct> {
    static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight,
                              const at::Tensor &bias, at::Tensor mean, at::Tensor variance, bool training,
                              double momentum, double eps, int64_t activation) {
        const Map map(x);
        const auto numbers = moments(map, mean, variance, training, momentum, eps);
        const Normalisation norm(map, weight, bias, numbers, static_cast<Activation>(activation));
        auto y = map.empty();
        char *to = bytes(y);
        each_block(blocks(map, false), [&](const Block &b, int64_t) {
            map.kernels.apply(map.at(b.start), to + map.offset(b.start), b.count, norm.affine, nullptr);
        });
        context->save_for_backward({map.value, weight, bias, numbers.mean, numbers.inverse});
        context->saved_data["training"] = training;
        context->saved_data["activation"] = activation;
        return y;
    }

    static tensor_list backward(AutogradContext *context, tensor_list gradients) {
        const auto saved = context->get_saved_variables();
        const auto &weight = saved[1], &bias = saved[2];
        const Map map(saved[0]), above(gradients[0], map);
        const Moments numbers{saved[3], saved[4]};
        const Normalisation norm(map, weight, bias, numbers,
                                 static_cast<Activation>(context->saved_data["activation"].toInt()));
        const bool training = context->saved_data["training"].toBool();
        at::Tensor sums;
        if (training || context->needs_input_grad(1) || context->needs_input_grad(2))
            sums = summed(map, 2, false, [&](const Block &b, float *out) {
                map.kernels.back_sums(map.at(b.start), above.at(b.start), b.count, norm.affine, out);
            });
        else // frozen: a pass over two maps for nothing
            sums = at::zeros({2, map.channels}, at::kDouble);
        const auto inverse = numbers.inverse.to(at::kDouble);
        const auto weight_gradient = sums[1] * inverse; // the sum of g times the normalised x
        // In training the mean and the variance move with x: dx = scale (g - mean g - xhat mean(g xhat)).
        const double n = training ? map.pixels() : INFINITY;
        const auto factor = weight.to(at::kDouble) * inverse;
        const auto slope = -factor * inverse * weight_gradient / n;
        const auto slopes = map.repeated(slope);
        const auto offsets = map.repeated(-factor * sums[0] / n);
        at::Tensor dx;
        if (context->needs_input_grad(0)) {
            dx = map.empty();
            char *to = bytes(dx);
            each_block(blocks(map, false), [&](const Block &b, int64_t) {
                map.kernels.back_apply(map.at(b.start), above.at(b.start), to + map.offset(b.start), b.count,
                                       norm.affine, nullptr, nullptr, slopes.data(), offsets.data());
            });
        }
        at::Tensor no;
        return {dx, weight_gradient.to(weight.scalar_type()), sums[0].to(bias.scalar_type()), no, no, no, no, no, no};
    }
};

} // namespace

at::Tensor batch_norm_act(const at::Tensor &x, const Norm &n, int64_t activation) {
    check_parameters("batch_norm_act", x, {n.weight, n.bias, n.mean, n.variance});
    TORCH_CHECK(activation >= none && activation <= silu, "batch_norm_act: no activation ", activation);
    if (fusable(x))
        return NormAct::apply(x, n.weight, n.bias, n.mean, n.variance, n.training, n.momentum, n.eps, activation);
    if (x.is_meta()) return at::empty_like(x); // libtorch has no shape function for it outside Python
    const auto y = at::batch_norm(x, n.weight, n.bias, n.mean, n.variance, n.training, n.momentum, n.eps,
                                  /*cudnn_enabled=*/true);
    return activation == relu ? at::relu(y) : activation == silu ? at::silu(y) : y;
}

} // namespace pupil::fused

extern "C" pupil_tensor *pupil_batch_norm_act(pupil_tensor *x, pupil_tensor *weight, pupil_tensor *bias,
                                              pupil_tensor *mean, pupil_tensor *variance, bool training,
                                              double momentum, double eps, int activation) {
    return pupil::make([&] {
        return pupil::fused::batch_norm_act(
            x->value, {weight->value, bias->value, mean->value, variance->value, training, momentum, eps}, activation);
    });
}
