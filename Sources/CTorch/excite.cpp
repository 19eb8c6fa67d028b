#include "fused_map.h"

// Squeeze and excitation (Hu et al. 2018). As two operators, the mean and the gate; and, for mobile networks, with the
// normalisation and the activation before it as one: neither the activated map nor its gradient is ever stored. And the
// whole middle of a mobile block, which without gradients is one pass over its input and one over its output.

namespace pupil::fused {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

/// The map as it is: scale 1, shift 0.
struct Identity {
    std::vector<float> one, zero;
    Affine affine;
    explicit Identity(const Map &map)
        : one(static_cast<size_t>(map.period), 1.0f), zero(one.size()),
          affine{map.period, zero.data(), one.data(), zero.data(), none} {}
};

at::Tensor mean_of(const Map &map, const Affine &affine) {
    const auto sums = summed(map, 1, true, [&](const Block &b, float *out) {
        map.kernels.mean(map.at(b.start), b.count, affine, out);
    });
    return (sums[0] / static_cast<double>(map.height * map.width)).to(at::kFloat); // [N, C]
}

at::Tensor applied(const Map &map, const Affine &affine, const std::vector<float> &gate) {
    auto y = map.empty();
    char *to = bytes(y);
    each_block(blocks(map, true), [&](const Block &b, int64_t) {
        map.kernels.apply(map.at(b.start), to + map.offset(b.start), b.count, affine,
                          gate.data() + b.picture * map.period);
    });
    return y;
}

struct GlobalMean : torch::autograd::Function<GlobalMean> {
    static at::Tensor forward(AutogradContext *context, const at::Tensor &x) {
        const Map map(x);
        context->saved_data["sizes"] = x.sizes();
        const Identity as_it_is(map);
        return mean_of(map, as_it_is.affine).to(x.scalar_type()).view({map.pictures, map.channels, 1, 1});
    }
    static tensor_list backward(AutogradContext *context, tensor_list gradients) {
        const auto sizes = context->saved_data["sizes"].toIntVector();
        return {(gradients[0] / static_cast<double>(sizes[2] * sizes[3])).expand(sizes)};
    }
};

struct Gate : torch::autograd::Function<Gate> {
    static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &logits) {
        const Map map(x);
        context->save_for_backward({map.value, logits});
        const Identity as_it_is(map);
        return applied(map, as_it_is.affine, map.repeated(at::sigmoid(logits.to(at::kFloat))));
    }
    static tensor_list backward(AutogradContext *context, tensor_list gradients) {
        const auto saved = context->get_saved_variables();
        const Map map(saved[0]), above(gradients[0], map);
        const Identity as_it_is(map);
        const auto gate = at::sigmoid(saved[1].to(at::kFloat));
        const auto sums = summed(map, 2, true, [&](const Block &b, float *out) {
            map.kernels.back_sums(map.at(b.start), above.at(b.start), b.count, as_it_is.affine, out);
        });
        const auto logits = sums[1].view(gate.sizes()) * gate * (1 - gate);
        return {applied(above, as_it_is.affine, map.repeated(gate)), logits.to(saved[1].scalar_type())};
    }
};

/// What the small layers have inside, all float, from a mean [N, C].
struct Inner {
    at::Tensor reduce, expand; // [R, C], [C, R]
    at::Tensor hidden, active, gate;
    Inner(const at::Tensor &mean, const Bottleneck &b)
        : reduce(b.reduce_weight.flatten(1).to(at::kFloat)), expand(b.expand_weight.flatten(1).to(at::kFloat)),
          hidden(at::addmm(b.reduce_bias.to(at::kFloat), mean, reduce.t())), active(at::silu(hidden)),
          gate(at::sigmoid(at::addmm(b.expand_bias.to(at::kFloat), active, expand.t()))) {}
};

