#include "train/techniques.h"

namespace halfscope {
namespace {

Techniques without_loss_scaling(Techniques techniques) {
    techniques.scaler.scaling = LossScaling::off;
    techniques.on_nonfinite = OnNonfinite::apply;
    return techniques;
}

Techniques without_master(Techniques techniques) {
    techniques.master_weights = MasterWeights::off;
    return techniques;
}

Techniques in_format(Format storage, Techniques techniques) {
    techniques.storage = storage;
    return techniques;
}

Techniques with_static_scale(float scale, Techniques techniques) {
    techniques.scaler.scaling = LossScaling::fixed;
    techniques.scaler.initial_scale = scale;
    return techniques;
}

/// The scaler of a framework, with all its numbers.
Techniques with_scaler(const char* scaler, Techniques techniques) {
    set_technique(techniques, "scaler", scaler);
    return techniques;
}

Techniques with_op_policy(OpPolicy policy, Techniques techniques) {
    techniques.op_policy = policy;
    return techniques;
}

Techniques with_state_in_storage(Techniques techniques) {
    techniques.optimizer_state = FormatChoice::storage;
    return techniques;
}

}  // namespace

const std::vector<Preset>& presets() {
    const Techniques mixed;
    static const std::vector<Preset> list = {
        {"fp32", "The reference: everything FP32.",
         in_format(Format::fp32, without_master(without_loss_scaling(mixed)))},
        {"fp16", "FP16 weights, activations and gradients; of the paper's techniques only FP32 accumulation.",
         without_master(without_loss_scaling(mixed))},
        {"fp16-master", "The first technique alone: an FP32 master copy of the weights.",
         without_loss_scaling(mixed)},
        {"fp16-scaled", "The second technique alone: loss scaling, dynamic.", without_master(mixed)},
        {"mixed",
         "The paper's three techniques, with a dynamic loss scale as the frameworks have it (the paper "
         "leaves that to "
         "future work).",
         mixed},
        {"paper", "As the paper ran it: master copy and a constant loss scale of 8.",
         with_static_scale(8.0f, mixed)},
        {"bf16", "BF16 with a master copy; its range needs no loss scaling.",
         in_format(Format::bf16, without_loss_scaling(mixed))},
        {"autocast",
         "PyTorch's torch.autocast with GradScaler: parameters in FP32, cast for matrix products and "
         "convolutions; "
         "losses and layer norms in FP32.",
         with_op_policy(OpPolicy::autocast, with_scaler("pytorch", mixed))},
        {"apex-o1", "Apex O1: casts by Apex's lists, and its scaler.",
         with_op_policy(OpPolicy::apex_o1, with_scaler("apex", mixed))},
        {"apex-o2", "Apex O2: FP16 with master weights, norms in FP32, and its scaler.",
         with_op_policy(OpPolicy::norm_fp32, with_scaler("apex", mixed))},
        {"apex-o3", "Apex O3: everything FP16, the optimizer's state included, nothing to guard it.",
         with_state_in_storage(without_master(without_loss_scaling(mixed)))},
    };
    return list;
}

const Preset* find_preset(std::string_view name) {
    if (name == "apex-o0") name = "fp32";
    for (const Preset& preset : presets()) {
        if (preset.name == name) return &preset;
    }
    return nullptr;
}

}  // namespace halfscope
