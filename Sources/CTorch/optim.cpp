#include "shim.h"
#include <c10/core/GradMode.h>

using namespace pupil;

namespace {
std::vector<at::Tensor> gradients(pupil_tensor *const *params, int count) {
    std::vector<at::Tensor> out;
    for (int i = 0; i < count; ++i) {
        auto g = params[i]->value.grad();
        TORCH_CHECK(g.defined(), "parameter ", i, " of ", count, " has no gradient");
        out.push_back(g);
    }
    return out;
}
} // namespace

extern "C" {

int pupil_sgd(pupil_tensor *const *params, pupil_tensor *const *momentum, int count, double lr, double mu, double decay,
              bool nesterov, bool first) {
    return run([&] {
        if (count == 0) return;
        c10::NoGradGuard guard;
        auto p = list(params, count), g = gradients(params, count), m = list(momentum, count);
        at::_fused_sgd_(p, g, m, decay, mu, lr, /*dampening=*/0.0, nesterov, /*maximize=*/false, first);
    });
}

int pupil_adamw(pupil_tensor *const *params, pupil_tensor *const *m, pupil_tensor *const *v, pupil_tensor *const *steps,
                int count, double lr, double beta1, double beta2, double decay, double eps) {
    return run([&] {
        if (count == 0) return;
        c10::NoGradGuard guard;
        auto p = list(params, count), g = gradients(params, count);
        auto first = list(m, count), second = list(v, count), step = list(steps, count);
        at::_foreach_add_(step, 1);
        at::_fused_adamw_(p, g, first, second, {}, step, lr, beta1, beta2, decay, eps, /*amsgrad=*/false,
                          /*maximize=*/false);
    });
}

int pupil_average(pupil_tensor *const *averages, pupil_tensor *const *values, int count, double weight) {
    return run([&] {
        if (count == 0) return;
        c10::NoGradGuard guard;
        auto a = list(averages, count), b = list(values, count);
        at::_foreach_lerp_(a, b, weight);
    });
}

pupil_tensor *pupil_grad_norm(pupil_tensor *const *params, int count) {
    return make([&] {
        c10::NoGradGuard guard;
        auto norms = at::_foreach_norm(gradients(params, count), 2);
        return at::linalg_vector_norm(at::stack(norms), 2);
    });
}

int pupil_scale_grads(pupil_tensor *const *params, int count, pupil_tensor *factor) {
    return run([&] {
        c10::NoGradGuard guard;
        auto g = gradients(params, count);
        at::_foreach_mul_(g, factor->value);
    });
}
}
