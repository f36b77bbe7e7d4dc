#include "program/refusals.h"

#include <CLI/CLI.hpp>

#include "train/input_error.h"
#include "train/techniques.h"

namespace halfscope {

std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
    const std::string near = closest(word, candidates);
    return near.empty() ? "" : "; did you mean '" + near + "'?";
}

void refuse_unknown(const CLI::App& command, const std::string& help) {
    const std::vector<std::string> unknown = command.remaining();
    if (unknown.empty()) return;
    const std::string where = command.get_parent() == nullptr ? "" : command.get_name() + ": ";
    std::string word = unknown.front();
    if (!word.starts_with('-')) throw InputError(where + "'" + word + "' was not expected; see " + help);
    word = word.substr(0, word.find('='));
    std::vector<std::string> options;
    for (const CLI::Option* option : command.get_options()) {
        if (option->nonpositional()) options.push_back("--" + option->get_single_name());
    }
    const std::string hint = did_you_mean(word, options);
    throw InputError(where + "unknown option '" + word + "'" + (hint.empty() ? "; see " + help : hint));
}

void refuse_empty(const CLI::App& command) {
    for (const CLI::Option* option : command.get_options()) {
        for (const std::string& value : option->results()) {
            if (!value.empty()) continue;
            throw InputError((option->nonpositional() ? "--" : "") + option->get_single_name() +
                             ": the value is empty");
        }
    }
}

}  // namespace halfscope
