#include "cli/train_run.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <span>
#include <utility>

#include "backend/device_error.h"
#include "cli/json_lines.h"
#include "cli/progress.h"
#include "program/exit_codes.h"
#include "program/interrupt.h"
#include "session/checkpoint.h"
#include "session/recipe_player.h"
#include "session/session.h"
#include "train/input_error.h"
#include "train/tensor_files.h"

namespace halfscope {
namespace {

constexpr int kDefaultProbeEvery = 10, kDefaultShadowEvery = 50;  // with JSON; techniques.md

/// step_ms of a run. A run's speed is that of its middle step: first steps that touch new memory, and what
/// the machine does beside, are not the lane's.
class StepTimes {
  public:
    void add(double step_ms) { ms_.push_back(static_cast<float>(step_ms)); }
    /// 1000 / the median; 0 without a step.
    double per_second() const {
        if (ms_.empty()) return 0.0;
        std::vector<float> sorted = ms_;
        const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
        std::nth_element(sorted.begin(), middle, sorted.end());
        return *middle > 0 ? 1000.0 / *middle : 0.0;
    }

  private:
    std::vector<float> ms_;
};

class TrainRun {
  public:
    /// `timeline` is that of the run so far.
    TrainRun(const TrainOptions& options, std::unique_ptr<Experiment> experiment, RunProgress progress,
             Timeline& timeline)
        : owned_(std::move(experiment)),
          experiment_(*owned_),
          progress_(std::move(progress)),
          timeline_(timeline),
          steps_(options.steps.value_or(own_steps(options))),
          probe_every_(options.probe_every.value_or(options.json_path.empty() ? 0 : kDefaultProbeEvery)),
          shadow_every_(options.shadow_every.value_or(options.json_path.empty() ? 0 : kDefaultShadowEvery)),
          times_(experiment_.lanes().size()),
          json_path_(options.json_path),
          save_path_(options.save_path),
          checkpoint_path_(options.checkpoint_path),
          checkpoint_every_(options.checkpoint_every),
          save_recipe_path_(options.save_recipe_path),
          recipe_steps_(options.recipe ? options.recipe->steps : 0) {
        if (experiment_.next_step() > steps_) {
            throw InputError(
                "--steps " + std::to_string(steps_) + ": the checkpoint has done " +
                std::to_string(experiment_.next_step()) +
                " steps already; --steps counts them all and, where it is not given, ends with the "
                "schedule: give more");
        }
        if (!options.weights_path.empty()) load_weights(options.weights_path);
        if (!save_path_.empty()) check_named_values_target(save_path_, saved_names());
        if (!checkpoint_path_.empty()) check_checkpoint_target(checkpoint_path_, experiment_);
        if (!save_recipe_path_.empty()) check_recipe_target(save_recipe_path_, recipe());
        // After everything else was found right, so that a mistake does not empty an earlier recording.
        if (!json_path_.empty()) json_ = std::make_unique<JsonLines>(json_path_);
    }

    /// Makes these changes on the way.
    void follow(const std::vector<RunChange>& changes, Backend& backend,
                const std::shared_ptr<const Workload>& workload) {
        changes_ = changes;
        player_.emplace(
            changes, backend, workload, experiment_,
            RecipePlayer::Sinks{[this](const ChangeMade& change) { take_change(change); },
                                [this](std::int64_t step) { return request_at(step); },
                                [this](std::size_t lane, const StepResult& result) { take(lane, result); }});
    }

    int run(const std::string& device) {
        try {
            return train(device);
        } catch (const DeviceError& error) {
            throw DeviceError(error.what() + what_is_kept());
        }
    }

