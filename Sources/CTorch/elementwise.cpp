#include "shim.h"

using namespace pupil;

#define UNARY(name, expression)                                                                                        \
    pupil_tensor *pupil_##name(pupil_tensor *a) {                                                                      \
        return make([&] { const auto &x = a->value; return expression; });                                             \
    }
#define BINARY(name, expression)                                                                                       \
    pupil_tensor *pupil_##name(pupil_tensor *a, pupil_tensor *b) {                                                     \
        return make([&] { const auto &x = a->value; const auto &y = b->value; return expression; });                   \
    }
#define SCALAR(name, expression)                                                                                       \
    pupil_tensor *pupil_##name(pupil_tensor *a, double y) {                                                            \
        return make([&] { const auto &x = a->value; return expression; });                                             \
    }

extern "C" {

UNARY(neg, at::neg(x))
UNARY(exp, at::exp(x))
UNARY(log, at::log(x))
UNARY(log1p, at::log1p(x))
UNARY(sqrt, at::sqrt(x))
UNARY(rsqrt, at::rsqrt(x))
UNARY(abs, at::abs(x))
UNARY(sign, at::sign(x))
UNARY(square, at::square(x))
UNARY(floor, at::floor(x))
UNARY(reciprocal, at::reciprocal(x))
UNARY(relu, x.is_meta() ? at::empty_like(x) : at::relu(x)) // relu alone has no shape function outside Python
UNARY(sigmoid, at::sigmoid(x))
UNARY(log_sigmoid, at::log_sigmoid(x))
UNARY(silu, at::silu(x))
UNARY(tanh, at::tanh(x))
UNARY(gelu, at::gelu(x))
UNARY(logical_not, at::logical_not(x))
UNARY(isfinite, at::isfinite(x))

BINARY(add, at::add(x, y))
BINARY(sub, at::sub(x, y))
BINARY(mul, at::mul(x, y))
BINARY(div, at::div(x, y))
BINARY(maximum, at::maximum(x, y))
BINARY(minimum, at::minimum(x, y))
BINARY(eq, at::eq(x, y))
BINARY(ne, at::ne(x, y))
BINARY(lt, at::lt(x, y))
BINARY(le, at::le(x, y))
BINARY(gt, at::gt(x, y))
BINARY(ge, at::ge(x, y))
BINARY(logical_and, at::logical_and(x, y))
BINARY(logical_or, at::logical_or(x, y))
BINARY(matmul, at::matmul(x, y))

SCALAR(add_scalar, at::add(x, y))
SCALAR(mul_scalar, at::mul(x, y))
SCALAR(pow_scalar, at::pow(x, y))
SCALAR(eq_scalar, at::eq(x, y))
SCALAR(ne_scalar, at::ne(x, y))
SCALAR(lt_scalar, at::lt(x, y))
SCALAR(le_scalar, at::le(x, y))
SCALAR(gt_scalar, at::gt(x, y))
SCALAR(ge_scalar, at::ge(x, y))

pupil_tensor *pupil_clamp(pupil_tensor *a, double low, double high) {
    return make([&] { return at::clamp(a->value, low, high); });
}

pupil_tensor *pupil_where(pupil_tensor *condition, pupil_tensor *a, pupil_tensor *b) {
    return make([&] { return at::where(condition->value, a->value, b->value); });
}

int pupil_add_(pupil_tensor *a, pupil_tensor *b, double alpha) {
    return run([&] { a->value.add_(b->value, alpha); });
}

int pupil_mul_(pupil_tensor *a, double b) {
    return run([&] { a->value.mul_(b); });
}

int pupil_copy_(pupil_tensor *a, pupil_tensor *b) {
    return run([&] { a->value.copy_(b->value); });
}

int pupil_fill_(pupil_tensor *a, double value) {
    return run([&] { a->value.fill_(value); });
}

int pupil_lerp_(pupil_tensor *a, pupil_tensor *b, double weight) {
    return run([&] { a->value.lerp_(b->value, weight); });
}
}
