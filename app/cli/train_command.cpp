#include "cli/train_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>

#include "cli/parse_number.h"
#include "train/input_error.h"
#include "train/techniques.h"

namespace halfscope {
namespace {

constexpr std::uint64_t kMostSteps = 1'000'000'000;
constexpr std::uint64_t kMostThreads = 1024;

const char* const kTrainFooter =
    R"(Lanes: a name, a preset and what differs from it, up to four; without --lane, the scenario's own:
  --lane fp32=fp32 --lane eight=mixed,loss_scaling=static,loss_scale=8
`halfscope-cli list` names scenarios with their settings, presets, and technique keys with their values.

--json writes one object a line; numbers are numbers, NaN and inf the strings "nan", "inf", "-inf":
  run      first: version, scenario, device, seed, lanes (each with every technique key)
  step     each lane and step: step, lane, loss, loss_scale, skipped, grad_norm, lr, overflow_layer (null: none)
  probe    where taken: step, lane, tensor, kind, six class counts that add up to count (true_zero, flushed,
           subnormal, normal, inf, nan), against (the format counted against; FP32 values give a second line
           against fp16), scale (the loss scale in the values), inf_incoming, min_abs, max_abs,
           exponents [[e, n], ...], swallowed (updates only, else null), relative_error and cosine against the
           shadow pass (null: not measured)
  event    step, lane, event (toggle, growth, backoff, skip, nan, message), detail
  summary  last, also after Ctrl-C: each lane's steps, skipped, final_loss, validation_loss, metric_name,
           metric, steps_per_second, bytes by category, signature (a hash of all weights)

Exit codes: 0 done, 2 bad usage or input, 3 no such device, 130 interrupted.)";

LaneSpec parse_lane(const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
        const bool preset =
            equals == std::string::npos && find_preset(text.substr(0, text.find(','))) != nullptr;
        const std::string hint =
            preset ? text.substr(0, text.find(',')) + "=" + text : "fp16=mixed,loss_scale=8";
        throw InputError("--lane: '" + text + "' is not NAME=PRESET[,key=value...], such as " + hint);
    }
    try {
        return {text.substr(0, equals), parse_techniques(text.substr(equals + 1))};
    } catch (const InputError& error) {
        throw InputError("--lane " + text + ": " + error.what());
    }
}

std::vector<LaneSpec> parse_lanes(const std::vector<std::string>& texts) {
    std::vector<LaneSpec> lanes;
    for (const std::string& text : texts) {
        LaneSpec lane = parse_lane(text);
        const auto same = [&](const LaneSpec& other) { return other.name == lane.name; };
        if (std::any_of(lanes.begin(), lanes.end(), same)) {
            throw InputError("--lane: the name '" + lane.name + "' is given twice; give every lane its own");
        }
        lanes.push_back(std::move(lane));
    }
    if (lanes.size() > kMaximumLanes) {
        throw InputError("--lane: " + std::to_string(lanes.size()) + " lanes are too many; give up to " +
                         std::to_string(kMaximumLanes));
    }
    return lanes;
}

ScenarioSettings parse_settings(const ScenarioInfo& info, const TrainText& text) {
    ScenarioSettings settings;
    for (const std::string& setting : text.settings) {
        const std::size_t equals = setting.find('=');
        if (equals == std::string::npos || equals == 0) {
            throw InputError("--set: '" + setting + "' is not key=value, such as batch=32");
        }
        try {
            set_parameter(info, settings, setting.substr(0, equals), setting.substr(equals + 1));
        } catch (const InputError& error) {
            throw InputError("--set " + setting + ": " + error.what());
        }
    }
    if (!text.seed.empty()) {
        settings.seed = parse_whole_number("--seed", text.seed, 0, std::numeric_limits<std::uint64_t>::max());
    }
    if (!text.text.empty() && !info.reads_text) {
        throw InputError("--text: the scenario '" + info.name + "' reads no text; leave --text out");
    }
    settings.text_path = text.text;
    return settings;
}

std::string parse_device(const std::string& text) {
    const std::vector<std::string> devices{"auto", "cpu", "cuda"};
    if (std::find(devices.begin(), devices.end(), text) != devices.end()) return text;
    const std::string near = closest(text, devices);
    throw InputError("--device: '" + text + "' is not auto, cpu or cuda" +
                     (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

}  // namespace

void declare_train_options(CLI::App& command, TrainText& text) {
    command.add_option("--scenario", text.scenario, "What to train; `halfscope-cli list` names them")
        ->type_name("S");
    command.add_option("--lane", text.lanes, "One lane; again for more, up to four")
        ->type_name("NAME=PRESET[,key=value...]")
        ->expected(1)
        ->take_all()
        ->allow_extra_args(false);
    command.add_option("--device", text.device, "auto, cpu or cuda (default: auto)")->type_name("D");
    command
        .add_option("--steps", text.steps, "Steps to run (default: the length of the scenario's schedule)")
        ->type_name("N");
    command.add_option("--seed", text.seed, "Fixes initial weights, data and batches (default: 0)")
        ->type_name("K");
    command.add_option("--set", text.settings, "A setting of the scenario; again for more")
        ->type_name("key=value")
        ->expected(1)
        ->take_all()
        ->allow_extra_args(false);
    command.add_option("--text", text.text, "Text to train on, for scenarios that read text")
        ->type_name("FILE");
    command
        .add_option("--probe-every", text.probe_every,
                    "Probe every tensor each N steps; 0 never (default: 10 with --json, else 0)")
        ->type_name("N");
    command
        .add_option("--shadow-every", text.shadow_every,
                    "FP32 shadow pass each N steps; 0 never (default: 50 with --json, else 0)")
        ->type_name("N");
    command.add_option("--json", text.json, "Write JSON lines to FILE, or to stdout alone with -")
        ->type_name("FILE|-");
    command
        .add_option("--threads", text.threads,
                    "CPU threads (default: all cores); results do not depend on it")
        ->type_name("N");
    command.footer(kTrainFooter);
}

TrainOptions parse_train_options(const TrainText& text) {
    constexpr std::uint64_t kMostEvery = std::numeric_limits<int>::max();
    if (text.scenario.empty())
        throw InputError("--scenario is missing; `halfscope-cli list` names the scenarios");
    TrainOptions options;
    options.scenario = text.scenario;
    options.settings = parse_settings(find_scenario(text.scenario).info(), text);
    options.lanes = parse_lanes(text.lanes);
    options.device = parse_device(text.device);
    if (!text.steps.empty()) {
        options.steps = static_cast<std::int64_t>(parse_whole_number("--steps", text.steps, 1, kMostSteps));
    }
    if (!text.probe_every.empty()) {
        options.probe_every =
            static_cast<int>(parse_whole_number("--probe-every", text.probe_every, 0, kMostEvery));
    }
    if (!text.shadow_every.empty()) {
        options.shadow_every =
            static_cast<int>(parse_whole_number("--shadow-every", text.shadow_every, 0, kMostEvery));
    }
    if (!text.threads.empty()) {
        options.threads = static_cast<int>(parse_whole_number("--threads", text.threads, 1, kMostThreads));
    }
    options.json_path = text.json;
    return options;
}

}  // namespace halfscope
