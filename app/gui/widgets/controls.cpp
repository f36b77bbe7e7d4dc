#include "gui/widgets/controls.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "gui/imgui_compat.h"
#include "gui/widgets/draw.h"

namespace halfscope {
namespace {

/// Draws with a font of the theme where there is one.
class FontScope {
  public:
    explicit FontScope(ImFont* font) : pushed_(font != nullptr) {
        if (pushed_) compat::push_font(font);
    }
    ~FontScope() {
        if (pushed_) ImGui::PopFont();
    }
    FontScope(const FontScope&) = delete;
    FontScope& operator=(const FontScope&) = delete;

  private:
    bool pushed_;
};

void text_view(std::string_view text) { ImGui::TextUnformatted(text.data(), text.data() + text.size()); }

/// Black or white, whichever has more contrast with `background`.
ImU32 ink_on(ImU32 background) {
    constexpr float kEqualContrast = 0.179f;  // (1 + 0.05) / (L + 0.05) = (L + 0.05) / 0.05
    return luminance(background) > kEqualContrast ? IM_COL32(0, 0, 0, 255) : IM_COL32(255, 255, 255, 255);
}

void draw_letter(ImDrawList* draw, ImVec2 min, ImVec2 max, char letter, ImU32 colour) {
    const char text[2] = {letter, '\0'};
    const ImVec2 size = ImGui::CalcTextSize(text);
    draw->AddText(ImVec2((min.x + max.x - size.x) * 0.5f, (min.y + max.y - size.y) * 0.5f), colour, text);
}

}  // namespace

void help_marker(const Theme& theme, const char* text) {
    ImGui::SameLine(0, theme.px(4));
    help_mark(theme, text);
}

void help_mark(const Theme& theme, const char* text) {
    ImGui::PushStyleColor(ImGuiCol_Text, with_opacity(theme.text_dim, 0.75f));
    ImGui::TextUnformatted("(?)");
    ImGui::PopStyleColor();
    item_tooltip(theme, text);
}

void item_tooltip(const Theme& theme, std::string_view text) {
    if (text.empty() || !ImGui::IsItemHovered(ImGuiHoveredFlags_AllowWhenDisabled)) return;
    begin_tooltip(theme);
    text_view(text);
    end_tooltip();
}

void begin_tooltip(const Theme& theme) {
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(theme.px(9), theme.px(7)));
    ImGui::BeginTooltip();
    ImGui::PushTextWrapPos(theme.px(380));
}

void end_tooltip() {
    ImGui::PopTextWrapPos();
    ImGui::EndTooltip();
    ImGui::PopStyleVar();
}

void lane_chip(const Theme& theme, int lane_id) {
    const LaneLook look = theme.lane(lane_id);
    const float height = ImGui::GetTextLineHeight();
    const ImVec2 min = ImGui::GetCursorScreenPos();
    const float width = height * 1.15f, line_width = theme.px(20);
    ImGui::Dummy(ImVec2(width + line_width + theme.px(3), height));
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const ImVec2 max(min.x + width, min.y + height);
    draw->AddRectFilled(min, max, look.colour, theme.px(3));
    draw_letter(draw, min, max, look.letter, ink_on(look.colour));
    const float y = (min.y + max.y) * 0.5f;
    const ImVec2 line[2] = {ImVec2(max.x + theme.px(3), y), ImVec2(max.x + theme.px(3) + line_width, y)};
    draw_styled_line(draw, line, 2, look.colour, theme.px(2), look.style, theme.scale * 0.8f);
}

void band_chip(const Theme& theme, Band band) {
    const BandLook look = theme.band(band);
    const float height = ImGui::GetTextLineHeight();
    const ImVec2 min = ImGui::GetCursorScreenPos(), max(min.x + height * 1.1f, min.y + height);
    ImGui::Dummy(ImVec2(max.x - min.x, height));
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw_band(draw, min, max, look, theme.scale * 0.6f);
    compat::add_rectangle(draw, min, max, look.solid, theme.px(2), 1.0f);
    draw_letter(draw, min, max, look.letter, look.solid);
}

void dim_text(const Theme& theme, const char* text) { coloured_text(theme.text_dim, text); }

void coloured_text(ImU32 colour, const char* text) {
    ImGui::PushStyleColor(ImGuiCol_Text, colour);
    ImGui::TextUnformatted(text);
    ImGui::PopStyleColor();
}

void mono_text(const Theme& theme, const char* text) {
    const FontScope font(theme.mono_font);
    ImGui::TextUnformatted(text);
}

void wrapped_dim_text(const Theme& theme, const char* text) {
    ImGui::PushStyleColor(ImGuiCol_Text, theme.text_dim);
    ImGui::PushTextWrapPos(0.0f);
    ImGui::TextUnformatted(text);
    ImGui::PopTextWrapPos();
    ImGui::PopStyleColor();
}

