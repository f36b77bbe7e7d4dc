#include "session/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "data/atomic_file.h"
#include "data/data_error.h"
#include "data/printable_text.h"
#include "session/recipe.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

constexpr const char *kSession = "session", *kRecipe = "recipe";
constexpr int kMaximumCadence = std::numeric_limits<int>::max();
constexpr double kLongestDelay_ms = 60000.0;

std::string history_group(std::size_t lane) { return "history " + std::to_string(lane); }

[[noreturn]] void refuse(const CheckpointFile& file, const std::string& reason) {
    refuse_record(file, reason);
}

LaneProgress read_lane(const CheckpointFile& file, std::size_t index) {
    const std::string group = history_group(index);
    const auto number = [&](const char* key) { return number_entry(file, group, key); };
    LaneProgress lane;
    constexpr auto kLastId = static_cast<std::int64_t>(kMaximumLanes) - 1;
    lane.id = static_cast<int>(whole_entry(file, group, "id", 0, kLastId));
    lane.techniques_step = whole_entry(file, group, "techniques_step", 0, kMaximumStep);
    lane.last.step = whole_entry(file, group, "step", 0, kMaximumStep);
    lane.last.loss = number("loss");
    lane.last.loss_scale = number("loss_scale");
    lane.last.skipped = whole_entry(file, group, "skipped", 0, 1) == 1;
    lane.last.grad_norm = number("grad_norm");
    lane.last.learning_rate = number("learning_rate");
    lane.last.overflow_layer = text_entry(file, group, "overflow_layer");
    lane.last.step_ms = number("step_ms");
    lane.last.telemetry_ms = number("telemetry_ms");
    lane.best_loss = number("best_loss");
    lane.validation.validation_loss = number("validation_loss");
    lane.validation.metric = number("metric");
    lane.validation_step = whole_entry(file, group, "validation_step", -1, kMaximumStep);
    return lane;
}

void store_origin(const Experiment& experiment, const RunOrigin& origin, CheckpointFile& file) {
    CheckpointGroup& group = file.groups[kRecipe];
    if (!origin.why_none.empty()) {
        group["why_none"] = origin.why_none;
        return;
    }
    const Recipe recipe = recipe_of(experiment.workload(), origin, experiment.next_step());
    try {
        group["text"] = recipe_text(recipe_file(recipe, file.name));
    } catch (const DataError&) {
        group["why_none"] = "the run has more changes, or other names, than a recipe can hold";
    }
}

RunOrigin read_origin(const CheckpointFile& file, const ExperimentRecord& record) {
    RunOrigin origin;
    if (group_of(file, kRecipe).contains("why_none")) {
        origin.why_none = printable_line(text_entry(file, kRecipe, "why_none"));
        if (origin.why_none.empty()) refuse(file, "does not say why it has no recipe");
        return origin;
    }
    const std::string& text = text_entry(file, kRecipe, "text");
    Recipe recipe;
    try {
        recipe = recipe_from(parse_recipe_file(text, "of the run"));
    } catch (const std::runtime_error& error) {
        refuse(file, std::string("holds a recipe that is refused: ") + error.what());
    }
    const bool is_later = !recipe.changes.empty() && recipe.changes.back().step > record.next_step;
    if (recipe.scenario != record.scenario || is_later) refuse(file, "holds the recipe of another run");
    origin.lanes = std::move(recipe.lanes);
    origin.changes = std::move(recipe.changes);
    return origin;
}

RunProgress read_progress(const CheckpointFile& file, const ExperimentRecord& record) {
    RunProgress progress;
    progress.origin = read_origin(file, record);
    progress.probe_every = static_cast<int>(whole_entry(file, kSession, "probe_every", 0, kMaximumCadence));
    progress.shadow_every = static_cast<int>(whole_entry(file, kSession, "shadow_every", 0, kMaximumCadence));
    progress.step_delay_ms = number_entry(file, kSession, "step_delay_ms");
    if (!(progress.step_delay_ms >= 0.0 && progress.step_delay_ms <= kLongestDelay_ms))
        refuse(file, "has a pause after each step that no run has");
    std::set<int> ids;
    for (std::size_t index = 0; index < record.lanes.size(); ++index) {
        progress.lanes.push_back(read_lane(file, index));
        if (!ids.insert(progress.lanes.back().id).second) refuse(file, "has two lanes of the same number");
    }
    return progress;
}

}  // namespace

