#include "train/technique_keys.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "graph/node.h"
#include "train/loss_scaler.h"

namespace halfscope {
namespace {

template <class E>
using Names = std::vector<std::pair<const char*, E>>;

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string listed(const std::vector<std::string>& words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
        text += words[i];
    }
    return text;
}

std::string unknown_choice(const TechniqueKey& key, std::string_view value) {
    std::string sentence = key.name + " cannot be " + quoted(value);
    const std::string near = closest(value, key.choices);
    if (!near.empty()) return sentence + ", did you mean " + quoted(near) + "?";
    return sentence + "; it is " + listed(key.choices) + ".";
}

/// Values that techniques.md names and this version does not offer.
using Unbuilt = std::vector<std::pair<const char*, const char*>>;

/// A key whose value is one of a list. `place` gives the field; `after` runs once it was set.
template <class E, class Place>
TechniqueEntry choice(const char* name, Names<E> names, Place place, const char* meaning, const char* source,
                      const Unbuilt& unbuilt = {}) {
    TechniqueEntry entry;
    entry.key.name = name;
    entry.key.kind = TechniqueKey::Kind::choice;
    for (const auto& [text, value] : names) entry.key.choices.emplace_back(text);
    entry.key.meaning = meaning;
    entry.key.source = source;
    entry.get = [names, place](const Techniques& techniques) -> std::string {
        Techniques copy = techniques;
        for (const auto& [text, value] : names) {
            if (value == place(copy)) return text;
        }
        return "unknown";
    };
    entry.set = [names, place, key = entry.key, unbuilt](Techniques& techniques,
                                                         std::string_view text) -> std::string {
        for (const auto& [candidate, value] : names) {
            if (text != candidate) continue;
            place(techniques) = value;
            return {};
        }
        for (const auto& [word, why] : unbuilt) {
            if (text == word) return key.name + "=" + word + " " + why;
        }
        return unknown_choice(key, text);
    };
    return entry;
}

/// "2^15", "-2^-3", "1e-3", "32768"; nothing else around it.
std::optional<double> parse_number(std::string_view text) {
    const auto whole = [](std::string_view part) -> std::optional<double> {
        if (part.starts_with('+')) part.remove_prefix(1);
        double value = 0.0;
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
        if (error == std::errc::result_out_of_range) return std::numeric_limits<double>::infinity();
        if (error != std::errc() || end != part.data() + part.size()) return std::nullopt;
        return value;
    };
    const std::size_t caret = text.find('^');
    if (caret == std::string_view::npos) return whole(text);
    const std::optional<double> base = whole(text.substr(0, caret)), exponent = whole(text.substr(caret + 1));
    if (!base || !exponent || *base != 2.0 || *exponent != std::trunc(*exponent)) return std::nullopt;
    return std::abs(*exponent) > 1000.0 ? std::nullopt
                                        : std::optional(std::ldexp(1.0, static_cast<int>(*exponent)));
}

enum class MayBeNone : std::uint8_t { no, yes };
enum class Whole : std::uint8_t { no, yes };

struct NumberRange {
    double minimum = 0.0;
    double maximum = 0.0;
    MayBeNone none = MayBeNone::no;
    Whole whole = Whole::no;
};

std::string range_sentence(const TechniqueKey& key, const NumberRange& range, std::string_view value) {
    std::string sentence = key.name + " cannot be " + quoted(value) + "; it is a";
    sentence += range.whole == Whole::yes ? " whole number" : " number";
    sentence += " from " + scale_text(range.minimum) + " to " + scale_text(range.maximum);
    return sentence + (range.none == MayBeNone::yes ? ", or none." : ".");
}

/// A key whose value is a number; 0 in the field stands for "none" where that is allowed.
template <class Place>
TechniqueEntry number(const char* name, NumberRange range, Place place, const char* meaning,
                      const char* source) {
    TechniqueEntry entry;
    entry.key.name = name;
    entry.key.kind = TechniqueKey::Kind::number;
    if (range.none == MayBeNone::yes) entry.key.choices = {"none"};
    entry.key.minimum = range.minimum;
    entry.key.maximum = range.maximum;
    entry.key.meaning = meaning;
    entry.key.source = source;
    entry.get = [range, place](const Techniques& techniques) -> std::string {
        Techniques copy = techniques;
        const double value = static_cast<double>(place(copy));
        return range.none == MayBeNone::yes && value == 0.0 ? "none" : number_text(value);
    };
    entry.set = [range, place, key = entry.key](Techniques& techniques,
                                                std::string_view text) -> std::string {
        using Field = std::remove_reference_t<decltype(place(techniques))>;
        if (range.none == MayBeNone::yes && text == "none") {
            place(techniques) = Field{};
            return {};
        }
        const std::optional<double> value = parse_number(text);
        // Compared as the float that will be kept, so that printed limits read back; written so that NaN is
        // refused.
        const double kept = value ? static_cast<double>(static_cast<float>(*value)) : 0.0;
        const bool within =
            kept >= static_cast<float>(range.minimum) && kept <= static_cast<float>(range.maximum);
        if (!value || !within || (range.whole == Whole::yes && *value != std::trunc(*value))) {
            return range_sentence(key, range, text);
        }
        place(techniques) = static_cast<Field>(*value);
        return {};
    };
    return entry;
}

/// Whether there is an operation of that name; if not, `near` is what may have been meant.
bool is_op_name(std::string_view name, std::string& near) {
    std::vector<std::string> names;
    names.reserve(kOpKindCount);
    for (int op = 0; op < kOpKindCount; ++op) names.emplace_back(op_name(static_cast<OpKind>(op)));
    if (std::find(names.begin(), names.end(), name) != names.end()) return true;
    near = closest(name, names);
    return false;
}

/// A key whose value is a list of nodes, "fc1+op:batch_norm", or none. Whether the network has such nodes is
/// judged where the network is known.
std::string set_nodes(const TechniqueKey& key, std::vector<std::string>& nodes, std::string_view text) {
    const std::string_view op_prefix = kOpPrefix;
    std::set<std::string> wanted;
    std::string_view rest = text == "none" ? std::string_view() : text;
    if (rest.empty() && text != "none")
        return key.name + " is empty; write none, or nodes of the network as in fc1+fc2.";
    while (!rest.empty()) {
        const std::size_t plus = rest.find('+');
        const std::string_view part = rest.substr(0, plus);
        if (part.empty() || plus + 1 == rest.size())
            return key.name + " cannot be " + quoted(text) +
                   "; between two '+' stands one node, as in fc1+fc2.";
        std::string near;
        if (part.starts_with(op_prefix) && !is_op_name(part.substr(op_prefix.size()), near)) {
            const std::string sentence = key.name + " knows no operation " + quoted(part);
            return near.empty() ? sentence + "; halfscope-cli list --json names them."
                                : sentence + ", did you mean " + quoted(kOpPrefix + near) + "?";
        }
        wanted.emplace(part);
        rest = plus == std::string_view::npos ? std::string_view() : rest.substr(plus + 1);
    }
    nodes.assign(wanted.begin(), wanted.end());
    return {};
}

template <class Place>
TechniqueEntry node_list(const char* name, Place place, const char* meaning, const char* source) {
    TechniqueEntry entry;
    entry.key.name = name;
    entry.key.kind = TechniqueKey::Kind::nodes;
    entry.key.choices = {"none"};
    entry.key.meaning = meaning;
    entry.key.source = source;
    entry.get = [place](const Techniques& techniques) -> std::string {
        Techniques copy = techniques;
        return kept_nodes_text(place(copy));
    };
    entry.set = [place, key = entry.key](Techniques& techniques, std::string_view text) -> std::string {
        return set_nodes(key, place(techniques), text);
    };
    return entry;
}

// Scales stay within FP32's normal numbers, so that S and 1/S are both finite.
const double kSmallestScale = std::ldexp(1.0, -126);
const double kLargestScale = std::ldexp(1.0, 126);

void add_format_keys(std::vector<TechniqueEntry>& entries) {
    entries.push_back(choice<Format>(
        "storage", {{"fp16", Format::fp16}, {"fp32", Format::fp32}, {"bf16", Format::bf16}},
        [](Techniques& t) -> Format& { return t.storage; },
        "Format in which compute weights, activations and gradients lie in memory.", "paper 3",
        {{"e4m3", "is not built yet; choose fp16, fp32 or bf16."},
         {"e5m2", "is not built yet; choose fp16, fp32 or bf16."},
         {"tf32", "is not a way to store numbers; choose storage=fp32 with matmul_input=tf32."}}));
    entries.push_back(choice<OpPolicy>(
        "op_policy",
        {{"uniform", OpPolicy::uniform},
         {"autocast", OpPolicy::autocast},
         {"apex-o1", OpPolicy::apex_o1},
         {"norm-fp32", OpPolicy::norm_fp32}},
        [](Techniques& t) -> OpPolicy& { return t.op_policy; },
        "Which operations leave the storage format: none; those on PyTorch's or Apex's lists, with "
        "parameters in FP32 "
        "that are cast for each product; or the norms' parameters and arithmetic alone.",
        "PyTorch autocast, Apex"));
    entries.push_back(choice<MatmulInput>(
        "matmul_input", {{"storage", MatmulInput::storage}, {"tf32", MatmulInput::tf32}},
        [](Techniques& t) -> MatmulInput& { return t.matmul_input; },
        "tf32 rounds the FP32 operands of matrix products to TF32's 10 mantissa bits.", "NVIDIA Ampere"));
    entries.push_back(choice<Accumulate>(
        "accumulate", {{"fp32", Accumulate::fp32}, {"fp16", Accumulate::fp16}},
        [](Techniques& t) -> Accumulate& { return t.accumulate; },
        "Running sums of matrix products; fp16 rounds them to FP16 after each block of 16 products.",
        "paper 3.3"));
    entries.push_back(choice<Reductions>(
        "reductions", {{"fp32", Reductions::fp32}, {"storage", Reductions::storage}},
        [](Techniques& t) -> Reductions& { return t.reductions; },
        "Norm statistics, softmax denominators and loss sums; storage rounds after each block of 16 addends.",
        "paper 3.3"));
}

void add_weight_keys(std::vector<TechniqueEntry>& entries) {
    entries.push_back(choice<MasterWeights>(
        "master_weights", {{"on", MasterWeights::on}, {"off", MasterWeights::off}},
        [](Techniques& t) -> MasterWeights& { return t.master_weights; },
        "An FP32 copy of the weights takes the updates; the compute copy is rounded from it every step.",
        "paper 3.1"));
    entries.push_back(choice<UpdateRounding>(
        "update_rounding",
        {{"nearest", UpdateRounding::nearest},
         {"stochastic", UpdateRounding::stochastic},
         {"kahan", UpdateRounding::kahan}},
        [](Techniques& t) -> UpdateRounding& { return t.update_rounding; },
        "How an update is rounded into weights that have no master copy.",
        "Gupta et al. 2015; Zamirai et al. 2020"));
}

/// Setting the framework sets all of its keys: numbers, floor, cap, and dynamic scaling itself.
TechniqueEntry scaler_entry() {
    TechniqueEntry entry = choice<ScalerKind>(
        "scaler",
        {{"custom", ScalerKind::custom},
         {"pytorch", ScalerKind::pytorch},
         {"apex", ScalerKind::apex},
         {"keras", ScalerKind::keras},
         {"openseq2seq-backoff", ScalerKind::openseq2seq_backoff},
         {"logmax", ScalerKind::logmax},
         {"fairseq", ScalerKind::fairseq},
         {"megatron", ScalerKind::megatron},
         {"deepspeed", ScalerKind::deepspeed}},
        [](Techniques& t) -> ScalerKind& { return t.scaler.kind; },
        "A framework's loss scaler: sets the keys below to its defaults and follows its rules.",
        "numerics.md");
    entry.set = [set_kind = entry.set](Techniques& techniques, std::string_view value) -> std::string {
        std::string sentence = set_kind(techniques, value);
        if (sentence.empty()) techniques.scaler = scaler_preset(techniques.scaler.kind);
        return sentence;
    };
    return entry;
}

void add_scaler_keys(std::vector<TechniqueEntry>& entries) {
    entries.push_back(scaler_entry());
    entries.push_back(choice<LossScaling>(
        "loss_scaling",
        {{"dynamic", LossScaling::dynamic}, {"static", LossScaling::fixed}, {"off", LossScaling::off}},
        [](Techniques& t) -> LossScaling& { return t.scaler.scaling; },
        "The loss is multiplied by S before back-propagation and gradients divided by S before the update.",
        "paper 3.2"));
    entries.push_back(number(
        "loss_scale", {kSmallestScale, kLargestScale},
        [](Techniques& t) -> float& { return t.scaler.initial_scale; },
        "S, or the S that dynamic scaling starts with; the paper used 8 to 32768.", "paper 3.2"));
    entries.push_back(number(
        "growth_factor", {1.0, 65536.0}, [](Techniques& t) -> float& { return t.scaler.growth_factor; },
        "Dynamic scaling multiplies S by it after growth_interval good steps.", "PyTorch GradScaler"));
    entries.push_back(number(
        "backoff_factor", {1.0 / 65536.0, 0.9999},
        [](Techniques& t) -> float& { return t.scaler.backoff_factor; },
        "Dynamic scaling multiplies S by it after an overflow.", "PyTorch GradScaler"));
    entries.push_back(number(
        "growth_interval", {1.0, 1e9, MayBeNone::no, Whole::yes},
        [](Techniques& t) -> std::int32_t& { return t.scaler.growth_interval; }, "Good steps before S grows.",
        "PyTorch GradScaler"));
    entries.push_back(number(
        "min_scale", {kSmallestScale, kLargestScale, MayBeNone::yes},
        [](Techniques& t) -> float& { return t.scaler.min_scale; },
        "Dynamic scaling never backs off below it.", "fairseq, Megatron-LM, DeepSpeed"));
    entries.push_back(number(
        "max_scale", {kSmallestScale, kLargestScale, MayBeNone::yes},
        [](Techniques& t) -> float& { return t.scaler.max_scale; }, "Dynamic scaling never grows above it.",
        "Apex"));
    entries.push_back(number(
        "hysteresis", {1.0, 1e6, MayBeNone::no, Whole::yes},
        [](Techniques& t) -> std::int32_t& { return t.scaler.hysteresis; },
        "Overflows needed before S backs off, counted anew after each growth.", "Megatron-LM"));
    entries.push_back(choice<AtFloor>(
        "at_floor", {{"stay", AtFloor::stay}, {"error", AtFloor::error}},
        [](Techniques& t) -> AtFloor& { return t.scaler.at_floor; },
        "What an overflow at min_scale does: nothing, or an error as in fairseq.", "fairseq, DeepSpeed"));
}

void add_step_keys(std::vector<TechniqueEntry>& entries) {
    const Names<UnscaleOrder> orders = {{"after-unscale", UnscaleOrder::after_unscale},
                                        {"before-unscale", UnscaleOrder::before_unscale}};
    entries.push_back(choice<OnNonfinite>(
        "on_nonfinite", {{"skip", OnNonfinite::skip}, {"apply", OnNonfinite::apply}},
        [](Techniques& t) -> OnNonfinite& { return t.on_nonfinite; },
        "What a step with NaN or infinite gradients does: leave the weights alone, or let NaN in as an "
        "unguarded loop.",
        "paper 3.2"));
    entries.push_back(number(
        "clip_norm", {1e-12, 1e12, MayBeNone::yes}, [](Techniques& t) -> float& { return t.clip_norm; },
        "Gradients are shrunk so that their global norm does not exceed it.", "Pascanu et al. 2013"));
    entries.push_back(choice<UnscaleOrder>(
        "clip_order", orders, [](Techniques& t) -> UnscaleOrder& { return t.clip_order; },
        "Whether clipping sees unscaled gradients, or still scaled ones: a classic mistake.", "paper 3.2"));
    entries.push_back(choice<UnscaleOrder>(
        "decay_order", orders, [](Techniques& t) -> UnscaleOrder& { return t.decay_order; },
        "Whether weight decay joins the unscaled gradient, or the scaled one: a classic mistake.",
        "paper 3.2"));
    entries.push_back(choice<ScheduleOnSkip>(
        "schedule_on_skip", {{"hold", ScheduleOnSkip::hold}, {"advance", ScheduleOnSkip::advance}},
        [](Techniques& t) -> ScheduleOnSkip& { return t.schedule_on_skip; },
        "Whether the learning-rate schedule waits in a skipped step.", "pytorch #55585"));
}

void add_arithmetic_keys(std::vector<TechniqueEntry>& entries) {
    const Names<FormatChoice> formats = {{"fp32", FormatChoice::fp32}, {"storage", FormatChoice::storage}};
    entries.push_back(choice<FormatChoice>(
        "optimizer_state", formats, [](Techniques& t) -> FormatChoice& { return t.optimizer_state; },
        "Format of the moments and of every constant of the update, eps and betas included.",
        "Apex O3; pytorch #8860"));
    entries.push_back(choice<FormatChoice>(
        "eps_format", formats, [](Techniques& t) -> FormatChoice& { return t.eps_format; },
        "Format in which a norm adds its eps; in FP16 a small eps is 0.", "DeepSpeed #581"));
    entries.push_back(choice<LossReduction>(
        "loss_reduction", {{"mean", LossReduction::mean}, {"sum", LossReduction::sum}},
        [](Techniques& t) -> LossReduction& { return t.loss_reduction; },
        "Whether the loss is averaged or summed over the batch; a sum times S overflows early.",
        "pytorch #111739"));
    entries.push_back(choice<Subnormals>(
        "subnormals", {{"keep", Subnormals::keep}, {"flush", Subnormals::flush}},
        [](Techniques& t) -> Subnormals& { return t.subnormals; },
        "flush stores subnormal results as zero, which costs FP16 its lowest 10 powers of two.",
        "paper 3.2, Figure 3"));
    entries.push_back(choice<FormatChoice>(
        "gradient_accumulation", {{"fp32", FormatChoice::fp32}, {"storage", FormatChoice::storage}},
        [](Techniques& t) -> FormatChoice& { return t.gradient_accumulation; },
        "Format in which the gradients of micro-batches are added up (scenario setting micro_batches); in "
        "storage the "
        "sum is rounded after each.",
        "PyTorch: .grad has its parameter's type"));
    entries.push_back(node_list(
        "keep_fp32", [](Techniques& t) -> std::vector<std::string>& { return t.keep_fp32; },
        "Nodes of the network that stay in FP32: parameters, outputs, their gradients and arithmetic; "
        "op:NAME "
        "means all of an operation.",
        "torch.autocast(enabled=False) around a layer"));
}

}  // namespace

const std::vector<TechniqueEntry>& technique_entries() {
    static const std::vector<TechniqueEntry> entries = [] {
        std::vector<TechniqueEntry> list;
        add_format_keys(list);
        add_weight_keys(list);
        add_scaler_keys(list);
        add_step_keys(list);
        add_arithmetic_keys(list);
        return list;
    }();
    return entries;
}

std::string number_text(double value) {
    char text[64];
    constexpr double kLargestInteger = 1e15;
    const bool whole = value == std::trunc(value) && std::abs(value) < kLargestInteger;
    const auto result = whole ? std::to_chars(text, text + sizeof text, static_cast<long long>(value))
                              : std::to_chars(text, text + sizeof text, static_cast<float>(value));
    return std::string(text, result.ptr);
}

}  // namespace halfscope
