#ifndef PUPIL_CTORCH_H
#define PUPIL_CTORCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The C ABI over libtorch: the only door between Swift and C++.
//
// Every body that can throw runs inside a guard that catches everything. A function that makes a tensor returns a
// *new* handle, which the caller frees, or null; one that returns `int` gives 0, or -1. After null or -1, pupil_error_*
// describe the fault on the same thread. Handles passed in are *borrowed*. Sizes, strides and dimensions are int64_t;
// dimensions may be negative as in torch. No type of libtorch appears here, so that importing this header stays fast.

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__clang__)
#pragma clang assume_nonnull begin
#endif

typedef struct pupil_tensor pupil_tensor;

// Element types; the numbers are ours.
enum {
    PUPIL_F32 = 0, PUPIL_F64, PUPIL_F16, PUPIL_BF16, PUPIL_I64, PUPIL_I32, PUPIL_I16, PUPIL_I8, PUPIL_U8, PUPIL_BOOL
};
// What went wrong.
enum { PUPIL_ERROR_NONE = 0, PUPIL_ERROR_INVALID = 1, PUPIL_ERROR_OUT_OF_MEMORY = 2, PUPIL_ERROR_DEVICE = 3 };

// runtime.cpp
int pupil_error_kind(void);
const char *pupil_error_message(void);
const char *pupil_torch_version(void);
const char *pupil_torch_build(void);          // the long text: compilers, BLAS, instruction set in use
const char *pupil_torch_folder(void);         // where libtorch_cpu was found
const char *pupil_cpu_capability(void);       // "AVX512", "AVX2", "DEFAULT"
bool pupil_cpu_has(const char *feature);      // "avx512_bf16", "amx_bf16", ...: libtorch's own names
bool pupil_amx_is_hidden(void);               // startup.cpp: AMX without tile shapes, kept from oneDNN
int pupil_cuda_load(void);                    // loads libtorch_cuda beside libtorch_cpu, once; before anything computes
const char *pupil_cuda_status(void);          // "available", or why not
int pupil_cuda_device_count(void);
int pupil_synchronize(int cuda_index);
int pupil_set_threads(int count);
int pupil_get_threads(void);
int pupil_parallel_width(void);               // how many threads really ran in one of our own parallel loops
int pupil_seed(uint64_t seed);
int pupil_flush_denormals(bool on);

// memory.cpp
// The most bytes that operators held at one time, over what there was before, while body(context) ran on this thread.
int pupil_peak_bytes(void (*body)(void *_Nullable context), void *_Nullable context, int64_t *peak);
int pupil_cuda_memory(int cuda_index, int64_t *allocated, int64_t *peak);
int pupil_cuda_free_memory(int cuda_index, int64_t *bytes);
// Gives the system back what large tensors left on the processor's side and is kept for the next ones.
void pupil_release_kept_memory(void);

// tensor.cpp: life, data, types
void pupil_free(pupil_tensor *t);
pupil_tensor *_Nullable pupil_from_bytes(
    const void *_Nullable bytes, const int64_t *_Nullable shape, int dims, int dtype);
pupil_tensor *_Nullable pupil_full(const int64_t *_Nullable shape, int dims, double value, int dtype, int device);
pupil_tensor *_Nullable pupil_empty(
    const int64_t *_Nullable shape, int dims, int dtype, int device, bool channels_last, bool pinned);
pupil_tensor *_Nullable pupil_arange(int64_t count, int dtype, int device);
int pupil_dims(pupil_tensor *t);
int64_t pupil_size(pupil_tensor *t, int dim);
int64_t pupil_count(pupil_tensor *t);
int pupil_dtype(pupil_tensor *t);
int pupil_device(pupil_tensor *t);            // -1 processor, 0... CUDA index, -2 meta (shapes without elements)
bool pupil_is_channels_last(pupil_tensor *t);
bool pupil_requires_grad(pupil_tensor *t);
int pupil_item(pupil_tensor *t, double *value);
int pupil_copy_out(pupil_tensor *t, void *bytes, int64_t byte_count);       // row-major, in t's dtype
int pupil_copy_in(pupil_tensor *t, const void *bytes, int64_t byte_count);  // row-major, in t's dtype
void *_Nullable pupil_data(pupil_tensor *t);  // processor tensors only; valid while t lives
pupil_tensor *_Nullable pupil_to(pupil_tensor *t, int dtype, int device, bool non_blocking);
pupil_tensor *_Nullable pupil_contiguous(pupil_tensor *t, bool channels_last);
pupil_tensor *_Nullable pupil_alias(pupil_tensor *t);
pupil_tensor *_Nullable pupil_clone(pupil_tensor *t);
pupil_tensor *_Nullable pupil_detach(pupil_tensor *t);

