// The CUDA module: a Backend on the first GPU.
#include <exception>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend/cuda_energy.h"
#include "backend/cuda_entry.h"
#include "backend/cuda_executor.cuh"
#include "backend/cuda_recording.h"
#include "graph/plan.h"
#include "ops/op_list.h"
#include "ops/optimizer_update.h"

namespace halfscope {
namespace {

class Stream : public CudaHandle<cudaStream_t, cudaStreamDestroy> {
  public:
    Stream() { require(cudaStreamCreateWithFlags(place(), cudaStreamNonBlocking), "its start"); }
};

class Event : public CudaHandle<cudaEvent_t, cudaEventDestroy> {
  public:
    Event() { require(cudaEventCreate(place()), "a measurement"); }
};

class CudaBackend final : public Backend {
  public:
    explicit CudaBackend(const CudaOptions& options)
        : executor_(stream_, options.exact ? CudaProducts::exact : CudaProducts::cublas,
                    attribute(cudaDevAttrComputeCapabilityMajor) >= 8),
          reads_host_memory_(attribute(cudaDevAttrPageableMemoryAccess) != 0) {
        cudaDeviceProp properties{};
        require(cudaGetDeviceProperties(&properties, 0), "its properties");
        char address[32] = {};
        require(cudaDeviceGetPCIBusId(address, sizeof address, 0), "its address");
        energy_.emplace(address);
        name_ = std::string("cuda: ") + properties.name + (options.exact ? ", exact products" : "");
    }

    ~CudaBackend() override { cudaStreamSynchronize(stream_); }

    std::string name() const override { return remark_.empty() ? name_ : name_ + " (" + remark_ + ")"; }
    bool can_be_lost() const override { return true; }
    std::optional<double> joules() override { return energy_->joules(); }
    std::optional<double> matrix_peak(Format operands) override {
        // Once, also where it fails: snapshots ask up to 60 times a second.
        const auto [place, is_new] = peaks_.try_emplace(operands);
        if (is_new) {
            try {
                place->second = measured_peak(operands);
            } catch (const std::exception&) {
                // There is no room for it, or the device has failed, which the next step says.
            }
        }
        return place->second;
    }
    std::uint64_t available_bytes() const override {
        std::size_t free = 0, total = 0;
        require(cudaMemGetInfo(&free, &total), "asking for its memory");
        return free;
    }

    std::uint64_t scratch_bytes(std::span<const PlannedPass> passes) const override {
        return executor_.missing_scratch(passes);
    }

    void* allocate(std::uint64_t bytes) override {
        void* memory = nullptr;
        require(cudaMalloc(&memory, bytes == 0 ? 1 : bytes), "allocating memory");
        if (bytes != 0) require(cudaMemsetAsync(memory, 0, bytes, stream_), "clearing memory");
        return memory;
    }
    void release(void* memory) override {
        cudaStreamSynchronize(stream_);
        cudaFree(memory);
    }
    void upload(void* device, const void* host, std::uint64_t bytes) override {
        if (bytes == 0) return;
        // From pageable memory that has to be staged: returns when the bytes are taken, so that `host` may
        // change.
        require(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_), "an upload");
        if (reads_host_memory_) require(cudaStreamSynchronize(stream_), "an upload");
    }
    void download(void* host, const void* device, std::uint64_t bytes) override {
        if (bytes == 0) return;
        require(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_), "a download");
        require(cudaStreamSynchronize(stream_), "a step");
    }

    void forward(const OpCall& call) override {
        visit_op(call.node->op, [&](auto op) { decltype(op)::forward(executor_, call); });
    }
    void backward(const OpCall& call) override {
        visit_op(call.node->op, [&](auto op) { decltype(op)::backward(executor_, call); });
    }
    void clear(void* memory, std::uint64_t bytes) override {
        require(cudaMemsetAsync(memory, 0, bytes, stream_), "clearing memory");
    }
    void convert(const TensorView& out, const TensorView& in) override { executor_.copy(out, in); }
    void convert_each(std::span<const Conversion> conversions) override { executor_.copy_each(conversions); }
    void update(std::span<const UpdateCall> calls) override {
        for (const UpdateCall& call : calls) update_parameter(executor_, call);
        executor_.finish_updates();
    }