  private:
    int train(const std::string& device) {
        write_run(device);
        Progress progress(steps_);
        while (experiment_.next_step() < steps_ && !interrupted() && can_write_) {
            step();
            if (checkpoint_every_ > 0 && experiment_.next_step() % checkpoint_every_ == 0) try_to_keep();
            if (progress.due()) progress.show(experiment_.next_step(), losses());
        }
        // The recipe's last changes may come behind its last step.
        if (experiment_.next_step() >= recipe_steps_ && can_write_) make_changes();
        progress.clear();
        if (!checkpoint_path_.empty()) keep();
        if (!save_recipe_path_.empty()) write_recipe(save_recipe_path_, recipe());
        if (!save_path_.empty()) write_named_values(save_path_, saved_weights());
        const std::vector<LaneSummary> lanes = summary();
        if (json_ && can_write_) {
            json_->write(summary_object(experiment_.workload().info().metric_name, lanes));
            can_write_ = json_->flush();
        }
        if (!can_write_) return report_write_failure();
        if (!writes_stdout()) print_table(device, lanes);
        return interrupted() ? kExitInterrupted : kExitDone;
    }

    /// What was on a device that failed is gone.
    std::string what_is_kept() const {
        if (kept_step_ < 0) return "; begin again with --device cpu, or keep more with --checkpoint-every";
        return "; '" + checkpoint_path_ + "' holds the run after " + std::to_string(kept_step_) +
               " steps: go on with --resume and --device cpu";
    }

    void load_weights(const std::string& path) {
        const std::vector<NamedValues> weights = read_named_values(path);
        try {
            for (Lane& lane : experiment_.lanes()) lane.load_parameters(weights);
        } catch (const InputError& error) {
            throw InputError("--weights '" + path + "': " + error.what());
        }
        progress_.origin.why_none = why_no_recipe(path);
    }

    std::int64_t own_steps(const TrainOptions& options) const {
        if (options.recipe && options.recipe->steps > 0) return options.recipe->steps;
        return schedule_steps(experiment_.workload().info(), experiment_.workload().settings());
    }
    Recipe recipe() const {
        return recipe_of(experiment_.workload(), progress_.origin, experiment_.next_step());
    }

    /// Those that come before the next step.
    void make_changes() {
        if (!player_) return;
        player_->make_changes();
        std::vector<RunChange>& made = progress_.origin.changes;
        made.insert(made.end(), changes_.begin() + static_cast<std::ptrdiff_t>(made.size()),
                    changes_.begin() + static_cast<std::ptrdiff_t>(player_->made()));
        if (json_) can_write_ = json_->flush();
    }

    /// What is kept beside each lane follows the experiment's.
    void take_change(const ChangeMade& change) {
        const auto place = static_cast<std::ptrdiff_t>(change.lane);
        int id = -1;
        if (change.kind == ChangeMade::Kind::lane_added) {
            progress_.lanes.push_back({});
            progress_.lanes.back().id = free_lane_id();
            progress_.lanes.back().techniques_step = change.events.front().step;
            times_.emplace_back();
        }
        if (change.kind == ChangeMade::Kind::lane_removed) {
            timeline_.remove_lane(progress_.lanes[change.lane].id);
            progress_.lanes.erase(progress_.lanes.begin() + place);
            times_.erase(times_.begin() + place);
        } else {
            id = progress_.lanes[change.lane].id;
            if (change.kind == ChangeMade::Kind::techniques)
                progress_.lanes[change.lane].techniques_step = experiment_.next_step();
        }
        for (const Event& event : change.events) {
            if (!checkpoint_path_.empty()) timeline_.record_event(id, event);
            if (json_) json_->write(event_object(event));
        }
    }
    /// Of the lane added last.
    int free_lane_id() const {
        const auto others = std::span(progress_.lanes).first(progress_.lanes.size() - 1);
        int id = 0;
        while (std::any_of(others.begin(), others.end(), [id](const auto& lane) { return lane.id == id; }))
            ++id;
        return id;
    }

    /// A single lane's weights have the model's own names; of several, each has its lane's before them.
    std::string saved_name(const Lane& lane, const std::string& parameter) const {
        return experiment_.lanes().size() == 1 ? parameter : lane.name() + "/" + parameter;
    }
    std::vector<std::string> saved_names() const {
        const Graph& graph = experiment_.workload().training_graph();
        std::vector<std::string> names;
        for (const Lane& lane : experiment_.lanes()) {
            for (const std::vector<TensorId>* ids : {&graph.parameters(), &graph.buffers()}) {
                for (const TensorId id : *ids) names.push_back(saved_name(lane, graph.tensor(id).name));
            }
        }
        return names;
    }
    std::vector<NamedValues> saved_weights() const {
        std::vector<NamedValues> all;
        for (const Lane& lane : experiment_.lanes()) {
            for (NamedValues& parameter : lane.parameters()) {
                parameter.name = saved_name(lane, parameter.name);
                all.push_back(std::move(parameter));
            }
        }
        return all;
    }

