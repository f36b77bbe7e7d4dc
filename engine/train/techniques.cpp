#include "train/techniques.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include "train/input_error.h"
#include "train/technique_keys.h"

namespace halfscope {
namespace {

const TechniqueEntry* find_entry(std::string_view key) {
    for (const TechniqueEntry& entry : technique_entries()) {
        if (entry.key.name == key) return &entry;
    }
    return nullptr;
}

std::vector<std::string> key_names() {
    std::vector<std::string> names;
    for (const TechniqueEntry& entry : technique_entries()) names.push_back(entry.key.name);
    return names;
}

std::string with_guess(const std::string& sentence, std::string_view word,
                       const std::vector<std::string>& candidates) {
    const std::string near = closest(word, candidates);
    return near.empty() ? sentence + "." : sentence + ", did you mean '" + near + "'?";
}

/// Levenshtein distance with neighbouring letters swapped as one error (optimal string alignment); letters of
/// either case are equal.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    const auto same = [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    };
    std::vector<std::vector<std::size_t>> distance(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) distance[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) distance[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = distance[i - 1][j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1);
            std::size_t best = std::min({replaced, distance[i - 1][j] + 1, distance[i][j - 1] + 1});
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1])) {
                best = std::min(best, distance[i - 2][j - 2] + 1);
            }
            distance[i][j] = best;
        }
    }
    return distance[a.size()][b.size()];
}

std::string scaler_refusal(const ScalerRules& rules) {
    if (rules.scaling != LossScaling::dynamic) return {};
    const auto value = [](float number) { return number_text(static_cast<double>(number)); };
    if (rules.min_scale > 0.0f && rules.max_scale > 0.0f && rules.min_scale > rules.max_scale) {
        return "min_scale=" + value(rules.min_scale) + " lies above max_scale=" + value(rules.max_scale) +
               "; lower min_scale or raise max_scale.";
    }
    if (rules.min_scale > 0.0f && rules.initial_scale < rules.min_scale) {
        return "loss_scale=" + value(rules.initial_scale) +
               " lies below min_scale=" + value(rules.min_scale) + "; raise loss_scale or lower min_scale.";
    }
    if (rules.max_scale > 0.0f && rules.initial_scale > rules.max_scale) {
        return "loss_scale=" + value(rules.initial_scale) +
               " lies above max_scale=" + value(rules.max_scale) + "; lower loss_scale or raise max_scale.";
    }
    return {};
}

}  // namespace

PrecisionPolicy Techniques::policy() const {
    PrecisionPolicy policy;
    policy.storage = storage;
    policy.op_policy = op_policy;
    policy.arithmetic.accumulate = accumulate;
    policy.arithmetic.matmul_operands = matmul_input == MatmulInput::tf32 ? Format::tf32 : Format::fp32;
    policy.arithmetic.reduction_format = reductions == Reductions::storage ? storage : Format::fp32;
    policy.arithmetic.eps_format = eps_format == FormatChoice::storage ? storage : Format::fp32;
    policy.arithmetic.loss_reduction = loss_reduction;
    policy.arithmetic.subnormals = subnormals;
    policy.kept_fp32 = keep_fp32;
    return policy;
}

std::string kept_nodes_text(const std::vector<std::string>& nodes) {
    std::string text;
    for (const std::string& node : nodes) text += (text.empty() ? "" : "+") + node;
    return text.empty() ? "none" : text;
}

const std::vector<TechniqueKey>& technique_keys() {
    static const std::vector<TechniqueKey> keys = [] {
        std::vector<TechniqueKey> list;
        for (const TechniqueEntry& entry : technique_entries()) list.push_back(entry.key);
        return list;
    }();
    return keys;
}

std::string technique_value(const Techniques& techniques, std::string_view key) {
    const TechniqueEntry* entry = find_entry(key);
    if (!entry) throw std::out_of_range("unknown technique '" + std::string(key) + "'");
    return entry->get(techniques);
}

std::string set_technique(Techniques& techniques, std::string_view key, std::string_view value) {
    const TechniqueEntry* entry = find_entry(key);
    if (!entry) return with_guess("unknown technique '" + std::string(key) + "'", key, key_names());
    return entry->set(techniques, value);
}