// elementwise.cpp
#define PUPIL_UNARY(name) pupil_tensor *_Nullable pupil_##name(pupil_tensor *a);
PUPIL_UNARY(neg) PUPIL_UNARY(exp) PUPIL_UNARY(log) PUPIL_UNARY(log1p) PUPIL_UNARY(sqrt) PUPIL_UNARY(rsqrt)
PUPIL_UNARY(abs) PUPIL_UNARY(sign) PUPIL_UNARY(square) PUPIL_UNARY(floor) PUPIL_UNARY(reciprocal)
PUPIL_UNARY(relu) PUPIL_UNARY(sigmoid) PUPIL_UNARY(log_sigmoid) PUPIL_UNARY(silu) PUPIL_UNARY(tanh) PUPIL_UNARY(gelu)
PUPIL_UNARY(logical_not) PUPIL_UNARY(isfinite)
#define PUPIL_BINARY(name) pupil_tensor *_Nullable pupil_##name(pupil_tensor *a, pupil_tensor *b);
PUPIL_BINARY(add) PUPIL_BINARY(sub) PUPIL_BINARY(mul) PUPIL_BINARY(div) PUPIL_BINARY(maximum) PUPIL_BINARY(minimum)
PUPIL_BINARY(eq) PUPIL_BINARY(ne) PUPIL_BINARY(lt) PUPIL_BINARY(le) PUPIL_BINARY(gt) PUPIL_BINARY(ge)
PUPIL_BINARY(logical_and) PUPIL_BINARY(logical_or) PUPIL_BINARY(matmul)
#define PUPIL_SCALAR(name) pupil_tensor *_Nullable pupil_##name(pupil_tensor *a, double b);
PUPIL_SCALAR(add_scalar) PUPIL_SCALAR(mul_scalar) PUPIL_SCALAR(pow_scalar)
PUPIL_SCALAR(eq_scalar) PUPIL_SCALAR(ne_scalar) PUPIL_SCALAR(lt_scalar) PUPIL_SCALAR(le_scalar)
PUPIL_SCALAR(gt_scalar) PUPIL_SCALAR(ge_scalar)
pupil_tensor *_Nullable pupil_clamp(pupil_tensor *a, double low, double high);
pupil_tensor *_Nullable pupil_where(pupil_tensor *condition, pupil_tensor *a, pupil_tensor *b);
// In place; the tensor itself changes.
int pupil_add_(pupil_tensor *a, pupil_tensor *b, double alpha);
int pupil_mul_(pupil_tensor *a, double b);
int pupil_copy_(pupil_tensor *a, pupil_tensor *b);
int pupil_fill_(pupil_tensor *a, double value);
int pupil_lerp_(pupil_tensor *a, pupil_tensor *b, double weight);

// shape.cpp
pupil_tensor *_Nullable pupil_reshape(pupil_tensor *a, const int64_t *_Nullable shape, int dims);
pupil_tensor *_Nullable pupil_permute(pupil_tensor *a, const int64_t *order, int dims);
pupil_tensor *_Nullable pupil_transpose(pupil_tensor *a, int64_t i, int64_t j);
pupil_tensor *_Nullable pupil_flatten(pupil_tensor *a, int64_t from, int64_t to);
pupil_tensor *_Nullable pupil_unsqueeze(pupil_tensor *a, int64_t dim);
pupil_tensor *_Nullable pupil_squeeze(pupil_tensor *a, int64_t dim);
pupil_tensor *_Nullable pupil_expand(pupil_tensor *a, const int64_t *shape, int dims);
pupil_tensor *_Nullable pupil_narrow(pupil_tensor *a, int64_t dim, int64_t start, int64_t length);
pupil_tensor *_Nullable pupil_select(pupil_tensor *a, int64_t dim, int64_t index);
pupil_tensor *_Nullable pupil_flip(pupil_tensor *a, int64_t dim);
pupil_tensor *_Nullable pupil_cat(pupil_tensor *_Nullable const *_Nullable list, int count, int64_t dim);
pupil_tensor *_Nullable pupil_stack(pupil_tensor *_Nullable const *_Nullable list, int count, int64_t dim);
pupil_tensor *_Nullable pupil_pad(pupil_tensor *a, const int64_t *pads, int count, double value);
pupil_tensor *_Nullable pupil_index_select(pupil_tensor *a, int64_t dim, pupil_tensor *index);
pupil_tensor *_Nullable pupil_gather(pupil_tensor *a, int64_t dim, pupil_tensor *index);
pupil_tensor *_Nullable pupil_masked_select(pupil_tensor *a, pupil_tensor *mask);
pupil_tensor *_Nullable pupil_masked_fill(pupil_tensor *a, pupil_tensor *mask, double value);
pupil_tensor *_Nullable pupil_nonzero(pupil_tensor *a);
pupil_tensor *_Nullable pupil_one_hot(pupil_tensor *a, int64_t classes);
int pupil_topk(pupil_tensor *a, int64_t k, int64_t dim, pupil_tensor *_Nullable *_Nonnull values,
    pupil_tensor *_Nullable *_Nonnull indices);

