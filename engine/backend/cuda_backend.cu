// The CUDA module: a Backend on the first GPU.
#include <exception>
#include <optional>
#include <span>
#include <string>
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

class Stream {
  public:
    Stream() { require(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "its start"); }
    ~Stream() { cudaStreamDestroy(stream_); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    operator cudaStream_t() const { return stream_; }

  private:
    cudaStream_t stream_ = nullptr;
};

class CudaBackend final : public Backend {
  public:
    explicit CudaBackend(const CudaOptions& options)
        : executor_(stream_, options.exact ? CudaProducts::exact : CudaProducts::cublas) {
        cudaDeviceProp properties{};
        require(cudaGetDeviceProperties(&properties, 0), "its properties");
        char address[32] = {};
        require(cudaDeviceGetPCIBusId(address, sizeof address, 0), "its address");
        energy_.emplace(address);
        name_ = std::string("cuda: ") + properties.name + (options.exact ? ", exact products" : "");
    }

    std::string name() const override { return remark_.empty() ? name_ : name_ + " (" + remark_ + ")"; }
    std::optional<double> joules() override { return energy_->joules(); }
    std::uint64_t available_bytes() const override {
        std::size_t free = 0, total = 0;
        require(cudaMemGetInfo(&free, &total), "asking for its memory");
        return free;
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
        // From pageable memory: returns when the bytes are taken, so that `host` may change.
        require(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_), "an upload");
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
    void convert(const TensorView& out, const TensorView& in) override { executor_.copy(out, in); }
    void update(const UpdateCall& call) override { update_parameter(executor_, call); }

    void begin_check(std::span<const TensorView> gradients, const UpdateValues* values) override {
        measure<GradientCheck>(gradients, [&](std::size_t i, GradientCheck* place, unsigned chunks) {
            cuda::check_kernel<<<chunks, 32, 0, stream_>>>(place, gradients[i], values);
        });
    }
    std::vector<GradientCheck> finish_check(std::span<const TensorView> gradients) override {
        const auto add = [](GradientCheck& total, const GradientCheck& chunk) {
            total.nonfinite += chunk.nonfinite;
            total.nonfinite_unscaled += chunk.nonfinite_unscaled;
            total.sum_of_squares += chunk.sum_of_squares;
            if (chunk.max_abs > total.max_abs) total.max_abs = chunk.max_abs;
        };
        return measured<GradientCheck>(gradients, add);
    }

    std::vector<GradientComparison> compare(std::span<const TensorView> gradients, float inverse_scale,
                                            std::span<const TensorView> shadows) override {
        measure<GradientComparison>(gradients, [&](std::size_t i, GradientComparison* place,
                                                   unsigned chunks) {
            cuda::compare_kernel<<<chunks, 32, 0, stream_>>>(place, gradients[i], inverse_scale, shadows[i]);
        });
        const auto add = [](GradientComparison& total, const GradientComparison& chunk) {
            total.difference_square += chunk.difference_square;
            total.gradient_square += chunk.gradient_square;
            total.shadow_square += chunk.shadow_square;
            total.product += chunk.product;
        };
        return measured<GradientComparison>(gradients, add);
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
        if (remark_.empty() && !graph.is_playable(executor_.scratch_generation())) {
            const std::string failure = graph.record(stream_, executor_.scratch_generation(), calls);
            if (!failure.empty()) remark_ = "steps are not one graph: " + failure;
        }
        if (!remark_.empty()) return calls();
        graph.play(stream_);
    }

  private:
    static std::int64_t chunks_of(const TensorView& gradient) {
        return (gradient.elements() + kDoubleChunk - 1) / kDoubleChunk;
    }
    /// Room for what is measured of each chunk; the same place as long as no operation comes between.
    template <class Measured>
    Measured* measuring_space(std::span<const TensorView> gradients) {
        std::int64_t chunks = 0;
        for (const TensorView& gradient : gradients) chunks += chunks_of(gradient);
        return static_cast<Measured*>(
            executor_.measuring_space(chunks * static_cast<std::int64_t>(sizeof(Measured))));
    }

    /// Launches kernel(i, place, chunks), which measures each chunk of kDoubleChunk elements, for each
    /// gradient.
    template <class Measured, class Kernel>
    void measure(std::span<const TensorView> gradients, const Kernel& kernel) {
        auto* place = measuring_space<Measured>(gradients);
        for (std::size_t i = 0; i < gradients.size(); ++i) {
            const std::int64_t count = chunks_of(gradients[i]);
            if (count > 0) kernel(i, place, static_cast<unsigned>(count));
            require(cudaGetLastError(), "the measuring of a gradient");
            place += count;
        }
    }
    /// What was measured, added up for each gradient in the order of the chunks. The host waits once for all
    /// of them.
    template <class Measured, class Add>
    std::vector<Measured> measured(std::span<const TensorView> gradients, const Add& add) {
        std::int64_t chunks = 0;
        for (const TensorView& gradient : gradients) chunks += chunks_of(gradient);
        std::vector<Measured> parts(static_cast<std::size_t>(chunks)), totals(gradients.size());
        download(parts.data(), measuring_space<Measured>(gradients), parts.size() * sizeof(Measured));
        const Measured* part = parts.data();
        for (std::size_t i = 0; i < gradients.size(); ++i)
            for (std::int64_t n = chunks_of(gradients[i]); n > 0; --n) add(totals[i], *part++);
        return totals;
    }

    Stream stream_;
    CudaExecutor executor_;
    std::optional<CudaEnergy> energy_;
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
