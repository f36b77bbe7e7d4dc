#include "gui/keyboard_focus.h"

#include "gui/imgui_compat.h"

// Which item has the keyboard, and the first one of a region, are told by ImGui's internals alone.
#include <imgui_internal.h>

#include <GLFW/glfw3.h>

#include <algorithm>
#include <array>

namespace halfscope {
namespace {

void show_highlight() {
#if IMGUI_VERSION_NUM >= 19140
    ImGui::SetNavCursorVisible(true);
#else
    GImGui->NavDisableHighlight = false;
#endif
}

/// That the keyboard is at this menu's name: from there Left and Right go to its neighbours.
void remember_in_menu_bar(const char* name) {
    ImGuiWindow* window = ImGui::GetCurrentWindow();
    const ImVec2 at = ImGui::GetCursorScreenPos(), size = ImGui::CalcTextSize(name);
    const ImRect place(at, ImVec2(at.x + size.x, at.y + size.y));
    window->NavLastIds[ImGuiNavLayer_Menu] = window->GetID(name);
    window->NavRectRel[ImGuiNavLayer_Menu] = ImGui::WindowRectAbsToRel(window, place);
}

constexpr std::array<int, 12> kNavigationKeys{
    GLFW_KEY_SPACE, GLFW_KEY_ENTER,   GLFW_KEY_KP_ENTER,  GLFW_KEY_TAB,  GLFW_KEY_LEFT, GLFW_KEY_RIGHT,
    GLFW_KEY_UP,    GLFW_KEY_PAGE_UP, GLFW_KEY_PAGE_DOWN, GLFW_KEY_HOME, GLFW_KEY_END,  GLFW_KEY_DOWN};

}  // namespace

void prepare_keyboard_focus(const UiState& ui) {
    ImGuiConfigFlags& flags = ImGui::GetIO().ConfigFlags;
    if (ui.keyboard.is_on) {
        flags |= ImGuiConfigFlags_NavEnableKeyboard;
    } else {
        flags &= ~ImGuiConfigFlags_NavEnableKeyboard;
    }
}

void follow_mouse(UiState& ui) {
    if (ImGui::IsMouseClicked(ImGuiMouseButton_Left) || ImGui::IsMouseClicked(ImGuiMouseButton_Right))
        ui.keyboard = {};
}

void focus_panel(UiState& ui, PanelStep step) {
    const std::vector<Slot>& panels = ui.panels_in_order;
    if (panels.empty()) return;
    const auto count = static_cast<int>(panels.size());
    const auto place =
        ui.keyboard.panel ? std::find(panels.begin(), panels.end(), *ui.keyboard.panel) : panels.end();
    int index = step == PanelStep::next ? 0 : count - 1;
    if (ui.keyboard.is_on && place != panels.end())
        index = (static_cast<int>(place - panels.begin()) + static_cast<int>(step) + count) % count;
    const Slot panel = panels[static_cast<std::size_t>(index)];
    show_tab(ui.layout, panel);
    ui.keyboard = {true, panel, true, {}};
}

bool resize_by_key(UiState& ui, int key) {
    const int across = key == GLFW_KEY_RIGHT ? 1 : key == GLFW_KEY_LEFT ? -1 : 0;
    const int down = key == GLFW_KEY_DOWN ? 1 : key == GLFW_KEY_UP ? -1 : 0;
    if (across == 0 && down == 0) return false;
    if (!ui.keyboard.is_on || !ui.keyboard.panel) {
        ui.messages.note(
            "give a panel the keyboard first, with Ctrl Tab; Alt Shift and an arrow then resize it");
        return true;
    }
    ui.requests.wider += across;
    ui.requests.taller += down;
    return true;
}

bool is_kept_from_imgui(int key, int modifiers) {
    constexpr int kAltShift = GLFW_MOD_ALT | GLFW_MOD_SHIFT;
    if (key == GLFW_KEY_TAB) return (modifiers & GLFW_MOD_CONTROL) != 0;
    const bool is_arrow =
        key == GLFW_KEY_LEFT || key == GLFW_KEY_RIGHT || key == GLFW_KEY_UP || key == GLFW_KEY_DOWN;
    return is_arrow && (modifiers & kAltShift) == kAltShift;
}

void focus_menu(UiState& ui, std::string_view name) {
    ui.keyboard = {true, std::nullopt, false, std::string(name)};
}

bool is_navigation_key(const UiState& ui, int key) {
    return ui.keyboard.is_on &&
           std::find(kNavigationKeys.begin(), kNavigationKeys.end(), key) != kNavigationKeys.end();
}

bool leave_keyboard_focus(UiState& ui) {
    if (!ui.keyboard.is_on) return false;
    const bool is_inside = ImGui::IsAnyItemActive() ||
                           ImGui::IsPopupOpen("", ImGuiPopupFlags_AnyPopupId | ImGuiPopupFlags_AnyPopupLevel);
    if (!is_inside) ui.keyboard = {};
    return true;
}

bool begin_menu(UiState& ui, const char* name) {
    if (ui.keyboard.menu == name) {
        ui.keyboard.menu.clear();
        remember_in_menu_bar(name);
        ImGui::OpenPopup(name);
        show_highlight();
    }
    const bool is_open = ImGui::BeginMenu(name);
    ui.probe.item(std::string("menu/") + name);
    if (is_open) ui.probe.value("menu/open", name);
    return is_open;
}

void take_keyboard_focus(UiState& ui, Slot panel) {
    if (!ui.keyboard.takes_focus || ui.keyboard.panel != panel) return;
    ui.keyboard.takes_focus = false;
    ImGui::SetWindowFocus();
    ImGui::NavInitWindow(ImGui::GetCurrentWindow(), true);
    show_highlight();
}

void draw_focus_ring(const Theme& theme, UiState& ui) {
    const ImGuiContext& context = *GImGui;
    ImGuiWindow* window = context.NavWindow;
    if (!ui.keyboard.is_on || !window || context.NavId == 0) return;
    const ImRect local = window->NavRectRel[context.NavLayer];
    const ImRect item = ImGui::WindowRectRelToAbs(window, local);
    const float grown = theme.px(2);
    ui.probe.rectangle("keyboard/focus", item.Min, item.Max);
    ImDrawList* draw = ImGui::GetForegroundDrawList();
    draw->PushClipRect(window->OuterRectClipped.Min, window->OuterRectClipped.Max);
    compat::add_rectangle(draw, ImVec2(item.Min.x - grown, item.Min.y - grown),
                          ImVec2(item.Max.x + grown, item.Max.y + grown), theme.accent, theme.px(4),
                          theme.stroke(2));
    draw->PopClipRect();
}

}  // namespace halfscope