// reduce.cpp; count 0 = over all dimensions
pupil_tensor *_Nullable pupil_sum(pupil_tensor *a, const int64_t *_Nullable dims, int count, bool keep);
pupil_tensor *_Nullable pupil_mean(pupil_tensor *a, const int64_t *_Nullable dims, int count, bool keep);
pupil_tensor *_Nullable pupil_amax(pupil_tensor *a, const int64_t *_Nullable dims, int count, bool keep);
pupil_tensor *_Nullable pupil_amin(pupil_tensor *a, const int64_t *_Nullable dims, int count, bool keep);
pupil_tensor *_Nullable pupil_variance(pupil_tensor *a, const int64_t *_Nullable dims, int count, bool keep);
pupil_tensor *_Nullable pupil_argmax(pupil_tensor *a, int64_t dim, bool keep);
pupil_tensor *_Nullable pupil_cumsum(pupil_tensor *a, int64_t dim);
pupil_tensor *_Nullable pupil_all(pupil_tensor *a);
pupil_tensor *_Nullable pupil_any(pupil_tensor *a);

// nn.cpp
pupil_tensor *_Nullable pupil_conv2d(pupil_tensor *x, pupil_tensor *weight, pupil_tensor *_Nullable bias,
    int64_t stride, const int64_t *padding, int64_t dilation, int64_t groups);
pupil_tensor *_Nullable pupil_linear(pupil_tensor *x, pupil_tensor *weight, pupil_tensor *_Nullable bias);
pupil_tensor *_Nullable pupil_batch_norm(pupil_tensor *x, pupil_tensor *_Nullable weight, pupil_tensor *_Nullable bias,
    pupil_tensor *_Nullable mean, pupil_tensor *_Nullable variance, bool training, double momentum, double eps);
pupil_tensor *_Nullable pupil_group_norm(pupil_tensor *x, int64_t groups, pupil_tensor *_Nullable weight,
    pupil_tensor *_Nullable bias, double eps);
pupil_tensor *_Nullable pupil_max_pool2d(pupil_tensor *x, int64_t kernel, int64_t stride, int64_t padding);
pupil_tensor *_Nullable pupil_avg_pool2d(pupil_tensor *x, int64_t kernel, int64_t stride, int64_t padding);
pupil_tensor *_Nullable pupil_upsample_nearest(pupil_tensor *x, int64_t height, int64_t width);
pupil_tensor *_Nullable pupil_upsample_bilinear(pupil_tensor *x, int64_t height, int64_t width);
pupil_tensor *_Nullable pupil_softmax(pupil_tensor *x, int64_t dim);
pupil_tensor *_Nullable pupil_log_softmax(pupil_tensor *x, int64_t dim);
pupil_tensor *_Nullable pupil_cross_entropy(
    pupil_tensor *logits, pupil_tensor *target, int64_t ignore, double smoothing, bool mean);
// Sum over all elements of the focal loss of Lin et al. 2017, fp32 inside, one pass. logits [..., K]; target [...]
// int32: 0..<K a positive of that class, -1 negative for all classes, -2 not counted.
pupil_tensor *_Nullable pupil_focal_loss_sum(pupil_tensor *logits, pupil_tensor *target, double alpha, double gamma);

// Layers of mobile networks as one operator each, for maps [N, C, H, W] with the channels of a pixel together in
// memory. On the processor, in fp32 and bf16, they are kernels of our own; elsewhere libtorch's operators do the same.
// What comes out has the dtype of x and is channels-last. Arithmetic is fp32, and sums are made of blocks of fixed
// size, so that the number of threads changes no bit. Parameters are read in their own dtype, under autocast too, and
// their gradients have it.
//
// fused_plain.cpp: the instructions they use, 0 the baseline's, 1 AVX2 and FMA, 2 AVX-512 with bf16. The best is chosen
// at start; a choice beyond it is the best.
int pupil_fused_set(void);
void pupil_choose_fused_set(int set);

