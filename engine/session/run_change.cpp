#include "session/run_change.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <variant>

#include "train/input_error.h"

namespace halfscope {
namespace {

/// The preset and the keys that are not as it has them.
std::string text_from(const Preset& preset, const Techniques& techniques) {
    std::string text = preset.name;
    for (const TechniqueKey& key : technique_keys()) {
        const std::string value = technique_value(techniques, key.name);
        if (value != technique_value(preset.techniques, key.name)) text += "," + key.name + "=" + value;
    }
    return text;
}

bool makes(const std::string& text, const Techniques& techniques) {
    try {
        return parse_techniques(text) == techniques;
    } catch (const InputError&) {
        return false;
    }
}

}  // namespace

bool changes_run(const Command& command) {
    return std::holds_alternative<SetTechniqueCommand>(command) ||
           std::holds_alternative<SetPresetCommand>(command) ||
           std::holds_alternative<AddLaneCommand>(command) ||
           std::holds_alternative<RemoveLaneCommand>(command) ||
           std::holds_alternative<RenameLaneCommand>(command) ||
           std::holds_alternative<MultiplyLossScaleCommand>(command);
}

std::string why_no_recipe(const std::string& weights_path) {
    return "the run started from the weights in '" + weights_path +
           "', which a recipe does not hold; save a checkpoint instead";
}

/// The shortest that makes them; every key, in its own order, where one key changed another.
std::string techniques_text(const Techniques& techniques) {
    std::string shortest = "fp32";
    for (const TechniqueKey& key : technique_keys())
        shortest += "," + key.name + "=" + technique_value(techniques, key.name);
    for (const Preset& preset : presets()) {
        const std::string text = text_from(preset, techniques);
        if (text.size() < shortest.size() && makes(text, techniques)) shortest = text;
    }
    return shortest;
}

Techniques changed(Techniques techniques, const SetTechniqueCommand& command) {
    const std::string sentence = set_technique(techniques, command.key, command.value);
    if (!sentence.empty()) throw InputError(sentence);
    return techniques;
}

Techniques changed(const Techniques&, const SetPresetCommand& command) {
    return parse_techniques(command.preset);
}

std::string multiply_loss_scale(Lane& lane, const MultiplyLossScaleCommand& command) {
    if (!(command.factor > 0.0) || !std::isfinite(command.factor))
        throw InputError("the factor of the loss scale must be a positive number");
    if (lane.techniques().scaler.scaling == LossScaling::off) {
        throw InputError("lane '" + command.lane +
                         "' runs without loss scaling; set loss_scaling to static or dynamic first");
    }
    const double before = lane.loss_scale();
    lane.multiply_loss_scale(command.factor);
    char words[96];
    std::snprintf(words, sizeof words, "loss scale by hand: %.9g to %.9g", before, lane.loss_scale());
    return words;
}

std::string words_of(const AddLaneCommand& command) {
    return command.branch_from.empty() ? "added, from the initial weights"
                                       : "branched from " + command.branch_from;
}

std::string words_of(const RenameLaneCommand& command) { return "renamed from " + command.from; }

std::optional<std::int64_t> past_step_of(const RunChange& change) {
    const auto* added = std::get_if<AddLaneCommand>(&change.command);
    if (!added || added->branch_from.empty() || !added->at_step || *added->at_step >= change.step)
        return std::nullopt;
    return std::max<std::int64_t>(0, *added->at_step);
}

LaneThen lane_then(const std::vector<RunChange>& changes, std::size_t made, const std::string& name,
                   std::int64_t step) {
    LaneThen then{name, std::nullopt, std::nullopt};
    std::string called = name;
    for (std::size_t index = made; index-- > 0 && !then.added_by;) {
        const RunChange& change = changes[index];
        if (const auto* renamed = std::get_if<RenameLaneCommand>(&change.command);
            renamed && renamed->to == called) {
            called = renamed->from;
            if (change.step > step) then.name = called;
        } else if (const auto* added = std::get_if<AddLaneCommand>(&change.command);
                   added && added->lane.name == called) {
            then.added_by = index;
            if (change.step > step) then.added_later = change.step;
        }
    }
    return then;
}

void BranchPoints::keep(const std::vector<RunChange>& changes, std::size_t made,
                        const Experiment& experiment) {
    const std::int64_t step = experiment.next_step();
    for (std::size_t index = made; index < changes.size(); ++index) {
        if (past_step_of(changes[index]) != step) continue;
        const auto& command = std::get<AddLaneCommand>(changes[index].command);
        const LaneThen then = lane_then(changes, index, command.branch_from, step);
        const auto lane = std::find_if(experiment.lanes().begin(), experiment.lanes().end(),
                                       [&](const Lane& one) { return one.name() == then.name; });
        if (then.added_later || lane == experiment.lanes().end() || find(step, then.name)) continue;
        points_[{step, then.name}] = {{lane->name(), lane->techniques()}, lane->record()};
    }
}

const BranchPoints::Point* BranchPoints::find(std::int64_t step, const std::string& name) const {
    const auto place = points_.find({step, name});
    return place == points_.end() ? nullptr : &place->second;
}

void BranchPoints::forget_from(std::int64_t step) {
    points_.erase(points_.lower_bound({step, std::string()}), points_.end());
}

}  // namespace halfscope
