// Ablations: the session takes what they start from between two steps, and lets them train beside the run.
#include <utility>

#include "session/background_ablation.h"
#include "session/session.h"
#include "train/input_error.h"

namespace halfscope {

void Session::apply_command(const StartAblationCommand& command) {
    const Lane& lane = experiment().lane(command.lane);
    if (ablation_ && ablation_->is_going_on())
        throw InputError("an ablation is going on; cancel it, or wait for its end, before the next");
    AblationPlan plan;
    plan.scenario = workload_->info().name;
    plan.settings = workload_->settings();
    plan.base = lane.techniques();
    plan.factors = command.factors;
    plan.seeds = command.seeds;
    plan.steps = command.steps;
    plan.workload = workload_;
    if (command.from == AblationFrom::present_state) {
        if (state_ == RunState::failed)
            throw InputError("the run has failed; restart it, or start the ablation from scratch");
        plan.start = std::make_shared<const AblationStart>(
            AblationStart{lane.record(), lane.techniques(), experiment_->next_step()});
    }
    check_ablation(plan);
    ablation_ = std::make_unique<BackgroundAblation>(std::move(plan), background_);
    last_step_end_ = {};  // this was no step
}

void Session::apply_command(const CancelAblationCommand&) {
    if (ablation_) ablation_->cancel();
}

std::shared_ptr<const AblationResults> Session::ablation_results() const {
    return ablation_ ? ablation_->results() : nullptr;
}

}  // namespace halfscope