void store_progress(const RunProgress& progress, CheckpointFile& file) {
    CheckpointGroup& session = file.groups[kSession];
    session["probe_every"] = std::to_string(progress.probe_every);
    session["shadow_every"] = std::to_string(progress.shadow_every);
    session["step_delay_ms"] = exact_text(progress.step_delay_ms);
    for (std::size_t index = 0; index < progress.lanes.size(); ++index) {
        const LaneProgress& lane = progress.lanes[index];
        CheckpointGroup& facts = file.groups[history_group(index)];
        facts["id"] = std::to_string(lane.id);
        facts["techniques_step"] = std::to_string(lane.techniques_step);
        facts["step"] = std::to_string(lane.last.step);
        facts["loss"] = exact_text(lane.last.loss);
        facts["loss_scale"] = exact_text(lane.last.loss_scale);
        facts["skipped"] = lane.last.skipped ? "1" : "0";
        facts["grad_norm"] = exact_text(lane.last.grad_norm);
        facts["learning_rate"] = exact_text(lane.last.learning_rate);
        facts["overflow_layer"] = lane.last.overflow_layer;
        facts["step_ms"] = exact_text(lane.last.step_ms);
        facts["telemetry_ms"] = exact_text(lane.last.telemetry_ms);
        facts["best_loss"] = exact_text(lane.best_loss);
        facts["validation_loss"] = exact_text(lane.validation.validation_loss);
        facts["metric"] = exact_text(lane.validation.metric);
        facts["validation_step"] = std::to_string(lane.validation_step);
    }
}

RunProgress RunProgress::of(const Experiment& experiment) {
    RunProgress progress;
    progress.lanes.resize(experiment.lanes().size());
    for (std::size_t index = 0; index < progress.lanes.size(); ++index)
        progress.lanes[index].id = static_cast<int>(index);
    for (const Lane& lane : experiment.lanes())
        progress.origin.lanes.push_back({lane.name(), lane.techniques()});
    return progress;
}

void RunProgress::note(std::size_t lane, const StepRecord& record) {
    LaneProgress& progress = lanes[lane];
    progress.last = record;
    if (std::isfinite(record.loss) && !(record.loss >= progress.best_loss)) progress.best_loss = record.loss;
}

void store_run(const Experiment& experiment, const RunProgress& progress, const Timeline& timeline,
               CheckpointFile& file) {
    store_experiment(experiment, file);
    store_progress(progress, file);
    store_origin(experiment, progress.origin, file);
    timeline.store(file);
}

void write_checkpoint(const std::string& path, const CheckpointFile& file) {
    as_input_error([&] { write_checkpoint_file(path, file); });
}

void write_checkpoint(const std::string& path, const Experiment& experiment, const RunProgress& progress,
                      const Timeline& timeline) {
    CheckpointFile file;
    file.name = path;
    store_run(experiment, progress, timeline, file);
    write_checkpoint(path, file);
}

void check_checkpoint_target(const std::string& path, const Experiment& experiment) {
    as_input_error([&] {
        check_writable(path);
        // Names that the description cannot hold are found now.
        CheckpointFile file;
        file.name = path;
        for (const Lane& lane : experiment.lanes()) file.groups["lanes"][lane.name()] = "";
        const ScenarioSettings& settings = experiment.workload().settings();
        file.groups["paths"] = {
            {"text", settings.text_path}, {"images", settings.images_path}, {"labels", settings.labels_path}};
        checkpoint_bytes(file);
    });
}

ResumedRun resume_run(Backend& backend, const CheckpointFile& file, Timeline& timeline) {
    const ExperimentRecord record = read_experiment_record(file);
    ResumedRun run;
    run.progress = read_progress(file, record);
    Timeline history;
    history.restore(file, record.next_step);
    run.workload = restored_workload(file, record);
    run.experiment = restored_experiment(backend, file, record, run.workload);
    timeline.swap(history);
    return run;
}

SavedRun read_saved_run(const std::string& path) {
    const CheckpointFile file = read_checkpoint(path);
    const ExperimentRecord record = read_experiment_record(file);
    const RunProgress progress = read_progress(file, record);
    const auto history = std::make_shared<Timeline>();
    history->restore(file, record.next_step);
    SavedRun run;
    run.path = path;
    run.scenario = record.scenario;
    run.settings = record.settings;
    run.next_step = record.next_step;
    for (std::size_t index = 0; index < record.lanes.size(); ++index) {
        run.lanes.push_back(
            {progress.lanes[index].id, record.lanes[index].name, record.lanes[index].techniques});
    }
    run.history = history;
    return run;
}

ExperimentRecord check_checkpoint(const CheckpointFile& file) {
    ExperimentRecord record = read_experiment_record(file);
    read_progress(file, record);
    Timeline history;
    history.restore(file, record.next_step);
    return record;
}

}  // namespace halfscope
