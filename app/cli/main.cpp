// halfscope-cli: the engine without a window. Parses the command line, runs one command and turns what goes
// wrong into one line on stderr and an exit code.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "cli/exit_codes.h"
#include "cli/list_command.h"
#include "cli/train_command.h"
#include "train/input_error.h"
#include "train/techniques.h"

namespace {

using namespace halfscope;

/// One line, whatever the sentence holds: file names and values may contain line breaks.
int complain(std::string sentence, int exit_code) {
    for (char& letter : sentence) {
        if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f) letter = ' ';
    }
    std::fprintf(stderr, "halfscope-cli: %s\n", sentence.c_str());
    return exit_code;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
    const std::string near = closest(word, candidates);
    return near.empty() ? "" : "; did you mean '" + near + "'?";
}

/// CLI11 says what is wrong with a whole usage page; one sentence about the first word it does not know is
/// enough.
void refuse_unknown(const CLI::App& command) {
    const std::vector<std::string> unknown = command.remaining();
    if (unknown.empty()) return;
    std::string word = unknown.front();
    if (word.rfind("-", 0) != 0) {
        throw InputError(command.get_name() + ": '" + word + "' was not expected; see halfscope-cli " +
                         command.get_name() + " --help");
    }
    word = word.substr(0, word.find('='));
    std::vector<std::string> options;
    for (const CLI::Option* option : command.get_options())
        options.push_back("--" + option->get_single_name());
    const std::string hint = did_you_mean(word, options);
    throw InputError(command.get_name() + ": unknown option '" + word + "'" +
                     (hint.empty() ? "; see halfscope-cli " + command.get_name() + " --help" : hint));
}

/// An option that is there with nothing behind it (`--steps ""`) is a mistake, not an absent option.
void refuse_empty(const CLI::App& command) {
    for (const CLI::Option* option : command.get_options()) {
        for (const std::string& value : option->results()) {
            if (value.empty()) throw InputError("--" + option->get_single_name() + ": the value is empty");
        }
    }
}

/// The first word must be a command: said here, because CLI11 would only miss one.
void refuse_unknown_command(int argument_count, char** arguments) {
    if (argument_count < 2) throw InputError("a command is missing: list or train; see halfscope-cli --help");
    const std::string word = arguments[1];
    if (word == "list" || word == "train" || word == "--help" || word == "-h" || word == "--version") return;
    const bool option = word.rfind("-", 0) == 0;
    throw InputError(
        (option ? "unknown option '" : "unknown command '") + word + "'" +
        (option ? did_you_mean(word, {"--help", "--version"}) : did_you_mean(word, {"list", "train"})) +
        (option ? "" : " (commands: list, train)"));
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

    try {
        app.parse(argument_count, arguments);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
        throw InputError(error.what());
    }
    const CLI::App& chosen = list->parsed() ? *list : *train;
    refuse_unknown(chosen);
    refuse_empty(chosen);
    if (list->parsed()) return run_list(as_json ? ListFormat::json : ListFormat::text);
    return run_training(parse_train_options(text));
}

}  // namespace

int main(int argument_count, char** arguments) {
    try {
        return run(argument_count, arguments);
    } catch (const InputError& error) {
        return complain(error.what(), kExitBadInput);
    } catch (const NoDeviceError& error) {
        return complain(error.what(), kExitNoDevice);
    } catch (const std::bad_alloc&) {
        return complain(
            "there is not enough memory for this; choose a smaller batch or width, or fewer lanes",
            kExitBadInput);
    } catch (const std::length_error&) {
        return complain("these sizes are too large for any memory; choose a smaller batch or width",
                        kExitBadInput);
    } catch (const std::exception& error) {
        return complain(error.what(), kExitFailed);
    }
}
