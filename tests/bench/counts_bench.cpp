// The counting of a tensor's values, which probed steps pay for each stored element: of a normal
// distribution, of one exponent alone, of small values of which many are subnormal or flushed in FP16, of
// values over forty exponents, and of zeros. Spans are as long as the CPU executor's segments, or short rows.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "numerics/random.h"
#include "numerics/tensor_tally.h"

namespace {

using namespace halfscope;

enum class Values { normal, one_exponent, tiny, wide, zero };  // wide: over some forty exponents

std::vector<float> make_values(Values kind, std::size_t count) {
    std::vector<float> values(count);
    const RandomKey key{7, 1, 0};
    for (std::size_t i = 0; i < count; ++i) {
        const float x = kind == Values::one_exponent ? uniform(key, i, 1.0f, 1.999f) : normal(key, i);
        values[i] = kind == Values::tiny ? std::ldexp(x, -20) : x;
        if (kind == Values::zero) values[i] = 0.0f;
        if (kind == Values::wide) values[i] = std::ldexp(x, -static_cast<int>(i * 7919 % 30));
    }
    return values;
}

void count_spans(benchmark::State& state, Values kind, Format format) {
    const std::size_t total = 1 << 16, span = static_cast<std::size_t>(state.range(0));
    const std::vector<float> exact = make_values(kind, total);
    TensorCounts counts;
    for (auto _ : state) {
        TensorTally tally(format, Subnormals::keep);
        for (std::size_t i = 0; i + span <= total; i += span) tally.add(exact.data() + i, nullptr, span);
        tally.add_to(counts);
        // All of it: what nobody reads, the compiler does not count.
        benchmark::DoNotOptimize(&counts);
        benchmark::ClobberMemory();
    }
    const std::size_t counted = total / span * span;
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(counted));
    state.counters["per_value"] =
        benchmark::Counter(static_cast<double>(counted) * static_cast<double>(state.iterations()),
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

BENCHMARK_CAPTURE(count_spans, normal_fp16, Values::normal, Format::fp16)->Arg(1024)->Arg(10)->Arg(100);
BENCHMARK_CAPTURE(count_spans, one_exponent_fp16, Values::one_exponent, Format::fp16)->Arg(1024);
BENCHMARK_CAPTURE(count_spans, tiny_fp16, Values::tiny, Format::fp16)->Arg(1024);
BENCHMARK_CAPTURE(count_spans, zero_fp16, Values::zero, Format::fp16)->Arg(1024);
BENCHMARK_CAPTURE(count_spans, wide_fp32, Values::wide, Format::fp32)->Arg(1024);
BENCHMARK_CAPTURE(count_spans, normal_bf16, Values::normal, Format::bf16)->Arg(1024);
BENCHMARK_CAPTURE(count_spans, normal_fp32, Values::normal, Format::fp32)->Arg(1024);

}  // namespace

BENCHMARK_MAIN();
