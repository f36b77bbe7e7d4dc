#include "backend/cpu_backend.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <new>
#include <string>
#include <thread>

#include "backend/cpu_executor.h"
#include "graph/plan.h"
#include "ops/op_list.h"
#include "ops/optimizer_update.h"
#include "ops/update_decision.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace halfscope {
namespace {

std::string processor_name() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);) {
        const std::size_t colon = line.find(": ");
        if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
    }
    return "processor";
}

/// The kernel's own estimate of what can be had without swapping; unlimited where it does not say.
std::uint64_t memory_available() {
    std::ifstream info("/proc/meminfo");
    std::string key, unit;
    std::uint64_t kib = 0;
    while (info >> key >> kib) {
        if (key == "MemAvailable:") return kib * 1024;
        std::getline(info, unit);
    }
    return UINT64_MAX;
}

/// A transparent huge page of x86-64 and of most others.
constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;

/// Gradients of fewer elements than this are checked by one thread: waking another costs more.
constexpr std::int64_t kAlone = 16384;

/// Folds doubles as row_reduce folds floats: 32 lanes, then a halving tree.
constexpr std::int64_t kDoubleLanes = 32;
struct DoubleLanes {
    double lanes[kDoubleLanes] = {};
    double finish() {
        for (int width = kDoubleLanes / 2; width > 0; width /= 2)
            for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
        return lanes[0];
    }
};

/// A GradientCheck by lanes, so that the compiler vectorises it.
struct CheckLanes {
    DoubleLanes squares;
    std::uint32_t nonfinite[kDoubleLanes] = {}, nonfinite_unscaled[kDoubleLanes] = {};
    float max_abs[kDoubleLanes] = {};

    /// The next `count` values, a lane each.
    void add(const float* values, std::int64_t count, float inverse_scale) {
        constexpr float kLargest = std::numeric_limits<float>::max();
        for (std::int64_t lane = 0; lane < count; ++lane) {
            const float unscaled = values[lane] * inverse_scale, magnitude = std::fabs(unscaled);
            squares.lanes[lane] += static_cast<double>(unscaled) * unscaled;
            // False for NaN, too.
            const bool is_finite = std::fabs(values[lane]) <= kLargest, stays = magnitude <= kLargest;
            nonfinite[lane] += is_finite ? 0u : 1u;
            nonfinite_unscaled[lane] += is_finite && !stays ? 1u : 0u;
            max_abs[lane] = stays && magnitude > max_abs[lane] ? magnitude : max_abs[lane];
        }
    }

    void finish(GradientCheck& total) {
        total.sum_of_squares += squares.finish();
        for (std::int64_t lane = 0; lane < kDoubleLanes; ++lane) {
            total.nonfinite += nonfinite[lane];
            total.nonfinite_unscaled += nonfinite_unscaled[lane];
            total.max_abs = std::max(total.max_abs, max_abs[lane]);
        }
    }
};

class CpuBackend final : public Backend {
  public:
    CpuBackend(int threads, const std::string& remark)
        : pool_(threads),
          executor_(pool_),
          name_("cpu: " + processor_name() + ", " + std::to_string(threads)) {
        name_ += threads == 1 ? " thread" : " threads";
        if (!remark.empty()) name_ += " (" + remark + ")";
    }

    std::string name() const override { return name_; }
    int host_threads() const override { return pool_.threads(); }
    std::uint64_t available_bytes() const override { return memory_available(); }

    void* allocate(std::uint64_t bytes) override {
        const std::uint64_t alignment = bytes < 2 * kHugePage ? kBufferAlignment : kHugePage;
        const std::uint64_t pieces = std::max<std::uint64_t>(1, (bytes + alignment - 1) / alignment);
        const std::uint64_t rounded = pieces * alignment;
        void* memory = std::aligned_alloc(alignment, rounded);
        if (!memory) throw std::bad_alloc();
#if defined(__linux__)
        // A lane's tensors are read once a pass, all of them: with small pages the processor looks up pages
        // instead. Where the system refuses, nothing is lost.
        if (alignment == kHugePage) madvise(memory, rounded, MADV_HUGEPAGE);
#endif
        std::memset(memory, 0, rounded);
        return memory;
    }
    void release(void* memory) override { std::free(memory); }
    void upload(void* device, const void* host, std::uint64_t bytes) override {
        if (bytes != 0) std::memcpy(device, host, bytes);
    }
    void* host_address(void* memory) const override { return memory; }
    void download(void* host, const void* device, std::uint64_t bytes) override {
        if (bytes != 0) std::memcpy(host, device, bytes);
    }

