// What differs between Dear ImGui 1.86 and 1.92, in one place. Included by the window's code instead of
// version checks of its own. Only 1.86 (Debian 12) is tested.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <imgui.h>
// std::string text fields: beside imgui.h on Debian and Ubuntu, in ImGui's own tree elsewhere.
#if __has_include(<imgui_stdlib.h>)
#include <imgui_stdlib.h>
#else
#include <misc/cpp/imgui_stdlib.h>
#endif

namespace halfscope::compat {

/// A texture id from an OpenGL name: a pointer before 1.91.4, an integer (or a reference made of it) since.
inline ImTextureID texture_id(unsigned int gl_texture) {
#if IMGUI_VERSION_NUM >= 19140
    return static_cast<ImTextureID>(gl_texture);
#else
    return reinterpret_cast<ImTextureID>(static_cast<std::intptr_t>(gl_texture));
#endif
}

/// Pushes a font at the size it was loaded with; PushFont takes a size since 1.92.
inline void push_font(ImFont* font) {
#if IMGUI_VERSION_NUM >= 19200
    ImGui::PushFont(font, 0.0f);
#else
    ImGui::PushFont(font);
#endif
}

/// A child region with a frame or without; flags instead of a bool since 1.90. The keyboard goes through it
/// as a part of what it stands in, or stays inside.
enum class ChildBorder { none, drawn };
enum class ChildNavigation { with_parent, by_itself };
inline bool begin_child(const char* id, ImVec2 size, ChildBorder border, ImGuiWindowFlags flags = 0,
                        ChildNavigation navigation = ChildNavigation::with_parent) {
    const bool is_part = navigation == ChildNavigation::with_parent;
#if IMGUI_VERSION_NUM >= 19000
    return ImGui::BeginChild(id, size,
                             (border == ChildBorder::drawn ? ImGuiChildFlags_Borders : ImGuiChildFlags_None) |
                                 (is_part ? ImGuiChildFlags_NavFlattened : ImGuiChildFlags_None),
                             flags);
#else
    return ImGui::BeginChild(id, size, border == ChildBorder::drawn,
                             flags | (is_part ? ImGuiWindowFlags_NavFlattened : 0));
#endif
}

/// An outlined rectangle; flags and thickness changed places in 1.92.8.
inline void add_rectangle(ImDrawList* draw, ImVec2 min, ImVec2 max, ImU32 colour, float rounding,
                          float thickness) {
#if IMGUI_VERSION_NUM >= 19280
    draw->AddRect(min, max, colour, rounding, thickness, ImDrawFlags_None);
#else
    draw->AddRect(min, max, colour, rounding, ImDrawFlags_None, thickness);
#endif
}

/// An open polyline; flags and thickness changed places in 1.92.8.
inline void add_polyline(ImDrawList* draw, const ImVec2* points, int count, ImU32 colour, float thickness) {
#if IMGUI_VERSION_NUM >= 19280
    draw->AddPolyline(points, count, colour, thickness, ImDrawFlags_None);
#else
    draw->AddPolyline(points, count, colour, ImDrawFlags_None, thickness);
#endif
}

/// Tells ImGui of the mouse as it was delivered. Since 1.87 the backend's callbacks have done so.
template <std::size_t N>
void set_mouse_state([[maybe_unused]] std::optional<ImVec2> cursor,
                     [[maybe_unused]] const bool (&buttons)[N]) {
#if IMGUI_VERSION_NUM < 18700
    ImGuiIO& io = ImGui::GetIO();
    if (cursor && ImGui::IsMousePosValid(&io.MousePos)) io.MousePos = *cursor;
    std::copy(buttons, buttons + N, io.MouseDown);
#endif
}

/// The clip rectangle that drawing goes through now.
inline ImVec2 clip_rect_min() { return ImGui::GetWindowDrawList()->GetClipRectMin(); }
inline ImVec2 clip_rect_max() { return ImGui::GetWindowDrawList()->GetClipRectMax(); }

/// Whether a font has its own drawing of a character.
inline bool has_glyph(ImFont* font, unsigned int character) {
#if IMGUI_VERSION_NUM >= 19200
    return font->IsGlyphInFont(static_cast<ImWchar>(character));
#else
    return font->FindGlyphNoFallback(static_cast<ImWchar>(character)) != nullptr;
#endif
}

}  // namespace halfscope::compat
