// The CUDA device against what its GPU can do, in one run: products against cuBLAS called bare, element-wise
// operations against a copy on the device, probed steps against plain ones, mixed against FP32. Skips where
// there is no device. Run by ./dev gpu.
#include <benchmark/benchmark.h>
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "backend/cuda_module.h"
#include "graph/node.h"
#include "numerics/random.h"
#include "ops/op_call.h"
#include "train/experiment.h"

namespace {

using namespace halfscope;
using Clock = std::chrono::steady_clock;

std::unique_ptr<Backend> open() {
    std::string why_not;
    return open_cuda_backend({}, why_not);
}

/// Seconds of one of `times` runs of what is launched asynchronously; the median of five.
template <class Launch>
double seconds_each(int times, const Launch& launch) {
    std::vector<double> seconds;
    for (int round = 0; round < 6; ++round) {  // the first warms up
        cudaDeviceSynchronize();
        const auto start = Clock::now();
        for (int i = 0; i < times; ++i) launch();
        cudaDeviceSynchronize();
        if (round > 0) seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count() / times);
    }
    std::sort(seconds.begin(), seconds.end());
    return seconds[seconds.size() / 2];
}

/// A tensor in the device's memory, filled with the normal distribution.
struct Tensor {
    DeviceMemory memory;
    TensorView view;
    Tensor(Backend& gpu, Format format, std::int64_t rows, std::int64_t cols, std::uint32_t stream)
        : memory(gpu, static_cast<std::uint64_t>(rows * cols) * sizeof(float)) {
        view.data = memory.data();
        view.rows = rows;
        view.cols = view.row_stride = cols;
        view.format = format;
        constexpr std::size_t kPattern = 65536;
        std::vector<float> values(static_cast<std::size_t>(rows * cols));
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = i < kPattern ? 0.02f * normal(RandomKey{7, stream, 0}, i) : values[i - kPattern];
        const DeviceMemory staged(gpu, values.size() * sizeof(float));
        gpu.upload(staged.data(), values.data(), values.size() * sizeof(float));
        TensorView from = view;
        from.data = staged.data();
        from.format = Format::fp32;
        gpu.convert(view, from);
    }
    double bytes() const { return static_cast<double>(view.elements()) * format_info(view.format).bytes; }
};

/// Two for each product, of all three products of a linear layer.
constexpr double kFlopsOfAProduct = 2.0;

