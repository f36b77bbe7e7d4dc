#include "cli/ablate_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>

#include "program/parse_number.h"
#include "session/session.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

const char* const kAblateFooter =
    R"(Trains every combination of the values, each alone, under every seed, and compares them:
  --lane NAME=PRESET --vary master_weights=on,off --vary loss_scaling=off,dynamic --seeds 0,1,2
Without --lane, what is not varied is as in the preset mixed.
`halfscope-cli list` names the techniques and their values. Combinations that make no sense stand in the table with the
reason. The table is Markdown, mean and sample standard deviation over seeds; seeds whose loss or metric is NaN or
infinite are counted apart.

  final loss   mean training loss of the last 10 steps
  flushed      of the non-zero elements of gradients, stored as zero; probed at 20 steps or some more, evenly spread
  swallowed    of the updates, those too small to move their weight in its storage format; a master copy keeps them
  time         median of a step without a probe

--csv has one line a combination: for each measure _mean, _sd and _n, the number of finite seeds. --runs has one line a
combination and seed, with the counts behind the shares and a signature, which `train` with that lane and seed gives too.

Exit codes: 0 done, 2 bad usage or input, 3 no such device, 130 interrupted (what was done is written).)";

std::vector<std::string> split_at_commas(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        parts.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

AblationFactor parse_factor(const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
        throw InputError("--vary: '" + text + "' is not key=value,value..., such as master_weights=on,off");
    return {text.substr(0, equals), split_at_commas(text.substr(equals + 1))};
}

std::vector<std::uint64_t> parse_seeds(const std::string& text) {
    std::vector<std::uint64_t> seeds;
    for (const std::string& seed : split_at_commas(text))
        seeds.push_back(parse_whole_number("--seeds", seed, 0, std::numeric_limits<std::uint64_t>::max()));
    return seeds;
}

/// "mixed,loss_scale=8" of "--lane NAME=mixed,loss_scale=8".
std::string techniques_text(const AblateText& text) {
    const std::string& lane = text.experiment.lanes.front();
    return lane.substr(lane.find('=') + 1);
}

void check_outputs(const AblateText& text) {
    const std::vector<const std::string*> outputs{&text.csv, &text.runs, &text.markdown};
    for (std::size_t a = 0; a < outputs.size(); ++a) {
        for (std::size_t b = 0; b < a; ++b) {
            if (!outputs[a]->empty() && *outputs[a] == *outputs[b])
                throw InputError("two outputs go to '" + *outputs[a] + "'; give each its own file");
        }
    }
}

}  // namespace

void declare_ablate_options(CLI::App& command, AblateText& text) {
    declare_experiment_options(command, text.experiment);
    command.add_option("--vary", text.varied, "A technique and the values to try; again for more techniques")
        ->type_name("key=a,b,...")
        ->expected(1)
        ->take_all()
        ->allow_extra_args(false);
    command.add_option("--seeds", text.seeds, "Seeds of each combination (default: 0,1,2)")
        ->type_name("K,K,...");
    command
        .add_option("--steps", text.steps,
                    "Steps of each run (default: the length of the scenario's schedule)")
        ->type_name("N");
    command.add_option("--csv", text.csv, "Write the table as CSV")->type_name("FILE|-");
    command.add_option("--runs", text.runs, "Write every run as a line of CSV")->type_name("FILE|-");
    command.add_option("--markdown", text.markdown, "Write the table as Markdown (default: to stdout)")
        ->type_name("FILE|-");
    command.footer(kAblateFooter);
}

AblateOptions parse_ablate_options(const AblateText& text) {
    if (text.experiment.scenario.empty())
        throw InputError("--scenario is missing; `halfscope-cli list` names the scenarios");
    if (text.varied.empty())
        throw InputError("--vary is missing: the technique and its values, such as master_weights=on,off");
    if (!text.experiment.seed.empty()) throw InputError("--seed: an ablation takes --seeds, such as 0,1,2");
    if (text.experiment.lanes.size() > 1)
        throw InputError("--lane: an ablation starts from one lane and varies it; give one");
    check_outputs(text);
    AblateOptions options;
    options.experiment = parse_experiment_options(text.experiment);
    const Scenario& scenario = find_scenario(options.experiment.scenario);
    AblationPlan& plan = options.plan;
    plan.scenario = options.experiment.scenario;
    plan.settings = resolve_settings(scenario.info(), options.experiment.settings);
    const bool has_lane = !text.experiment.lanes.empty();
    plan.base = has_lane ? options.experiment.lanes.front().techniques : parse_techniques("mixed");
    options.base = has_lane ? techniques_text(text) : "mixed";
    for (const std::string& varied : text.varied) plan.factors.push_back(parse_factor(varied));
    plan.seeds = text.seeds.empty() ? std::vector<std::uint64_t>{0, 1, 2} : parse_seeds(text.seeds);
    plan.steps =
        text.steps.empty()
            ? schedule_steps(scenario.info(), plan.settings)
            : static_cast<std::int64_t>(parse_whole_number("--steps", text.steps, 1, kMostAblationSteps));
    options.csv_path = text.csv;
    options.runs_path = text.runs;
    options.markdown_path = text.markdown;
    try {
        check_ablation(plan);
    } catch (const InputError& error) {
        throw InputError(std::string("ablate: ") + error.what());
    }
    return options;
}

}  // namespace halfscope
