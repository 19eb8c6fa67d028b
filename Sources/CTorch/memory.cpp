#include "shim.h"

#include <algorithm>
#include <c10/core/Allocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <mutex>

// What operators allocate. Both allocators report to whoever stands in the thread's debug information; backward passes
// carry it over to their own threads.

namespace {
struct Meter final : c10::MemoryReportingInfoBase {
    std::mutex lock;
    int64_t now = 0;
    int64_t peak = 0;

    void reportMemoryUsage(void *, int64_t bytes, size_t, size_t, c10::Device) override {
        std::lock_guard<std::mutex> guard(lock);
        now += bytes; // negative where memory is given back
        peak = std::max(peak, now);
    }
    bool memoryProfilingEnabled() const override { return true; }
};
} // namespace

extern "C" {

int pupil_peak_bytes(void (*body)(void *context), void *context, int64_t *peak) {
    return pupil::run([&] {
        auto meter = std::make_shared<Meter>();
        c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, meter);
        body(context);
        std::lock_guard<std::mutex> held(meter->lock);
        *peak = meter->peak;
    });
}

int pupil_cuda_memory(int cuda_index, int64_t *allocated, int64_t *peak) {
    return pupil::run([&] {
        auto *allocator = dynamic_cast<c10::DeviceAllocator *>(c10::GetAllocator(c10::kCUDA));
        TORCH_CHECK(allocator, "the CUDA allocator keeps no statistics");
        auto stats = allocator->getDeviceStats(static_cast<c10::DeviceIndex>(cuda_index));
        *allocated = stats.allocated_bytes[0].current;
        *peak = stats.allocated_bytes[0].peak;
    });
}

int pupil_cuda_free_memory(int cuda_index, int64_t *bytes) {
    return pupil::run([&] {
        const auto index = static_cast<c10::DeviceIndex>(cuda_index);
        *bytes = static_cast<int64_t>(c10::getDeviceAllocator(c10::kCUDA)->getMemoryInfo(index).first);
    });
}
}
