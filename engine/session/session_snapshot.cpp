#include <algorithm>

#include "session/session.h"

namespace halfscope {

namespace {

/// What its products multiply.
Format matrix_operands(const Techniques& techniques) {
    const bool is_tf32 = techniques.storage == Format::fp32 && techniques.matmul_input == MatmulInput::tf32;
    return is_tf32 ? Format::tf32 : techniques.storage;
}

}  // namespace

LaneSnapshot Session::lane_snapshot(std::size_t index) const {
    const LaneState& state = lanes_[index];
    const Lane& lane = experiment_->lanes()[index];
    LaneSnapshot shown;
    shown.id = state.id;
    shown.name = lane.name();
    shown.techniques = lane.techniques();
    shown.techniques_step = state.techniques_step;
    shown.last = state.last;
    shown.loss_scale = lane.loss_scale();
    shown.best_loss = state.best_loss;
    shown.validation = state.validation;
    shown.validation_step = state.validation_step;
    shown.skipped = lane.skipped_steps();
    shown.steps_until_growth = lane.steps_until_growth();
    const RateWindow& steps = state.plain_steps.size() > 0 ? state.plain_steps : state.probed_steps;
    shown.steps_per_second = steps.per_second();
    shown.step_ms = steps.mean_ms();
    const std::optional<double> watts = energy_.use().watts;
    if (watts && shown.step_ms > 0) shown.joules_per_step = *watts * shown.step_ms * 1e-3;
    shown.memory = lane.memory();
    shown.matrix_peak = backend_->matrix_peak(matrix_operands(lane.techniques()));
    shown.probes = state.probes;
    shown.probe_step = state.probe_step;
    shown.shadow_step = state.shadow_step;
    shown.sweep = state.sweep;
    shown.search = state.search;
    shown.peek = state.peek;
    shown.overflow = state.overflow;
    shown.dot = state.dot;
    shown.retained = state.retained;
    shown.view = state.view;
    shown.view_step = state.view_step;
    shown.signature = state.signature;
    return shown;
}

Snapshot Session::make_snapshot() {
    Snapshot snapshot;
    snapshot.generation = ++generation_;
    snapshot.run = run_;
    snapshot.state = state_;
    snapshot.loading = loading_;
    snapshot.device = backend_->name();
    if (const KeptCopy* copy = rescue()) snapshot.rescued_steps = copy->steps;
    snapshot.first_kept_step = ring_.first_step();
    snapshot.going_to = going_to_;
    snapshot.kept_states = ring_.size();
    snapshot.kept_bytes = ring_.bytes();
    snapshot.most_kept_bytes = ring_.most_bytes();
    snapshot.changes_ahead = static_cast<int>(journal_.size() - changes_made_);
    snapshot.can_undo = !undo_.empty();
    snapshot.can_redo = !redo_.empty();
    if (experiment_) snapshot.reached_step = std::max(reached_, experiment_->next_step());
    if (measurement_) {
        snapshot.measured_lane = measurement_->lane_id;
        snapshot.measured = measurement_->search ? Measured::layers : Measured::scales;
    }
    const SteadyClock::time_point now = SteadyClock::now();
    if (energy_.is_due(now)) {
        const std::optional<double> joules = backend_->joules();
        if (joules) energy_.add(now, *joules, experiment_ ? experiment_->next_step() : 0);
    }
    snapshot.energy = energy_.use();
    if (experiment_) {
        snapshot.scenario = workload_->info();
        snapshot.settings = workload_->settings();
        snapshot.next_step = experiment_->next_step();
        snapshot.matrix_work = matrix_work_;
        snapshot.outline = outline_;
        snapshot.dot_sources = dot_sources_;
        for (std::size_t index = 0; index < lanes_.size(); ++index)
            snapshot.lanes.push_back(lane_snapshot(index));
        snapshot.overlays = overlays_;
        snapshot.target = target_;
    }
    snapshot.steps_per_second = steps_.per_second();
    snapshot.observation_percent = steps_.percent();
    snapshot.probe_every = probe_every_;
    snapshot.shadow_every = shadow_every_;
    snapshot.step_delay_ms = step_delay_ms_;
    snapshot.ablation = ablation_results();
    snapshot.alerts = alerts_;
    snapshot.messages.assign(messages_.begin(), messages_.end());
    return snapshot;
}

}  // namespace halfscope
