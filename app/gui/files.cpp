#include "gui/files.h"

#include <algorithm>
#include <filesystem>

#include "data/checkpoint_file.h"
#include "data/image_source.h"
#include "data/recipe_file.h"
#include "data/tensor_file.h"
#include "gui/tensor_view.h"
#include "gui/widgets/export.h"
#include "program/scenario_file.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

constexpr const char *kTextScenario = "char-gru", *kImageScenario = "digits-cnn";

bool has_extension(const std::string& path, const char* extension) {
    return std::filesystem::path(path).extension() == extension;
}

}  // namespace

void open_file(const PanelContext& context, const std::string& path) {
    if (looks_like_checkpoint(path) || has_extension(path, ".checkpoint")) {
        open_checkpoint(context, path);
    } else if (looks_like_recipe(path) || has_extension(path, ".recipe")) {
        open_recipe(context, path);
    } else if (is_tensor_file_name(path)) {
        const bool may_be_weights = has_extension(path, ".safetensors");
        open_tensors(context, path, may_be_weights ? TensorPurpose::decide : TensorPurpose::look);
    } else if (is_scenario_file(path)) {
        open_scenario_file(context, path);
    } else {
        open_data_file(context, path);
    }
}

void open_scenario_file(const PanelContext& context, const std::string& path) {
    try {
        const ScenarioFile file = read_scenario_file(path);
        context.commands.send(OpenScenarioCommand{file.scenario, file.settings, file.lanes});
        const std::string words = greeting(file);
        context.ui.messages.note(words.empty() ? "opening " + path : words);
    } catch (const InputError& error) {
        context.ui.messages.error(error.what());
    }
}

void open_checkpoint(const PanelContext& context, const std::string& path) {
    context.ui.dialogs.checkpoint_path = path;
    context.commands.send(OpenCheckpointCommand{path});
    context.ui.messages.note("opening " + path);
}

void save_checkpoint(const PanelContext& context, const std::string& path) {
    std::string& remembered = context.ui.dialogs.checkpoint_path;
    if (!path.empty()) remembered = path;
    if (remembered.empty()) remembered = proposed_checkpoint(context);
    context.commands.send(SaveCheckpointCommand{remembered});
}

void open_recipe(const PanelContext& context, const std::string& path) {
    context.commands.send(OpenRecipeCommand{path});
    context.ui.messages.note("opening " + path);
}

std::string proposed_recipe(const PanelContext& context) {
    const std::int64_t steps = std::max(context.snapshot.reached_step, context.snapshot.next_step);
    return export_path(context.snapshot.scenario.name, steps, "recipe");
}

std::string proposed_checkpoint(const PanelContext& context) {
    return export_path(context.snapshot.scenario.name, context.snapshot.next_step, "checkpoint");
}

void open_data_file(const PanelContext& context, const std::string& path) {
    OpenScenarioCommand command;
    const bool is_images = looks_like_images(path);
    command.scenario = is_images ? kImageScenario : kTextScenario;
    command.settings.seed = context.snapshot.settings.seed;
    (is_images ? command.settings.images_path : command.settings.text_path) = path;
    // Sliders and lanes stay where the network stays the same.
    if (context.snapshot.scenario.name == command.scenario) {
        command.settings.parameters = context.snapshot.settings.parameters;
        for (const LaneSnapshot& lane : context.snapshot.lanes) {
            command.lanes.push_back({lane.name, lane.techniques});
        }
    }
    context.commands.send(command);
    context.ui.messages.note("opening " + path);
}

}  // namespace halfscope
