#include "gui/ui_probe.h"

namespace halfscope {

void UiProbe::begin_frame(bool listening) {
    listening_ = listening;
    entries_.clear();
}

void UiProbe::item(std::string_view id, std::string_view value) {
    rectangle(id, ImGui::GetItemRectMin(), ImGui::GetItemRectMax(), value);
}

void UiProbe::rectangle(std::string_view id, ImVec2 minimum, ImVec2 maximum, std::string_view value) {
    if (listening_) entries_.push_back({std::string(id), minimum, maximum, std::string(value)});
}

void UiProbe::value(std::string_view id, std::string_view value) { rectangle(id, ImVec2(0, 0), ImVec2(0, 0), value); }

const UiProbe::Entry* UiProbe::find(std::string_view id) const {
    for (const Entry& entry : entries_) {
        if (entry.id == id) return &entry;
    }
    return nullptr;
}

}  // namespace halfscope
