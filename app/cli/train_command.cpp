#include "cli/train_command.h"

#include <CLI/CLI.hpp>
#include <limits>

#include "program/parse_number.h"
#include "program/resume_options.h"
#include "session/checkpoint.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

constexpr std::uint64_t kMostSteps = 1'000'000'000;

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
  event    step, lane, event (toggle, growth, backoff, skip, nan, lane, message), detail
  summary  last, also after Ctrl-C: each lane's steps, skipped, final_loss, validation_loss, metric_name,
           metric, steps_per_second, bytes by category, signature (a hash of all weights)

--weights and --save are safetensors files with the names and layouts that `halfscope-cli list --json` prints under
tensors (those of PyTorch). --save writes FP32, also after Ctrl-C: the master copy of a lane that has one, else its
weights widened. With several lanes every name gets the lane's before it: fp32/fc1.weight, mixed/fc1.weight. --weights
takes names without a lane. Running statistics of batch norm are saved too; --weights may leave them out.

--checkpoint keeps the whole run: weights, master copies, optimizer state, loss scalers, settings, lanes, curves and
events. It is written at the end, also after Ctrl-C, and with --checkpoint-every N each N steps. --resume goes on from
it, and what follows is bit for bit what would have followed; --steps then counts from the beginning of the run. Other
options need not be given again, and must not contradict it. The window opens the same files.

--recipe makes a run of the window again from the file that File > Save recipe... wrote: scenario, settings, seed, first
lanes, and every change at its step, on the CPU with the same bits. Without --steps it ends where the recipe was saved.
--save-recipe writes one at the end. It is a text; the head of engine/session/recipe.h says what may stand in it.

Exit codes: 0 done, 2 bad usage or input, 3 no such device, 130 interrupted.)";

constexpr std::uint64_t kMostEvery = std::numeric_limits<int>::max();

/// Reads the checkpoint, so that what contradicts it is refused before anything starts.
void resume(const TrainText& text, TrainOptions& options) {
    if (!text.weights.empty()) {
        throw InputError("--weights contradicts --resume '" + text.resume +
                         "', which has its own weights; leave one of them out");
    }
    options.resume = read_checkpoint(text.resume);
    options.experiment =
        parse_resumed_options(text.experiment, check_checkpoint(*options.resume), text.resume);
}

/// A recipe says what is trained; how, where and with what beside it stays the command line's.
void follow_recipe(const TrainText& text, TrainOptions& options) {
    const ExperimentText& given = text.experiment;
    const std::vector<std::pair<const char*, bool>> said{
        {"--scenario", !given.scenario.empty()}, {"--lane", !given.lanes.empty()},
        {"--set", !given.settings.empty()},      {"--seed", !given.seed.empty()},
        {"--text", !given.text.empty()},         {"--images", !given.images.empty()},
        {"--labels", !given.labels.empty()},     {"--weights", !text.weights.empty()},
        {"--resume", !text.resume.empty()}};
    for (const auto& [option, is_given] : said) {
        if (!is_given) continue;
        throw InputError(std::string(option) + " contradicts --recipe '" + text.recipe +
                         "', which says what is trained; leave one of them out");
    }
    options.recipe = read_recipe(text.recipe);
    options.recipe_path = text.recipe;
    ExperimentText named = given;
    named.scenario = options.recipe->scenario;
    options.experiment = parse_experiment_options(named);
    options.experiment.settings = options.recipe->settings;
    options.experiment.lanes = options.recipe->lanes;
}

void parse_checkpoint_options(const TrainText& text, TrainOptions& options) {
    options.checkpoint_path = text.checkpoint;
    if (!text.checkpoint.empty() && text.checkpoint == text.save)
        throw InputError("--checkpoint and --save name the same file '" + text.save + "'; give each its own");
    if (text.checkpoint_every.empty()) return;
    if (text.checkpoint.empty())
        throw InputError("--checkpoint-every needs --checkpoint, the file to write; give both");
    options.checkpoint_every = static_cast<std::int64_t>(
        parse_whole_number("--checkpoint-every", text.checkpoint_every, 1, kMostEvery));
}

}  // namespace

void declare_train_options(CLI::App& command, TrainText& text) {
    declare_experiment_options(command, text.experiment);
    command
        .add_option("--steps", text.steps, "Steps to run (default: the length of the scenario's schedule)")
        ->type_name("N");
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
        .add_option("--weights", text.weights, "Start every lane from these weights instead of random ones")
        ->type_name("F.safetensors");
    command.add_option("--save", text.save, "Write the weights at the end")->type_name("F.safetensors");
    command.add_option("--checkpoint", text.checkpoint, "Write a checkpoint of the whole run at the end")
        ->type_name("F");
    command
        .add_option("--checkpoint-every", text.checkpoint_every,
                    "Write it each N steps as well (default: not)")
        ->type_name("N");
    command
        .add_option("--resume", text.resume,
                    "Go on from a checkpoint; the rest of the options may be left out")
        ->type_name("F");
    command
        .add_option("--recipe", text.recipe,
                    "Make a run again from its recipe: scenario, lanes and every change at its step")
        ->type_name("F");
    command.add_option("--save-recipe", text.save_recipe, "Write the run's recipe at the end")
        ->type_name("F");
    command.footer(kTrainFooter);
}

TrainOptions parse_train_options(const TrainText& text) {
    TrainOptions options;
    if (!text.recipe.empty()) {
        follow_recipe(text, options);
    } else if (!text.resume.empty()) {
        resume(text, options);
    } else if (text.experiment.scenario.empty()) {
        throw InputError("--scenario is missing; `halfscope-cli list` names the scenarios");
    } else {
        options.experiment = parse_experiment_options(text.experiment);
    }
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
    options.json_path = text.json;
    options.weights_path = text.weights;
    options.save_path = text.save;
    options.save_recipe_path = text.save_recipe;
    parse_checkpoint_options(text, options);
    return options;
}

}  // namespace halfscope