struct NormExcite : torch::autograd::Function<NormExcite> {
    static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight,
                              const at::Tensor &bias, at::Tensor mean, at::Tensor variance, const at::Tensor &w1,
                              const at::Tensor &b1, const at::Tensor &w2, const at::Tensor &b2, bool training,
                              double momentum, double eps) {
        c10::impl::ExcludeDispatchKeyGuard without_autocast(c10::DispatchKey::AutocastCPU);
        const Map map(x);
        const auto numbers = moments(map, mean, variance, training, momentum, eps);
        const Normalisation norm(map, weight, bias, numbers, silu);
        const auto squeezed = mean_of(map, norm.affine);
        const Inner inner(squeezed, {w1, b1, w2, b2});
        context->save_for_backward(
            {map.value, weight, bias, numbers.mean, numbers.inverse, w1, b1, w2, b2, squeezed});
        context->saved_data["training"] = training;
        return applied(map, norm.affine, map.repeated(inner.gate));
    }

    static tensor_list backward(AutogradContext *context, tensor_list gradients) {
        c10::impl::ExcludeDispatchKeyGuard without_autocast(c10::DispatchKey::AutocastCPU);
        const auto saved = context->get_saved_variables();
        const auto &weight = saved[1], &bias = saved[2], &w1 = saved[5], &b1 = saved[6], &w2 = saved[7], &b2 = saved[8];
        const auto &squeezed = saved[9];
        const Map map(saved[0]), above(gradients[0], map);
        const Moments numbers{saved[3], saved[4]};
        const Normalisation norm(map, weight, bias, numbers, silu);
        const auto sums = summed(map, 5, true, [&](const Block &b, float *out) {
            map.kernels.excite_sums(map.at(b.start), above.at(b.start), b.count, norm.affine, out);
        });
        // The small layers, by hand.
        const Inner inner(squeezed, {w1, b1, w2, b2});
        const auto &gate = inner.gate;
        const auto d_logits = sums[0].to(at::kFloat) * gate * (1 - gate);
        const auto d_hidden = at::silu_backward(at::mm(d_logits, inner.expand), inner.hidden);
        const auto add = at::mm(d_hidden, inner.reduce) / static_cast<double>(map.height * map.width); // to each pixel
        // The gradient of the activated map is dy gate + add, both numbers of a channel of a picture; so the sums that
        // the normalisation needs follow from those of dy a' and a'.
        const auto gate64 = gate.to(at::kDouble), add64 = add.to(at::kDouble);
        const auto sum = (sums[1] * gate64 + sums[2] * add64).sum(0);
        const auto inverse = numbers.inverse.to(at::kDouble);
        const auto weight_gradient = (sums[3] * gate64 + sums[4] * add64).sum(0) * inverse;
        const double n = context->saved_data["training"].toBool() ? map.pixels() : INFINITY;
        const auto factor = weight.to(at::kDouble) * inverse;
        const auto slope = -factor * inverse * weight_gradient / n;
        const auto slopes = map.repeated(slope);
        const auto offsets = map.repeated(-factor * sum / n);
        at::Tensor dx;
        if (context->needs_input_grad(0)) {
            dx = map.empty();
            char *to = bytes(dx);
            const auto gates = map.repeated(gate), adds = map.repeated(add);
            each_block(blocks(map, true), [&](const Block &b, int64_t) {
                map.kernels.back_apply(map.at(b.start), above.at(b.start), to + map.offset(b.start), b.count,
                                       norm.affine, gates.data() + b.picture * map.period,
                                       adds.data() + b.picture * map.period, slopes.data(), offsets.data());
            });
        }
        const auto as = [](const at::Tensor &gradient, const at::Tensor &parameter) {
            return gradient.reshape(parameter.sizes()).to(parameter.scalar_type());
        };
        at::Tensor no;
        return {dx, as(weight_gradient, weight), as(sum, bias), no, no, as(at::mm(d_hidden.t(), squeezed), w1),
                as(d_hidden.sum(0), b1), as(at::mm(d_logits.t(), inner.active), w2), as(d_logits.sum(0), b2), no, no,
                no};
    }
};

} // namespace

at::Tensor global_mean(const at::Tensor &x) {
    TORCH_CHECK(x.dim() == 4, "global_mean: a map is [N, C, H, W], not ", x.sizes());
    if (fusable(x)) return GlobalMean::apply(x);
    return at::mean(x, {2, 3}, /*keepdim=*/true);
}

at::Tensor scale_by_gate(const at::Tensor &x, const at::Tensor &gate) {
    TORCH_CHECK(x.dim() == 4 && gate.dim() == 4 && gate.size(0) == x.size(0) && gate.size(1) == x.size(1) &&
                    gate.size(2) == 1 && gate.size(3) == 1,
                "scale_by_gate: a map [N, C, H, W] needs a gate [N, C, 1, 1]; there are ", x.sizes(), " and ",
                gate.sizes());
    if (fusable(x)) return Gate::apply(x, gate);
    return x * at::sigmoid(gate).to(x.scalar_type());
}

at::Tensor gate_of(const at::Tensor &mean, const Bottleneck &bottleneck) {
    c10::impl::ExcludeDispatchKeyGuard without_autocast(c10::DispatchKey::AutocastCPU);
    return Inner(mean, bottleneck).gate;
}

