// What differs between Dear ImGui 1.86 (Debian 12) and 1.92, in one place. Included by everything in app/gui that draws.
#pragma once

#include <imgui.h>

#include <cstdint>

namespace halfscope {

/// A texture name as ImGui wants it: void* before 1.91.4, an integer after.
inline ImTextureID texture_id(unsigned int name) {
    return (ImTextureID)(std::intptr_t)name;  // NOLINT: either a pointer or an integer, by version
}

/// PushFont takes a size from 1.92 on; 0 keeps the font's own.
inline void push_font(ImFont* font) {
#if IMGUI_VERSION_NUM >= 19200
    ImGui::PushFont(font, 0.0f);
#else
    ImGui::PushFont(font);
#endif
}

/// BeginChild's border flag became a flag set in 1.90.
inline bool begin_child(const char* id, ImVec2 size, bool border, ImGuiWindowFlags flags = 0) {
#if IMGUI_VERSION_NUM >= 19000
    return ImGui::BeginChild(id, size, border ? ImGuiChildFlags_Border : 0, flags);
#else
    return ImGui::BeginChild(id, size, border, flags);
#endif
}

}  // namespace halfscope
