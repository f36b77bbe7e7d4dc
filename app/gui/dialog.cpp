#include "gui/dialog.h"

#include <algorithm>

namespace halfscope {
namespace {

bool begin_styled(const Theme& theme, const char* title, bool& open, ImGuiWindowFlags flags) {
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    const bool is_fixed = (flags & ImGuiWindowFlags_NoMove) != 0;
    ImGui::SetNextWindowPos(ImVec2(size.x * 0.5f, size.y * 0.5f),
                            is_fixed ? ImGuiCond_Always : ImGuiCond_Appearing, ImVec2(0.5f, 0.5f));
    ImGui::PushStyleColor(ImGuiCol_WindowBg, theme.panel_background);
    ImGui::PushStyleColor(ImGuiCol_TitleBgActive, theme.panel_background);
    ImGui::PushStyleColor(ImGuiCol_TitleBg, theme.panel_background);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, theme.px(1));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, theme.px(6));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(theme.px(16), theme.px(12)));
    const bool shown =
        ImGui::Begin(title, &open, ImGuiWindowFlags_NoCollapse | ImGuiWindowFlags_NoSavedSettings | flags);
    ImGui::PopStyleVar(3);
    ImGui::PopStyleColor(3);
    return shown;
}

}  // namespace

bool begin_dialog(const PanelContext& context, const char* title, bool& open, float width) {
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    const float shown_width = std::min(context.theme.px(width), size.x * 0.95f);
    ImGui::SetNextWindowSizeConstraints(ImVec2(shown_width, 0), ImVec2(shown_width, size.y * 0.9f));
    return begin_styled(context.theme, title, open, ImGuiWindowFlags_AlwaysAutoResize);
}

bool begin_large_dialog(const PanelContext& context, const char* title, bool& open) {
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    // Always in the middle, so that its close button stays within a window that has become smaller.
    ImGui::SetNextWindowSize(ImVec2(size.x * 0.94f, size.y * 0.88f));
    return begin_styled(context.theme, title, open, ImGuiWindowFlags_NoResize | ImGuiWindowFlags_NoMove);
}

}  // namespace halfscope