    void begin_check(std::span<const TensorView> gradients, UpdateValues* values) override {
        auto* const totals =
            static_cast<GradientCheck*>(executor_.check_space(gradients.size() * sizeof(GradientCheck)));
        int first = 0;
        measure<GradientCheck>(
            gradients, {}, [&](const cuda::Measured& some, GradientCheck* place, unsigned chunks) {
                if (chunks > 0)
                    launch("the check of gradients", {chunks, 32, stream_}, cuda::check_kernel, place, some,
                           values);
                launch("the check of gradients", {static_cast<unsigned>(some.count), cuda::kThreads, stream_},
                       cuda::fold_checks_kernel, totals, first, place, chunks, some);
                first += some.count;
            });
        launch("the check of gradients", {1, 1, stream_}, cuda::decide_kernel, totals, gradients.size(),
               values);
    }
    std::vector<GradientCheck> finish_check(std::size_t count) override {
        std::vector<GradientCheck> totals(count);
        const std::uint64_t bytes = count * sizeof totals[0];
        download(totals.data(), executor_.check_space(bytes), bytes);
        return totals;
    }

    std::vector<GradientComparison> compare(std::span<const TensorView> gradients, float inverse_scale,
                                            std::span<const TensorView> shadows) override {
        measure<GradientComparison>(
            gradients, shadows, [&](const cuda::Measured& some, GradientComparison* place, unsigned chunks) {
                if (chunks > 0)
                    launch("the comparison with the shadow pass", {chunks, 32, stream_}, cuda::compare_kernel,
                           place, some, inverse_scale);
            });
        return compared(gradients);
    }

    /// The first run of a part is launched call by call and finds out how much scratch memory it takes; from
    /// the second on it is one graph. Where that fails, everything is launched call by call from then on.
    void repeat(std::unique_ptr<Recording>& recording, FunctionRef<void()> calls) override {
        if (!recording) {
            calls();
            recording = std::make_unique<CudaRecording>();
            return;
        }
        auto& graph = static_cast<CudaRecording&>(*recording);
        const std::uint64_t generation = executor_.scratch_generation();
        if (graph.is_outdated(generation)) {
            // As the first time: a block may have been lost, and no capture may grow it.
            graph.forget();
            return calls();
        }
        if (remark_.empty() && !graph.is_playable(generation)) {
            const std::string failure = graph.record(stream_, generation, calls);
            if (!failure.empty()) {
                remark_ = "steps are not one graph: " + failure;
                executor_.forget_collected();
            }
        }
        if (!remark_.empty()) return calls();
        graph.play(stream_);
    }

  private:
    static int attribute(cudaDeviceAttr which) {
        int value = 0;
        require(cudaDeviceGetAttribute(&value, which, 0), "its properties");
        return value;
    }
    /// Of the fastest of four products of kSize^3, after one that warms up.
    double measured_peak(Format operands) {
        constexpr std::int64_t kSize = 4096;
        constexpr double kFlops = 2.0 * kSize * kSize * kSize;
        const std::uint64_t bytes = static_cast<std::uint64_t>(kSize * kSize) * sizeof(float);
        const DeviceMemory a(*this, bytes), b(*this, bytes), product(*this, bytes);
        const auto matrix = [&](const DeviceMemory& memory) {
            TensorView view;
            view.data = memory.data();
            view.rows = view.cols = view.row_stride = kSize;
            view.format = operands == Format::tf32 ? Format::fp32 : operands;
            return view;
        };
        for (const DeviceMemory* memory : {&a, &b}) executor_.map(matrix(*memory), cuda::Varied{});
        GemmOptions options;
        options.operands = operands == Format::tf32 ? Format::tf32 : Format::fp32;
        Event start, end;
        float fastest_ms = std::numeric_limits<float>::infinity();
        for (int run = 0; run < 5; ++run) {
            require(cudaEventRecord(start, stream_), "a measurement");
            executor_.gemm(matrix(product), {matrix(a)}, {matrix(b), Transpose::yes}, options);
            require(cudaEventRecord(end, stream_), "a measurement");
            require(cudaEventSynchronize(end), "a measurement");
            float ms = 0.0f;
            require(cudaEventElapsedTime(&ms, start, end), "a measurement");
            if (run > 0 && ms < fastest_ms) fastest_ms = ms;
        }
        return kFlops / (static_cast<double>(fastest_ms) * 1e-3);
    }
    static std::int64_t chunks_of(const TensorView& gradient) {
        return (gradient.elements() + kDoubleChunk - 1) / kDoubleChunk;
    }
    /// Room for what is measured of each chunk; the same place as long as no operation comes between.
    template <class Result>
    Result* measuring_space(std::span<const TensorView> gradients) {
        std::int64_t chunks = 0;
        for (const TensorView& gradient : gradients) chunks += chunks_of(gradient);
        return static_cast<Result*>(
            executor_.measuring_space(chunks * static_cast<std::int64_t>(sizeof(Result))));
    }

