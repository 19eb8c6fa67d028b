#include "shim.h"

using namespace pupil;

extern "C" {

pupil_tensor *pupil_reshape(pupil_tensor *a, const int64_t *shape, int dims) {
    return make([&] { return a->value.reshape(sizes(shape, dims)); });
}
pupil_tensor *pupil_permute(pupil_tensor *a, const int64_t *order, int dims) {
    return make([&] { return a->value.permute(sizes(order, dims)); });
}
pupil_tensor *pupil_transpose(pupil_tensor *a, int64_t i, int64_t j) {
    return make([&] { return a->value.transpose(i, j); });
}
pupil_tensor *pupil_flatten(pupil_tensor *a, int64_t from, int64_t to) {
    return make([&] { return a->value.flatten(from, to); });
}
pupil_tensor *pupil_unsqueeze(pupil_tensor *a, int64_t dim) {
    return make([&] { return a->value.unsqueeze(dim); });
}
pupil_tensor *pupil_squeeze(pupil_tensor *a, int64_t dim) {
    return make([&] { return a->value.squeeze(dim); });
}
pupil_tensor *pupil_expand(pupil_tensor *a, const int64_t *shape, int dims) {
    return make([&] { return a->value.expand(sizes(shape, dims)); });
}
pupil_tensor *pupil_narrow(pupil_tensor *a, int64_t dim, int64_t start, int64_t length) {
    return make([&] { return a->value.narrow(dim, start, length); });
}
pupil_tensor *pupil_select(pupil_tensor *a, int64_t dim, int64_t index) {
    return make([&] { return a->value.select(dim, index); });
}
pupil_tensor *pupil_flip(pupil_tensor *a, int64_t dim) {
    return make([&] { return a->value.flip(dim); });
}
pupil_tensor *pupil_cat(pupil_tensor *const *items, int count, int64_t dim) {
    return make([&] { return at::cat(list(items, count), dim); });
}
pupil_tensor *pupil_stack(pupil_tensor *const *items, int count, int64_t dim) {
    return make([&] { return at::stack(list(items, count), dim); });
}
pupil_tensor *pupil_pad(pupil_tensor *a, const int64_t *pads, int count, double value) {
    return make([&] { return at::constant_pad_nd(a->value, sizes(pads, count), value); });
}
pupil_tensor *pupil_index_select(pupil_tensor *a, int64_t dim, pupil_tensor *index) {
    return make([&] { return at::index_select(a->value, dim, index->value); });
}
pupil_tensor *pupil_gather(pupil_tensor *a, int64_t dim, pupil_tensor *index) {
    return make([&] { return at::gather(a->value, dim, index->value); });
}
pupil_tensor *pupil_masked_select(pupil_tensor *a, pupil_tensor *mask) {
    return make([&] { return at::masked_select(a->value, mask->value); });
}
pupil_tensor *pupil_masked_fill(pupil_tensor *a, pupil_tensor *mask, double value) {
    return make([&] { return at::masked_fill(a->value, mask->value, value); });
}
pupil_tensor *pupil_nonzero(pupil_tensor *a) {
    return make([&] { return at::nonzero(a->value); });
}
pupil_tensor *pupil_one_hot(pupil_tensor *a, int64_t classes) {
    return make([&] { return at::one_hot(a->value, classes); });
}
int pupil_topk(pupil_tensor *a, int64_t k, int64_t dim, pupil_tensor **values, pupil_tensor **indices) {
    return run([&] {
        auto [v, i] = at::topk(a->value, k, dim);
        *values = wrap(v);
        *indices = wrap(i);
    });
}
}