std::string refusal(const Techniques& techniques) {
    const std::string storage = "storage=" + technique_value(techniques, "storage");
    if (techniques.accumulate == Accumulate::fp16 && techniques.storage != Format::fp16) {
        return "accumulate=fp16 needs storage=fp16, not " + storage + "; set accumulate=fp32 first.";
    }
    if (techniques.op_policy != OpPolicy::uniform && techniques.storage == Format::fp32) {
        return "op_policy=" + technique_value(techniques, "op_policy") +
               " chooses what leaves 16 bits and has no effect with storage=fp32; set op_policy=uniform "
               "first.";
    }
    if (casts_parameters(techniques.op_policy) && techniques.master_weights == MasterWeights::off) {
        return "op_policy=" + technique_value(techniques, "op_policy") +
               " keeps parameters in FP32 and needs master_weights=on; set master_weights=on, or "
               "op_policy=uniform.";
    }
    if (techniques.matmul_input == MatmulInput::tf32 && techniques.storage != Format::fp32) {
        return "matmul_input=tf32 rounds FP32 operands and needs storage=fp32, not " + storage +
               "; set matmul_input=storage first.";
    }
    if (techniques.reductions == Reductions::storage && techniques.storage == Format::fp32) {
        return "reductions=storage has no effect with storage=fp32; set reductions=fp32 first.";
    }
    if (techniques.gradient_accumulation == FormatChoice::storage && techniques.storage == Format::fp32) {
        return "gradient_accumulation=storage has no effect with storage=fp32; set "
               "gradient_accumulation=fp32 first.";
    }
    if (!techniques.keep_fp32.empty() && techniques.storage == Format::fp32) {
        return "keep_fp32=" + technique_value(techniques, "keep_fp32") +
               " has no effect with storage=fp32; set keep_fp32=none first.";
    }
    if (techniques.update_rounding != UpdateRounding::nearest) {
        const std::string rounding = "update_rounding=" + technique_value(techniques, "update_rounding");
        if (techniques.storage == Format::fp32) {
            return rounding +
                   " rounds 16-bit weights and has no effect with storage=fp32; set update_rounding=nearest "
                   "first.";
        }
        if (techniques.master_weights == MasterWeights::on) {
            return rounding +
                   " needs master_weights=off, because a master copy takes updates unrounded; set " +
                   "master_weights=off, or update_rounding=nearest.";
        }
    }
    return scaler_refusal(techniques.scaler);
}

Techniques parse_techniques(std::string_view text) {
    const auto next_part = [&text] {
        const std::size_t comma = text.find(',');
        const std::string_view part = text.substr(0, comma);
        text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
        return part;
    };
    const bool trailing_comma = text.ends_with(',');
    const std::string_view name = next_part();
    Techniques techniques;
    const Preset* preset = find_preset(name);
    if (!preset) {
        std::vector<std::string> names{"apex-o0"};
        for (const Preset& known : presets()) names.push_back(known.name);
        const std::string sentence = "unknown preset '" + std::string(name) + "'";
        if (!closest(name, names).empty()) throw InputError(with_guess(sentence, name, names));
        std::string all;
        for (const std::string& known : names) all += (all.empty() ? "" : ", ") + known;
        throw InputError(sentence + "; there are " + all);
    }
    techniques = preset->techniques;
    while (!text.empty()) {
        const std::string_view part = next_part();
        const std::size_t equals = part.find('=');
        if (equals == std::string_view::npos) {
            throw InputError("'" + std::string(part) + "' is not of the form key=value.");
        }
        const std::string sentence =
            set_technique(techniques, part.substr(0, equals), part.substr(equals + 1));
        if (!sentence.empty()) throw InputError(sentence);
    }
    if (trailing_comma) throw InputError("techniques end with a comma; write PRESET,key=value,key=value.");
    const std::string sentence = refusal(techniques);
    if (!sentence.empty()) throw InputError(sentence);
    return techniques;
}

std::string closest(std::string_view word, const std::vector<std::string>& candidates) {
    constexpr std::size_t kLongestWord = 64;  // beyond, it is no typing error
    if (word.size() > kLongestWord) return {};
    const std::string* best = nullptr;
    std::size_t best_distance = 0;
    for (const std::string& candidate : candidates) {
        const std::size_t distance = edit_distance(word, candidate);
        if (best && distance >= best_distance) continue;
        best = &candidate;
        best_distance = distance;
    }
    // A third of the letters wrong is a typing error; more is another word.
    const bool near =
        best && best_distance <= std::max<std::size_t>(1, std::max(word.size(), best->size()) / 3);
    if (near && best_distance < std::max(word.size(), best->size())) return *best;
    // "storag" and "adv" are beginnings rather than errors; a single letter says too little.
    for (const std::string& candidate : candidates) {
        if (word.size() >= 3 && candidate.starts_with(word)) return candidate;
    }
    return {};
}

}  // namespace halfscope