// depthwise.cpp: weight [C, 1, k, k]; rows and columns of zeros are added to the four sides first.
pupil_tensor *_Nullable pupil_depthwise_conv2d(pupil_tensor *x, pupil_tensor *weight, int64_t stride, int64_t top,
    int64_t bottom, int64_t left, int64_t right);
// norm_act.cpp: batch norm as torch's, then 0 nothing, 1 max(y, 0), 2 y sigmoid(y); x is kept for the backward pass and
// nothing else of its size.
pupil_tensor *_Nullable pupil_batch_norm_act(pupil_tensor *x, pupil_tensor *weight, pupil_tensor *bias,
    pupil_tensor *mean, pupil_tensor *variance, bool training, double momentum, double eps, int activation);
// excite.cpp: the mean over H and W, [N, C, 1, 1]; and x sigmoid(gate) for a gate [N, C, 1, 1].
pupil_tensor *_Nullable pupil_global_mean(pupil_tensor *x);
pupil_tensor *_Nullable pupil_scale_by_gate(pupil_tensor *x, pupil_tensor *gate);
// z sigmoid(expand(silu(reduce(mean of z)))) for z = silu(batch norm of x); reduce [R, C, 1, 1], expand [C, R, 1, 1].
pupil_tensor *_Nullable pupil_batch_norm_excite(pupil_tensor *x, pupil_tensor *weight, pupil_tensor *bias,
    pupil_tensor *mean, pupil_tensor *variance, pupil_tensor *reduce_weight, pupil_tensor *reduce_bias,
    pupil_tensor *expand_weight, pupil_tensor *expand_bias, bool training, double momentum, double eps);
// The three above in a row: silu(batch norm), where there is one before; the convolution; batch_norm_excite. Where
// neither training nor gradients are on, one pass reads x and writes what comes out, and a second gates it in place.
typedef struct {
    pupil_tensor *weight, *bias, *mean, *variance;
    double momentum, eps;
} pupil_norm;
pupil_tensor *_Nullable pupil_depthwise_block(pupil_tensor *x, const pupil_norm *_Nullable before,
    pupil_tensor *weight, int64_t stride, int64_t top, int64_t bottom, int64_t left, int64_t right,
    const pupil_norm *after, pupil_tensor *reduce_weight, pupil_tensor *reduce_bias, pupil_tensor *expand_weight,
    pupil_tensor *expand_bias, bool training);

// autograd.cpp
int pupil_backward(pupil_tensor *loss);
pupil_tensor *_Nullable pupil_grad(pupil_tensor *t);          // null without an error where there is none
int pupil_zero_grad(pupil_tensor *_Nullable const *_Nullable list, int count);
int pupil_set_requires_grad(pupil_tensor *t, bool on);
bool pupil_grad_mode(void);
void pupil_set_grad_mode(bool on);
int pupil_autocast_enabled(int device);
int pupil_autocast_dtype(int device);
int pupil_enter_autocast(int device, int dtype);
int pupil_leave_autocast(int device, bool on, int dtype);  // back to what it was; the outermost clears the cast weights

// optim.cpp: one call over all tensors
int pupil_sgd(pupil_tensor *_Nullable const *_Nullable params, pupil_tensor *_Nullable const *_Nullable momentum,
    int count, double lr, double mu, double decay, bool nesterov, bool first);
int pupil_adamw(pupil_tensor *_Nullable const *_Nullable params, pupil_tensor *_Nullable const *_Nullable m,
    pupil_tensor *_Nullable const *_Nullable v, pupil_tensor *_Nullable const *_Nullable steps, int count,
    double lr, double beta1, double beta2, double decay, double eps);
int pupil_average(pupil_tensor *_Nullable const *_Nullable averages,
    pupil_tensor *_Nullable const *_Nullable values, int count, double weight);
pupil_tensor *_Nullable pupil_grad_norm(pupil_tensor *_Nullable const *_Nullable params, int count);
int pupil_scale_grads(pupil_tensor *_Nullable const *_Nullable params, int count, pupil_tensor *factor);

#if defined(__clang__)
#pragma clang assume_nonnull end
#endif

#ifdef __cplusplus
}
#endif
#endif
