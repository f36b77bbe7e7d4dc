// What looking at a run costs: ten steps of a lane with one of them probed (the default cadence), beside ten
// without, in turn, so that a machine whose speed drifts slows both. Reports medians: step_ms, telemetry as a
// share of step time, and the shadow pass at the same cadence, which is told apart.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "backend/cpu_backend.h"
#include "train/experiment.h"

namespace {

using namespace halfscope;

constexpr int kCadence = 10;  // a probe every tenth step: the default of --probe-every

double ten_steps_ms(Experiment& experiment, const StepRequest& first) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kCadence; ++i) {
        auto results = experiment.step(i == 0 ? first : StepRequest{});
        benchmark::DoNotOptimize(results);
    }
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void telemetry(benchmark::State& state, const char* scenario, const char* techniques) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(0);
    const std::shared_ptr<const Workload> workload = find_scenario(scenario).create(ScenarioSettings{});
    Experiment experiment(*backend, workload, {{"lane", parse_techniques(techniques)}});
    ten_steps_ms(experiment, {});
    std::vector<double> plain, telemetry, shadow;
    for (auto _ : state) {
        const double bare_ms = ten_steps_ms(experiment, {});
        plain.push_back(bare_ms / kCadence);
        telemetry.push_back(ten_steps_ms(experiment, {.probe = true}) / bare_ms - 1.0);
        shadow.push_back(ten_steps_ms(experiment, {.probe = true, .shadow = true}) / bare_ms - 1.0);
    }
    state.counters["step_ms"] = median(plain);
    state.counters["telemetry_percent"] = 100.0 * median(telemetry);
    state.counters["shadow_percent"] = 100.0 * (median(shadow) - median(telemetry));
}

#define HALFSCOPE_TELEMETRY(name, scenario)                                                 \
    BENCHMARK_CAPTURE(telemetry, name##_fp32, scenario, "fp32")->MinTime(3)->UseRealTime(); \
    BENCHMARK_CAPTURE(telemetry, name##_mixed, scenario, "mixed")->MinTime(3)->UseRealTime()

HALFSCOPE_TELEMETRY(spiral_mlp, "spiral-mlp");
HALFSCOPE_TELEMETRY(image_fit, "image-fit");
HALFSCOPE_TELEMETRY(char_gru, "char-gru");
HALFSCOPE_TELEMETRY(digits_cnn, "digits-cnn");

}  // namespace

BENCHMARK_MAIN();