    /// Launches kernel(some of the gradients, place, chunks), which measures each chunk of kDoubleChunk
    /// elements; `shadows`: one for each, or none.
    template <class Result, class Kernel>
    void measure(std::span<const TensorView> gradients, std::span<const TensorView> shadows,
                 const Kernel& kernel) {
        auto* place = measuring_space<Result>(gradients);
        cuda::Measured some{};
        unsigned chunks = 0;
        for (std::size_t i = 0; i < gradients.size(); ++i) {
            some.gradient[some.count] = gradients[i];
            if (!shadows.empty()) some.shadow[some.count] = shadows[i];
            some.first_chunk[some.count++] = chunks;
            chunks += static_cast<unsigned>(chunks_of(gradients[i]));
            if (some.count < some.kMost && i + 1 < gradients.size()) continue;
            kernel(some, place, chunks);
            place += std::exchange(chunks, 0);
            some.count = 0;
        }
    }
    /// What was compared, added up for each gradient in the order of the chunks. The host waits once for all
    /// of them.
    std::vector<GradientComparison> compared(std::span<const TensorView> gradients) {
        std::int64_t chunks = 0;
        for (const TensorView& gradient : gradients) chunks += chunks_of(gradient);
        std::vector<GradientComparison> parts(static_cast<std::size_t>(chunks)), totals(gradients.size());
        download(parts.data(), measuring_space<GradientComparison>(gradients),
                 parts.size() * sizeof parts[0]);
        const GradientComparison* part = parts.data();
        for (std::size_t i = 0; i < gradients.size(); ++i) {
            for (std::int64_t n = chunks_of(gradients[i]); n > 0; --n, ++part) {
                totals[i].difference_square += part->difference_square;
                totals[i].gradient_square += part->gradient_square;
                totals[i].shadow_square += part->shadow_square;
                totals[i].product += part->product;
            }
        }
        return totals;
    }

    Stream stream_;
    CudaExecutor executor_;
    bool reads_host_memory_;  // by itself, where it need not be staged
    std::optional<CudaEnergy> energy_;
    std::map<Format, std::optional<double>> peaks_;  ///< none: could not be measured
    std::string name_;
    std::string remark_;  ///< why steps are not recorded; empty: they are
};

std::string why_no_device() {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status == cudaErrorInsufficientDriver) return "the NVIDIA driver is too old for this build";
    if (status != cudaSuccess) return std::string("there is no usable GPU: ") + cudaGetErrorString(status);
    return count > 0 ? "" : "there is no NVIDIA GPU";
}

}  // namespace

extern "C" __attribute__((visibility("default"))) Backend* halfscope_open_cuda_backend(
    const CudaOptions& options, std::string& why_not) {
    try {
        why_not = why_no_device();
        return why_not.empty() ? new CudaBackend(options) : nullptr;
    } catch (const std::exception& error) {
        why_not = error.what();
        return nullptr;
    }
}

}  // namespace halfscope
