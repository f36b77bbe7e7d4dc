#include "gui/window_options.h"

#include <CLI/CLI.hpp>

#include "gui/theme.h"
#include "program/parse_number.h"
#include "program/refusals.h"
#include "program/resume_options.h"
#include "session/checkpoint.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

struct WindowText {
    std::string frames, steps, size, theme, scale;
};

constexpr std::uint64_t kMostFrames = 1'000'000, kMostSteps = 1'000'000'000;

void parse_size(const std::string& text, WindowOptions& options) {
    const std::size_t cross = text.find('x');
    if (cross == std::string::npos) {
        throw InputError("--size: '" + text + "' is not WIDTHxHEIGHT, such as 1280x800");
    }
    options.width = static_cast<int>(parse_whole_number("--size", text.substr(0, cross), 640, 16384));
    options.height = static_cast<int>(parse_whole_number("--size", text.substr(cross + 1), 400, 16384));
}

void parse_appearance(const WindowText& text, WindowOptions& options) {
    for (const ThemeKind kind : {ThemeKind::dark, ThemeKind::light, ThemeKind::high_contrast})
        if (text.theme == theme_key(kind)) options.theme = kind;
    if (!text.theme.empty() && !options.theme) {
        throw InputError("--theme: '" + text.theme + "' is not dark, light or high_contrast" +
                         did_you_mean(text.theme, {"dark", "light", "high_contrast"}));
    }
    if (!text.scale.empty())
        options.scale = static_cast<float>(parse_real_number("--scale", text.scale, 0.5, 4.0));
    if (!text.size.empty()) parse_size(text.size, options);
}

/// A screenshot needs something to show: by default 30 frames, and 150 steps where frames were not given.
void parse_screenshot(const WindowText& text, WindowOptions& options) {
    const bool shot = !options.screenshot.empty();
    options.frames = shot ? 30 : 0;
    options.until_step = shot && text.frames.empty() ? 150 : 0;
    if (!text.frames.empty()) {
        options.frames =
            static_cast<std::int64_t>(parse_whole_number("--frames", text.frames, 1, kMostFrames));
    }
    if (!text.steps.empty()) {
        options.until_step =
            static_cast<std::int64_t>(parse_whole_number("--steps", text.steps, 0, kMostSteps));
    }
}

void declare(CLI::App& app, ExperimentText& experiment, WindowText& text, WindowOptions& options) {
    declare_experiment_options(app, experiment);
    app.add_option("--resume", options.resume_path, "Open this checkpoint")->type_name("F");
    app.add_option("--open", options.open_path,
                   "Open this file as if it were dropped on the window: a checkpoint, a recipe, weights, "
                   "tensors, data, a scenario")
        ->type_name("FILE");
    app.add_option("--screenshot", options.screenshot, "Draw, write this PNG and end")->type_name("PNG");
    app.add_option("--frames", text.frames, "Frames to draw before the screenshot (default: 30)")
        ->type_name("N");
    app.add_option("--steps", text.steps, "Training steps to wait for before the screenshot (default: 150)")
        ->type_name("N");
    app.add_option("--size", text.size, "Window size (default: the monitor's, up to 1920x1080)")
        ->type_name("WxH");
    app.add_option("--theme", text.theme, "dark, light or high_contrast (default: as it was left, else dark)")
        ->type_name("T");
    app.add_option("--scale", text.scale,
                   "Size of everything, 0.5 to 4 (default: 1, times the monitor's own)")
        ->type_name("X");
    app.add_option("--select", options.tensor, "Tensor to show in detail, such as fc1.weight")
        ->type_name("NAME");
    app.add_flag("--paused", options.paused, "Start paused");
    app.add_flag("--presenter", options.presenter, "Large text for a lecture hall");
    app.add_flag("--drive", options.driven, "Obey test commands on stdin; `help` lists them");
}

}  // namespace

bool parse_window_options(int argument_count, char** arguments, const char* version, WindowOptions& options) {
    CLI::App app(
        "An oscilloscope for half precision: trains networks in FP16 mixed precision in front of you.",
        "halfscope");
    app.set_version_flag("--version", std::string("halfscope ") + version);
    app.allow_extras();
    ExperimentText experiment;
    WindowText text;
    declare(app, experiment, text, options);
    try {
        app.parse(argument_count, arguments);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
            app.exit(error);
            return false;
        }
        throw InputError(error.what());
    }
    refuse_unknown(app, "halfscope --help");
    refuse_empty(app);
    if (!options.resume_path.empty()) {
        const ExperimentRecord record = check_checkpoint(read_checkpoint(options.resume_path));
        options.experiment = parse_resumed_options(experiment, record, options.resume_path);
        parse_appearance(text, options);
        parse_screenshot(text, options);
        return true;
    }
    if (experiment.scenario.empty()) {
        experiment.scenario = experiment.text.empty() ? scenarios().front()->info().name : "char-gru";
    }
    options.experiment = parse_experiment_options(experiment);
    parse_appearance(text, options);
    parse_screenshot(text, options);
    return true;
}

}  // namespace halfscope
