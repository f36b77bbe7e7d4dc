#include <algorithm>
#include <cmath>

#include "ops/update_decision.h"
#include "train/lane_state.h"
#include "train/loss_scaler.h"
#include "train/optimizer_schedule.h"

namespace halfscope {

TensorView Lane::State::gradient_of(std::size_t parameter) const {
    const TensorView accumulated = training->state_or_none(parameter, slots.accumulated);
    return accumulated ? accumulated : training->flat_gradient(parameter);
}

PassValues Lane::State::pass_values(std::int64_t step, std::int64_t number, std::int64_t count,
                                    float scale) const {
    // A mean over micro-batches is the sum of 1/count of each.
    const bool is_mean = techniques.loss_reduction == LossReduction::mean;
    const float share = is_mean ? 1.0f / static_cast<float>(count) : 1.0f;
    return {scale * share, static_cast<std::uint32_t>(step * count + number)};
}

double Lane::State::run_batches(LaneBuffers& buffers, int accumulated, std::int64_t step,
                                std::span<const Batch> batches, float scale, ProbeCounts* counts,
                                const OptimizerStep* optimizer) {
    const auto count = static_cast<std::int64_t>(batches.size());
    double loss = 0.0;
    for (std::int64_t number = 0; number < count; ++number) {
        const bool is_last = number + 1 == count;
        const bool is_first = number == 0;
        const PassSettings settings{RunMode::training, seed(), is_last ? counts : nullptr};
        buffers.feed(batches[static_cast<std::size_t>(number)], pass_values(step, number, count, scale));
        const auto passes = [&] {
            buffers.forward(settings);
            buffers.backward(settings);
            if (accumulated >= 0)
                buffers.accumulate_gradients(static_cast<std::size_t>(accumulated), is_first);
            if (optimizer && is_last) {
                backend.begin_check(checked_gradients(), update_values());
                update_each(*optimizer, settings.counts);
            }
        };
        if (optimizer) {
            backend.repeat(recordings.passes[is_first][is_last][settings.counts != nullptr], passes);
        } else {
            passes();
        }
        loss += static_cast<double>(buffers.loss());
    }
    return techniques.loss_reduction == LossReduction::mean ? loss / static_cast<double>(count) : loss;
}

StepResult Lane::State::step(std::int64_t step, std::span<const Batch> batches, const StepRequest& request) {
    const StepClock::time_point start = StepClock::now();
    double telemetry_ms = 0.0, shadow_ms = 0.0;
    const auto timed = [](double& total_ms, auto work) {
        const StepClock::time_point since = StepClock::now();
        work();
        total_ms += elapsed_ms(since);
    };
    // A shadow pass without counts would have no record to stand in.
    ProbeCounts* counts = nullptr;
    if (request.probe || request.shadow) {
        timed(telemetry_ms, [&] {
            counts = &own_counts();
            backend.repeat(recordings.weight_counts, [&] {
                counts->clear();
                count_weights(*counts);
            });
        });
    }

    const float scale = scaler.scale;
    // The shadow pass reads the weights that the step reads, and so comes before it.
    const bool has_shadow = request.shadow && shadow_is_meaningful(techniques);
    if (has_shadow) timed(shadow_ms, [&] { run_shadow(step, batches); });
    const OptimizerStep optimizer = scheduled();
    const UpdateValues values = upload_values(optimizer, scale, step);
    const double loss = run_batches(*training, slots.accumulated, step, batches, scale, counts, &optimizer);
    const GradientFindings findings = check_gradients(values, counts);
    std::vector<ShadowFinding> shadow_findings;
    if (has_shadow)
        timed(shadow_ms,
              [&] { shadow_findings = compare_with_shadow(batches.size() > 1, values.inverse_scale); });

    StepResult result;
    result.record.step = step;
    result.record.loss = loss;
    result.record.loss_scale = static_cast<double>(scale);
    result.record.skipped = findings.decision.is_skipped;
    result.record.grad_norm = findings.decision.norm;
    result.record.overflow_layer = findings.layer;
    result.record.learning_rate = static_cast<double>(optimizer.learning_rate);
    if (!result.record.skipped) {
        ++updates;
        ++position;
    } else {
        ++skipped;
        if (techniques.schedule_on_skip == ScheduleOnSkip::advance) ++position;
    }
    report_step(findings, result);
    advance_scale(findings, result);
    result.record.step_ms = elapsed_ms(start) - telemetry_ms - shadow_ms;
    if (counts) {
        timed(telemetry_ms, [&] {
            counts->fetch();
            result.probes =
                assemble_probes(*counts, static_cast<double>(scale), !result.record.skipped, shadow_findings);
        });
    }
    result.record.telemetry_ms = telemetry_ms;
    result.record.shadow_ms = shadow_ms;
    return result;
}

std::vector<TensorView> Lane::State::checked_gradients() const {
    std::vector<TensorView> gradients;
    for (const BackwardParameter& place : backward_parameters)
        gradients.push_back(gradient_of(place.parameter));
    return gradients;
}

OptimizerStep Lane::State::scheduled() const {
    return scheduled_step(*workload, position, updates + 1, techniques.optimizer_state_format());
}

UpdateValues Lane::State::upload_values(const OptimizerStep& optimizer, float scale,
                                        std::int64_t step) const {
    UpdateValues values;
    values.inverse_scale = inverse_of_scale(scale);
    values.learning_rate = optimizer.learning_rate;
    values.bias_correction1 = optimizer.bias_correction1;
    values.bias_correction2 = optimizer.bias_correction2;
    values.step = static_cast<std::uint32_t>(step);
    values.skips_nonfinite = techniques.on_nonfinite == OnNonfinite::skip;
    // PyTorch looks at the scaled gradient only: what 1/S makes infinite (S < 1) goes unseen (pytorch
    // #99640).
    values.sees_unscaled = techniques.scaler.kind != ScalerKind::pytorch;
    values.clip_norm = techniques.clip_norm;
    const bool clips_scaled = techniques.clip_order == UnscaleOrder::before_unscale;
    values.norm_factor = clips_scaled ? static_cast<double>(scale) : 1.0;
    backend.upload(update_memory.data(), &values, sizeof values);
    return values;
}

GradientFindings Lane::State::check_gradients(const UpdateValues& values, ProbeCounts* counts) const {
    const Graph& graph = training->graph();
    GradientFindings findings;
    const std::vector<GradientCheck> checks = backend.finish_check(backward_parameters.size());
    // What the device decided by the same formula, without asking.
    findings.decision = decide_update(checks.data(), checks.size(), values);
    for (std::size_t i = 0; i < checks.size(); ++i) {
        const BackwardParameter& place = backward_parameters[i];
        const GradientCheck& check = checks[i];
        findings.max_abs_unscaled = std::max(findings.max_abs_unscaled, check.max_abs);
        if (!values.sees_unscaled) findings.unseen += check.nonfinite_unscaled;
        if (!is_nonfinite(check, values) || !findings.tensor.empty()) continue;
        findings.tensor = graph.tensor(graph.parameters()[place.parameter]).name;
        findings.layer = graph.nodes()[place.node].name;
    }
    if (!findings.decision.is_nonfinite || !counts) return findings;
    counts->fetch();
    // Where activation gradients were counted too, the overflow may have begun nearer to the loss.
    for (std::size_t n = graph.nodes().size(); n-- > 0;) {
        const Node& node = graph.nodes()[n];
        const ClassCounts& own = counts->gradient(node.output).own;
        if (own.inf + own.nan > 0) {
            if (findings.layer != node.name) findings.tensor.clear();
            findings.layer = node.name;
            break;
        }
        if (findings.layer == node.name) break;
    }
    return findings;
}

UpdateCall Lane::State::update_call(std::size_t parameter, const OptimizerStep& optimizer) const {
    const Graph& graph = training->graph();
    UpdateCall call;
    call.optimizer = optimizer;
    call.subnormals = techniques.subnormals;
    call.decay_order = techniques.decay_order;
    call.gradient = gradient_of(parameter);
    call.weight = training->flat_value(parameter);
    // Into FP32 weights nothing is rounded.
    call.rounding = call.weight.format == Format::fp32 ? UpdateRounding::nearest : techniques.update_rounding;
    call.master = training->state_or_none(parameter, slots.master);
    call.moment1 = training->state_or_none(parameter, slots.moment1);
    call.moment2 = training->state_or_none(parameter, slots.moment2);
    call.compensation = training->state_or_none(parameter, slots.compensation);
    call.random = random_key(seed(), "rounding", graph.tensor(graph.parameters()[parameter]).name, 0);
    return call;
}

void Lane::State::update_each(const OptimizerStep& optimizer, ProbeCounts* counts) {
    std::vector<UpdateCall> calls;
    for (std::size_t p = 0; p < training->graph().parameters().size(); ++p) {
        UpdateCall& call = calls.emplace_back(update_call(p, optimizer));
        call.values = update_values();
        call.counts = counts ? counts->place_of_update(p) : nullptr;
    }
    backend.update(calls);
}

void Lane::State::report_step(const GradientFindings& findings, StepResult& result) {
    const StepRecord& record = result.record;
    const auto say = [&](EventKind kind, std::string detail) {
        result.events.push_back({record.step, name, kind, std::move(detail)});
    };
    const std::string where = findings.tensor.empty()
                                  ? "activation gradient of " + findings.layer
                                  : "gradient of " + findings.tensor + " (layer " + findings.layer + ")";
    if (!std::isfinite(record.loss) && !reported.nan_loss) {
        say(EventKind::nan, std::isnan(record.loss) ? "the loss became NaN" : "the loss became infinite");
    }
    reported.nan_loss = !std::isfinite(record.loss);
    if (record.skipped) {
        say(EventKind::skip, "non-finite " + where + " at scale " + scale_text(record.loss_scale));
    }
    const bool poisons = findings.decision.is_nonfinite && !record.skipped;
    if (poisons && !reported.poisoned) {
        say(EventKind::nan, "non-finite " + where + " was applied: it is in the weights now");
    }
    reported.poisoned = poisons;
    if (findings.unseen > 0 && !reported.unseen) {
        say(EventKind::message,
            std::to_string(findings.unseen) +
                " gradients became infinite when divided by S = " + scale_text(record.loss_scale) +
                "; PyTorch's check looks before that and lets them through (pytorch #99640)");
    }
    reported.unseen = findings.unseen > 0;
}

void Lane::State::advance_scale(const GradientFindings& findings, StepResult& result) {
    const double before = static_cast<double>(scaler.scale);
    const ScaleChange change =
        advance(techniques.scaler, scaler, findings.decision.is_nonfinite, findings.max_abs_unscaled);
    const std::string path = scale_text(before) + " -> " + scale_text(static_cast<double>(scaler.scale));
    const std::int64_t step = result.record.step;
    if (change == ScaleChange::growth) {
        result.events.push_back({step, name, EventKind::growth, path});
    } else if (change == ScaleChange::backoff) {
        const std::string cause = findings.layer.empty() ? "" : ", overflow in " + findings.layer;
        result.events.push_back({step, name, EventKind::backoff, path + cause});
    } else if (change == ScaleChange::floor_error && !reported.floor) {
        result.events.push_back(
            {step, name, EventKind::message,
             "minimum loss scale reached (" + scale_text(before) + ", overflow in " + findings.layer +
                 "): the framework would end the run here; training is probably exploding"});
    }
    reported.floor = change == ScaleChange::floor_error;
}

}  // namespace halfscope
