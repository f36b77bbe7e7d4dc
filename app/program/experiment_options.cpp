#include "program/experiment_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>

#include "backend/cpu_backend.h"
#ifdef HALFSCOPE_HAS_CUDA
#include "backend/cuda_module.h"
#endif
#include "program/exit_codes.h"
#include "program/parse_number.h"
#include "program/refusals.h"
#include "program/scenario_file.h"
#include "train/input_error.h"
#include "train/techniques.h"

namespace halfscope {
namespace {

constexpr std::uint64_t kMostThreads = 1024;

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

/// `settings`: those of a scenario file.
ScenarioSettings parse_settings(const ScenarioInfo& info, const ExperimentText& text,
                                ScenarioSettings settings) {
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
    if (!text.images.empty() && !info.reads_images) {
        throw InputError("--images: the scenario '" + info.name + "' reads no pictures; leave --images out");
    }
    if (!text.labels.empty() && text.images.empty()) {
        throw InputError("--labels: labels need pictures; give --images as well");
    }
    if (!text.text.empty()) settings.text_path = text.text;
    if (!text.images.empty()) {
        settings.images_path = text.images;
        settings.labels_path = text.labels;
    }
    return settings;
}

std::string parse_device(const std::string& text) {
    const std::vector<std::string> devices{"auto", "cpu", "cuda"};
    if (std::find(devices.begin(), devices.end(), text) != devices.end()) return text;
    throw InputError("--device: '" + text + "' is not auto, cpu or cuda" + did_you_mean(text, devices));
}

/// The GPU, or nullptr; `why_not` is empty where this build could not use one.
std::unique_ptr<Backend> open_gpu([[maybe_unused]] const ExperimentOptions& options, std::string& why_not) {
    why_not.clear();
#ifdef HALFSCOPE_HAS_CUDA
    return open_cuda_backend({options.exact}, why_not);
#else
    return nullptr;
#endif
}

std::unique_ptr<Backend> require_gpu(const ExperimentOptions& options) {
    std::string why_not;
    std::unique_ptr<Backend> backend = open_gpu(options, why_not);
    if (backend) return backend;
    if (why_not.empty()) why_not = "this build has no CUDA device";
    throw NoDeviceError("--device cuda: " + why_not + "; use --device cpu or auto");
}

}  // namespace

void declare_experiment_options(CLI::App& command, ExperimentText& text) {
    const auto repeated = [&command](const char* name, std::vector<std::string>& values, const char* help,
                                     const char* form) {
        command.add_option(name, values, help)
            ->type_name(form)
            ->expected(1)
            ->take_all()
            ->allow_extra_args(false);
    };
    command
        .add_option("--scenario", text.scenario,
                    "What to train: a scenario that `halfscope-cli list` names, or a scenario file (.toml)")
        ->type_name("S|FILE");
    repeated("--lane", text.lanes, "One lane; again for more, up to four", "NAME=PRESET[,key=value...]");
    command.add_option("--device", text.device, "auto, cpu or cuda (default: auto)")->type_name("D");
    command.add_flag("--exact", text.exact,
                     "On a GPU: products in the CPU's order of summation, for the CPU's bits");
    command.add_option("--seed", text.seed, "Fixes initial weights, data and batches (default: 0)")
        ->type_name("K");
    repeated("--set", text.settings, "A setting of the scenario; again for more", "key=value");
    command.add_option("--text", text.text, "Text to train on, for scenarios that read text")
        ->type_name("FILE");
    command
        .add_option("--images", text.images,
                    "Pictures to train on, for scenarios that read pictures: an IDX file (gzipped or not), "
                    "or a folder "
                    "with one sub-folder of PNG or JPEG files for each class")
        ->type_name("PATH");
    command
        .add_option("--labels", text.labels,
                    "The IDX file of labels, where it is not found beside the images")
        ->type_name("PATH");
    command
        .add_option("--threads", text.threads,
                    "CPU threads (default: all cores); results do not depend on it")
        ->type_name("N");
}

ExperimentOptions parse_experiment_options(const ExperimentText& text) {
    ExperimentOptions options;
    ScenarioFile file;
    file.scenario = text.scenario;
    if (is_scenario_file(text.scenario)) file = read_scenario_file(text.scenario);
    options.scenario = file.scenario;
    options.greeting = greeting(file);
    options.settings = parse_settings(find_scenario(file.scenario).info(), text, file.settings);
    options.lanes = text.lanes.empty() ? file.lanes : parse_lanes(text.lanes);
    options.device = parse_device(text.device);
    options.exact = text.exact;
    if (!text.threads.empty()) {
        options.threads = static_cast<int>(parse_whole_number("--threads", text.threads, 1, kMostThreads));
    }
    return options;
}

void check_experiment(const ExperimentOptions& options) {
    if (options.device == "cuda") require_gpu(options);
    const Scenario& scenario = find_scenario(options.scenario);
    scenario.outline(resolve_settings(scenario.info(), options.settings));
}

std::unique_ptr<Backend> open_device(const ExperimentOptions& options) {
    if (options.device == "cuda") return require_gpu(options);
    if (options.device == "auto") {
        std::string why_not;
        if (std::unique_ptr<Backend> gpu = open_gpu(options, why_not)) return gpu;
        return make_cpu_backend(options.threads, why_not);
    }
    return make_cpu_backend(options.threads);
}

}  // namespace halfscope
