// Rules that watch a run: what is to be noticed in the results of a step, and what is to happen then. Plain
// data and pure functions: evaluated by Session after each step, edited by the alerts panel, kept by the
// window. They see results alone, so that they cannot change training; they are no part of a checkpoint and
// of a run's changes either, because a run with them is, bit for bit, the run without them.
//
// A rule fires at the step at which its condition becomes true, once; it can fire again after the condition
// was measured not to hold. A percentage must fall to kRearmShare of the threshold for that, so that a value
// that dithers about it is one alert and not many. What was not measured at a step (counts, where no probe
// was taken) leaves a rule as it was.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/loss_scale.h"
#include "train/lane.h"

namespace halfscope {

enum class AlertKind : std::uint8_t {
    nan,          ///< the loss or the norm of all gradients is NaN; told at every step
    inf,          ///< the loss or the norm of all gradients is infinite; told at every step
    flushed,      ///< % of a gradient's non-zero elements that its own format flushed; told by probes
    swallowed,    ///< % of a parameter's updates that left the weight as it was; told by probes
    scale_floor,  ///< a dynamic loss scale of at most 2^threshold, or at its scaler's own floor
    lanes_apart   ///< % by which finite losses of two lanes differ, of the larger one
};
inline constexpr int kAlertKindCount = 6;

/// Each does what the ones before it do: a mark in the plots, a message, and a pause before the next step.
enum class AlertAction : std::uint8_t { mark, notify, pause };
inline constexpr int kAlertActionCount = 3;

struct AlertRule {
    AlertKind kind = AlertKind::nan;
    double threshold = 0;  ///< above it, in alert_threshold()'s unit; of no meaning for NaN and inf
    std::optional<int> lane_id = std::nullopt;  ///< none: every lane
    AlertAction action = AlertAction::mark;
    bool is_on = true;
    bool operator==(const AlertRule&) const = default;
};
inline constexpr std::size_t kMaximumAlertRules = 16;
inline constexpr double kRearmShare = 0.9;

/// "lanes_apart" and so on: in files; and back, none for another word.
const char* alert_kind_key(AlertKind kind);
const char* alert_action_key(AlertAction action);
std::optional<AlertKind> alert_kind_of(std::string_view key);
std::optional<AlertAction> alert_action_of(std::string_view key);

/// What thresholds a kind takes. None for NaN and inf.
struct AlertThreshold {
    double lowest = 0, highest = 100, initial = 50;
    const char* unit = "%";  ///< "log2 S" for the scale's floor
};
std::optional<AlertThreshold> alert_threshold(AlertKind kind);

/// What a window starts with: a rule of each kind, all of them off. (With dynamic scaling, a step with NaN
/// among its gradients now and then is how it works, and skipped.)
std::vector<AlertRule> default_alert_rules();

/// Why rules cannot be taken, as a sentence; empty: they can.
std::string refusal(std::span<const AlertRule> rules);

/// What a step made of a lane, for the rules.
struct WatchedLane {
    int id = 0;
    std::string name;
    StepRecord record;
    const std::vector<Probe>* probes = nullptr;  ///< null: none was taken at this step
    ScalerRules scaler;                          ///< that the step ran under
};

/// A rule whose condition holds, for a lane (-1: between lanes). By content, so that a changed rule is
/// another.
struct RaisedAlert {
    AlertKind kind = AlertKind::nan;
    double threshold = 0;
    std::optional<int> rule_lane_id;
    int lane_id = -1;
    bool operator==(const RaisedAlert&) const = default;
};

/// A rule that fired.
struct Alert {
    std::int64_t step = 0;
    AlertKind kind = AlertKind::nan;
    AlertAction action = AlertAction::mark;
    int lane_id = 0;     ///< that it is about; between lanes: the one with the larger loss
    std::string lane;    ///< its name then
    std::string tensor;  ///< flushed, swallowed: the one with the largest share; else empty
    ProbeKind probe_kind = ProbeKind::weight_gradient;  ///< of that tensor
    std::string sentence;
};

struct AlertOutcome {
    std::vector<Alert> fired;         ///< in the order of the rules
    std::vector<RaisedAlert> raised;  ///< what holds after this step
};
/// One step's results against the rules. `raised`: what held before it.
AlertOutcome evaluate_alerts(std::span<const AlertRule> rules, const std::vector<RaisedAlert>& raised,
                             std::span<const WatchedLane> lanes);

}  // namespace halfscope
