#include "session/alert_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace halfscope {
namespace {

constexpr std::array<const char*, kAlertKindCount> kKindKeys{"nan",       "inf",         "flushed",
                                                             "swallowed", "scale_floor", "lanes_apart"};
constexpr std::array<const char*, kAlertActionCount> kActionKeys{"mark", "notify", "pause"};

/// What a rule reads in a step: unknown where it was not measured, near where a value has fallen below the
/// threshold but not so far that the rule is armed again.
struct Reading {
    enum class State : std::uint8_t { unknown, clear, near, holds };
    State state = State::unknown;
    const WatchedLane* lane = nullptr;  ///< that it is about
    const Probe* probe = nullptr;
    std::string sentence;
};

std::string percent_words(double percent) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3g%%", percent);
    return text;
}

std::string number_words(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

Reading::State against(double percent, double threshold) {
    if (percent > threshold) return Reading::State::holds;
    return percent <= threshold * kRearmShare ? Reading::State::clear : Reading::State::near;
}

/// "the loss is NaN", "the gradients' norm is infinite (first in fc2)".
Reading read_record(AlertKind kind, const WatchedLane& lane) {
    const auto is_meant = [&](double value) {
        return kind == AlertKind::nan ? std::isnan(value) : std::isinf(value);
    };
    const StepRecord& record = lane.record;
    const bool in_loss = is_meant(record.loss);
    Reading reading{Reading::State::clear, &lane, nullptr, {}};
    if (!in_loss && !is_meant(record.grad_norm)) return reading;
    reading.state = Reading::State::holds;
    reading.sentence = in_loss ? "the loss is " : "the gradients' norm is ";
    reading.sentence += kind == AlertKind::nan ? "NaN" : "infinite";
    if (!in_loss && !record.overflow_layer.empty())
        reading.sentence += " (first in " + record.overflow_layer + ")";
    return reading;
}

struct Share {
    std::uint64_t part = 0, whole = 0;
    double percent() const {
        return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
    }
};

Share share_of(AlertKind kind, const Probe& probe) {
    const ClassCounts& own = probe.counts.own;
    if (kind == AlertKind::swallowed)
        return probe.kind == ProbeKind::update ? Share{probe.swallowed, probe.updates} : Share{};
    const bool is_gradient =
        probe.kind == ProbeKind::weight_gradient || probe.kind == ProbeKind::activation_gradient;
    return is_gradient ? Share{own.flushed, own.count() - own.true_zero} : Share{};
}

/// The tensor with the largest share. A step that was skipped made no updates: that says nothing of them.
Reading read_probes(const AlertRule& rule, const WatchedLane& lane) {
    Reading reading{Reading::State::unknown, &lane, nullptr, {}};
    if (!lane.probes) return reading;
    Share largest;
    for (const Probe& probe : *lane.probes) {
        const Share share = share_of(rule.kind, probe);
        if (share.whole == 0 || (reading.probe && share.percent() <= largest.percent())) continue;
        reading.probe = &probe;
        largest = share;
    }
    if (!reading.probe) return reading;
    reading.state = against(largest.percent(), rule.threshold);
    const char* what = rule.kind == AlertKind::swallowed ? " of the updates were swallowed: "
                       : reading.probe->kind == ProbeKind::weight_gradient
                           ? " of the weight gradient were flushed to zero: "
                           : " of the activation gradient were flushed to zero: ";
    reading.sentence = percent_words(largest.percent()) + what + reading.probe->tensor + " (" +
                       std::to_string(largest.part) + " of " + std::to_string(largest.whole) + "), above " +
                       percent_words(rule.threshold);
    return reading;
}

Reading read_scale(const AlertRule& rule, const WatchedLane& lane) {
    Reading reading{Reading::State::clear, &lane, nullptr, {}};
    if (lane.scaler.scaling != LossScaling::dynamic) return reading;
    const double scale = lane.record.loss_scale, limit = std::exp2(rule.threshold);
    const auto floor = static_cast<double>(lane.scaler.min_scale);
    const bool at_floor = floor > 0 && scale <= floor;
    if (!at_floor && scale > limit) return reading;
    reading.state = Reading::State::holds;
    reading.sentence = "the loss scale is " + number_words(scale) +
                       (at_floor ? ", its scaler's floor" : ", not above " + number_words(limit));
    return reading;
}

double apart_percent(double a, double b) {
    const double larger = std::max(std::abs(a), std::abs(b));
    return larger == 0 ? 0 : 100.0 * std::abs(a - b) / larger;
}

/// The two lanes that are farthest apart, one of them the rule's where it has one. Losses that are not finite
/// are not compared: the rules for NaN and inf tell of those.
Reading read_difference(const AlertRule& rule, std::span<const WatchedLane> lanes) {
    Reading reading;
    const WatchedLane *high = nullptr, *low = nullptr;
    double largest = -1;
    for (const WatchedLane& a : lanes) {
        if (rule.lane_id && a.id != *rule.lane_id) continue;
        for (const WatchedLane& b : lanes) {
            if (a.id == b.id || !std::isfinite(a.record.loss) || !std::isfinite(b.record.loss)) continue;
            const double percent = apart_percent(a.record.loss, b.record.loss);
            if (percent <= largest) continue;
            largest = percent;
            const bool a_is_high = a.record.loss >= b.record.loss;
            high = a_is_high ? &a : &b;
            low = a_is_high ? &b : &a;
        }
    }
    if (!high) return reading;
    reading.state = against(largest, rule.threshold);
    reading.lane = high;
    reading.sentence = "losses are " + percent_words(largest) + " apart: " + high->name + " " +
                       number_words(high->record.loss) + ", " + low->name + " " +
                       number_words(low->record.loss) + ", above " + percent_words(rule.threshold);
    return reading;
}

Reading read_lane(const AlertRule& rule, const WatchedLane& lane) {
    switch (rule.kind) {
        case AlertKind::nan:
        case AlertKind::inf:
            return read_record(rule.kind, lane);
        case AlertKind::flushed:
        case AlertKind::swallowed:
            return read_probes(rule, lane);
        case AlertKind::scale_floor:
            return read_scale(rule, lane);
        case AlertKind::lanes_apart:
            break;
    }
    return {};
}

Alert alert_of(const AlertRule& rule, const Reading& reading) {
    Alert alert;
    alert.step = reading.lane->record.step;
    alert.kind = rule.kind;
    alert.action = rule.action;
    alert.lane_id = reading.lane->id;
    alert.lane = reading.lane->name;
    if (reading.probe) {
        alert.tensor = reading.probe->tensor;
        alert.probe_kind = reading.probe->kind;
    }
    alert.sentence = reading.sentence;
    return alert;
}

template <class Value, std::size_t N>
std::optional<Value> find_key(const std::array<const char*, N>& keys, std::string_view key) {
    const auto place = std::find(keys.begin(), keys.end(), key);
    if (place == keys.end()) return std::nullopt;
    return static_cast<Value>(place - keys.begin());
}

}  // namespace

