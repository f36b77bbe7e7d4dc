// Prints the measured tables of the built-in scenarios: the validation metric of every variant and seed.
// Usage: scenario_table [spiral|image|gru|finetune|all] [steps, 0: the scenario's own] [key=value ...]
// A program to run by hand (minutes); the decisive short form is scenario_effects_test.cpp.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "backend/cpu_backend.h"
#include "train/experiment.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

struct Variant {
    const char* label;
    const char* techniques;
};

const std::vector<Variant> kSpiralVariants{
    {"FP32", "fp32"},
    {"FP16 raw", "fp16"},
    {"master, S=1", "fp16-master"},
    {"S=2^3", "mixed,loss_scaling=static,loss_scale=2^3"},
    {"S=2^7", "mixed,loss_scaling=static,loss_scale=2^7"},
    {"S=2^10", "mixed,loss_scaling=static,loss_scale=2^10"},
    {"S=2^10, no master", "fp16-scaled,loss_scaling=static,loss_scale=2^10"},
    {"dynamic from 2^15", "mixed"},
    {"dynamic from 2^24", "mixed,loss_scale=2^24"},
    {"static 2^24, skip", "mixed,loss_scaling=static,loss_scale=2^24"},
    {"static 2^24, apply", "mixed,loss_scaling=static,loss_scale=2^24,on_nonfinite=apply"},
    {"BF16, S=1", "bf16"},
};
const std::vector<Variant> kUpdateVariants{
    {"FP32", "fp32"},
    {"FP16 no master", "fp16-scaled"},
    {"mixed", "mixed"},
    {"stochastic", "fp16-scaled,update_rounding=stochastic"},
    {"Kahan", "fp16-scaled,update_rounding=kahan"},
    {"BF16 no master", "bf16,master_weights=off"},
    {"BF16 master", "bf16"},
};

void run_variant(Backend& backend, const std::shared_ptr<const Workload>& workload, const Variant& variant,
                 std::int64_t steps) {
    Experiment experiment(backend, workload, {{variant.label, parse_techniques(variant.techniques)}});
    const auto begin = std::chrono::steady_clock::now();
    double loss = 0;
    for (std::int64_t step = 0; step < steps; ++step) loss = experiment.step({})[0].record.loss;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    Lane& lane = experiment.lanes()[0];
    const Metric metric = lane.validate();
    std::printf(
        "  %-20s %10.4f  validation %9.5f  loss %9.5f  scale %10g  skipped %4lld  %6.1f steps/s  %s\n",
        variant.label, metric.metric, metric.validation_loss, loss, lane.loss_scale(),
        static_cast<long long>(lane.skipped_steps()), static_cast<double>(steps) / seconds.count(),
        lane.signature().c_str());
    std::fflush(stdout);
}

void run_scenario(const char* name, const std::vector<Variant>& variants, std::int64_t steps,
                  const std::vector<std::string>& parameters) {
    const Scenario& scenario = find_scenario(name);
    const std::unique_ptr<Backend> backend = make_cpu_backend(0);
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
        ScenarioSettings settings;
        settings.seed = seed;
        for (const std::string& parameter : parameters) {
            const std::size_t equals = parameter.find('=');
            if (equals == std::string::npos) throw InputError("'" + parameter + "' is not key=value");
            set_parameter(scenario.info(), settings, parameter.substr(0, equals),
                          parameter.substr(equals + 1));
        }
        const std::shared_ptr<const Workload> workload = scenario.create(settings);
        std::printf("%s, seed %d, %s\n", name, static_cast<int>(seed), scenario.info().metric_name.c_str());
        const auto own_steps = static_cast<std::int64_t>(workload->settings().parameters.at("steps"));
        for (const Variant& variant : variants) {
            run_variant(*backend, workload, variant, steps > 0 ? steps : own_steps);
        }
    }
}

int run(const std::vector<std::string>& arguments) {
    const std::string which = arguments.empty() ? "all" : arguments[0];
    const std::int64_t steps = arguments.size() > 1 ? std::strtoll(arguments[1].c_str(), nullptr, 10) : 0;
    const std::vector<std::string> parameters(
        arguments.begin() + (arguments.size() > 2 ? 2 : arguments.size()), arguments.end());
    if (which == "spiral" || which == "all") run_scenario("spiral-mlp", kSpiralVariants, steps, parameters);
    if (which == "image" || which == "all") run_scenario("image-fit", kUpdateVariants, steps, parameters);
    if (which == "gru" || which == "all") run_scenario("char-gru", kUpdateVariants, steps, parameters);
    if (which == "finetune" || which == "all") {
        run_scenario("gru-finetune", kUpdateVariants, steps, parameters);
    }
    return 0;
}

}  // namespace
}  // namespace halfscope

int main(int count, char** words) {
    try {
        return halfscope::run({words + 1, words + count});
    } catch (const halfscope::InputError& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}
