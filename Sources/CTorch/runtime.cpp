#include "shim.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/Parallel.h>
#include <ATen/cpu/Utils.h>
#include <atomic>
#include <chrono>
#include <dlfcn.h>
#include <filesystem>
#include <mutex>
#include <sched.h>

namespace {
thread_local int error_kind = PUPIL_ERROR_NONE;
thread_local std::string error_text;
std::string cuda_text = "not looked for yet";

std::string torch_folder() {
    Dl_info info;
    if (!dladdr(reinterpret_cast<void *>(&at::get_num_threads), &info) || !info.dli_fname) return "";
    std::error_code code;
    auto path = std::filesystem::canonical(info.dli_fname, code);
    return (code ? std::filesystem::path(info.dli_fname) : path).parent_path().string();
}

/// The first line only: libtorch appends a C++ stack.
std::string first_lines(const char *text) {
    std::string s(text);
    auto end = s.find("\nException raised from");
    return end == std::string::npos ? s : s.substr(0, end);
}
} // namespace

namespace pupil {

void clear_error() noexcept { error_kind = PUPIL_ERROR_NONE; }

void remember_error() noexcept {
    try {
        throw;
    } catch (const c10::OutOfMemoryError &e) {
        error_kind = PUPIL_ERROR_OUT_OF_MEMORY;
        error_text = first_lines(e.what_without_backtrace());
    } catch (const std::bad_alloc &) {
        error_kind = PUPIL_ERROR_OUT_OF_MEMORY;
        error_text = "out of memory";
    } catch (const c10::AcceleratorError &e) {
        error_kind = PUPIL_ERROR_DEVICE;
        error_text = first_lines(e.what_without_backtrace());
    } catch (const c10::Error &e) {
        error_text = first_lines(e.what_without_backtrace());
        // The processor's allocator reports exhaustion as an ordinary check.
        bool memory = error_text.find("DefaultCPUAllocator") != std::string::npos ||
                      error_text.find("out of memory") != std::string::npos;
        error_kind = memory ? PUPIL_ERROR_OUT_OF_MEMORY : PUPIL_ERROR_INVALID;
    } catch (const std::exception &e) {
        error_kind = PUPIL_ERROR_INVALID;
        error_text = first_lines(e.what());
    } catch (...) {
        error_kind = PUPIL_ERROR_INVALID;
        error_text = "an unknown C++ exception";
    }
}

at::ScalarType scalar_type(int dtype) {
    switch (dtype) {
    case PUPIL_F32: return at::kFloat;
    case PUPIL_F64: return at::kDouble;
    case PUPIL_F16: return at::kHalf;
    case PUPIL_BF16: return at::kBFloat16;
    case PUPIL_I64: return at::kLong;
    case PUPIL_I32: return at::kInt;
    case PUPIL_I16: return at::kShort;
    case PUPIL_I8: return at::kChar;
    case PUPIL_U8: return at::kByte;
    case PUPIL_BOOL: return at::kBool;
    default: TORCH_CHECK(false, "unknown element type ", dtype);
    }
}

int dtype_code(at::ScalarType type) {
    switch (type) {
    case at::kFloat: return PUPIL_F32;
    case at::kDouble: return PUPIL_F64;
    case at::kHalf: return PUPIL_F16;
    case at::kBFloat16: return PUPIL_BF16;
    case at::kLong: return PUPIL_I64;
    case at::kInt: return PUPIL_I32;
    case at::kShort: return PUPIL_I16;
    case at::kChar: return PUPIL_I8;
    case at::kByte: return PUPIL_U8;
    case at::kBool: return PUPIL_BOOL;
    default: return -1;
    }
}

namespace {
struct Loop {
    const std::function<void(int64_t, int64_t)> *body;
    int64_t count;
    int64_t parts;
    std::atomic<int64_t> next{0};
    std::exception_ptr error;
    std::mutex lock;
};

void work(void *data) {
    auto *loop = static_cast<Loop *>(data);
    while (true) {
        int64_t part = loop->next.fetch_add(1);
        if (part >= loop->parts) return;
        try {
            (*loop->body)(loop->count * part / loop->parts, loop->count * (part + 1) / loop->parts);
        } catch (...) {
            std::lock_guard<std::mutex> guard(loop->lock);
            loop->error = std::current_exception();
        }
    }
}
} // namespace

void parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)> &body) {
    using Gomp = void (*)(void (*)(void *), void *, unsigned, unsigned);
    static const auto gomp = reinterpret_cast<Gomp>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
    int64_t threads = std::min<int64_t>(at::get_num_threads(), (count + grain - 1) / std::max<int64_t>(grain, 1));
    if (threads <= 1 || !gomp) {
        if (count > 0) body(0, count);
        return;
    }
    Loop loop{&body, count, threads};
    gomp(work, &loop, static_cast<unsigned>(threads), 0);
    if (loop.error) std::rethrow_exception(loop.error);
}

} // namespace pupil

