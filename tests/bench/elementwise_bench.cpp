// Element-wise operations against the speed at which this machine copies memory. Each pass runs the operation
// and a memcpy of as many bytes as the operation reads and writes, on as many threads, in turn;
// `against_copy` is the median of their ratios. Tensors are larger than the caches: what is bound by
// arithmetic shows all the same.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "backend/cpu_backend.h"
#include "backend/thread_pool.h"
#include "graph/node.h"
#include "numerics/random.h"
#include "ops/op_call.h"

namespace {

using namespace halfscope;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kCols = 256;

/// Of a tensor larger than the last cache, whose size the system tells where it knows it: 64 MiB in FP32 and
/// twice as much again and again, up to 1 GiB.
std::int64_t rows_beyond_the_caches() {
    std::int64_t rows = 65536, cache_bytes = 0;
#if defined(_SC_LEVEL3_CACHE_SIZE)
    cache_bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    constexpr std::int64_t kMost = 16 * 65536;
    while (rows < kMost && rows * kCols * static_cast<std::int64_t>(sizeof(float)) < cache_bytes) rows *= 2;
    return rows;
}
const std::int64_t kRows = rows_beyond_the_caches();

struct Tensor {
    std::vector<std::uint32_t> codes = std::vector<std::uint32_t>(kRows * kCols);
    TensorView view;

    explicit Tensor(Format format, std::int64_t rows = kRows) {
        view.data = codes.data();
        view.rows = rows;
        view.cols = view.row_stride = kCols;
        view.format = format;
    }
    double bytes() const { return static_cast<double>(view.elements()) * format_info(view.format).bytes; }
};

void fill(Backend& backend, Tensor& tensor, std::uint32_t stream) {
    std::vector<float> values(static_cast<std::size_t>(tensor.view.elements()));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = normal(RandomKey{7, stream, 0}, i);
    TensorView from = tensor.view;
    from.data = values.data();
    from.format = Format::fp32;
    backend.convert(tensor.view, from);
}

double seconds(const auto& work) {
    const Clock::time_point start = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// `bytes`: read and written together.
void against_copy(benchmark::State& state, ThreadPool& pool, double bytes, const auto& operation) {
    const auto half = static_cast<std::int64_t>(bytes / 2);
    std::vector<char> from(static_cast<std::size_t>(half), 1), to(static_cast<std::size_t>(half));
    const auto copy = [&] {
        pool.parallel_for(half, 1 << 20, [&](std::int64_t begin, std::int64_t end) {
            std::memcpy(to.data() + begin, from.data() + begin, static_cast<std::size_t>(end - begin));
        });
    };
    copy();
    operation();
    std::vector<double> ratios;
    double best_copy = 1e9, best_operation = 1e9;
    for (auto _ : state) {
        const double copied = seconds(copy), worked = seconds(operation);
        ratios.push_back(worked / copied);
        best_copy = std::min(best_copy, copied);
        best_operation = std::min(best_operation, worked);
    }
    std::sort(ratios.begin(), ratios.end());
    state.counters["against_copy"] = ratios[ratios.size() / 2];
    state.counters["copy_GB_s"] = bytes / best_copy * 1e-9;
    state.counters["operation_GB_s"] = bytes / best_operation * 1e-9;
}

struct Bench {
    std::unique_ptr<Backend> backend = make_cpu_backend(0);
    ThreadPool copy_pool{backend->host_threads()};
};

void forward(benchmark::State& state, OpKind kind, Format format) {
    Bench bench;
    Tensor a(format), b(format, kind == OpKind::bias_add ? 1 : kRows), out(format);
    fill(*bench.backend, a, 1);
    fill(*bench.backend, b, 2);
    Node node;
    node.op = kind;
    const bool is_binary = kind == OpKind::add || kind == OpKind::bias_add;
    std::vector<TensorView> inputs{a.view};
    if (is_binary) inputs.push_back(b.view);
    OpCall call;
    call.node = &node;
    call.inputs = inputs;
    call.output = out.view;
    against_copy(state, bench.copy_pool, a.bytes() + (is_binary ? b.bytes() : 0.0) + out.bytes(),
                 [&] { bench.backend->forward(call); });
}

void backward(benchmark::State& state, OpKind kind, Format format) {
    Bench bench;
    Tensor x(format), y(format), dy(format), dx(format);
    fill(*bench.backend, x, 1);
    fill(*bench.backend, dy, 2);
    Node node;
    node.op = kind;
    OpCall call;
    call.node = &node;
    const std::vector<TensorView> inputs{x.view}, gradients{dx.view};
    call.inputs = inputs;
    call.output = y.view;
    bench.backend->forward(call);
    call.input_gradients = gradients;
    call.output_gradient = dy.view;
    against_copy(state, bench.copy_pool, y.bytes() + dy.bytes() + dx.bytes(),
                 [&] { bench.backend->backward(call); });
}

void convert(benchmark::State& state, Format from, Format to) {
    Bench bench;
    Tensor in(from), out(to);
    fill(*bench.backend, in, 1);
    against_copy(state, bench.copy_pool, in.bytes() + out.bytes(),
                 [&] { bench.backend->convert(out.view, in.view); });
}

#define HALFSCOPE_FORMATS(function, name, ...)                                          \
    BENCHMARK_CAPTURE(function, name##_fp32, __VA_ARGS__, Format::fp32)->UseRealTime(); \
    BENCHMARK_CAPTURE(function, name##_fp16, __VA_ARGS__, Format::fp16)->UseRealTime()

HALFSCOPE_FORMATS(forward, relu, OpKind::relu);
HALFSCOPE_FORMATS(forward, sigmoid, OpKind::sigmoid);
HALFSCOPE_FORMATS(forward, tanh, OpKind::tanh);
HALFSCOPE_FORMATS(forward, gelu, OpKind::gelu);
HALFSCOPE_FORMATS(forward, add, OpKind::add);
HALFSCOPE_FORMATS(forward, bias_add, OpKind::bias_add);
HALFSCOPE_FORMATS(backward, relu, OpKind::relu);
HALFSCOPE_FORMATS(backward, sigmoid, OpKind::sigmoid);
BENCHMARK_CAPTURE(convert, fp32_to_fp16, Format::fp32, Format::fp16)->UseRealTime();
BENCHMARK_CAPTURE(convert, fp16_to_fp32, Format::fp16, Format::fp32)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
