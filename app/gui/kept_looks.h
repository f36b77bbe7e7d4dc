// What the window looks like, kept from one run of the program to the next: theme, size of text, the
// tiles, and the rules that watch a run. Read and written by the application; everything about a training run
// is in checkpoints instead.
#pragma once

#include <string>
#include <string_view>

#include "gui/ui_state.h"

namespace halfscope {

/// Where it lies: $XDG_CONFIG_HOME/halfscope/window.json, else below ~/.config; empty where there is no such
/// folder.
std::string looks_path();

/// As JSON, and back. Takes what it can: a key that is missing, unknown or out of range leaves what is there.
/// Returns one sentence where the text is no JSON object, empty otherwise.
std::string looks_text(const UiState& ui);
std::string take_looks(std::string_view text, UiState& ui);

/// Nothing happens where there is no file. Returns a sentence where it cannot be read.
std::string load_looks(UiState& ui);
/// Makes the folder where needed. Returns a sentence where it cannot be written.
std::string save_looks(const UiState& ui);

}  // namespace halfscope
