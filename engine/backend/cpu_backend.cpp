#include "backend/cpu_backend.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <thread>

#include "backend/cpu_executor.h"
#include "graph/plan.h"
#include "ops/op_list.h"
#include "ops/optimizer_update.h"
#include "ops/update_decision.h"

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

/// Folds doubles as row_reduce folds floats: 32 lanes, then a halving tree.
struct DoubleLanes {
    double lanes[32] = {};
    double finish() {
        for (int width = 16; width > 0; width /= 2)
            for (int lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
        return lanes[0];
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
        const std::uint64_t rounded = (bytes + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
        void* memory = std::aligned_alloc(kBufferAlignment, rounded == 0 ? kBufferAlignment : rounded);
        if (!memory) throw std::bad_alloc();
        std::memset(memory, 0, rounded);
        return memory;
    }
    void release(void* memory) override { std::free(memory); }
    void upload(void* device, const void* host, std::uint64_t bytes) override {
        if (bytes != 0) std::memcpy(device, host, bytes);
    }
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
        checks_.clear();
        for (const TensorView& gradient : gradients)
            checks_.push_back(check_one(gradient, values->inverse_scale));
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
    GradientCheck check_one(const TensorView& gradient, float inverse_scale) {
        GradientCheck total;
        for_chunks(gradient, [&](const float* values, std::int64_t count, std::int64_t) {
            DoubleLanes squares;
            for (std::int64_t i = 0; i < count; ++i) {
                const float unscaled = values[i] * inverse_scale;
                squares.lanes[i % 32] += static_cast<double>(unscaled) * unscaled;
                const bool finite = std::isfinite(values[i]), finite_unscaled = std::isfinite(unscaled);
                total.nonfinite += finite ? 0u : 1u;
                total.nonfinite_unscaled += finite && !finite_unscaled ? 1u : 0u;
                if (finite_unscaled && std::fabs(unscaled) > total.max_abs)
                    total.max_abs = std::fabs(unscaled);
            }
            total.sum_of_squares += squares.finish();
        });
        return total;
    }

    GradientComparison compare_one(const TensorView& gradient, float inverse_scale,
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
    void for_chunks(const TensorView& view, Body body) {
        chunk_.resize(kDoubleChunk);
        for (std::int64_t first = 0; first < view.elements(); first += kDoubleChunk) {
            const std::int64_t count = std::min(kDoubleChunk, view.elements() - first);
            widen(view.format, element_address(view, 0, first), chunk_.data(), count);
            body(chunk_.data(), count, first);
        }
    }

    ThreadPool pool_;
    CpuExecutor executor_;
    std::string name_;
    std::vector<GradientCheck> checks_;
    std::vector<float> chunk_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(int threads, const std::string& remark) {
    const int cores = static_cast<int>(std::thread::hardware_concurrency());
    return std::make_unique<CpuBackend>(threads > 0 ? threads : std::max(cores, 1), remark);
}

}  // namespace halfscope