    void clear(void* memory, std::uint64_t bytes) override { std::memset(memory, 0, bytes); }

    void forward(const OpCall& call) override {
        visit_op(call.node->op, [&](auto op) { decltype(op)::forward(executor_, call); });
    }
    void backward(const OpCall& call) override {
        visit_op(call.node->op, [&](auto op) { decltype(op)::backward(executor_, call); });
    }
    void convert(const TensorView& out, const TensorView& in) override { executor_.copy(out, in); }
    void update(std::span<const UpdateCall> calls) override {
        for (const UpdateCall& call : calls) update_parameter(executor_, call);
    }

    void begin_check(std::span<const TensorView> gradients, UpdateValues* values) override {
        checks_.resize(gradients.size());
        std::int64_t elements = 0;
        for (const TensorView& gradient : gradients) elements += gradient.elements();
        const auto count = static_cast<std::int64_t>(gradients.size());
        pool_.parallel_for(count, elements < kAlone ? count : 1, [&](std::int64_t begin, std::int64_t end) {
            for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
                checks_[i] = check_one(gradients[i], values->inverse_scale);
        });
        values->decision = decide_update(checks_.data(), checks_.size(), *values);
    }
    std::vector<GradientCheck> finish_check(std::size_t) override { return checks_; }
    std::vector<GradientComparison> compare(std::span<const TensorView> gradients, float inverse_scale,
                                            std::span<const TensorView> shadows) override {
        std::vector<GradientComparison> results;
        for (std::size_t i = 0; i < gradients.size(); ++i)
            results.push_back(compare_one(gradients[i], inverse_scale, shadows[i]));
        return results;
    }

  private:
    static GradientCheck check_one(const TensorView& gradient, float inverse_scale) {
        GradientCheck total;
        for_chunks(gradient, [&](const float* values, std::int64_t count, std::int64_t) {
            CheckLanes lanes;
            std::int64_t done = 0;
            for (; done + kDoubleLanes <= count; done += kDoubleLanes)
                lanes.add(values + done, kDoubleLanes, inverse_scale);
            lanes.add(values + done, count - done, inverse_scale);
            lanes.finish(total);
        });
        return total;
    }

    static GradientComparison compare_one(const TensorView& gradient, float inverse_scale,
                                          const TensorView& shadow) {
        GradientComparison total;
        std::vector<float> reference(kDoubleChunk);
        for_chunks(gradient, [&](const float* values, std::int64_t count, std::int64_t first) {
            widen(shadow.format, element_address(shadow, 0, first), reference.data(), count);
            DoubleLanes difference, own, other, product;
            for (std::int64_t i = 0; i < count; ++i) {
                const double g = values[i] * inverse_scale;
                const double s = reference[static_cast<std::size_t>(i)];
                difference.lanes[i % 32] += (g - s) * (g - s);
                own.lanes[i % 32] += g * g;
                other.lanes[i % 32] += s * s;
                product.lanes[i % 32] += g * s;
            }
            total.difference_square += difference.finish();
            total.gradient_square += own.finish();
            total.shadow_square += other.finish();
            total.product += product.finish();
        });
        return total;
    }

    /// Calls body(values, count, first) for each chunk of kDoubleChunk elements of a 1 x n view, ascending,
    /// as FP32.
    template <class Body>
    static void for_chunks(const TensorView& view, Body body) {
        thread_local std::vector<float> widened(kDoubleChunk);
        for (std::int64_t first = 0; first < view.elements(); first += kDoubleChunk) {
            const std::int64_t count = std::min(kDoubleChunk, view.elements() - first);
            const char* codes = element_address(view, 0, first);
            if (view.format != Format::fp32) widen(view.format, codes, widened.data(), count);
            body(view.format == Format::fp32 ? reinterpret_cast<const float*>(codes) : widened.data(), count,
                 first);
        }
    }

    ThreadPool pool_;
    CpuExecutor executor_;
    std::string name_;
    std::vector<GradientCheck> checks_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(int threads, const std::string& remark) {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    return std::make_unique<CpuBackend>(threads > 0 ? threads : std::max(cores, 1), remark);
}

}  // namespace halfscope
