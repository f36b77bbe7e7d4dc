// One complete setting of every toggle: names, values and meanings are those of docs and command line
// (techniques.md). Pure data with parsing, presets and refusals; a Lane turns it into a PrecisionPolicy, a
// ScalerRules and update options.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/precision_policy.h"
#include "numerics/format.h"
#include "ops/loss_scale.h"
#include "ops/update_call.h"

namespace halfscope {

enum class MasterWeights : std::uint8_t { off, on };
enum class OnNonfinite : std::uint8_t { skip, apply };
enum class ScheduleOnSkip : std::uint8_t { hold, advance };
enum class FormatChoice : std::uint8_t { fp32, storage };
enum class MatmulInput : std::uint8_t { storage, tf32 };

/// Defaults are those of the preset `mixed`.
struct Techniques {
    Format storage = Format::fp16;
    OpPolicy op_policy = OpPolicy::uniform;
    MatmulInput matmul_input = MatmulInput::storage;
    Accumulate accumulate = Accumulate::fp32;
    Reductions reductions = Reductions::fp32;
    MasterWeights master_weights = MasterWeights::on;
    UpdateRounding update_rounding = UpdateRounding::nearest;
    ScalerRules scaler;  ///< keys scaler, loss_scaling, loss_scale, growth_factor, ..., at_floor
    OnNonfinite on_nonfinite = OnNonfinite::skip;
    float clip_norm = 0.0f;  ///< 0: none
    UnscaleOrder clip_order = UnscaleOrder::after_unscale;
    UnscaleOrder decay_order = UnscaleOrder::after_unscale;
    ScheduleOnSkip schedule_on_skip = ScheduleOnSkip::hold;
    FormatChoice optimizer_state = FormatChoice::fp32;
    FormatChoice eps_format = FormatChoice::fp32;
    LossReduction loss_reduction = LossReduction::mean;
    Subnormals subnormals = Subnormals::keep;
    FormatChoice gradient_accumulation = FormatChoice::fp32;
    /// Nodes of the network by name, and all of an operation as "op:NAME", in ascending order without
    /// repetition: parameters, output and arithmetic in FP32.
    std::vector<std::string> keep_fp32;

    bool operator==(const Techniques&) const = default;

    /// Formats and arithmetic of the graph under these techniques.
    PrecisionPolicy policy() const;
    /// Whether FP32 master copies exist: asked for, storage is not FP32, and parameters do not live in FP32
    /// anyway.
    bool has_master() const {
        return master_weights == MasterWeights::on && storage != Format::fp32 && !casts_parameters(op_policy);
    }
    /// Whether every weight is kept in FP32 somewhere: no update is rounded into 16 bits.
    bool keeps_fp32_weights() const { return storage == Format::fp32 || master_weights == MasterWeights::on; }
    /// Format in which the gradients of micro-batches are added up.
    Format gradient_accumulation_format() const {
        return gradient_accumulation == FormatChoice::storage ? storage : Format::fp32;
    }
    /// Format of moments and of the update's constants.
    Format optimizer_state_format() const {
        return optimizer_state == FormatChoice::storage ? storage : Format::fp32;
    }
};

/// keep_fp32's value for these nodes: "fc1+op:gru", or "none".
std::string kept_nodes_text(const std::vector<std::string>& nodes);

/// One key as the window and the command line present it.
struct TechniqueKey {
    enum class Kind : std::uint8_t {
        choice,
        number,
        nodes  ///< nodes of the network, and operations as "op:NAME", joined by '+'
    };
    std::string name;
    Kind kind = Kind::choice;
    std::vector<std::string> choices;  ///< of a choice, in the order of techniques.md; "none" where allowed
    double minimum = 0, maximum = 0;   ///< of a number
    std::string meaning;               ///< one sentence for the tooltip
    std::string source;                ///< "paper 3.2", "PyTorch GradScaler", ...
};
/// Every key in the order of techniques.md.
const std::vector<TechniqueKey>& technique_keys();
/// The value of one key as text ("fp16", "on", "32768", "none"). Unknown key: std::out_of_range.
std::string technique_value(const Techniques& techniques, std::string_view key);
/// Sets one key from text. Returns an empty string, or one sentence that says what is wrong ("did you mean")
/// and leaves `techniques` unchanged. Setting `scaler` sets the framework's other scaler keys too. A
/// combination that makes no sense is not refused here but by refusal(), so that several keys can be set
/// before the whole is judged.
std::string set_technique(Techniques& techniques, std::string_view key, std::string_view value);
/// Why this combination makes no sense, as one sentence; empty where it does.
std::string refusal(const Techniques& techniques);

struct Preset {
    std::string name;
    std::string description;
    Techniques techniques;
};
/// fp32, fp16, fp16-master, fp16-scaled, mixed, paper, bf16, autocast, apex-o1, apex-o2, apex-o3, in this
/// order; apex-o0 is another name of fp32.
const std::vector<Preset>& presets();
/// The preset of that name, or nullptr.
const Preset* find_preset(std::string_view name);

/// "mixed" or "mixed,loss_scaling=static,loss_scale=8": a preset and what differs. Throws InputError with one
/// sentence.
Techniques parse_techniques(std::string_view text);

/// The candidate closest to `word` (edit distance), for "did you mean"; empty where none is near.
std::string closest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace halfscope
