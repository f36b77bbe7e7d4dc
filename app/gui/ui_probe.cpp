#include "gui/ui_probe.h"

#include <algorithm>
#include <cstdio>

#include "gui/imgui_compat.h"

namespace halfscope {

void UiProbe::begin_frame() {
    rectangles_.clear();
    values_.clear();
}

void UiProbe::item(std::string_view id) {
    if (!enabled_) return;
    if (!reveal_.empty() && reveal_ == id) {
        ImGui::SetScrollHereY(0.5f);
        reveal_.clear();
    }
    rectangle(id, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
}

void UiProbe::rectangle(std::string_view id, ImVec2 min, ImVec2 max) {
    if (!enabled_) return;
    const ImVec2 clip_min = compat::clip_rect_min(), clip_max = compat::clip_rect_max();
    Rectangle shown;
    shown.min = {std::max(min.x, clip_min.x), std::max(min.y, clip_min.y)};
    shown.max = {std::min(max.x, clip_max.x), std::min(max.y, clip_max.y)};
    shown.visible = shown.min.x < shown.max.x && shown.min.y < shown.max.y;
    if (!shown.visible) {
        shown.min = min;
        shown.max = max;
    }
    rectangles_.insert_or_assign(std::string(id), shown);
}

void UiProbe::value(std::string_view id, double number) {
    if (!enabled_) return;
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", number);
    values_.insert_or_assign(std::string(id), text);
}

void UiProbe::value(std::string_view id, std::string_view text) {
    if (!enabled_) return;
    values_.insert_or_assign(std::string(id), std::string(text));
}

std::optional<UiProbe::Rectangle> UiProbe::find_rectangle(std::string_view id) const {
    const auto found = rectangles_.find(id);
    if (found == rectangles_.end()) return std::nullopt;
    return found->second;
}

std::optional<std::string> UiProbe::find_value(std::string_view id) const {
    const auto found = values_.find(id);
    if (found == values_.end()) return std::nullopt;
    return found->second;
}

}  // namespace halfscope