    void keep() {
        if (kept_step_ == experiment_.next_step()) return;
        write_checkpoint(checkpoint_path_, experiment_, progress_, timeline_);
        kept_step_ = experiment_.next_step();
    }

    /// While training goes on: a disk that is full now may not be so at the end.
    void try_to_keep() {
        try {
            keep();
        } catch (const InputError& error) {
            std::fprintf(stderr, "halfscope-cli: --checkpoint: %s; training goes on\n", error.what());
        }
    }

    void write_run(const std::string& device) {
        if (!json_) return;
        std::vector<LaneTechniques> lanes;
        for (const Lane& lane : experiment_.lanes()) lanes.push_back({lane.name(), lane.techniques()});
        const Workload& workload = experiment_.workload();
        json_->write(run_object(workload.info().name, device, workload.settings().seed, lanes));
        can_write_ = json_->flush();
    }

    StepRequest request_at(std::int64_t step) const {
        StepRequest request;
        request.shadow = shadow_every_ > 0 && step % shadow_every_ == 0;
        request.probe = request.shadow || (probe_every_ > 0 && step % probe_every_ == 0);
        return request;
    }

    void step() {
        make_changes();
        const std::vector<StepResult> results = experiment_.step(request_at(experiment_.next_step()));
        for (std::size_t index = 0; index < results.size(); ++index) take(index, results[index]);
        if (json_) can_write_ = json_->flush();
    }

    void take(std::size_t index, const StepResult& result) {
        progress_.note(index, result.record);
        if (!checkpoint_path_.empty()) {
            const int id = progress_.lanes[index].id;
            timeline_.record(id, result.record);
            for (const Event& event : result.events) timeline_.record_event(id, event);
        }
        times_[index].add(result.record.step_ms);
        if (json_) write_result(experiment_.lanes()[index].name(), result);
    }

    void write_result(const std::string& lane, const StepResult& result) {
        json_->write(step_object(lane, result.record));
        for (const Probe& probe : result.probes) {
            for (const Json& object : probe_objects(result.record.step, lane, probe)) json_->write(object);
        }
        for (const Event& event : result.events) json_->write(event_object(event));
    }

    std::string losses() const {
        std::string text;
        for (std::size_t index = 0; index < progress_.lanes.size(); ++index) {
            char loss[32];
            std::snprintf(loss, sizeof loss, " %.4g", progress_.lanes[index].last.loss);
            text += (index == 0 ? "" : ", ") + experiment_.lanes()[index].name() + loss;
        }
        return text;
    }

    std::vector<LaneSummary> summary() {
        std::vector<LaneSummary> lanes;
        for (std::size_t index = 0; index < progress_.lanes.size(); ++index) {
            Lane& lane = experiment_.lanes()[index];
            lanes.push_back({lane.name(), experiment_.next_step(), lane.skipped_steps(),
                             progress_.lanes[index].last.loss, lane.validate(), lane.loss_scale(),
                             times_[index].per_second(), lane.memory(), lane.signature()});
        }
        return lanes;
    }

    bool writes_stdout() const { return json_ && json_path_ == "-"; }

    /// A closed pipe ends the program quietly, as it does where nobody ignores SIGPIPE; a full disk does not.
    int report_write_failure() const {
        if (writes_stdout()) return kExitInterrupted;
        std::fprintf(stderr, "halfscope-cli: --json: cannot write '%s': %s\n", json_path_.c_str(),
                     json_->failure().c_str());
        return kExitFailed;
    }

