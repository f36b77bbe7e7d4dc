#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "train/input_error.h"
#include "train/scenario.h"
#include "train/techniques.h"

namespace halfscope {
namespace {

std::string number_text(double value) {
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, "%.10g", value);
    return buffer;
}

const ScenarioParameter& find_parameter(const ScenarioInfo& info, std::string_view key) {
    std::vector<std::string> names;
    for (const ScenarioParameter& parameter : info.parameters) {
        if (parameter.name == key) return parameter;
        names.push_back(parameter.name);
    }
    const std::string near = closest(key, names);
    std::string sentence = "scenario '" + info.name + "' has no parameter '" + std::string(key) + "'";
    if (!near.empty()) {
        sentence += ", did you mean '" + near + "'?";
    } else {
        sentence += "; it has";
        for (std::size_t i = 0; i < names.size(); ++i) sentence += (i == 0 ? " " : ", ") + names[i];
    }
    throw InputError(sentence);
}

void check_value(const ScenarioParameter& parameter, double value) {
    // Written so that NaN is refused too.
    const bool inside = value >= parameter.minimum && value <= parameter.maximum;
    const bool whole = parameter.kind == ScenarioParameter::Kind::real || value == std::floor(value);
    if (inside && whole) return;
    const char* what = parameter.kind == ScenarioParameter::Kind::real ? "a number" : "a whole number";
    throw InputError("parameter '" + parameter.name + "' must be " + what + " from " +
                     number_text(parameter.minimum) + " to " + number_text(parameter.maximum) + ", not " +
                     number_text(value));
}

double parse_number(const ScenarioParameter& parameter, std::string_view text) {
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc() || rest != end) {
        throw InputError("parameter '" + parameter.name + "' must be a number from " +
                         number_text(parameter.minimum) + " to " + number_text(parameter.maximum) +
                         ", not '" + std::string(text) + "'");
    }
    return value;
}

double parse_choice(const ScenarioParameter& parameter, std::string_view text) {
    const auto found = std::find(parameter.choices.begin(), parameter.choices.end(), text);
    if (found != parameter.choices.end()) return static_cast<double>(found - parameter.choices.begin());
    std::string sentence = "parameter '" + parameter.name + "' must be one of";
    for (std::size_t i = 0; i < parameter.choices.size(); ++i) {
        sentence += (i == 0 ? " " : ", ") + parameter.choices[i];
    }
    sentence += ", not '" + std::string(text) + "'";
    const std::string near = closest(text, parameter.choices);
    if (!near.empty()) sentence += "; did you mean '" + near + "'?";
    throw InputError(sentence);
}

}  // namespace

ScenarioParameter micro_batches_parameter() {
    ScenarioParameter parameter;
    parameter.name = "micro_batches";
    parameter.kind = ScenarioParameter::Kind::integer;
    parameter.default_value = 1;
    parameter.minimum = 1;
    parameter.maximum = 64;
    parameter.logarithmic = true;
    parameter.help =
        "Batches whose mean gradient makes one update (gradient accumulation); the technique "
        "gradient_accumulation says "
        "in which format they are added up.";
    return parameter;
}

std::int64_t Workload::micro_batches() const {
    const auto found = settings().parameters.find("micro_batches");
    return found == settings().parameters.end() ? 1 : static_cast<std::int64_t>(found->second);
}

ScenarioSettings resolve_settings(const ScenarioInfo& info, const ScenarioSettings& settings) {
    if (!settings.text_path.empty() && !info.reads_text) {
        throw InputError("scenario '" + info.name + "' reads no text file; leave out '" + settings.text_path +
                         "'");
    }
    if (!settings.images_path.empty() && !info.reads_images) {
        throw InputError("scenario '" + info.name + "' reads no pictures; leave out '" +
                         settings.images_path + "'");
    }
    if (!settings.labels_path.empty() && settings.images_path.empty()) {
        throw InputError("labels '" + settings.labels_path + "' need pictures; give --images as well.");
    }
    for (const auto& [name, value] : settings.parameters) check_value(find_parameter(info, name), value);
    ScenarioSettings resolved = settings;
    for (const ScenarioParameter& parameter : info.parameters) {
        resolved.parameters.try_emplace(parameter.name, parameter.default_value);
    }
    return resolved;
}

void set_parameter(const ScenarioInfo& info, ScenarioSettings& settings, std::string_view key,
                   std::string_view value) {
    const ScenarioParameter& parameter = find_parameter(info, key);
    const bool is_choice = parameter.kind == ScenarioParameter::Kind::choice;
    const double number = is_choice ? parse_choice(parameter, value) : parse_number(parameter, value);
    check_value(parameter, number);
    settings.parameters[parameter.name] = number;
}

std::int64_t schedule_steps(const ScenarioInfo& info, const ScenarioSettings& settings) {
    const auto steps = settings.parameters.find("steps");
    return steps == settings.parameters.end() ? info.steps : static_cast<std::int64_t>(steps->second);
}

}  // namespace halfscope
