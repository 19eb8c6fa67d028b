#include "fused.h"
#include "shim.h"

#include <torch/csrc/autograd/custom_function.h>

// The focal loss of Lin et al. 2017 over sigmoid logits, value and gradient in one pass. libtorch's own operators make
// eight tensors of the size of the logits for it; on two cores and 80 classes that costs as much as a head's
// convolution. Nearly all logits are background, which is computed in vectors.

namespace {

/// log(1 + e^x) without overflow.
inline float softplus(float x) { return std::max(x, 0.0f) + std::log1p(std::exp(-std::abs(x))); }

/// Loss of a logit whose target is its class, and its derivative: with p = sigmoid(x) and q = 1 - p, -a q^g log p and
/// a q^g (g p log p - q).
inline float positive(float x, float alpha, float gamma, float &slope) {
    const float log_p = -softplus(-x);
    const float p = std::exp(log_p);
    const float weight = alpha * std::exp(gamma * -softplus(x)); // a q^g, exact for small q
    slope = weight * (gamma * p * log_p - (1.0f - p));
    return -weight * log_p;
}

struct FocalLoss : torch::autograd::Function<FocalLoss> {
    static at::Tensor forward(torch::autograd::AutogradContext *context, const at::Tensor &logits,
                              const at::Tensor &target, double alpha, double gamma) {
        TORCH_CHECK(logits.is_cpu() && target.is_cpu(), "focal_loss_sum: the fused kernel is for the processor");
        TORCH_CHECK(target.scalar_type() == at::kInt, "focal_loss_sum: targets must be int32");
        TORCH_CHECK(logits.dim() >= 1 && target.sizes() == logits.sizes().slice(0, logits.dim() - 1),
                    "focal_loss_sum: logits ", logits.sizes(),
                    " need targets of their shape without the last dimension, not ",
                    target.sizes());
        const auto x = logits.to(at::kFloat).contiguous();
        const auto y = target.contiguous();
        auto slope = at::empty_like(x);
        const int64_t classes = x.size(-1);
        const int64_t rows = y.numel();
        const float *px = static_cast<const float *>(x.const_data_ptr());
        const int *py = static_cast<const int *>(y.const_data_ptr());
        float *ps = static_cast<float *>(slope.mutable_data_ptr());
        // Partial sums per block of rows, not per thread: the same bits for any number of threads.
        constexpr int64_t block = 1024;
        const auto &kernels = pupil::fused::kernels(false);
        const auto a = static_cast<float>(alpha), g = static_cast<float>(gamma);
        const int64_t blocks = (rows + block - 1) / block;
        std::vector<double> partial(static_cast<size_t>(blocks));
        pupil::parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
            for (int64_t b = begin; b < end; ++b) {
                double sum = 0;
                const int64_t end_row = std::min(rows, (b + 1) * block);
                const auto background = [&](int64_t from, int64_t to) {
                    if (from < to) sum += kernels.focal_background(px + from, ps + from, to - from, a, g);
                };
                int64_t begun = b * block * classes; // of logits that are background, one after the other
                for (int64_t r = b * block; r < end_row; ++r) {
                    const int label = py[r];
                    if (label == -1) continue;
                    const int64_t row = r * classes;
                    if (label < -1) {
                        background(begun, row);
                        std::fill(ps + row, ps + row + classes, 0.0f);
                        begun = row + classes;
                    } else if (label < classes) {
                        const int64_t at = row + label;
                        background(begun, at);
                        sum += positive(px[at], a, g, ps[at]);
                        begun = at + 1;
                    }
                }
                background(begun, end_row * classes);
                partial[static_cast<size_t>(b)] = sum;
            }
        });
        double total = 0;
        for (double p : partial) total += p;
        context->save_for_backward({slope});
        context->saved_data["dtype"] = static_cast<int64_t>(logits.scalar_type());
        return at::scalar_tensor(total, x.options());
    }

    static torch::autograd::tensor_list backward(torch::autograd::AutogradContext *context,
                                                 torch::autograd::tensor_list gradients) {
        const auto slope = context->get_saved_variables()[0];
        const auto dtype = static_cast<at::ScalarType>(context->saved_data["dtype"].toInt());
        return {(slope * gradients[0]).to(dtype), at::Tensor(), at::Tensor(), at::Tensor()};
    }
};

} // namespace

extern "C" pupil_tensor *pupil_focal_loss_sum(pupil_tensor *logits, pupil_tensor *target, double alpha, double gamma) {
    return pupil::make([&] { return FocalLoss::apply(logits->value, target->value, alpha, gamma); });
}
