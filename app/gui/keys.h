// The window's keys: one table for what they do and for the page that lists them (F1). Called by the
// application with what the native window saw; keys typed into a text field are not handled here.
#pragma once

#include <span>

#include "gui/panels/panel.h"
#include "gui/window.h"

namespace halfscope {

struct KeyHelp {
    const char* key;
    const char* meaning;
};
/// In the order in which F1 shows them.
std::span<const KeyHelp> key_help();

/// Does what the key is for. False where it is for nothing.
bool handle_key(const KeyPress& press, const PanelContext& context);

}  // namespace halfscope