extern "C" {

int pupil_error_kind(void) { return error_kind; }
const char *pupil_error_message(void) { return error_text.c_str(); }
const char *pupil_torch_version(void) { return TORCH_VERSION; }

const char *pupil_torch_build(void) {
    static std::string text;
    return pupil::run([] { text = at::show_config(); }) == 0 ? text.c_str() : "unknown";
}

const char *pupil_torch_folder(void) {
    static std::string text;
    return pupil::run([] { text = torch_folder(); }) == 0 ? text.c_str() : "";
}

const char *pupil_cpu_capability(void) {
    static std::string text;
    return pupil::run([] { text = at::get_cpu_capability(); }) == 0 ? text.c_str() : "unknown";
}

bool pupil_cpu_has(const char *feature) {
    try {
        static const auto features = at::cpu::get_cpu_capabilities();
        auto found = features.find(feature);
        return found != features.end() && found->second.isBool() && found->second.toBool();
    } catch (...) {
        return false;
    }
}

int pupil_cuda_load(void) {
    static std::once_flag once;
    static int result = -1;
    auto load = [] {
        // The linker drops a library of which no symbol is named, and CUDA then reads "unavailable" for no visible
        // reason; so it is loaded by hand, from beside libtorch_cpu and from nowhere else.
        auto path = torch_folder() + "/libtorch_cuda.so";
        std::error_code code;
        if (!std::filesystem::exists(path, code)) {
            cuda_text = "libtorch_cuda.so is not beside libtorch_cpu.so (make deps CUDA=1 brings it)";
            return;
        }
        if (!dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL)) {
            const char *reason = dlerror();
            cuda_text = std::string("libtorch_cuda.so does not load: ") + (reason ? reason : "no reason given");
            return;
        }
        dlopen((torch_folder() + "/libtorch_cuda_linalg.so").c_str(), RTLD_LAZY | RTLD_GLOBAL);
        try {
            if (at::hasCUDA() && at::detail::getCUDAHooks().deviceCount() > 0) {
                cuda_text = "available";
                result = 0;
            } else {
                cuda_text = "libtorch_cuda is loaded, but the driver shows no device";
            }
        } catch (const std::exception &e) {
            cuda_text = first_lines(e.what());
        } catch (...) {
            cuda_text = "CUDA failed to start";
        }
    };
    return pupil::run([&] { std::call_once(once, load); }) == 0 ? result : -1;
}

const char *pupil_cuda_status(void) {
    pupil_cuda_load();
    return cuda_text.c_str();
}

int pupil_cuda_device_count(void) {
    if (pupil_cuda_load() != 0) return 0;
    try {
        return static_cast<int>(at::detail::getCUDAHooks().deviceCount());
    } catch (...) {
        return 0;
    }
}

int pupil_synchronize(int cuda_index) {
    return pupil::run([&] {
        if (cuda_index >= 0) at::detail::getCUDAHooks().deviceSynchronize(static_cast<c10::DeviceIndex>(cuda_index));
    });
}

int pupil_set_threads(int count) {
    return pupil::run([&] { at::set_num_threads(count); });
}

int pupil_get_threads(void) { return at::get_num_threads(); }

int pupil_parallel_width(void) {
    std::mutex lock;
    std::vector<pthread_t> seen;
    int width = at::get_num_threads();
    std::atomic<int> inside{0};
    int outcome = pupil::run([&] {
        pupil::parallel_for(width, 1, [&](int64_t, int64_t) {
            // Each part waits a moment for the others, so that one quick thread cannot take them all.
            inside.fetch_add(1);
            const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2); // busy machines are late
            while (inside.load() < width && std::chrono::steady_clock::now() < end) sched_yield();
            std::lock_guard<std::mutex> guard(lock);
            for (auto t : seen)
                if (pthread_equal(t, pthread_self())) return;
            seen.push_back(pthread_self());
        });
    });
    return outcome == 0 ? static_cast<int>(seen.size()) : -1;
}

int pupil_seed(uint64_t seed) {
    return pupil::run([&] { at::manual_seed(seed); });
}

int pupil_flush_denormals(bool on) {
    return pupil::run([&] { at::globalContext().setFlushDenormal(on); });
}
}
