#include "shim.h"
#include <c10/core/GradMode.h>

using namespace pupil;

namespace {
at::TensorOptions options(int dtype, int device_index) {
    return at::TensorOptions().dtype(scalar_type(dtype)).device(device(device_index));
}
} // namespace

extern "C" {

void pupil_free(pupil_tensor *t) {
    try {
        delete t;
    } catch (...) {
    }
}

pupil_tensor *pupil_from_bytes(const void *bytes, const int64_t *shape, int dims, int dtype) {
    return make([&] {
        auto t = at::empty(sizes(shape, dims), options(dtype, -1));
        if (t.nbytes() > 0) std::memcpy(t.mutable_data_ptr(), bytes, t.nbytes());
        return t;
    });
}

pupil_tensor *pupil_full(const int64_t *shape, int dims, double value, int dtype, int dev) {
    return make([&] { return at::full(sizes(shape, dims), value, options(dtype, dev)); });
}

pupil_tensor *pupil_empty(const int64_t *shape, int dims, int dtype, int dev, bool channels_last, bool pinned) {
    return make([&] {
        auto format = channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
        return at::empty(sizes(shape, dims), options(dtype, dev).pinned_memory(pinned), format);
    });
}

pupil_tensor *pupil_arange(int64_t count, int dtype, int dev) {
    return make([&] { return at::arange(count, options(dtype, dev)); });
}

int pupil_dims(pupil_tensor *t) { return static_cast<int>(t->value.dim()); }
int64_t pupil_size(pupil_tensor *t, int dim) { return t->value.sizes()[static_cast<size_t>(dim)]; }
int64_t pupil_count(pupil_tensor *t) { return t->value.numel(); }
int pupil_dtype(pupil_tensor *t) { return dtype_code(t->value.scalar_type()); }
int pupil_device(pupil_tensor *t) {
    return t->value.is_meta() ? -2 : t->value.is_cpu() ? -1 : static_cast<int>(t->value.get_device());
}
bool pupil_is_channels_last(pupil_tensor *t) { return t->value.is_contiguous(at::MemoryFormat::ChannelsLast); }
bool pupil_requires_grad(pupil_tensor *t) { return t->value.requires_grad(); }

int pupil_item(pupil_tensor *t, double *value) {
    return run([&] { *value = t->value.item().toDouble(); });
}

int pupil_copy_out(pupil_tensor *t, void *bytes, int64_t byte_count) {
    return run([&] {
        auto host = t->value.detach().cpu().contiguous();
        TORCH_CHECK(
            static_cast<int64_t>(host.nbytes()) == byte_count, "copy_out: ", host.nbytes(), " bytes into ", byte_count);
        if (byte_count > 0) std::memcpy(bytes, host.const_data_ptr(), host.nbytes());
    });
}

int pupil_copy_in(pupil_tensor *t, const void *bytes, int64_t byte_count) {
    return run([&] {
        c10::NoGradGuard guard;
        auto host = at::empty(t->value.sizes(), t->value.options().device(c10::kCPU));
        TORCH_CHECK(
            static_cast<int64_t>(host.nbytes()) == byte_count, "copy_in: ", byte_count, " bytes into ", host.nbytes());
        if (byte_count > 0) std::memcpy(host.mutable_data_ptr(), bytes, host.nbytes());
        t->value.copy_(host);
    });
}

void *pupil_data(pupil_tensor *t) {
    try {
        return t->value.is_cpu() ? t->value.mutable_data_ptr() : nullptr;
    } catch (...) {
        remember_error();
        return nullptr;
    }
}

pupil_tensor *pupil_to(pupil_tensor *t, int dtype, int dev, bool non_blocking) {
    return make([&] { return t->value.to(device(dev), scalar_type(dtype), non_blocking, false); });
}

pupil_tensor *pupil_contiguous(pupil_tensor *t, bool channels_last) {
    return make([&] {
        return t->value.contiguous(channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
    });
}

pupil_tensor *pupil_alias(pupil_tensor *t) {
    return make([&] { return t->value; });
}

pupil_tensor *pupil_clone(pupil_tensor *t) {
    return make([&] { return t->value.clone(); });
}

pupil_tensor *pupil_detach(pupil_tensor *t) {
    return make([&] { return t->value.detach(); });
}
}