namespace {

/// The last blank before which a line of `text` fits into `width`; the end where all of it does, or where
/// nothing does.
std::size_t end_of_line(const std::string& text, float width) {
    const auto fits = [&](std::size_t end) {
        return ImGui::CalcTextSize(text.data(), text.data() + end).x <= width;
    };
    if (fits(text.size())) return text.size();
    for (std::size_t blank = text.rfind(' '); blank != std::string::npos && blank > 0;
         blank = text.rfind(' ', blank - 1))
        if (fits(blank)) return blank;
    return text.size();
}

}  // namespace

void caption_line(const Theme& theme, const std::string& text) {
    constexpr float kRoomForTwo = 14;  // lines
    const float line = ImGui::GetTextLineHeight();
    const ImVec2 room = ImGui::GetContentRegionAvail(), at = ImGui::GetCursorScreenPos();
    const std::size_t first = room.y > kRoomForTwo * line ? end_of_line(text, room.x) : text.size();
    const std::string_view upper = std::string_view(text).substr(0, first),
                           lower = std::string_view(text).substr(std::min(first + 1, text.size()));
    draw_clipped_text(ImGui::GetWindowDrawList(), at, room.x, theme.text_dim, upper);
    draw_clipped_text(ImGui::GetWindowDrawList(), ImVec2(at.x, at.y + line), room.x, theme.text_dim, lower);
    ImGui::Dummy(ImVec2(room.x, lower.empty() ? line : 2 * line));
    item_tooltip(theme, text);
}

void empty_state(const Theme& theme, const char* text) {
    const ImVec2 room = ImGui::GetContentRegionAvail();
    const float width = std::min(room.x - theme.px(16), theme.px(420));
    const ImVec2 size = ImGui::CalcTextSize(text, nullptr, false, width);
    const ImVec2 start = ImGui::GetCursorPos();
    ImGui::SetCursorPos(ImVec2(start.x + std::max(0.0f, (room.x - size.x) * 0.5f),
                               start.y + std::max(0.0f, (room.y - size.y) * 0.5f)));
    ImGui::PushTextWrapPos(ImGui::GetCursorPosX() + width + 1.0f);
    coloured_text(theme.text_dim, text);
    ImGui::PopTextWrapPos();
}

void section_heading(const Theme& theme, const char* text) {
    ImGui::Dummy(ImVec2(0, theme.px(2)));
    {
        const FontScope font(theme.small_font);
        coloured_text(theme.text_dim, text);
    }
    const ImVec2 max = ImGui::GetItemRectMax();
    const float y = (ImGui::GetItemRectMin().y + max.y) * 0.5f;
    const float right = ImGui::GetCursorScreenPos().x + ImGui::GetContentRegionAvail().x;
    ImGui::GetWindowDrawList()->AddLine(ImVec2(max.x + theme.px(6), y), ImVec2(right, y), theme.panel_border);
}

bool combo_entry(const char* label, bool is_chosen, ImGuiSelectableFlags flags) {
    const bool clicked = ImGui::Selectable(label, is_chosen, flags);
    if (is_chosen) ImGui::SetItemDefaultFocus();
    return clicked;
}

bool toggle_button(const Theme& theme, const char* label, ToggleLook look) {
    const bool is_on = look == ToggleLook::on;
    if (is_on) {
        ImGui::PushStyleColor(ImGuiCol_Button, with_opacity(theme.accent, 0.45f));
        ImGui::PushStyleColor(ImGuiCol_ButtonHovered, with_opacity(theme.accent, 0.6f));
    }
    const bool clicked = ImGui::SmallButton(label);
    if (is_on) ImGui::PopStyleColor(2);
    return clicked;
}

std::string number_text(double value, int significant_digits) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    char text[48];
    std::snprintf(text, sizeof text, "%.*g", significant_digits, value);
    return text;
}

std::string count_text(std::int64_t value) {
    std::string digits = std::to_string(value);
    const std::size_t sign = value < 0 ? 1 : 0;
    for (std::size_t place = digits.size(); place > sign + 3;) {
        place -= 3;
        digits.insert(place, ",");
    }
    return digits;
}

std::string scale_label(const Theme& theme, double scale) {
    constexpr double kReadsWell = 64;
    int exponent = 0;
    const bool is_power = scale > 0 && std::isfinite(scale) && std::frexp(scale, &exponent) == 0.5;
    if (!is_power || (scale >= 0.25 && scale <= kReadsWell)) return number_text(scale);
    return theme.power_of_two(exponent - 1);
}

}  // namespace halfscope
