#include "shim.h"

#include <ATen/autocast_mode.h>

using namespace pupil;

namespace {
c10::DeviceType kind(int device_index) { return device_index < 0 ? c10::kCPU : c10::kCUDA; }
} // namespace

extern "C" {

int pupil_backward(pupil_tensor *loss) {
    return run([&] { loss->value.backward(); });
}

pupil_tensor *pupil_grad(pupil_tensor *t) {
    clear_error();
    if (!t->value.grad().defined()) return nullptr;
    return make([&] { return t->value.grad(); });
}

int pupil_zero_grad(pupil_tensor *const *items, int count) {
    return run([&] {
        for (int i = 0; i < count; ++i) items[i]->value.mutable_grad() = at::Tensor();
    });
}

int pupil_set_requires_grad(pupil_tensor *t, bool on) {
    return run([&] { t->value.requires_grad_(on); });
}

bool pupil_grad_mode(void) { return at::GradMode::is_enabled(); }
void pupil_set_grad_mode(bool on) { at::GradMode::set_enabled(on); }

int pupil_autocast_enabled(int dev) { return at::autocast::is_autocast_enabled(kind(dev)) ? 1 : 0; }

int pupil_autocast_dtype(int dev) { return dtype_code(at::autocast::get_autocast_dtype(kind(dev))); }

int pupil_enter_autocast(int dev, int dtype) {
    return run([&] {
        at::autocast::set_autocast_dtype(kind(dev), scalar_type(dtype));
        at::autocast::set_autocast_enabled(kind(dev), true);
        at::autocast::set_autocast_cache_enabled(true);
        at::autocast::increment_nesting();
    });
}

int pupil_leave_autocast(int dev, bool on, int dtype) {
    return run([&] {
        if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
        at::autocast::set_autocast_enabled(kind(dev), on);
        at::autocast::set_autocast_dtype(kind(dev), scalar_type(dtype));
    });
}
}
