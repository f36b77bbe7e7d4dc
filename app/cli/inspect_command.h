// `halfscope-cli inspect`: declares its options and turns their text into InspectOptions. Called by main.cpp.
#pragma once

#include <string>
#include <vector>

#include "cli/inspect_run.h"

namespace CLI {
class App;
}

namespace halfscope {

/// The options as typed.
struct InspectText {
    std::vector<std::string> files;
    bool as_json = false;
};

/// Declares the options on the subcommand; `text` must outlive it.
void declare_inspect_options(CLI::App& command, InspectText& text);
/// Throws InputError with one sentence.
InspectOptions parse_inspect_options(const InspectText& text);

}  // namespace halfscope
