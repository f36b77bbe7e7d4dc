#include "gui/widgets/scale_strip.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "numerics/format.h"

namespace halfscope {
namespace {

/// How a cell of either strip looks: two of the same look are one part.
struct CellLook {
    const char* name;
    ImU32 colour;
    HatchStyle hatch;
    bool operator==(const CellLook& other) const { return name == other.name; }
};

CellLook band_look(const Theme& theme, Band band, const char* name) {
    const BandLook look = theme.band(band);
    return {name, look.solid, look.style};
}

CellLook gradient_look(const Theme& theme, const ScaledUpdate& update) {
    switch (update.gradient_class) {
        case NumberClass::true_zero:
            return {"zero", theme.grid, HatchStyle::none};
        case NumberClass::flushed:
            return band_look(theme, Band::flushed, "flushed");
        case NumberClass::subnormal:
            return band_look(theme, Band::subnormal, "subnormal");
        case NumberClass::normal:
            return band_look(theme, Band::normal, "normal");
        case NumberClass::inf:
            return band_look(theme, Band::overflow, "overflow");
        case NumberClass::nan:
            break;
    }
    return {"NaN", theme.error, HatchStyle::none};
}

CellLook update_look(const Theme& theme, const ScaledUpdate& update) {
    if (!update.is_finite()) return band_look(theme, Band::overflow, "not finite");
    return {fate_name(update.fate), fate_colour(theme, update.fate), HatchStyle::none};
}

struct StripArea {
    ImVec2 min;
    float width, row;
    std::size_t cells;
    float x(std::size_t cell) const {
        return min.x + width * static_cast<float>(cell) / static_cast<float>(cells);
    }
};

/// One strip: neighbours of one look are one part, with its name where that fits, else its first letter.
void draw_parts(ImDrawList* draw, const Theme& theme, const StripArea& area, float top,
                const std::vector<CellLook>& looks) {
    for (std::size_t first = 0; first < looks.size();) {
        std::size_t end = first + 1;
        while (end < looks.size() && looks[end] == looks[first]) ++end;
        const ImVec2 min(area.x(first), top), max(area.x(end), top + area.row);
        draw->AddRectFilled(min, max, with_opacity(looks[first].colour, 0.45f));
        draw_hatch(draw, min, max, looks[first].hatch, with_opacity(looks[first].colour, 0.8f), theme.px(6));
        std::string text = looks[first].name;
        const float room = max.x - min.x - theme.px(4);
        if (ImGui::CalcTextSize(text.c_str()).x > room) text.resize(1);
        const ImVec2 size = ImGui::CalcTextSize(text.c_str());
        if (size.x <= room)
            draw->AddText(ImVec2((min.x + max.x - size.x) * 0.5f, top + (area.row - size.y) * 0.5f),
                          theme.text, text.c_str());
        if (first > 0) draw->AddLine(min, ImVec2(min.x, max.y), theme.panel_background);
        first = end;
    }
    compat::add_rectangle(draw, ImVec2(area.min.x, top), ImVec2(area.min.x + area.width, top + area.row),
                          theme.panel_border, 0, 1);
}

/// Powers of two below the strips, and a triangle at the lane's own.
void draw_scales(ImDrawList* draw, const Theme& theme, const StripArea& area, double lane_scale) {
    const float bottom = area.min.y + 2 * area.row + theme.px(2);
    const float cell = area.width / static_cast<float>(area.cells);
    for (int scale = kLowestSweptScale; scale <= kHighestSweptScale; scale += 10) {
        const std::string text = (scale == kLowestSweptScale ? "S = " : "") + theme.power_of_two(scale);
        const float wide = ImGui::CalcTextSize(text.c_str()).x;
        const float middle = area.x(static_cast<std::size_t>(scale - kLowestSweptScale)) + cell * 0.5f;
        draw->AddText(ImVec2(std::clamp(middle - wide * 0.5f, area.min.x, area.min.x + area.width - wide),
                             bottom + theme.px(6)),
                      theme.text_dim, text.c_str());
    }
    const auto at = static_cast<float>(std::log2(lane_scale) - kLowestSweptScale);
    if (!(at >= 0) || at > static_cast<float>(area.cells - 1)) return;
    const float x = area.min.x + (at + 0.5f) * cell;
    draw->AddLine(ImVec2(x, area.min.y - theme.px(1)), ImVec2(x, bottom), theme.text, theme.px(1.5f));
    draw_marker(draw, ImVec2(x, bottom + theme.px(2)), theme.px(4), MarkerShape::triangle_up, theme.text);
}

void draw_tooltip(const Theme& theme, const UpdatePeek& peek, const ScaledUpdate& one) {
    const auto text = [](float value) { return number_text(static_cast<double>(value), 5); };
    const std::string looks = gradient_look(theme, one).name;
    begin_tooltip(theme);
    ImGui::Text("S = %s%s", theme.power_of_two(one.scale_log2).c_str(),
                std::ldexp(1.0, one.scale_log2) == peek.loss_scale ? " (this lane's)" : "");
    ImGui::TextWrapped("g x S = %s, stored in %s as %s: %s%s", text(one.scaled).c_str(),
                       format_info(peek.gradient_format).name, text(one.stored).c_str(), looks.c_str(),
                       !one.is_finite() || one.scaled == 0 ? ""
                       : one.stored == one.scaled          ? ", exact"
                                                           : ", rounded");
    if (one.is_finite()) {
        ImGui::TextWrapped("update d = %s: %s", text(one.update).c_str(), fate_name(one.fate));
    } else {
        ImGui::TextWrapped("the step is skipped, or else the weight is lost");
    }
    end_tooltip();
}

}  // namespace

ImU32 fate_colour(const Theme& theme, UpdateFate fate) {
    switch (fate) {
        case UpdateFate::swallowed:
            return theme.band(Band::flushed).solid;
        case UpdateFate::rounded:
            return theme.band(Band::subnormal).solid;
        case UpdateFate::exact:
            return theme.good;
        case UpdateFate::none:
            break;
    }
    return theme.grid;
}

const char* fate_name(UpdateFate fate) {
    switch (fate) {
        case UpdateFate::swallowed:
            return "swallowed";
        case UpdateFate::rounded:
            return "rounded";
        case UpdateFate::exact:
            return "exact";
        case UpdateFate::none:
            break;
    }
    return "no update";
}

void draw_scale_strip(const Theme& theme, UiProbe& probe, const UpdatePeek& peek,
                      const std::vector<ScaledUpdate>& updates) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float names = ImGui::CalcTextSize("g x S stored").x + theme.px(8);
    const float row = ImGui::GetTextLineHeight() + theme.px(2);
    const StripArea area{ImVec2(at.x + names, at.y),
                         std::max(theme.px(80), ImGui::GetContentRegionAvail().x - names - theme.px(4)), row,
                         updates.size()};
    std::vector<CellLook> gradients, fates;
    for (const ScaledUpdate& one : updates) {
        gradients.push_back(gradient_look(theme, one));
        fates.push_back(update_look(theme, one));
        const std::string id = "microscope/scale/" + std::to_string(one.scale_log2);
        probe.value(id + "/gradient", gradients.back().name);
        probe.value(id + "/update", fates.back().name);
    }
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw->AddText(ImVec2(at.x, at.y + theme.px(1)), theme.text_dim, "g x S stored");
    draw->AddText(ImVec2(at.x, at.y + row + theme.px(1)), theme.text_dim, "w + d");
    draw_parts(draw, theme, area, at.y, gradients);
    draw_parts(draw, theme, area, at.y + row, fates);
    draw_scales(draw, theme, area, peek.loss_scale);
    ImGui::Dummy(ImVec2(names, 1));
    ImGui::SetCursorScreenPos(area.min);
    ImGui::InvisibleButton("scales", ImVec2(area.width, 2 * row));
    probe.item("microscope/scales");
    if (ImGui::IsItemHovered()) {
        const float along = (ImGui::GetIO().MousePos.x - area.min.x) / area.width;
        const auto cell = static_cast<std::size_t>(std::clamp(along * static_cast<float>(updates.size()),
                                                              0.0f, static_cast<float>(updates.size() - 1)));
        compat::add_rectangle(draw, ImVec2(area.x(cell), at.y), ImVec2(area.x(cell + 1), at.y + 2 * row),
                              theme.accent, 0, theme.px(1.5f));
        draw_tooltip(theme, peek, updates[cell]);
    }
    ImGui::SetCursorScreenPos(ImVec2(at.x, at.y + 2 * row));
    ImGui::Dummy(ImVec2(1, ImGui::GetTextLineHeight() + theme.px(8)));
}

std::string scale_sentence(const Theme& theme, const UpdatePeek& peek,
                           const std::vector<ScaledUpdate>& updates) {
    const float gradient = updates[static_cast<std::size_t>(-kLowestSweptScale)].scaled;  // S = 1
    if (gradient == 0) return "the true gradient is zero: no scale changes that";
    if (!std::isfinite(gradient)) return "the true gradient is not finite";
    const auto count_of = [&](NumberClass kind) {
        return std::count_if(updates.begin(), updates.end(),
                             [kind](const ScaledUpdate& one) { return one.gradient_class == kind; });
    };
    const auto flushed = static_cast<int>(count_of(NumberClass::flushed));
    const auto infinite = static_cast<int>(count_of(NumberClass::inf));
    std::string text;
    if (flushed > 0) text = "stored as zero below S = " + theme.power_of_two(kLowestSweptScale + flushed);
    if (infinite > 0)
        text += std::string(text.empty() ? "" : ", ") +
                "infinite from S = " + theme.power_of_two(kHighestSweptScale + 1 - infinite);
    if (text.empty()) text = "no scale shown here loses it";
    return text + " (" + format_info(peek.gradient_format).name + ")";
}

}  // namespace halfscope
