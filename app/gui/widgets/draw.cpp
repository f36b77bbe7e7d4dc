#include "gui/widgets/draw.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "gui/imgui_compat.h"

namespace halfscope {
namespace {

// One anti-aliased polyline takes up to 4 vertices a point, and ImGui's indices have 16 bits.
constexpr int kPointsPerPart = 4000;

/// Lengths in pixels (at scale 1) of drawn, empty, drawn, empty, ... pieces.
std::span<const float> dashes_of(LineStyle style) {
    static constexpr std::array<float, 2> dashed{9, 5}, dotted{2.2f, 3.4f};
    static constexpr std::array<float, 4> dash_dot{9, 4, 2.2f, 4};
    switch (style) {
        case LineStyle::dashed:
            return dashed;
        case LineStyle::dotted:
            return dotted;
        case LineStyle::dash_dot:
            return dash_dot;
        case LineStyle::solid:
            break;
    }
    return {};
}

void draw_solid(ImDrawList* draw, const ImVec2* points, int count, ImU32 colour, float thickness) {
    for (int begin = 0; begin + 1 < count; begin += kPointsPerPart - 1) {
        compat::add_polyline(draw, points + begin, std::min(kPointsPerPart, count - begin), colour,
                             thickness);
    }
}

/// Walks along x: the pattern's phase depends on the pixel column alone, so that a curve that moves up and
/// down within a column keeps its dashes.
class Dasher {
  public:
    Dasher(std::span<const float> pattern, float scale) : pattern_(pattern), scale_(scale) {
        for (const float length : pattern) period_ += length * scale;
    }
    /// Whether the pen is down at x, and how far it is to the next change.
    bool is_down(float x, float& until_change) const {
        float phase = std::fmod(x, period_);
        if (phase < 0) phase += period_;
        bool down = true;
        for (const float length : pattern_) {
            if (phase < length * scale_) {
                until_change = length * scale_ - phase;
                return down;
            }
            phase -= length * scale_;
            down = !down;
        }
        until_change = period_;
        return true;
    }

