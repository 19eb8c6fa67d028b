// What the shim's own files share: handles, the guard, the one parallel loop.
#pragma once

#include "CTorch.h"
#include <ATen/ATen.h>
#include <torch/version.h>

static_assert(TORCH_VERSION_MAJOR == 2, "Pupil needs libtorch 2.x: run `make deps`, or point LIBTORCH at one");

struct pupil_tensor {
    at::Tensor value;
};

namespace pupil {

/// Keeps the current exception's kind and message for this thread. Call inside a catch block only.
void remember_error() noexcept;
void clear_error() noexcept;

inline pupil_tensor *wrap(at::Tensor t) { return new pupil_tensor{std::move(t)}; }

inline c10::Device device(int index) {
    if (index == -2) return c10::Device(c10::kMeta);
    return index < 0 ? c10::Device(c10::kCPU) : c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}

at::ScalarType scalar_type(int dtype);
int dtype_code(at::ScalarType type);

inline at::IntArrayRef sizes(const int64_t *data, int count) { return {data, static_cast<size_t>(count)}; }

inline std::optional<at::Tensor> optional(pupil_tensor *t) {
    return t ? std::optional<at::Tensor>(t->value) : std::nullopt;
}

inline std::vector<at::Tensor> list(pupil_tensor *const *items, int count) {
    std::vector<at::Tensor> out;
    out.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) out.push_back(items[i]->value);
    return out;
}

/// Runs body and hands its tensor out; null after any exception.
template <class Body> pupil_tensor *make(Body body) noexcept {
    try {
        return wrap(body());
    } catch (...) {
        remember_error();
        return nullptr;
    }
}

/// Runs body; -1 after any exception.
template <class Body> int run(Body body) noexcept {
    try {
        body();
        return 0;
    } catch (...) {
        remember_error();
        return -1;
    }
}

/// body(begin, end) over [0, count) on libtorch's own OpenMP pool. at::parallel_for would be inlined here, compiled
/// without OpenMP, and run on one thread without a word.
void parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)> &body);

} // namespace pupil
