// `halfscope-cli list`: scenarios with their settings and tensors, presets, technique keys; for people or as
// one JSON object. Called by main.cpp. It trains nothing.
#pragma once

namespace halfscope {

enum class ListFormat { text, json };

/// What the JSON object holds, for --help.
extern const char* const kListFooter;

/// Prints to stdout. Returns the exit code.
int run_list(ListFormat format);

}  // namespace halfscope