  private:
    std::span<const float> pattern_;
    float scale_, period_ = 0;
};

void draw_dashed(ImDrawList* draw, const ImVec2* points, int count, ImU32 colour, float thickness,
                 const Dasher& dasher) {
    std::vector<ImVec2> run;
    const auto flush = [&] {
        if (run.size() > 1) draw_solid(draw, run.data(), static_cast<int>(run.size()), colour, thickness);
        run.clear();
    };
    for (int index = 0; index + 1 < count; ++index) {
        const ImVec2 from = points[index], to = points[index + 1];
        const float length = to.x - from.x;
        float done = 0;
        do {
            float until_change = 0;
            const bool down = dasher.is_down(from.x + done + 1e-3f, until_change);
            const float next = length <= 0 ? length : std::min(length, done + until_change + 2e-3f);
            const auto at = [&](float x) {
                const float part = length > 0 ? x / length : 1.0f;
                return ImVec2(from.x + x, from.y + (to.y - from.y) * part);
            };
            if (down) {
                if (run.empty()) run.push_back(length > 0 ? at(done) : from);
                run.push_back(length > 0 ? at(next) : to);
            } else {
                flush();
            }
            done = next;
        } while (done < length);
    }
    flush();
}

}  // namespace

void draw_styled_line(ImDrawList* draw, const ImVec2* points, int count, ImU32 colour, float thickness,
                      LineStyle style, float scale) {
    if (count < 2) return;
    const std::span<const float> pattern = dashes_of(style);
    if (pattern.empty()) {
        draw_solid(draw, points, count, colour, thickness);
    } else {
        draw_dashed(draw, points, count, colour, thickness, Dasher(pattern, scale));
    }
}

void draw_hatch(ImDrawList* draw, ImVec2 min, ImVec2 max, HatchStyle style, ImU32 colour, float spacing) {
    if (style == HatchStyle::none || max.x <= min.x || max.y <= min.y || spacing < 1.0f) return;
    draw->PushClipRect(min, max, true);
    const float height = max.y - min.y;
    if (style == HatchStyle::dots) {
        for (float y = min.y + spacing * 0.5f; y < max.y; y += spacing) {
            for (float x = min.x + spacing * 0.5f; x < max.x; x += spacing) {
                draw->AddRectFilled(ImVec2(x, y), ImVec2(x + 1.5f, y + 1.5f), colour);
            }
        }
    } else {
        // Anchored to the screen, so that neighbouring rows continue each other's lines.
        const float shift = std::fmod(min.x + max.y, spacing);
        for (float x = min.x - height - shift; x < max.x; x += spacing) {
            draw->AddLine(ImVec2(x, max.y), ImVec2(x + height, min.y), colour);
        }
        if (style == HatchStyle::cross) {
            const float other = std::fmod(min.x - min.y, spacing);
            for (float x = min.x - height - other; x < max.x; x += spacing) {
                draw->AddLine(ImVec2(x, min.y), ImVec2(x + height, max.y), colour);
            }
        }
    }
    draw->PopClipRect();
}

void draw_band(ImDrawList* draw, ImVec2 min, ImVec2 max, const BandLook& look, float scale) {
    draw->AddRectFilled(min, max, look.fill);
    draw_hatch(draw, min, max, look.style, look.hatch, 8.0f * scale);
}

void draw_marker(ImDrawList* draw, ImVec2 centre, float radius, MarkerShape shape, ImU32 colour) {
    const float r = radius;
    const auto at = [centre](float x, float y) { return ImVec2(centre.x + x, centre.y + y); };
    switch (shape) {
        case MarkerShape::triangle_up:
            draw->AddTriangleFilled(at(0, -r), at(r, 0.8f * r), at(-r, 0.8f * r), colour);
            break;
        case MarkerShape::triangle_down:
            draw->AddTriangleFilled(at(0, r), at(-r, -0.8f * r), at(r, -0.8f * r), colour);
            break;
        case MarkerShape::cross:
            draw->AddLine(at(-r, -r), at(r, r), colour, std::max(1.5f, 0.4f * r));
            draw->AddLine(at(-r, r), at(r, -r), colour, std::max(1.5f, 0.4f * r));
            break;
        case MarkerShape::circle:
            draw->AddCircleFilled(centre, r, colour);
            break;
        case MarkerShape::square:
            draw->AddRectFilled(at(-r, -r), at(r, r), colour);
            break;
        case MarkerShape::diamond:
            draw->AddQuadFilled(at(0, -r), at(r, 0), at(0, r), at(-r, 0), colour);
            break;
    }
}

void draw_alert_sign(ImDrawList* draw, const Theme& theme, ImVec2 centre, float radius) {
    draw_marker(draw, centre, radius * 1.25f, MarkerShape::triangle_up, theme.plot_background);
    draw_marker(draw, centre, radius, MarkerShape::triangle_up, theme.warning);
    const float width = std::max(1.0f, radius * 0.24f);
    const auto bar = [&](float top, float bottom) {
        draw->AddRectFilled(ImVec2(centre.x - width * 0.5f, centre.y + top * radius),
                            ImVec2(centre.x + width * 0.5f, centre.y + bottom * radius),
                            theme.plot_background);
    };
    bar(-0.45f, 0.3f);
    bar(0.45f, 0.68f);
}

float draw_clipped_text(ImDrawList* draw, ImVec2 position, float width, ImU32 colour, std::string_view text) {
    const auto size_of = [](std::string_view part) {
        return ImGui::CalcTextSize(part.data(), part.data() + part.size()).x;
    };
    const float whole = size_of(text);
    if (whole <= width) {
        draw->AddText(position, colour, text.data(), text.data() + text.size());
        return whole;
    }
    constexpr const char* kEllipsis = "...";
    const float room = width - ImGui::CalcTextSize(kEllipsis).x;
    std::string_view part = text;
    // UTF-8: never cut inside a character.
    const auto shorten = [&part] {
        do {
            part.remove_suffix(1);
        } while (!part.empty() && (static_cast<unsigned char>(part.back()) & 0xc0u) == 0x80u);
    };
    while (!part.empty() && size_of(part) > room) shorten();
    if (!part.empty()) draw->AddText(position, colour, part.data(), part.data() + part.size());
    const float end = size_of(part);
    if (room > 0) draw->AddText(ImVec2(position.x + end, position.y), colour, kEllipsis);
    return std::min(width, end + ImGui::CalcTextSize(kEllipsis).x);
}

std::string shortened_name(std::string_view name) {
    const std::size_t dot = name.find('.');
    if (dot == std::string_view::npos) return std::string(name);
    const std::size_t number = name.substr(0, dot).find_last_not_of("0123456789") + 1;
    if (number == dot || number < 2) return std::string(name);
    return std::string(name.substr(0, 1)) + std::string(name.substr(number));
}

void draw_name_text(ImDrawList* draw, ImVec2 position, float width, ImU32 colour, std::string_view name) {
    constexpr const char* kEllipsis = "..";
    const bool fits = ImGui::CalcTextSize(name.data(), name.data() + name.size()).x <= width;
    const std::string whole = fits ? std::string(name) : shortened_name(name);
    std::string shown = whole;
    // What has no parts is told apart by its beginning.
    if (name.find('.') == std::string_view::npos) {
        draw_clipped_text(draw, position, width, colour, name);
        return;
    }
    // Names are ASCII. A third from the front and two thirds from the back: the end is the more telling one.
    for (std::size_t kept = whole.size(); kept > 4 && ImGui::CalcTextSize(shown.c_str()).x > width; --kept) {
        const std::size_t front = kept / 3;
        shown = whole.substr(0, front) + kEllipsis + whole.substr(whole.size() - (kept - front));
    }
    draw_clipped_text(draw, position, width, colour, shown);
}

}  // namespace halfscope
