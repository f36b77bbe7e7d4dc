#include "gui/window_options.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/parse_number.h"
#include "cli/train_command.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

struct WindowText {
    std::string frames, steps, size, theme = "dark", scale = "1";
};

void parse_size(const std::string& text, WindowOptions& options) {
    const std::size_t cross = text.find('x');
    if (cross == std::string::npos)
        throw InputError("--size: '" + text + "' is not WIDTHxHEIGHT, such as 1280x800");
    options.width = static_cast<int>(parse_whole_number("--size", text.substr(0, cross), 640, 16384));
    options.height = static_cast<int>(parse_whole_number("--size", text.substr(cross + 1), 400, 16384));
}

void parse_appearance(const WindowText& text, WindowOptions& options) {
    if (text.theme != "dark" && text.theme != "light") {
        throw InputError("--theme: '" + text.theme + "' is not dark or light");
    }
    options.theme = text.theme == "light" ? ThemeKind::light : ThemeKind::dark;
    char* end = nullptr;
    options.scale = std::strtof(text.scale.c_str(), &end);
    if (*end != '\0' || !(options.scale >= 0.5f && options.scale <= 4.0f)) {
        throw InputError("--scale: '" + text.scale + "' is not a number from 0.5 to 4");
    }
}

void declare(CLI::App& app, TrainText& train, WindowText& text, WindowOptions& options) {
    app.add_option("--scenario", train.scenario, "What to train; `halfscope-cli list` names the scenarios")
        ->type_name("S");
    app.add_option("--lane", train.lanes, "One lane; again for more, up to four")
        ->type_name("NAME=PRESET[,key=value...]")
        ->expected(1)
        ->take_all()
        ->allow_extra_args(false);
    app.add_option("--set", train.settings, "A setting of the scenario; again for more")
        ->type_name("key=value")
        ->expected(1)
        ->take_all()
        ->allow_extra_args(false);
    app.add_option("--device", train.device, "auto, cpu or cuda (default: auto)")->type_name("D");
    app.add_option("--seed", train.seed, "Fixes initial weights, data and batches (default: 0)")
        ->type_name("K");
    app.add_option("--text", train.text, "Text to train on; chooses the scenario char-gru")
        ->type_name("FILE");
    app.add_option("--threads", train.threads, "CPU threads (default: all cores)")->type_name("N");
    app.add_option("--screenshot", options.screenshot, "Draw, write this PNG and end")->type_name("PNG");
    app.add_option("--frames", text.frames, "Frames to draw before the screenshot (default: 30)")
        ->type_name("N");
    app.add_option("--steps", text.steps, "Training steps to wait for before the screenshot (default: 150)")
        ->type_name("N");
    app.add_option("--size", text.size, "Window size (default: the monitor's, up to 1920x1080)")
        ->type_name("WxH");
    app.add_option("--theme", text.theme, "dark or light (default: dark)");
    app.add_option("--scale", text.scale,
                   "Size of everything, 0.5 to 4 (default: 1, times the monitor's own)");
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
    TrainText train;
    WindowText text;
    declare(app, train, text, options);
    try {
        app.parse(argument_count, arguments);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
            app.exit(error);
            return false;
        }
        throw InputError(error.what());
    }
    if (train.scenario.empty())
        train.scenario = train.text.empty() ? scenarios().front()->info().name : "char-gru";
    options.experiment = parse_train_options(train);
    parse_appearance(text, options);
    if (!text.size.empty()) parse_size(text.size, options);
    const bool shot = !options.screenshot.empty();
    options.frames = text.frames.empty()
                         ? (shot ? 30 : 0)
                         : static_cast<std::int64_t>(parse_whole_number("--frames", text.frames, 1, 1000000));
    options.until_step =
        text.steps.empty() ? (shot && text.frames.empty() ? 150 : 0)
                           : static_cast<std::int64_t>(parse_whole_number("--steps", text.steps, 0, 1000000));
    return true;
}

}  // namespace halfscope
