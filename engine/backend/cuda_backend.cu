// The CUDA module: a Backend on the first GPU.
#include <exception>
#include <span>
#include <string>
#include <vector>

#include "backend/cuda_entry.h"
#include "backend/cuda_executor.cuh"
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
        name_ = std::string("cuda: ") + properties.name + (options.exact ? ", exact products" : "");
    }

    std::string name() const override { return name_; }
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

    std::vector<GradientCheck> check(std::span<const TensorView> gradients, float inverse_scale) override {
        const auto kernel = [&](std::size_t i, GradientCheck* place, unsigned chunks) {
            cuda::check_kernel<<<chunks, 32, 0, stream_>>>(place, gradients[i], inverse_scale);
        };
        const auto add = [](GradientCheck& total, const GradientCheck& chunk) {
            total.nonfinite += chunk.nonfinite;
            total.nonfinite_unscaled += chunk.nonfinite_unscaled;
            total.sum_of_squares += chunk.sum_of_squares;
            if (chunk.max_abs > total.max_abs) total.max_abs = chunk.max_abs;
        };
        return measured<GradientCheck>(gradients, kernel, add);
    }

    std::vector<GradientComparison> compare(std::span<const TensorView> gradients, float inverse_scale,
                                            std::span<const TensorView> shadows) override {
        const auto kernel = [&](std::size_t i, GradientComparison* place, unsigned chunks) {
            cuda::compare_kernel<<<chunks, 32, 0, stream_>>>(place, gradients[i], inverse_scale, shadows[i]);
        };
        const auto add = [](GradientComparison& total, const GradientComparison& chunk) {
            total.difference_square += chunk.difference_square;
            total.gradient_square += chunk.gradient_square;
            total.shadow_square += chunk.shadow_square;
            total.product += chunk.product;
        };
        return measured<GradientComparison>(gradients, kernel, add);
    }

  private:
    /// What a kernel measures of each chunk of kDoubleChunk elements, added up for each gradient in the order
    /// of the chunks. The host waits once for all of them.
    template <class Measured, class Kernel, class Add>
    std::vector<Measured> measured(std::span<const TensorView> gradients, const Kernel& kernel,
                                   const Add& add) {
        const auto chunks_of = [](const TensorView& gradient) {
            return (gradient.elements() + kDoubleChunk - 1) / kDoubleChunk;
        };
        std::int64_t chunks = 0;
        for (const TensorView& gradient : gradients) chunks += chunks_of(gradient);
        std::vector<Measured> parts(static_cast<std::size_t>(chunks)), totals(gradients.size());
        const auto bytes = static_cast<std::uint64_t>(chunks) * sizeof(Measured);
        auto* place = static_cast<Measured*>(executor_.measuring_space(static_cast<std::int64_t>(bytes)));
        Measured* const first = place;
        for (std::size_t i = 0; i < gradients.size(); ++i) {
            const std::int64_t count = chunks_of(gradients[i]);
            if (count > 0) kernel(i, place, static_cast<unsigned>(count));
            require(cudaGetLastError(), "the measuring of a gradient");
            place += count;
        }
        download(parts.data(), first, bytes);
        const Measured* part = parts.data();
        for (std::size_t i = 0; i < gradients.size(); ++i)
            for (std::int64_t n = chunks_of(gradients[i]); n > 0; --n) add(totals[i], *part++);
        return totals;
    }

    Stream stream_;
    CudaExecutor executor_;
    std::string name_;
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