const char* alert_kind_key(AlertKind kind) { return kKindKeys[static_cast<std::size_t>(kind)]; }
const char* alert_action_key(AlertAction action) { return kActionKeys[static_cast<std::size_t>(action)]; }
std::optional<AlertKind> alert_kind_of(std::string_view key) { return find_key<AlertKind>(kKindKeys, key); }
std::optional<AlertAction> alert_action_of(std::string_view key) {
    return find_key<AlertAction>(kActionKeys, key);
}

std::optional<AlertThreshold> alert_threshold(AlertKind kind) {
    switch (kind) {
        case AlertKind::flushed:
        case AlertKind::swallowed:
            return AlertThreshold{};
        case AlertKind::scale_floor:
            return AlertThreshold{-24, 24, 0, "log2 S"};  // S = 1: scaling does nothing any more
        case AlertKind::lanes_apart:
            return AlertThreshold{0, 100, 20, "%"};
        case AlertKind::nan:
        case AlertKind::inf:
            break;
    }
    return std::nullopt;
}

std::vector<AlertRule> default_alert_rules() {
    std::vector<AlertRule> rules;
    for (int index = 0; index < kAlertKindCount; ++index) {
        const auto kind = static_cast<AlertKind>(index);
        const std::optional<AlertThreshold> threshold = alert_threshold(kind);
        rules.push_back({kind, threshold ? threshold->initial : 0, std::nullopt, AlertAction::mark, false});
    }
    return rules;
}

std::string refusal(std::span<const AlertRule> rules) {
    if (rules.size() > kMaximumAlertRules)
        return "there can be at most " + std::to_string(kMaximumAlertRules) +
               " alert rules; remove one first";
    for (const AlertRule& rule : rules) {
        const std::optional<AlertThreshold> range = alert_threshold(rule.kind);
        if (!range || (rule.threshold >= range->lowest && rule.threshold <= range->highest)) continue;
        return std::string("the threshold of the alert rule '") + alert_kind_key(rule.kind) +
               "' must lie between " + number_words(range->lowest) + " and " + number_words(range->highest) +
               " " + range->unit;
    }
    return {};
}

AlertOutcome evaluate_alerts(std::span<const AlertRule> rules, const std::vector<RaisedAlert>& raised,
                             std::span<const WatchedLane> lanes) {
    AlertOutcome outcome;
    const auto weigh = [&](const AlertRule& rule, int lane_id, const Reading& reading) {
        const RaisedAlert key{rule.kind, rule.threshold, rule.lane_id, lane_id};
        const bool held = std::find(raised.begin(), raised.end(), key) != raised.end();
        using State = Reading::State;
        const bool holds = reading.state == State::holds || (held && reading.state != State::clear);
        if (holds && !held) outcome.fired.push_back(alert_of(rule, reading));
        const bool is_noted =
            std::find(outcome.raised.begin(), outcome.raised.end(), key) != outcome.raised.end();
        if (holds && !is_noted) outcome.raised.push_back(key);
    };
    for (const AlertRule& rule : rules) {
        if (!rule.is_on) continue;
        if (rule.kind == AlertKind::lanes_apart) {
            weigh(rule, -1, read_difference(rule, lanes));
            continue;
        }
        for (const WatchedLane& lane : lanes) {
            if (!rule.lane_id || lane.id == *rule.lane_id) weigh(rule, lane.id, read_lane(rule, lane));
        }
    }
    return outcome;
}

}  // namespace halfscope
