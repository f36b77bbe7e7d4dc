#include "gui/widgets/bit_view.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "gui/imgui_compat.h"
#include "gui/widgets/draw.h"
#include "numerics/rounding.h"

namespace halfscope {
namespace {

constexpr int kMostColumns = 46;

void draw_cell(ImDrawList* draw, const Theme& theme, ImVec2 at, ImVec2 size, bool is_set, ImU32 colour) {
    const ImVec2 max(at.x + size.x - 1, at.y + size.y);
    draw->AddRectFilled(at, max, with_opacity(colour, is_set ? 0.75f : 0.16f));
    if (size.x < theme.px(7)) return;
    const char digit[2] = {is_set ? '1' : '0', '\0'};
    const ImVec2 text = ImGui::CalcTextSize(digit);
    draw->AddText(ImVec2((at.x + max.x - text.x) * 0.5f, (at.y + max.y - text.y) * 0.5f),
                  is_set ? theme.panel_background : theme.text_dim, digit);
}

/// Exponent of the largest power of two in |x|; x is finite and not zero.
int exponent_of(double x) { return std::ilogb(x); }

/// Whether |x| has the bit 2^exponent.
bool has_bit(double x, int exponent) {
    const double scaled = std::floor(std::ldexp(std::fabs(x), -exponent));
    return std::fmod(scaled, 2.0) != 0.0;
}

/// Exponent of the lowest bit of |x| that is set; x is finite and not zero.
int lowest_bit(double x) {
    int exponent = 0;
    double mantissa = std::frexp(std::fabs(x), &exponent);
    while (mantissa != std::floor(mantissa)) {
        mantissa *= 2;
        --exponent;
    }
    return exponent;
}

/// The axis of an addition.
struct Columns {
    int top, bottom;  ///< exponents at the left and the right end
    float left, cell;
    int count() const { return top - bottom + 1; }
    float x(int exponent) const { return left + static_cast<float>(top - exponent) * cell; }
};

Columns choose_columns(const Theme& theme, double weight, double update, double stored, float left,
                       float right) {
    int top = -200, bottom = 200;
    for (const double x : {weight, update, weight + update, stored}) {
        if (x == 0 || !std::isfinite(x)) continue;
        top = std::max(top, exponent_of(x));
        bottom = std::min(bottom, lowest_bit(x));
    }
    if (top < bottom) top = bottom = 0;
    bottom = std::max(bottom, top - kMostColumns + 1);
    const float cell =
        std::clamp((right - left) / static_cast<float>(top - bottom + 1), theme.px(3), theme.px(11));
    return {top, bottom, left, cell};
}

}  // namespace

float bit_height(const Theme& theme) { return ImGui::GetTextLineHeight() + theme.px(1); }

float draw_bits(ImDrawList* draw, const Theme& theme, Format format, float value, ImVec2 at, float room) {
    const FormatInfo info = format_info(format);
    const std::uint32_t code = encode(format, value);
    const int bits = 1 + info.exponent_bits + info.mantissa_bits;
    constexpr float kBitsOfFp32 = 32;
    const float gap = theme.px(4), start = at.x;
    const float width = std::clamp((room - 2 * gap) / kBitsOfFp32, theme.px(2), theme.px(9));
    if (theme.mono_font) compat::push_font(theme.mono_font);
    for (int bit = 0; bit < bits; ++bit) {
        const bool is_exponent = bit >= 1 && bit <= info.exponent_bits;
        if (bit == 1 || bit == 1 + info.exponent_bits) at.x += gap;
        const ImU32 colour = bit == 0 ? theme.error : is_exponent ? theme.warning : theme.accent;
        draw_cell(draw, theme, at, ImVec2(width, bit_height(theme)), (code >> (bits - 1 - bit) & 1u) != 0,
                  colour);
        at.x += width;
    }
    if (theme.mono_font) ImGui::PopFont();
    return at.x - start;
}

float draw_addition(ImDrawList* draw, const Theme& theme, Format format, float weight, float update,
                    float stored, ImVec2 min, float width) {
    const auto w = static_cast<double>(weight), d = static_cast<double>(update),
               kept = static_cast<double>(stored);
    const float height = bit_height(theme), row = height + theme.px(3),
                label = ImGui::CalcTextSize("stored  -").x;
    const Columns columns = choose_columns(theme, w, d, kept, min.x + label, min.x + width);
    const float right = columns.x(columns.bottom) + columns.cell;
    // The last bit that the format holds beside the result, and what lies below it.
    const int ulp = ulp_exponent(format, stored);
    const float edge = std::clamp(columns.x(ulp - 1), columns.left, right);
    const float rows_bottom = min.y + row * 4;
    if (edge < right)
        draw_band(draw, ImVec2(edge, min.y), ImVec2(right, rows_bottom), theme.band(Band::flushed),
                  theme.scale);
    if (theme.mono_font) compat::push_font(theme.mono_font);
    float y = min.y;
    const auto draw_number = [&](const char* name, double x, ImU32 colour) {
        draw->AddText(ImVec2(min.x, y), theme.text_dim, name);
        draw->AddText(ImVec2(min.x + label - ImGui::CalcTextSize("-").x - theme.px(3), y), theme.text,
                      std::signbit(x) ? "-" : "+");
        if (x != 0 && std::isfinite(x)) {
            for (int exponent = columns.top; exponent >= columns.bottom; --exponent) {
                const bool is_inside = exponent <= exponent_of(x);
                if (is_inside)
                    draw_cell(draw, theme, ImVec2(columns.x(exponent), y), ImVec2(columns.cell, height),
                              has_bit(x, exponent), colour);
            }
        }
        y += row;
    };
    draw_number("w", w, theme.accent);
    draw_number("d", d, theme.warning);
    draw_number("w + d", w + d, theme.text);
    draw_number("stored", kept, theme.good);
    if (theme.mono_font) ImGui::PopFont();
    draw->AddLine(ImVec2(edge, min.y), ImVec2(edge, rows_bottom), theme.band(Band::flushed).solid,
                  theme.px(1.5f));
    // Exponents at both ends and at the edge.
    const auto tick = [&](int exponent, float at) {
        const std::string text = theme.power_of_two(exponent);
        draw->AddText(
            ImVec2(std::clamp(at, columns.left,
                              std::max(columns.left, min.x + width - ImGui::CalcTextSize(text.c_str()).x)),
                   y),
            theme.text_dim, text.c_str());
    };
    tick(columns.top, columns.x(columns.top));
    if (ulp >= columns.bottom && ulp < columns.top - 4) tick(ulp, columns.x(ulp) - theme.px(4));
    if (columns.bottom < ulp - 4 && columns.bottom < columns.top - 4)
        tick(columns.bottom, columns.x(columns.bottom) - theme.px(14));
    return y + ImGui::GetTextLineHeight() - min.y;
}

}  // namespace halfscope
