// The keyboard's way through the window: to a panel (Ctrl Tab) or a menu (F10, Alt and its letter), from
// control to control with the arrows or Tab, Space to use one, Esc to leave. While it is on, those keys
// belong to ImGui's navigation; else they are the run's (keys.h). A click ends it. Called by keys, menu bar
// and Workbench; panels need not know of it.
#pragma once

#include <string_view>

#include "gui/theme.h"
#include "gui/ui_state.h"

namespace halfscope {

/// Before a frame begins: whether ImGui navigates in it.
void prepare_keyboard_focus(const UiState& ui);
/// In a frame, before anything is drawn: a click means that the mouse has taken over.
void follow_mouse(UiState& ui);

enum class PanelStep : int { previous = -1, next = 1 };
/// Shows the panel beside the one that has the keyboard, tabs included, and gives it the keyboard.
void focus_panel(UiState& ui, PanelStep step);
/// Alt Shift and an arrow: the tile of the panel that has the keyboard, in the next frame, wider (right),
/// narrower (left), taller (down) or less tall (up). False for other keys.
bool resize_by_key(UiState& ui, int key);
/// Whether the window's keys take it though ImGui's navigation would use it: Ctrl Tab, Alt Shift arrows.
bool is_kept_from_imgui(int key, int modifiers);
/// Opens a menu of the menu bar by its name in the next frame.
void focus_menu(UiState& ui, std::string_view name);
/// Whether a key is the navigation's now, and nobody else's.
bool is_navigation_key(const UiState& ui, int key);
/// Esc: what is open inside goes first, then the navigation. True where it was on.
bool leave_keyboard_focus(UiState& ui);

/// ImGui::BeginMenu, opened where focus_menu() asked for it.
bool begin_menu(UiState& ui, const char* name);
/// Right after a panel's region began: it gets the keyboard where it is to.
void take_keyboard_focus(UiState& ui, Slot panel);
/// A frame around the control that has the keyboard: many of ours draw none themselves. In a window.
void draw_focus_ring(const Theme& theme, UiState& ui);

}  // namespace halfscope
