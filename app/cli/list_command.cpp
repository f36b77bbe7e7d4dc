#include "cli/list_command.h"

#include <cstdio>

#include "cli/json_lines.h"
#include "program/exit_codes.h"
#include "train/scenario.h"
#include "train/techniques.h"

namespace halfscope {

const char* const kListFooter =
    R"(--json prints one object:
  version
  scenarios   [{name, title, description, metric_name, higher_is_better, validation, steps, reads_text, reads_images,
                parameters [{name, kind (integer, real, choice), default, minimum, maximum, choices, help}],
                lanes [{lane, techniques}], tensors [{name, shape, role (parameter, buffer, input, target, tokens)}]}]
              tensors are those of the default settings: what a batch feeds and what is trained, with the names
              and layouts of --weights, --save and grads; buffers are running statistics, which --weights may
              leave out; pictures [N,H,W,C] may come to grads as [N,C,H,W]
  presets     [{name, description, every technique key}]
  techniques  [{key, kind (choice, number), values, minimum, maximum, meaning, source}]
minimum and maximum are null for choices; choices and values are null for numbers.)";

namespace {

const char* kind_name(ScenarioParameter::Kind kind) {
    switch (kind) {
        case ScenarioParameter::Kind::integer:
            return "integer";
        case ScenarioParameter::Kind::real:
            return "real";
        case ScenarioParameter::Kind::choice:
            return "choice";
    }
    return "?";
}

/// Of the tensors that have names outside: fed, trained or kept. Null for all others.
const char* outside_role(TensorRole role) {
    switch (role) {
        case TensorRole::parameter:
            return "parameter";
        case TensorRole::buffer:
            return "buffer";
        case TensorRole::input:
            return "input";
        case TensorRole::target:
            return "target";
        case TensorRole::tokens:
            return "tokens";
        default:
            return nullptr;
    }
}

std::string number_text(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    return text;
}

std::string default_text(const ScenarioParameter& parameter) {
    if (parameter.kind != ScenarioParameter::Kind::choice) return number_text(parameter.default_value);
    return parameter.choices.at(static_cast<std::size_t>(parameter.default_value));
}

Json number_json(const ScenarioParameter& parameter, double value) {
    if (parameter.kind == ScenarioParameter::Kind::integer) return static_cast<std::int64_t>(value);
    return json_number(value);
}

Json parameter_json(const ScenarioParameter& parameter) {
    const bool choice = parameter.kind == ScenarioParameter::Kind::choice;
    return {
        {"name", parameter.name},
        {"kind", kind_name(parameter.kind)},
        {"default", choice ? Json(default_text(parameter)) : number_json(parameter, parameter.default_value)},
        {"minimum", choice ? Json(nullptr) : number_json(parameter, parameter.minimum)},
        {"maximum", choice ? Json(nullptr) : number_json(parameter, parameter.maximum)},
        {"choices", choice ? Json(parameter.choices) : Json(nullptr)},
        {"help", parameter.help}};
}

Json nodes_json(const Graph& graph) {
    Json list = Json::array();
    for (const Node& node : graph.nodes()) list.push_back({{"name", node.name}, {"op", op_name(node.op)}});
    return list;
}

Json tensors_json(const Graph& graph) {
    Json list = Json::array();
    for (const TensorInfo& tensor : graph.tensors()) {
        const char* role = outside_role(tensor.role);
        if (!role) continue;
        Json shape = Json::array();
        for (int axis = 0; axis < tensor.shape.rank; ++axis) shape.push_back(tensor.shape[axis]);
        list.push_back({{"name", tensor.name}, {"shape", std::move(shape)}, {"role", role}});
    }
    return list;
}

Json scenario_json(const Scenario& scenario) {
    const ScenarioInfo& info = scenario.info();
    const auto workload = scenario.outline(resolve_settings(info, {}));
    const Graph& graph = workload->training_graph();
    Json parameters = Json::array();
    for (const ScenarioParameter& parameter : info.parameters)
        parameters.push_back(parameter_json(parameter));
    Json lanes = Json::array();
    for (const LaneDefault& lane : info.lanes)
        lanes.push_back({{"lane", lane.name}, {"techniques", lane.techniques}});
    return {{"name", info.name},
            {"title", info.title},
            {"description", info.description},
            {"metric_name", info.metric_name},
            {"higher_is_better", info.higher_is_better},
            {"validation", info.validation},
            {"steps", info.steps},
            {"reads_text", info.reads_text},
            {"reads_images", info.reads_images},
            {"parameters", std::move(parameters)},
            {"lanes", std::move(lanes)},
            {"nodes", nodes_json(graph)},
            {"tensors", tensors_json(graph)}};
}

Json key_json(const TechniqueKey& key) {
    using Kind = TechniqueKey::Kind;
    const bool number = key.kind == Kind::number;
    return {{"key", key.name},
            {"kind", number                    ? "number"
                     : key.kind == Kind::nodes ? "nodes"
                                               : "choice"},
            {"values", key.kind == Kind::choice ? Json(key.choices) : Json(nullptr)},
            {"minimum", number ? json_number(key.minimum) : Json(nullptr)},
            {"maximum", number ? json_number(key.maximum) : Json(nullptr)},
            {"meaning", key.meaning},
            {"source", key.source}};
}

Json list_json() {
    Json all_scenarios = Json::array(), all_presets = Json::array(), keys = Json::array();
    for (const auto& scenario : scenarios()) all_scenarios.push_back(scenario_json(*scenario));
    for (const Preset& preset : presets()) {
        Json object{{"name", preset.name}, {"description", preset.description}};
        add_techniques(object, preset.techniques);
        all_presets.push_back(std::move(object));
    }
    for (const TechniqueKey& key : technique_keys()) keys.push_back(key_json(key));
    return {{"version", HALFSCOPE_VERSION},
            {"scenarios", std::move(all_scenarios)},
            {"presets", std::move(all_presets)},
            {"techniques", std::move(keys)}};
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

void print_scenario(const ScenarioInfo& info) {
    std::printf("\n%s: %s\n  %s\n  metric: %s, %s\n", info.name.c_str(), info.title.c_str(),
                info.description.c_str(), info.metric_name.c_str(), info.validation.c_str());
    for (const LaneDefault& lane : info.lanes)
        std::printf("  --lane %s=%s\n", lane.name.c_str(), lane.techniques.c_str());
    for (const ScenarioParameter& parameter : info.parameters) {
        const std::string range =
            parameter.kind == ScenarioParameter::Kind::choice
                ? joined(parameter.choices)
                : number_text(parameter.minimum) + " to " + number_text(parameter.maximum);
        std::printf("  --set %s=%s  (%s) %s\n", parameter.name.c_str(), default_text(parameter).c_str(),
                    range.c_str(), parameter.help.c_str());
    }
}

void print_list() {
    std::printf("Scenarios\n");
    for (const auto& scenario : scenarios()) print_scenario(scenario->info());
    std::printf("\nPresets of techniques\n");
    for (const Preset& preset : presets())
        std::printf("  %-12s %s\n", preset.name.c_str(), preset.description.c_str());
    std::printf("\nTechnique keys (for --lane NAME=PRESET,key=value)\n");
    for (const TechniqueKey& key : technique_keys()) {
        const std::string range =
            key.kind == TechniqueKey::Kind::number
                ? number_text(key.minimum) + " to " + number_text(key.maximum)
                : joined(key.choices) + (key.kind == TechniqueKey::Kind::nodes ? ", or fc1+op:gru" : "");
        std::printf("  %s = %s\n      %s (%s)\n", key.name.c_str(), range.c_str(), key.meaning.c_str(),
                    key.source.c_str());
    }
    std::printf(
        "\nTensor files: `list --json` names every tensor of --weights, --save and grads with its shape.\n"
        "  Running statistics of batch norm may be missing; grads takes pictures [N,H,W,C] as [N,C,H,W] "
        "too.\n");
}

}  // namespace

int run_list(ListFormat format) {
    if (format == ListFormat::json) {
        JsonLines lines("-");
        lines.write(list_json());
        return lines.flush() ? kExitDone : kExitInterrupted;
    }
    print_list();
    return kExitDone;
}

}  // namespace halfscope
