#include "gui/keys.h"

#include <GLFW/glfw3.h>

#include <array>
#include <utility>

#include "gui/files.h"
#include "gui/keyboard_focus.h"
#include "gui/run_actions.h"

namespace halfscope {
namespace {

constexpr std::array<KeyHelp, 25> kHelp{{
    {"Space", "run or pause"},
    {"Right", "one step, then pause"},
    {"Left", "one step back"},
    {"R", "restart with the same seed"},
    {"B", "branch: another lane from the selected one's present state"},
    {"[  ]", "halve, double the selected lane's loss scale"},
    {"1 .. 4", "select a lane"},
    {"L", "loss on a linear or a logarithmic axis"},
    {"D", "loss as the difference to the first lane's"},
    {"F", "fit all plots (follow the newest steps again)"},
    {"T", "dark, light, or high contrast"},
    {"Tab", "fold or unfold the left column"},
    {"Ctrl Tab", "the keyboard to the next panel or tab; with Shift the one before"},
    {"F10  Alt F R V H", "the keyboard to the menus"},
    {"arrows  Tab  Space  Esc", "there: move, next field, use, leave"},
    {"Alt Shift arrows", "there: the panel wider, narrower, taller, less tall"},
    {"Ctrl +  Ctrl -  Ctrl 0", "larger, smaller, normal"},
    {"Ctrl O", "open a text, pictures, a scenario file or a recipe (or drop them on the window)"},
    {"Ctrl Z  Ctrl Y", "undo, redo a change of techniques"},
    {"Ctrl S", "save a checkpoint of the whole run"},
    {"Ctrl Q", "quit"},
    {"Esc", "close dialogs, dismiss messages, cancel an opening that takes long"},
    {"F1", "this list"},
    {"F2", "screenshot to the folder Halfscope was started in"},
    {"F11", "presenter: large text for a lecture hall"},
}};

void close_everything(UiState& ui) {
    const Dialogs before = std::exchange(ui.dialogs, {});
    ui.dialogs.data_path = before.data_path;
    ui.dialogs.checkpoint_path = before.checkpoint_path;
    ui.dialogs.overlay_path = before.overlay_path;
    ui.dialogs.tensors_path = before.tensors_path;
    ui.tensors.close();
    for (MessageLog::Entry& entry : ui.messages.entries()) entry.dismissed = true;
}

bool handle_control_key(const KeyPress& press, const PanelContext& context) {
    UiState& ui = context.ui;
    switch (press.key) {
        case GLFW_KEY_TAB:
            focus_panel(ui, (press.modifiers & GLFW_MOD_SHIFT) != 0 ? PanelStep::previous : PanelStep::next);
            return true;
        case GLFW_KEY_EQUAL:
        case GLFW_KEY_KP_ADD:
            change_ui_scale(ui, 1);
            return true;
        case GLFW_KEY_MINUS:
        case GLFW_KEY_KP_SUBTRACT:
            change_ui_scale(ui, -1);
            return true;
        case GLFW_KEY_0:
        case GLFW_KEY_KP_0:
            change_ui_scale(ui, 0);
            return true;
        case GLFW_KEY_O:
            ui.dialogs.open_data = true;
            return true;
        case GLFW_KEY_Z:
            undo(context);
            return true;
        case GLFW_KEY_Y:
            redo(context);
            return true;
        case GLFW_KEY_S:
            save_checkpoint(context);
            return true;
        case GLFW_KEY_Q:
            ui.requests.quit = true;
            return true;
        default:
            return false;
    }
}

/// A menu by the first letter of its name; with Shift, the size of the panel that has the keyboard.
bool handle_alt_key(const KeyPress& press, UiState& ui) {
    if ((press.modifiers & GLFW_MOD_SHIFT) != 0 && resize_by_key(ui, press.key)) return true;
    constexpr std::array<std::pair<int, const char*>, 4> kMenus{
        {{GLFW_KEY_F, "File"}, {GLFW_KEY_R, "Run"}, {GLFW_KEY_V, "View"}, {GLFW_KEY_H, "Help"}}};
    for (const auto& [letter, menu] : kMenus) {
        if (press.key != letter) continue;
        focus_menu(ui, menu);
        return true;
    }
    return false;
}

bool handle_run_key(int key, const PanelContext& context) {
    switch (key) {
        case GLFW_KEY_SPACE:
            toggle_run(context);
            return true;
        case GLFW_KEY_RIGHT:
            one_step(context);
            return true;
        case GLFW_KEY_LEFT:
            step_back(context);
            return true;
        case GLFW_KEY_R:
            restart(context);
            return true;
        case GLFW_KEY_B:
            if (const LaneSnapshot* lane = selected_lane(context.snapshot, context.ui))
                branch_lane(context, *lane);
            return true;
        case GLFW_KEY_LEFT_BRACKET:
            multiply_loss_scale(context, 0.5);
            return true;
        case GLFW_KEY_RIGHT_BRACKET:
            multiply_loss_scale(context, 2.0);
            return true;
        default:
            return false;
    }
}

bool handle_view_key(int key, const PanelContext& context) {
    UiState& ui = context.ui;
    switch (key) {
        case GLFW_KEY_L:
            toggle_loss_axis(ui);
            return true;
        case GLFW_KEY_D:
            toggle_loss_difference(ui);
            return true;
        case GLFW_KEY_F:
            fit_plots(ui);
            return true;
        case GLFW_KEY_T:
            ui.theme = next_theme(ui.theme);
            return true;
        case GLFW_KEY_TAB:
            ui.layout.left_folded = !ui.layout.left_folded;
            return true;
        case GLFW_KEY_ESCAPE:
            if (leave_keyboard_focus(ui)) return true;
            if (!context.snapshot.loading.text.empty()) context.commands.send(CancelCommand{});
            close_everything(ui);
            return true;
        case GLFW_KEY_ENTER:
        case GLFW_KEY_KP_ENTER:
            if (!context.snapshot.rescued_steps) return false;
            context.commands.send(GoOnOnCpuCommand{});
            return true;
        case GLFW_KEY_F1:
            ui.dialogs.keys = !ui.dialogs.keys;
            return true;
        case GLFW_KEY_F2:
            ui.requests.screenshot = true;
            return true;
        case GLFW_KEY_F10:
            focus_menu(ui, "File");
            return true;
        case GLFW_KEY_F11:
            toggle_presenter(ui);
            return true;
        default:
            break;
    }
    const auto index = static_cast<std::size_t>(key - GLFW_KEY_1);
    if (key < GLFW_KEY_1 || index >= context.snapshot.lanes.size()) return false;
    ui.selected_lane = context.snapshot.lanes[index].id;
    return true;
}

}  // namespace

std::span<const KeyHelp> key_help() { return kHelp; }

bool handle_key(const KeyPress& press, const PanelContext& context) {
    if ((press.modifiers & GLFW_MOD_CONTROL) != 0) return handle_control_key(press, context);
    if ((press.modifiers & GLFW_MOD_ALT) != 0) return handle_alt_key(press, context.ui);
    if ((press.modifiers & GLFW_MOD_SUPER) != 0) return false;
    if (is_navigation_key(context.ui, press.key)) return false;
    return handle_run_key(press.key, context) || handle_view_key(press.key, context);
}

}  // namespace halfscope
