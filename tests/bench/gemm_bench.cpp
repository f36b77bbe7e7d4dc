// The CPU matrix product and its peer, OpenBLAS where it was found, in one run. FLOPS counts two for each
// product. Both use as many threads as the machine has; set OPENBLAS_NUM_THREADS to give the peer another
// number.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "backend/cpu_convert.h"
#include "backend/cpu_gemm.h"

#if defined(HALFSCOPE_HAS_OPENBLAS)
// Declared here because the header's place differs between distributions; the enum values are CBLAS's own.
extern "C" void cblas_sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                            const float* a, int lda, const float* b, int ldb, float beta, float* c, int ldc);
#endif

namespace {

using namespace halfscope;

struct Shape {
    const char* name;
    int64_t m, n, k;
    Transpose transpose_a, transpose_b;
};

constexpr Shape kShapes[] = {
    {"256x256x256", 256, 256, 256, Transpose::no, Transpose::no},
    {"512x512x512", 512, 512, 512, Transpose::no, Transpose::no},
    {"1024x1024x1024", 1024, 1024, 1024, Transpose::no, Transpose::no},
    {"linear_64x256x784", 64, 256, 784, Transpose::no, Transpose::yes},
    {"linear_64x10x256", 64, 10, 256, Transpose::no, Transpose::yes},
    {"tall_8192x32x32", 8192, 32, 32, Transpose::no, Transpose::yes},
    {"weight_gradient_32x32x8192", 32, 32, 8192, Transpose::yes, Transpose::no},
    {"convolution_2304x64x64", 2304, 64, 64, Transpose::no, Transpose::yes},
    {"recurrent_16x288x96", 16, 288, 96, Transpose::no, Transpose::yes},
};

struct Operands {
    std::vector<float> a, b, c;
    std::vector<uint16_t> half_a, half_b;
    int64_t stride_a, stride_b;

    explicit Operands(const Shape& shape)
        : a(static_cast<size_t>(shape.m * shape.k)),
          b(static_cast<size_t>(shape.k * shape.n)),
          c(static_cast<size_t>(shape.m * shape.n)),
          half_a(a.size()),
          half_b(b.size()),
          stride_a(shape.transpose_a == Transpose::yes ? shape.m : shape.k),
          stride_b(shape.transpose_b == Transpose::yes ? shape.k : shape.n) {
        std::mt19937 generator(1);
        for (float& x : a) x = static_cast<float>(static_cast<int32_t>(generator())) * 0x1p-31f;
        for (float& x : b) x = static_cast<float>(static_cast<int32_t>(generator())) * 0x1p-31f;
        narrow(Format::fp16, a.data(), half_a.data(), static_cast<int64_t>(a.size()), Subnormals::keep);
        narrow(Format::fp16, b.data(), half_b.data(), static_cast<int64_t>(b.size()), Subnormals::keep);
    }
};

void report(benchmark::State& state, const Shape& shape) {
    const double operations = 2.0 * static_cast<double>(shape.m) * static_cast<double>(shape.n) *
                              static_cast<double>(shape.k) * static_cast<double>(state.iterations());
    state.counters["FLOPS"] = benchmark::Counter(operations, benchmark::Counter::kIsRate);
}

void run_ours(benchmark::State& state, const Shape& shape, Format format, Accumulate accumulate) {
    Operands operands(shape);
    ThreadPool pool(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
    const bool half = format == Format::fp16;
    const auto view = [&](const std::vector<float>& wide, const std::vector<uint16_t>& narrowed,
                          int64_t stride) {
        const void* data = half ? static_cast<const void*>(narrowed.data()) : wide.data();
        return MatrixView{data, format, static_cast<int64_t>(wide.size()) / stride, stride, stride};
    };
    const GemmArguments arguments{view(operands.a, operands.half_a, operands.stride_a),
                                  view(operands.b, operands.half_b, operands.stride_b),
                                  shape.transpose_a,
                                  shape.transpose_b,
                                  shape.m,
                                  shape.n,
                                  shape.k,
                                  accumulate,
                                  Format::fp32};
    for (auto _ : state) {
        cpu_gemm(pool, arguments, [&](const GemmBlock& block) {
            narrow_rows(Format::fp32, block.sums, block.pitch, nullptr,
                        operands.c.data() + block.row * shape.n + block.col, shape.n, block.rows, block.cols,
                        Subnormals::keep);
        });
        benchmark::ClobberMemory();
    }
    report(state, shape);
}

#if defined(HALFSCOPE_HAS_OPENBLAS)
void run_openblas(benchmark::State& state, const Shape& shape) {
    constexpr int kRowMajor = 101;
    const auto code = [](Transpose transpose) { return transpose == Transpose::yes ? 112 : 111; };
    Operands operands(shape);
    const int n = static_cast<int>(shape.n);
    for (auto _ : state) {
        cblas_sgemm(kRowMajor, code(shape.transpose_a), code(shape.transpose_b), static_cast<int>(shape.m), n,
                    static_cast<int>(shape.k), 1.0f, operands.a.data(), static_cast<int>(operands.stride_a),
                    operands.b.data(), static_cast<int>(operands.stride_b), 0.0f, operands.c.data(), n);
        benchmark::ClobberMemory();
    }
    report(state, shape);
}
#endif

constexpr int64_t kConverted = 1 << 15;

void run_narrow(benchmark::State& state, Format format, Subnormals subnormals) {
    std::vector<float> values(kConverted, 0.3f);
    std::vector<uint16_t> codes(kConverted);
    for (auto _ : state) {
        narrow(format, values.data(), codes.data(), kConverted, subnormals);
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * kConverted);
}

void run_widen(benchmark::State& state, Format format) {
    std::vector<float> values(kConverted);
    std::vector<uint16_t> codes(kConverted, 0x3c01);
    for (auto _ : state) {
        widen(format, codes.data(), values.data(), kConverted);
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * kConverted);
}

void register_product(const Shape& shape) {
    const std::string name = shape.name;
    const auto add = [&](const std::string& kind, auto function) {
        benchmark::RegisterBenchmark((name + "/" + kind).c_str(), function)
            ->UseRealTime()
            ->Unit(benchmark::kMicrosecond)
            ->MinTime(0.2);
    };
#if defined(HALFSCOPE_HAS_OPENBLAS)
    add("openblas_fp32", [&shape](benchmark::State& state) { run_openblas(state, shape); });
#endif
    add("fp32",
        [&shape](benchmark::State& state) { run_ours(state, shape, Format::fp32, Accumulate::fp32); });
    add("fp16",
        [&shape](benchmark::State& state) { run_ours(state, shape, Format::fp16, Accumulate::fp32); });
    add("fp16_accumulate_fp16",
        [&shape](benchmark::State& state) { run_ours(state, shape, Format::fp16, Accumulate::fp16); });
}

}  // namespace

int main(int argc, char** argv) {
    for (const Shape& shape : kShapes) register_product(shape);
    for (const Format format : {Format::fp16, Format::bf16, Format::e4m3, Format::e5m2}) {
        const std::string name = format_info(format).name;
        benchmark::RegisterBenchmark(("narrow/" + name).c_str(), run_narrow, format, Subnormals::keep);
        benchmark::RegisterBenchmark(("narrow_flushing/" + name).c_str(), run_narrow, format,
                                     Subnormals::flush);
        benchmark::RegisterBenchmark(("widen/" + name).c_str(), run_widen, format);
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