at::Tensor batch_norm_excite(const at::Tensor &x, const Norm &n, const Bottleneck &b) {
    check_parameters("batch_norm_excite", x, {n.weight, n.bias, n.mean, n.variance, b.expand_bias});
    const int64_t c = x.size(1), r = b.reduce_bias.numel();
    const auto &w1 = b.reduce_weight, &w2 = b.expand_weight;
    TORCH_CHECK(w1.numel() == r * c && w1.size(0) == r && w2.numel() == r * c && w2.size(0) == c,
                "batch_norm_excite: ", c, " channels and ", r, " inside need weights [", r, ", ", c, ", 1, 1] and [", c,
                ", ", r, ", 1, 1], not ", w1.sizes(), " and ", w2.sizes());
    if (fusable(x))
        return NormExcite::apply(x, n.weight, n.bias, n.mean, n.variance, w1, b.reduce_bias, w2, b.expand_bias,
                                 n.training, n.momentum, n.eps);
    const auto y = at::silu(at::batch_norm(x, n.weight, n.bias, n.mean, n.variance, n.training, n.momentum, n.eps,
                                           /*cudnn_enabled=*/true));
    const auto m = at::mean(y, {2, 3}, /*keepdim=*/true);
    const auto hidden = at::silu(at::conv2d(m, w1.view({r, c, 1, 1}), b.reduce_bias));
    return y * at::sigmoid(at::conv2d(hidden, w2.view({c, r, 1, 1}), b.expand_bias));
}

at::Tensor depthwise_block(const at::Tensor &x, const Norm *before, const at::Tensor &weight, int64_t stride,
                           at::IntArrayRef sides, const Norm &after, const Bottleneck &bottleneck) {
    const bool learns = at::GradMode::is_enabled() || after.training || (before && before->training);
    if (learns || !fusable(x) || !has_kernel(weight, stride, sides)) {
        const auto z = before ? batch_norm_act(x, *before, silu) : x;
        return batch_norm_excite(depthwise_conv2d(z, weight, stride, sides), after, bottleneck);
    }
    check_depthwise(x, weight, stride, sides);
    check_parameters("depthwise_block", x, {after.weight, after.bias, after.mean, after.variance});
    const Map map(x);
    const auto normalisation = [&](const Norm &n) {
        auto mean = n.mean, variance = n.variance;
        return Normalisation(map, n.weight, n.bias, moments(map, mean, variance, false, 0, n.eps), silu);
    };
    std::optional<Normalisation> first;
    if (before) {
        check_parameters("depthwise_block", x, {before->weight, before->bias, before->mean, before->variance});
        first.emplace(normalisation(*before));
    }
    const auto second = normalisation(after);
    at::Tensor mean;
    auto y = convolved(map, weight, stride, sides, first ? &first->affine : nullptr, &second.affine, &mean);
    const Map out(y);
    const auto gate = out.repeated(gate_of(mean, bottleneck));
    const Identity as_it_is(out);
    char *to = bytes(y);
    each_block(blocks(out, true), [&](const Block &b, int64_t) {
        out.kernels.apply(out.at(b.start), to + out.offset(b.start), b.count, as_it_is.affine,
                          gate.data() + b.picture * out.period);
    });
    return y;
}

} // namespace pupil::fused

extern "C" {
pupil_tensor *pupil_global_mean(pupil_tensor *x) {
    return pupil::make([&] { return pupil::fused::global_mean(x->value); });
}
pupil_tensor *pupil_scale_by_gate(pupil_tensor *x, pupil_tensor *gate) {
    return pupil::make([&] { return pupil::fused::scale_by_gate(x->value, gate->value); });
}
pupil_tensor *pupil_batch_norm_excite(pupil_tensor *x, pupil_tensor *weight, pupil_tensor *bias, pupil_tensor *mean,
                                      pupil_tensor *variance, pupil_tensor *reduce_weight, pupil_tensor *reduce_bias,
                                      pupil_tensor *expand_weight, pupil_tensor *expand_bias, bool training,
                                      double momentum, double eps) {
    return pupil::make([&] {
        return pupil::fused::batch_norm_excite(
            x->value, {weight->value, bias->value, mean->value, variance->value, training, momentum, eps},
            {reduce_weight->value, reduce_bias->value, expand_weight->value, expand_bias->value});
    });
}
pupil_tensor *pupil_depthwise_block(pupil_tensor *x, const pupil_norm *before, pupil_tensor *weight, int64_t stride,
                                    int64_t top, int64_t bottom, int64_t left, int64_t right, const pupil_norm *after,
                                    pupil_tensor *reduce_weight, pupil_tensor *reduce_bias,
                                    pupil_tensor *expand_weight, pupil_tensor *expand_bias, bool training) {
    return pupil::make([&] {
        const auto norm = [training](const pupil_norm &n) {
            return pupil::fused::Norm{n.weight->value, n.bias->value, n.mean->value, n.variance->value,
                                      training,        n.momentum,    n.eps};
        };
        std::optional<pupil::fused::Norm> first;
        if (before) first = norm(*before);
        const int64_t sides[] = {top, bottom, left, right};
        return pupil::fused::depthwise_block(
            x->value, first ? &*first : nullptr, weight->value, stride, sides, norm(*after),
            {reduce_weight->value, reduce_bias->value, expand_weight->value, expand_bias->value});
    });
}
}