/// Forward and backward of a linear layer, bias included, against three products through cuBLAS alone.
void linear(benchmark::State& state, Format format) {
    const std::unique_ptr<Backend> gpu = open();
    const std::int64_t n = state.range(0);
    Tensor x(*gpu, format, n, n, 1), w(*gpu, format, n, n, 2), b(*gpu, format, 1, n, 3),
        y(*gpu, format, n, n, 4), dy(*gpu, format, n, n, 5), dx(*gpu, format, n, n, 6),
        dw(*gpu, format, n, n, 7), db(*gpu, format, 1, n, 8);
    Node node;
    node.op = OpKind::linear;
    const std::vector<TensorView> inputs{x.view, w.view, b.view}, gradients{dx.view, dw.view, db.view};
    OpCall call;
    call.node = &node;
    call.inputs = inputs;
    call.output = y.view;
    call.output_gradient = dy.view;
    call.input_gradients = gradients;
    cublasHandle_t handle = nullptr;
    cublasCreate(&handle);
    const cudaDataType_t type = format == Format::fp16 ? CUDA_R_16F : CUDA_R_32F;
    const float one = 1.0f, zero = 0.0f;
    const auto bare = [&](cublasOperation_t a, cublasOperation_t c) {
        const int size = static_cast<int>(n);
        cublasGemmEx(handle, a, c, size, size, size, &one, w.view.data, type, size, x.view.data, type, size,
                     &zero, y.view.data, type, size, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
    };
    std::vector<double> ratios;
    double ours = 0, peer = 0;
    for (auto _ : state) {
        peer = seconds_each(3, [&] {
            bare(CUBLAS_OP_T, CUBLAS_OP_N);
            bare(CUBLAS_OP_N, CUBLAS_OP_N);
            bare(CUBLAS_OP_N, CUBLAS_OP_T);
        });
        ours = seconds_each(3, [&] {
            gpu->forward(call);
            gpu->backward(call);
        });
        ratios.push_back(peer / ours);
    }
    cublasDestroy(handle);
    std::sort(ratios.begin(), ratios.end());
    const double flops = 3.0 * kFlopsOfAProduct * static_cast<double>(n * n * n);
    state.counters["of_cublas"] = ratios[ratios.size() / 2];
    state.counters["TFLOP_s"] = flops / ours * 1e-12;
    state.counters["cublas_TFLOP_s"] = flops / peer * 1e-12;
}

void elementwise(benchmark::State& state, OpKind kind, Format format) {
    const std::unique_ptr<Backend> gpu = open();
    constexpr std::int64_t kRows = 65536, kCols = 1024;  // 256 MiB in FP32
    Tensor a(*gpu, format, kRows, kCols, 1), b(*gpu, format, kRows, kCols, 2),
        out(*gpu, format, kRows, kCols, 3);
    Node node;
    node.op = kind;
    std::vector<TensorView> inputs{a.view};
    if (kind == OpKind::add) inputs.push_back(b.view);
    OpCall call;
    call.node = &node;
    call.inputs = inputs;
    call.output = out.view;
    const double bytes = a.bytes() * static_cast<double>(inputs.size()) + out.bytes();
    const auto half = static_cast<std::size_t>(std::min(bytes / 2, a.bytes()));
    double copied = 0, worked = 0;
    for (auto _ : state) {
        copied = seconds_each(10, [&] {
            cudaMemcpyAsync(out.view.data, a.view.data, half, cudaMemcpyDeviceToDevice, nullptr);
        });
        worked = seconds_each(10, [&] { gpu->forward(call); });
    }
    const double copy_speed = 2.0 * static_cast<double>(half) / copied, speed = bytes / worked;
    state.counters["of_copy"] = speed / copy_speed;
    state.counters["GB_s"] = speed * 1e-9;
    state.counters["copy_GB_s"] = copy_speed * 1e-9;
}

struct Large {
    const char* scenario;
    std::map<std::string, double> parameters;
};

/// Seconds of ten steps, the first as asked for.
double ten_steps(Experiment& experiment, const StepRequest& first) {
    const auto start = Clock::now();
    for (int i = 0; i < 10; ++i) {
        auto results = experiment.step(i == 0 ? first : StepRequest{});
        benchmark::DoNotOptimize(results);
    }
    return std::chrono::duration<double>(Clock::now() - start).count();
}

void steps(benchmark::State& state, const Large& large) {
    const std::unique_ptr<Backend> gpu = open();
    ScenarioSettings settings;
    settings.parameters = large.parameters;
    const auto workload = find_scenario(large.scenario).create(settings);
    Experiment fp32(*gpu, workload, {{"lane", parse_techniques("fp32")}});
    Experiment mixed(*gpu, workload, {{"lane", parse_techniques("mixed")}});
    for (Experiment* experiment : {&fp32, &mixed}) {
        ten_steps(*experiment, {});
        for (int i = 0; i < 2; ++i) ten_steps(*experiment, {.probe = true});
    }
    std::vector<double> full, half, telemetry;
    for (auto _ : state) {
        full.push_back(ten_steps(fp32, {}) / 10);
        half.push_back(ten_steps(mixed, {}) / 10);
        telemetry.push_back(ten_steps(mixed, {.probe = true}) / 10 / half.back() - 1.0);
    }
    const auto median = [](std::vector<double>& values) {
        std::sort(values.begin(), values.end());
        return values[values.size() / 2];
    };
    const double full_step = median(full), half_step = median(half);
    state.counters["fp32_ms"] = 1e3 * full_step;
    state.counters["mixed_ms"] = 1e3 * half_step;
    state.counters["fp32_per_mixed"] = full_step / half_step;
    state.counters["telemetry_percent"] = 100.0 * median(telemetry);
}

const Large kSpiral{"spiral-mlp", {}}, kImage{"image-fit", {}}, kText{"char-gru", {}},
    kDigits{"digits-cnn", {}};
const Large kLargeMlp{"spiral-mlp", {{"layers", 4}, {"width", 4096}, {"points", 4096}, {"batch", 4096}}};

BENCHMARK_CAPTURE(linear, fp16, Format::fp16)->Arg(4096)->Arg(8192)->Iterations(3);
BENCHMARK_CAPTURE(linear, fp32, Format::fp32)->Arg(4096)->Iterations(3);
BENCHMARK_CAPTURE(elementwise, relu_fp32, OpKind::relu, Format::fp32)->Iterations(3);
BENCHMARK_CAPTURE(elementwise, relu_fp16, OpKind::relu, Format::fp16)->Iterations(3);
BENCHMARK_CAPTURE(elementwise, sigmoid_fp32, OpKind::sigmoid, Format::fp32)->Iterations(3);
BENCHMARK_CAPTURE(elementwise, sigmoid_fp16, OpKind::sigmoid, Format::fp16)->Iterations(3);
BENCHMARK_CAPTURE(elementwise, gelu_fp16, OpKind::gelu, Format::fp16)->Iterations(3);
BENCHMARK_CAPTURE(elementwise, add_fp16, OpKind::add, Format::fp16)->Iterations(3);
BENCHMARK_CAPTURE(steps, spiral_mlp, kSpiral)->Iterations(15);
BENCHMARK_CAPTURE(steps, image_fit, kImage)->Iterations(15);
BENCHMARK_CAPTURE(steps, char_gru, kText)->Iterations(15);
BENCHMARK_CAPTURE(steps, digits_cnn, kDigits)->Iterations(15);
BENCHMARK_CAPTURE(steps, mlp_4x4096, kLargeMlp)->Iterations(5);

}  // namespace

int main(int argc, char** argv) {
    std::string why_not;
    if (!halfscope::open_cuda_backend({}, why_not)) {
        std::printf("gpu_bench: skipped, %s\n", why_not.c_str());
        return 0;
    }
    benchmark::Initialize(&argc, argv);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
