// halfscope-cli: the engine without a window. Parses the command line, runs one command and turns what goes
// wrong into one line on stderr and an exit code.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "cli/ablate_command.h"
#include "cli/grads_command.h"
#include "cli/inspect_command.h"
#include "cli/list_command.h"
#include "cli/train_command.h"
#include "program/exit_codes.h"
#include "program/refusals.h"
#include "train/input_error.h"

namespace {

using namespace halfscope;

const std::vector<std::string> kCommands{"list", "train", "ablate", "grads", "inspect"};

/// The first word must be a command: said here, because CLI11 would only miss one.
void refuse_unknown_command(int argument_count, char** arguments) {
    if (argument_count < 2)
        throw InputError(
            "a command is missing: list, train, ablate, grads or inspect; see halfscope-cli --help");
    const std::string word = arguments[1];
    if (word == "--help" || word == "-h" || word == "--version") return;
    if (std::find(kCommands.begin(), kCommands.end(), word) != kCommands.end()) return;
    const bool option = word.starts_with('-');
    throw InputError((option ? "unknown option '" : "unknown command '") + word + "'" +
                     (option ? did_you_mean(word, {"--help", "--version"}) : did_you_mean(word, kCommands)) +
                     (option ? "" : " (commands: list, train, ablate, grads, inspect)"));
}

int run(int argument_count, char** arguments) {
    refuse_unknown_command(argument_count, arguments);
    CLI::App app("Trains networks in FP16 mixed precision and shows what rounding does.", "halfscope-cli");
    app.set_version_flag("--version", std::string("halfscope-cli ") + HALFSCOPE_VERSION);
    app.require_subcommand(1);

    CLI::App* list = app.add_subcommand("list", "Scenarios, presets and technique keys");
    bool as_json = false;
    list->add_flag("--json", as_json, "One JSON object instead of text");
    list->footer(kListFooter);
    list->allow_extras();

    CLI::App* train = app.add_subcommand("train", "Train one scenario under one to four sets of techniques");
    TrainText text;
    declare_train_options(*train, text);
    train->allow_extras();

    CLI::App* ablate = app.add_subcommand("ablate", "Train combinations of techniques and compare them");
    AblateText ablate_text;
    declare_ablate_options(*ablate, ablate_text);
    ablate->allow_extras();

    CLI::App* grads = app.add_subcommand("grads", "Loss and gradients of one batch at given weights");
    GradsText grads_text;
    declare_grads_options(*grads, grads_text);
    grads->allow_extras();

    CLI::App* inspect = app.add_subcommand("inspect", "What FP16 would make of the tensors in files");
    InspectText inspect_text;
    declare_inspect_options(*inspect, inspect_text);
    inspect->allow_extras();

    try {
        app.parse(argument_count, arguments);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
        throw InputError(error.what());
    }
    const CLI::App& chosen = *app.get_subcommands().front();
    refuse_unknown(chosen, "halfscope-cli " + chosen.get_name() + " --help");
    refuse_empty(chosen);
    if (list->parsed()) return run_list(as_json ? ListFormat::json : ListFormat::text);
    if (inspect->parsed()) return run_inspection(parse_inspect_options(inspect_text));
    if (ablate->parsed()) return run_ablate(parse_ablate_options(ablate_text));
    if (grads->parsed()) return run_gradients(parse_grads_options(grads_text));
    return run_training(parse_train_options(text));
}

}  // namespace

int main(int argument_count, char** arguments) {
    return run_program("halfscope-cli", [&] { return run(argument_count, arguments); });
}
