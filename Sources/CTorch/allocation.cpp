#include "shim.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <cstdlib>
#include <mutex>
#include <unordered_map>
#include <vector>

// Every step of a training asks for the same large tensors. Given back to the system, each is paid for page by page
// when it is asked for anew, since the kernel clears what it gives: a seventh of a step of RetinaNet in fp32. So what a
// large tensor leaves is kept for the next one of its size, as libtorch does for GPUs.

namespace {

class KeepingAllocator final : public c10::Allocator {
public:
    c10::DataPtr allocate(size_t n) override {
        if (n < least) return others->allocate(n);
        const size_t size = rounded(n);
        void *memory = take(size);
        if (!memory) memory = fresh(size);
        const size_t reported = c10::memoryProfilingEnabled() ? n : 0;
        {
            std::lock_guard<std::mutex> guard(lock);
            used.emplace(memory, Used{size, reported});
            // Only now: a request that fails must not raise what may be held.
            bytesUsed += size;
            most = std::max(most, bytesUsed);
        }
        if (reported) report(memory, static_cast<int64_t>(reported));
        return {memory, memory, &give_back, c10::Device(c10::DeviceType::CPU)};
    }
    c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
    void copy_data(void *to, const void *from, size_t n) const override { default_copy_data(to, from, n); }

    /// Gives what is kept back to the system.
    void release() {
        std::lock_guard<std::mutex> guard(lock);
        shrink(0);
    }

    static KeepingAllocator &shared() {
        static auto *allocator = new KeepingAllocator; // tensors outlive everything that could destroy it
        return *allocator;
    }

private:
    struct Used {
        size_t size;
        /// What who counts was told.
        size_t reported;
    };
    struct Kept {
        void *memory;
        size_t size;
    };

    /// Smaller ones the C library keeps by itself.
    static constexpr size_t least = 256 << 10;

    std::mutex lock;
    std::unordered_map<void *, Used> used;
    /// The one that was given back last stands last.
    std::vector<Kept> kept;
    size_t bytesUsed = 0, bytesKept = 0;
    /// The most that was in use at one time: never is more held than that, kept or in use.
    size_t most = 0;
    c10::Allocator *others = c10::GetDefaultCPUAllocator();

    /// Up to a sixteenth more, so that sizes which nearly agree share their memory.
    static size_t rounded(size_t n) {
        const size_t step = size_t{1} << (63 - __builtin_clzll(n) - 4);
        return (n + step - 1) / step * step;
    }

    static void report(void *memory, int64_t size) {
        c10::reportMemoryUsageToProfiler(memory, size, 0, 0, c10::Device(c10::DeviceType::CPU));
    }

    /// Kept memory of that size, or null; then there is room for it below the most.
    void *take(size_t size) {
        std::lock_guard<std::mutex> guard(lock);
        for (size_t i = kept.size(); i-- > 0;) {
            if (kept[i].size != size) continue;
            void *memory = kept[i].memory;
            kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(i));
            bytesKept -= size;
            return memory;
        }
        const size_t needed = bytesUsed + size;
        shrink(std::max(most, needed) - needed);
        return nullptr;
    }

    void *fresh(size_t size) {
        try {
            return c10::alloc_cpu(size);
        } catch (...) {
            release(); // what is kept may be all that is missing
        }
        return c10::alloc_cpu(size);
    }

    /// Gives the longest kept back until no more than so many bytes are left.
    void shrink(size_t bytes) {
        size_t count = 0;
        for (; count < kept.size() && bytesKept > bytes; ++count) {
            c10::free_cpu(kept[count].memory);
            bytesKept -= kept[count].size;
        }
        kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(count));
    }

    static void give_back(void *memory) {
        auto &self = shared();
        Used block{};
        {
            std::lock_guard<std::mutex> guard(self.lock);
            const auto found = self.used.find(memory);
            if (found != self.used.end()) {
                block = found->second;
                self.used.erase(found);
                self.bytesUsed -= block.size;
                self.kept.push_back({memory, block.size});
                self.bytesKept += block.size;
            }
        }
        if (block.size == 0) {
            self.others->raw_deleter()(memory);
        } else if (block.reported) {
            report(memory, -static_cast<int64_t>(block.reported));
        }
    }
};

__attribute__((constructor)) void keep_memory() {
    // libtorch asks for pages of 2 MB where it is told to, and Linux gives them where it may. Read at the first
    // allocation.
    setenv("THP_MEM_ALLOC_ENABLE", "1", /*overwrite=*/0);
    c10::SetCPUAllocator(&KeepingAllocator::shared(), /*priority=*/1);
}

} // namespace

extern "C" void pupil_release_kept_memory(void) {
    pupil::run([] { KeepingAllocator::shared().release(); });
}
