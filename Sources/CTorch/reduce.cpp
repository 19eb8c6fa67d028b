#include "shim.h"

using namespace pupil;

extern "C" {

pupil_tensor *pupil_sum(pupil_tensor *a, const int64_t *dims, int count, bool keep) {
    return make([&] { return count == 0 ? a->value.sum() : a->value.sum(sizes(dims, count), keep); });
}
pupil_tensor *pupil_mean(pupil_tensor *a, const int64_t *dims, int count, bool keep) {
    return make([&] { return count == 0 ? a->value.mean() : a->value.mean(sizes(dims, count), keep); });
}
pupil_tensor *pupil_amax(pupil_tensor *a, const int64_t *dims, int count, bool keep) {
    return make([&] { return at::amax(a->value, sizes(dims, count), keep); });
}
pupil_tensor *pupil_amin(pupil_tensor *a, const int64_t *dims, int count, bool keep) {
    return make([&] { return at::amin(a->value, sizes(dims, count), keep); });
}
pupil_tensor *pupil_variance(pupil_tensor *a, const int64_t *dims, int count, bool keep) {
    return make([&] {
        at::OptionalIntArrayRef over =
            count == 0 ? at::OptionalIntArrayRef() : at::OptionalIntArrayRef(sizes(dims, count));
        return at::var(a->value, over, /*correction=*/0, keep);
    });
}
pupil_tensor *pupil_argmax(pupil_tensor *a, int64_t dim, bool keep) {
    return make([&] { return at::argmax(a->value, dim, keep); });
}
pupil_tensor *pupil_cumsum(pupil_tensor *a, int64_t dim) {
    return make([&] { return at::cumsum(a->value, dim); });
}
pupil_tensor *pupil_all(pupil_tensor *a) {
    return make([&] { return a->value.all(); });
}
pupil_tensor *pupil_any(pupil_tensor *a) {
    return make([&] { return a->value.any(); });
}
}
