// Alert rules (session/alert_rules.h) on the way of a run: looked at after each step, in the thread that
// trains, with what was measured anyway. Steps that are made again are watched as well, so that the marks in
// the history are the same; but they send no messages, and nothing pauses on the way.
#include <algorithm>
#include <utility>

#include "session/session.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

constexpr std::size_t kKeptAlerts = 256;

}  // namespace

/// `lane_index`: of one lane alone, which is made up; none: all of them made their step. Returns whether a
/// rule asks for a pause.
bool Session::watch_lanes(Watching watching, std::optional<std::size_t> lane_index) {
    if (alert_rules_.empty()) return false;
    std::vector<WatchedLane> watched;
    for (std::size_t index = 0; index < lanes_.size(); ++index) {
        if (lane_index && index != *lane_index) continue;
        const LaneState& state = lanes_[index];
        const Lane& lane = experiment_->lanes()[index];
        const bool is_probed = state.probe_step == state.last.step;
        watched.push_back({state.id, lane.name(), state.last, is_probed ? &state.probes.list() : nullptr,
                           lane.techniques().scaler});
    }
    AlertOutcome outcome = evaluate_alerts(alert_rules_, raised_alerts_, watched);
    if (lane_index) {
        // Of the others nothing was seen.
        for (const RaisedAlert& raised : raised_alerts_)
            if (raised.lane_id != lanes_[*lane_index].id) outcome.raised.push_back(raised);
    }
    raised_alerts_ = std::move(outcome.raised);
    if (outcome.fired.empty()) return false;
    bool pauses = false;
    auto alerts = alerts_ ? *alerts_ : std::vector<Alert>{};
    for (Alert& alert : outcome.fired) {
        timeline_.record_event(alert.lane_id, {alert.step, alert.lane, EventKind::alert, alert.sentence});
        if (watching == Watching::anew && alert.action != AlertAction::mark) {
            say(Message::Kind::note, "step " + std::to_string(alert.step) + ", " + alert.lane + ": " +
                                         alert.sentence +
                                         (alert.action == AlertAction::pause ? "; paused" : ""));
        }
        pauses = pauses || alert.action == AlertAction::pause;
        alerts.push_back(std::move(alert));
    }
    if (alerts.size() > kKeptAlerts)
        alerts.erase(alerts.begin(), alerts.end() - static_cast<std::ptrdiff_t>(kKeptAlerts));
    alerts_ = std::make_shared<const std::vector<Alert>>(std::move(alerts));
    return pauses && watching == Watching::anew;
}

/// As it was before a step.
void Session::return_alerts(const std::vector<RaisedAlert>& raised, std::int64_t step) {
    raised_alerts_ = raised;
    if (!alerts_) return;
    std::vector<Alert> earlier = *alerts_;
    std::erase_if(earlier, [step](const Alert& alert) { return alert.step >= step; });
    alerts_ = std::make_shared<const std::vector<Alert>>(std::move(earlier));
}

/// Forgets what a lane did, whose id may be given to another one.
void Session::forget_alerts_of(int lane_id) {
    std::erase_if(raised_alerts_, [lane_id](const RaisedAlert& raised) { return raised.lane_id == lane_id; });
    if (!alerts_) return;
    std::vector<Alert> others = *alerts_;
    std::erase_if(others, [lane_id](const Alert& alert) { return alert.lane_id == lane_id; });
    alerts_ = std::make_shared<const std::vector<Alert>>(std::move(others));
}

/// A rule that stays as it is does not fire again; one that was changed or switched on is armed.
void Session::apply_command(const SetAlertRulesCommand& command) {
    if (const std::string sentence = refusal(command.rules); !sentence.empty()) throw InputError(sentence);
    alert_rules_ = command.rules;
    std::erase_if(raised_alerts_, [this](const RaisedAlert& raised) {
        return std::none_of(alert_rules_.begin(), alert_rules_.end(), [&](const AlertRule& rule) {
            return rule.is_on && rule.kind == raised.kind && rule.threshold == raised.threshold &&
                   rule.lane_id == raised.rule_lane_id;
        });
    });
}

}  // namespace halfscope