    void print_table(const std::string& device, const std::vector<LaneSummary>& lanes) const {
        const Workload& workload = experiment_.workload();
        const std::string& metric = workload.info().metric_name;
        std::size_t width = 4;
        for (const LaneSummary& lane : lanes) width = std::max(width, lane.lane.size());
        const int lane_width = static_cast<int>(width);
        std::printf("%s, seed %llu, %lld of %lld steps on %s\n", workload.info().name.c_str(),
                    static_cast<unsigned long long>(workload.settings().seed),
                    static_cast<long long>(experiment_.next_step()), static_cast<long long>(steps_),
                    device.c_str());
        std::printf("%-*s %11s %11s %11s %8s %11s %8s %8s  %s\n", lane_width, "lane", "loss", "val. loss",
                    metric.c_str(), "skipped", "loss scale", "steps/s", "MiB", "signature");
        for (const LaneSummary& lane : lanes) {
            std::printf("%-*s %11.5g %11.5g %11.5g %8lld %11.6g %8.1f %8.2f  %s\n", lane_width,
                        lane.lane.c_str(), lane.final_loss, lane.validation.validation_loss,
                        lane.validation.metric, static_cast<long long>(lane.skipped), lane.loss_scale,
                        lane.steps_per_second, static_cast<double>(lane.memory.total()) / (1024.0 * 1024.0),
                        lane.signature.c_str());
        }
    }

    std::unique_ptr<Experiment> owned_;
    Experiment& experiment_;
    RunProgress progress_;
    Timeline& timeline_;
    std::int64_t steps_;
    int probe_every_, shadow_every_;
    std::vector<StepTimes> times_;
    std::string json_path_, save_path_, checkpoint_path_;
    std::int64_t checkpoint_every_, kept_step_ = -1;
    std::string save_recipe_path_;
    std::int64_t recipe_steps_;
    std::vector<RunChange> changes_;  // of the recipe
    std::optional<RecipePlayer> player_;
    std::unique_ptr<JsonLines> json_;
    bool can_write_ = true;
};

/// The workload with what it starts from; null where Ctrl-C came meanwhile.
std::shared_ptr<const Workload> prepare(const Scenario& scenario, const ScenarioSettings& settings,
                                        const TrainOptions& options) {
    // Weights from a file take the place of those that pretraining would make.
    if (!options.weights_path.empty()) return scenario.outline(settings);
    Progress progress;
    Preparation preparation;
    preparation.threads = options.experiment.threads;
    preparation.report = [&progress](const LoadingProgress& reached) {
        progress.show_part(reached.fraction, reached.text);
        return !interrupted();
    };
    try {
        return scenario.prepare(settings, preparation);
    } catch (const CancelledError&) {
        return nullptr;
    }
}

}  // namespace

int run_training(const TrainOptions& options) {
    const ExperimentOptions& experiment = options.experiment;
    const std::unique_ptr<Backend> backend = open_device(experiment);
    catch_interrupts();
    Timeline timeline;
    if (options.resume) {
        ResumedRun resumed = resume_run(*backend, *options.resume, timeline);
        TrainRun run(options, std::move(resumed.experiment), std::move(resumed.progress), timeline);
        return run.run(backend->name());
    }
    const Scenario& scenario = find_scenario(experiment.scenario);
    const ScenarioSettings settings = resolve_settings(scenario.info(), experiment.settings);
    const std::vector<LaneSpec> lanes =
        experiment.lanes.empty() ? default_lanes(scenario.info()) : experiment.lanes;
    // A mistake in it should not wait for pretraining.
    if (!options.save_path.empty()) check_named_values_target(options.save_path, {});
    const std::shared_ptr<const Workload> workload = prepare(scenario, settings, options);
    if (!workload) return kExitInterrupted;
    if (options.recipe) check_data(*options.recipe, *workload, options.recipe_path);
    for (const std::string& words : {experiment.greeting, workload->note()})
        if (!words.empty()) std::fprintf(stderr, "halfscope-cli: %s\n", words.c_str());
    auto fresh = std::make_unique<Experiment>(*backend, workload, lanes);
    RunProgress progress = RunProgress::of(*fresh);
    TrainRun run(options, std::move(fresh), std::move(progress), timeline);
    if (options.recipe) run.follow(options.recipe->changes, *backend, workload);
    return run.run(backend->name());
}

}  // namespace halfscope
