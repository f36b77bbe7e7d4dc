#include "gui/panels/microscope_panel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "gui/imgui_compat.h"
#include "gui/widgets/asked_look.h"
#include "gui/widgets/bit_view.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/lane_choice.h"
#include "gui/widgets/scale_strip.h"
#include "gui/widgets/tensor_row.h"
#include "program/percent.h"

namespace halfscope {
namespace {

/// Parameters of the lane, from its probes: the gradients' names.
std::vector<std::string> parameters_of(const LaneSnapshot& lane) {
    std::vector<std::string> names;
    for (const Probe& probe : lane.probes)
        if (probe.kind == ProbeKind::weight) names.push_back(probe.tensor);
    return names;
}

/// The selected tensor where it is a parameter, else the one that swallows the largest share of its updates.
std::string chosen_parameter(const UiState& ui, const LaneSnapshot& lane,
                             const std::vector<std::string>& names) {
    if (std::find(names.begin(), names.end(), ui.selected_tensor) != names.end()) return ui.selected_tensor;
    std::string worst = names.empty() ? "" : names.front();
    double most = 0;
    for (const Probe& probe : lane.probes) {
        if (probe.kind != ProbeKind::update || probe.updates == 0) continue;
        const double share = static_cast<double>(probe.swallowed) / static_cast<double>(probe.updates);
        if (share > most) {
            most = share;
            worst = probe.tensor;
        }
    }
    return worst;
}

void draw_toolbar(const PanelContext& context, const LaneSnapshot& lane,
                  const std::vector<std::string>& names, const std::string& chosen) {
    UiState& ui = context.ui;
    draw_lane_choice(context.theme, ui, context.snapshot, lane, "microscope");
    const float width = ImGui::CalcTextSize("layer1.0.conv1.weight").x + context.theme.px(34);
    flow_to(width);
    ImGui::SetNextItemWidth(width);
    if (ImGui::BeginCombo("##parameter", chosen.c_str())) {
        for (const std::string& name : names) {
            if (combo_entry(name.c_str(), name == chosen)) ui.selected_tensor = name;
            ui.probe.item("microscope/parameter/" + name);
        }
        ImGui::EndCombo();
    }
    ui.probe.item("microscope/parameter");
}

UpdateFate fate(const UpdatePeek& peek, std::size_t element) {
    return fate_of(peek.format, peek.subnormals, peek.stored[element], peek.update[element]);
}

struct FateLook {
    UpdateFate fate;
    const char* name;
    const char* help;
};
constexpr std::array<FateLook, 4> kFates{{
    {UpdateFate::swallowed, "swallowed", "w + d rounds back to w: nothing arrives"},
    {UpdateFate::rounded, "rounded", "the weight moves, by a whole number of its last places instead of d"},
    {UpdateFate::exact, "exact", "the weight moves by d"},
    {UpdateFate::none, "no update", "d is zero"},
}};

const FateLook& look_of(UpdateFate fate) {
    return *std::find_if(kFates.begin(), kFates.end(),
                         [fate](const FateLook& look) { return look.fate == fate; });
}

/// The legend, with counts and shares of all weights.
void draw_legend(const PanelContext& context, const UpdatePeek& peek) {
    const Theme& theme = context.theme;
    const FateCounts& counts = peek.fates;
    const std::uint64_t all[] = {counts.swallowed, counts.rounded, counts.exact, counts.none};
    for (std::size_t i = 0; i < kFates.size(); ++i) {
        const std::string text =
            std::string(kFates[i].name) + " " + percent_text(percent_of(all[i], peek.stored.size())) + "%";
        const float square = ImGui::GetTextLineHeight() * 0.8f,
                    width = square + theme.px(6) + ImGui::CalcTextSize(text.c_str()).x + theme.px(8);
        if (i > 0) flow_to(width);
        const ImVec2 at = ImGui::GetCursorScreenPos();
        ImGui::Dummy(ImVec2(width, ImGui::GetTextLineHeight()));
        item_tooltip(theme, count_text(static_cast<std::int64_t>(all[i])) + " of " +
                                count_text(static_cast<std::int64_t>(peek.stored.size())) +
                                " weights: " + kFates[i].help);
        ImDrawList* draw = ImGui::GetWindowDrawList();
        draw->AddRectFilled(ImVec2(at.x, at.y + theme.px(2)),
                            ImVec2(at.x + square, at.y + theme.px(2) + square),
                            fate_colour(theme, kFates[i].fate));
        draw->AddText(ImVec2(at.x + square + theme.px(5), at.y), theme.text, text.c_str());
        context.ui.probe.value(std::string("microscope/") + kFates[i].name, static_cast<double>(all[i]));
    }
}

/// How the matrix lies in the map, its longer side across: many weights may share a cell; the worst of them
/// is shown.
struct MapGrid {
    std::int64_t rows, cols;  ///< of the matrix
    bool is_turned;           ///< rows lie across
    int width, height;        ///< cells

    /// The first of the weights' rows and columns in a cell's, and of the next one's.
    std::int64_t across() const { return is_turned ? rows : cols; }
    std::int64_t down() const { return is_turned ? cols : rows; }
    std::int64_t first_across(int x) const { return x * across() / width; }
    std::int64_t first_down(int y) const { return y * down() / height; }
    std::int64_t element(std::int64_t along, std::int64_t below) const {
        return is_turned ? along * cols + below : below * cols + along;
    }
    /// The cell of an element.
    std::pair<int, int> cell_of(std::int64_t element) const {
        const std::int64_t row = element / cols, col = element % cols;
        const std::int64_t along = is_turned ? row : col, below = is_turned ? col : row;
        return {static_cast<int>(along * width / across()), static_cast<int>(below * height / down())};
    }
};

MapGrid grid_of(const UpdatePeek& peek) {
    constexpr std::int64_t kMostCells = 1024;
    MapGrid grid{std::max<std::int64_t>(1, peek.rows), std::max<std::int64_t>(1, peek.cols),
                 peek.rows > peek.cols, 1, 1};
    grid.width = static_cast<int>(std::min(grid.across(), kMostCells));
    grid.height = static_cast<int>(std::min(grid.down(), kMostCells));
    return grid;
}

/// The fate most worth a look among the weights of a cell.
UpdateFate worst_fate(const UpdatePeek& peek, const MapGrid& grid, int x, int y) {
    const auto rank = [](UpdateFate one) { return one == UpdateFate::none ? 99 : static_cast<int>(one); };
    UpdateFate worst = UpdateFate::none;
    const std::int64_t end_down = std::max(grid.first_down(y) + 1, grid.first_down(y + 1));
    const std::int64_t end_across = std::max(grid.first_across(x) + 1, grid.first_across(x + 1));
    for (std::int64_t below = grid.first_down(y); below < end_down; ++below) {
        for (std::int64_t along = grid.first_across(x); along < end_across; ++along) {
            const UpdateFate found = fate(peek, static_cast<std::size_t>(grid.element(along, below)));
            if (rank(found) < rank(worst)) worst = found;
        }
    }
    return worst;
}

PixelBlock map_pixels(const Theme& theme, const UpdatePeek& peek, const MapGrid& grid) {
    PixelBlock block{grid.width, grid.height, {}};
    block.pixels.reserve(static_cast<std::size_t>(grid.width) * static_cast<std::size_t>(grid.height));
    for (int y = 0; y < grid.height; ++y)
        for (int x = 0; x < grid.width; ++x)
            block.pixels.push_back(fate_colour(theme, worst_fate(peek, grid, x, y)));
    return block;
}

/// The element that is looked at; where none was chosen, one whose update is swallowed.
std::size_t chosen_element(UiState& ui, const UpdatePeek& peek) {
    Microscope& scope = ui.microscope;
    const auto count = static_cast<std::int64_t>(peek.stored.size());
    if (scope.element_of != peek.tensor || scope.element >= count) {
        scope.element = -1;
        scope.element_of = peek.tensor;
    }
    return scope.element >= 0 ? static_cast<std::size_t>(scope.element) : peek.worth_a_look;
}

/// Where a map lies and how large its cells are.
struct MapPlace {
    ImVec2 min, max, cell;
};

void draw_cell_frame(ImDrawList* draw, const MapGrid& grid, const MapPlace& place, std::int64_t element,
                     ImU32 colour, float thickness) {
    const auto [x, y] = grid.cell_of(element);
    const ImVec2 min(place.min.x + static_cast<float>(x) * place.cell.x,
                     place.min.y + static_cast<float>(y) * place.cell.y);
    compat::add_rectangle(
        draw, ImVec2(min.x - 1, min.y - 1),
        ImVec2(min.x + std::max(place.cell.x, 4.0f) + 1, min.y + std::max(place.cell.y, 4.0f) + 1), colour, 0,
        thickness);
}

/// Lines between cells that are large enough to be told apart.
void draw_cell_lines(ImDrawList* draw, const Theme& theme, const MapGrid& grid, const MapPlace& place) {
    if (place.cell.x < theme.px(6) || place.cell.y < theme.px(6)) return;
    for (int x = 1; x < grid.width; ++x) {
        const float at = place.min.x + static_cast<float>(x) * place.cell.x;
        draw->AddLine(ImVec2(at, place.min.y), ImVec2(at, place.max.y), theme.panel_background);
    }
    for (int y = 1; y < grid.height; ++y) {
        const float at = place.min.y + static_cast<float>(y) * place.cell.y;
        draw->AddLine(ImVec2(place.min.x, at), ImVec2(place.max.x, at), theme.panel_background);
    }
}

void draw_map(const PanelContext& context, const LaneSnapshot& lane, const UpdatePeek& peek,
              std::size_t chosen, float height) {
    const Theme& theme = context.theme;
    const MapGrid grid = grid_of(peek);
    MapPlace place;
    place.min = ImGui::GetCursorScreenPos();
    const float room = ImGui::GetContentRegionAvail().x - theme.px(4);
    const float side = std::min(
        {room / static_cast<float>(grid.width), height / static_cast<float>(grid.height), theme.px(18)});
    // A single row is made tall enough to be hit.
    place.cell =
        ImVec2(side, std::max(side, std::min(height, theme.px(14)) / static_cast<float>(grid.height)));
    const ImVec2 size(side * static_cast<float>(grid.width), place.cell.y * static_cast<float>(grid.height));
    place.max = ImVec2(place.min.x + size.x, place.min.y + size.y);
    ImGui::InvisibleButton("map", ImVec2(std::max(1.0f, size.x), std::max(1.0f, size.y)));
    context.ui.probe.item("microscope/map");
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const std::int64_t version =
        (context.snapshot.run << 44) + (peek.step << 2) + static_cast<int>(theme.kind);
    draw->AddImage(context.textures.picture("microscope/" + std::to_string(lane.id) + "/" + peek.tensor,
                                            version, [&] { return map_pixels(theme, peek, grid); }),
                   place.min, place.max);
    draw_cell_lines(draw, theme, grid, place);
    draw_cell_frame(draw, grid, place, static_cast<std::int64_t>(chosen), theme.text, theme.px(2));
    if (!ImGui::IsItemHovered()) return;
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const int x = std::clamp(static_cast<int>((mouse.x - place.min.x) / place.cell.x), 0, grid.width - 1);
    const int y = std::clamp(static_cast<int>((mouse.y - place.min.y) / place.cell.y), 0, grid.height - 1);
    const std::int64_t element = grid.element(grid.first_across(x), grid.first_down(y));
    draw_cell_frame(draw, grid, place, element, theme.accent, theme.px(1.5f));
    if (ImGui::IsMouseClicked(ImGuiMouseButton_Left)) context.ui.microscope.element = element;
    begin_tooltip(theme);
    ImGui::Text("%s[%lld, %lld]", peek.tensor.c_str(), static_cast<long long>(element / grid.cols),
                static_cast<long long>(element % grid.cols));
    const auto index = static_cast<std::size_t>(element);
    ImGui::Text("w %s, d %s", number_text(static_cast<double>(peek.stored[index]), 6).c_str(),
                number_text(static_cast<double>(peek.update[index]), 4).c_str());
    const FateLook& look = look_of(fate(peek, index));
    ImGui::Text("%s: %s", look.name, look.help);
    end_tooltip();
}

/// A number with its name, its value and its bits.
void draw_number_row(const PanelContext& context, const char* name, Format format, float value,
                     const char* help) {
    const Theme& theme = context.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float names = ImGui::CalcTextSize("stored weight").x + theme.px(8);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw->AddText(at, theme.text_dim, name);
    if (theme.mono_font) compat::push_font(theme.mono_font);
    const float values = ImGui::CalcTextSize("-0.000000e-00").x + theme.px(8);
    char text[32];
    std::snprintf(text, sizeof text, "%.7g", static_cast<double>(value));
    draw->AddText(ImVec2(at.x + names, at.y), theme.text, text);
    if (theme.mono_font) ImGui::PopFont();
    const float left = at.x + names + values;
    const float formats = ImGui::CalcTextSize("fp16").x + theme.px(10);
    const float room = at.x + ImGui::GetContentRegionAvail().x - left - formats;
    const float width = draw_bits(draw, theme, format, value, ImVec2(left, at.y), room);
    const std::string label = format_info(format).name;
    draw->AddText(ImVec2(left + width + theme.px(6), at.y), theme.text_dim, label.c_str());
    const float end = left + width + theme.px(6) + ImGui::CalcTextSize(label.c_str()).x;
    const std::string id = std::string("microscope/bits/") + name;
    context.ui.probe.rectangle(id, ImVec2(left, at.y), ImVec2(end, at.y + bit_height(theme)));
    context.ui.probe.value(id, static_cast<double>(end - left));
    ImGui::Dummy(ImVec2(ImGui::GetContentRegionAvail().x, bit_height(theme) + theme.px(2)));
    item_tooltip(theme, help);
}

std::string text_of(const char* format, double a) {
    char text[160];
    std::snprintf(text, sizeof text, format, a);
    return text;
}

/// What became of it, in one sentence.
std::string verdict(const UpdatePeek& peek, std::size_t element, const UpdateAlternatives& other) {
    const float w = peek.stored[element], d = peek.update[element];
    if (d == 0.0f) return "d is zero: there is nothing to add.";
    const double ratio = std::fabs(static_cast<double>(w) / static_cast<double>(d));
    constexpr double kCounts = 1e15;  // what has more digits reads better as a power
    const std::string factor =
        ratio >= 1e4 && ratio < kCounts ? count_text(std::llround(ratio)) : number_text(ratio);
    const std::string times = w == 0 ? "" : "|w| is " + factor + " times |d|. ";
    switch (fate(peek, element)) {
        case UpdateFate::swallowed:
            return times + "d is below half of w's last place: w + d rounds back to w.";
        case UpdateFate::exact:
            return times + "w + d is a number of this format.";
        case UpdateFate::rounded:
            return times +
                   text_of("w moves by %.3g instead, ",
                           static_cast<double>(other.nearest) - static_cast<double>(w)) +
                   text_of("%.3g of d.", 1.0 - other.swallowed_share);
        case UpdateFate::none:
            break;
    }
    return "";
}

void draw_alternative(const PanelContext& context, const char* name, const std::string& text) {
    const Theme& theme = context.theme;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float names = ImGui::CalcTextSize("neighbours of w + d").x + theme.px(10);
    ImGui::GetWindowDrawList()->AddText(at, theme.text_dim, name);
    // Two numbers stand on one line, beside the name or, where that is too narrow, below it.
    const float numbers = ImGui::CalcTextSize("-0.0000000 and -0.0000000").x;
    const bool is_beside = names + numbers <= ImGui::GetContentRegionAvail().x;
    ImGui::SetCursorScreenPos(is_beside ? ImVec2(at.x + names, at.y)
                                        : ImVec2(at.x + theme.px(14), at.y + ImGui::GetTextLineHeight()));
    ImGui::PushTextWrapPos(ImGui::GetCursorPosX() + std::max(theme.px(80), ImGui::GetContentRegionAvail().x));
    ImGui::TextUnformatted(text.c_str());
    ImGui::PopTextWrapPos();
    context.ui.probe.value(std::string("microscope/alternative/") + name, text);
}

/// The same gradient stored under every loss scale, and the update made of it.
void draw_scales(const PanelContext& context, const UpdatePeek& peek, std::size_t element) {
    const Theme& theme = context.theme;
    const std::vector<ScaledUpdate> updates = updates_under_scales(peek, element);
    draw_alternative(context, "loss scale", scale_sentence(theme, peek, updates));
    draw_scale_strip(theme, context.ui.probe, peek, updates);
    const std::string note =
        "g is " + number_text(static_cast<double>(peek.true_gradient[element]), 4) +
        " in truth (FP32 shadow pass), d made of it " +
        number_text(static_cast<double>(update_of_true_gradient(peek, element)), 4) +
        ". Shown is the storing of this gradient alone: losses upstream are not predicted.";
    wrapped_dim_text(theme, note.c_str());
    item_tooltip(theme,
                 "What another S would save or lose in the activation gradients that this gradient is made "
                 "of cannot be seen here: Scale sweep measures it. The optimizer's state and clipping "
                 "are those of the present step.");
}

/// What other techniques would do to this very update.
void draw_alternatives(const PanelContext& context, const UpdatePeek& peek, std::size_t element,
                       const UpdateAlternatives& other) {
    const Theme& theme = context.theme;
    section_heading(theme, "THIS UPDATE UNDER OTHER TECHNIQUES");
    draw_alternative(
        context, "neighbours of w + d",
        text_of("%.7g", static_cast<double>(other.lower)) +
            (other.lower == other.upper ? ": it is such a number itself"
                                        : text_of(" and %.7g", static_cast<double>(other.upper))));
    draw_alternative(context, "nearest, no master",
                     text_of("w becomes %.7g", static_cast<double>(other.nearest)));
    std::string master = "nothing to add";
    if (peek.update[element] != 0.0f) {
        master = other.updates_until_it_moves == 0 ? "even FP32 swallows it"
                 : other.updates_until_it_moves <= 1
                     ? "the stored weight moves with this update"
                     : text_of("%.0f such updates add up before the stored weight moves",
                               other.updates_until_it_moves);
    }
    draw_alternative(context, "FP32 master copy", master);
    draw_alternative(context, "stochastic rounding",
                     other.lower == other.upper
                         ? "nothing to round"
                         : text_of("%.7g with ", static_cast<double>(other.upper)) +
                               text_of("%.3g%% probability, else ", 100 * other.probability_up) +
                               text_of("%.7g: right on average", static_cast<double>(other.lower)));
    const double left = static_cast<double>(peek.stored[element]) +
                        static_cast<double>(peek.update[element]) - static_cast<double>(other.nearest);
    draw_alternative(context, "Kahan",
                     left == 0 ? "nothing is left over" : text_of("%.3g is kept for the next update", left));
    draw_scales(context, peek, element);
}

void draw_detail(const PanelContext& context, const UpdatePeek& peek, std::size_t element) {
    const Theme& theme = context.theme;
    const UpdateAlternatives other = alternatives_of(peek, element);
    const auto index = static_cast<std::int64_t>(element);
    const std::string title =
        peek.tensor + "[" + std::to_string(index / std::max<std::int64_t>(1, peek.cols)) + ", " +
        std::to_string(index % std::max<std::int64_t>(1, peek.cols)) + "], before step " +
        count_text(peek.step) + (peek.is_skipped ? ": the step will be skipped" : "");
    coloured_text(peek.is_skipped ? theme.error : theme.text, title.c_str());
    if (peek.has_master)
        draw_number_row(context, "master weight", Format::fp32, peek.weight[element],
                        "the FP32 copy that updates are added to (paper 3.1)");
    draw_number_row(context, "stored weight", peek.format, peek.stored[element],
                    "w: what forward and backward read");
    draw_number_row(context, "gradient x S", peek.gradient_format, peek.gradient[element],
                    "as stored: it contains the loss scale");
    draw_number_row(context, "update d", Format::fp32, peek.update[element],
                    "what the optimizer adds, in FP32: unscaled, with learning rate and moments");
    draw_number_row(context, "next stored", peek.format, peek.next_stored[element],
                    "the stored weight after the step, under this lane's techniques");
    ImGui::Dummy(ImVec2(1, theme.px(2)));
    caption_line(theme, "w + d in " + std::string(format_info(peek.format).name) +
                            ", bit by bit; hatched: below its last place");
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float width = ImGui::GetContentRegionAvail().x;
    const float height = draw_addition(ImGui::GetWindowDrawList(), theme, peek.format, peek.stored[element],
                                       peek.update[element], other.nearest, at, width);
    ImGui::Dummy(ImVec2(width, height + theme.px(2)));
    const std::string sentence = verdict(peek, element, other);
    ImGui::TextWrapped("%s", sentence.c_str());
    context.ui.probe.value("microscope/verdict", sentence);
    context.ui.probe.value("microscope/element", static_cast<double>(element));
    draw_alternatives(context, peek, element, other);
}

}  // namespace

void draw_microscope_panel(const PanelContext& context) {
    const LaneSnapshot* lane = lane_to_show(context.theme, context.ui, context.snapshot);
    if (!lane) return;
    const std::vector<std::string> names = parameters_of(*lane);
    const std::string chosen = chosen_parameter(context.ui, *lane, names);
    draw_toolbar(context, *lane, names, chosen);
    if (chosen.empty()) {
        empty_state(context.theme, "Waiting for the first probe: run, or make one step (Right).");
        return;
    }
    if (is_look_due(context.ui.microscope.asked, context.snapshot, *lane, chosen))
        context.commands.send(PeekUpdateCommand{lane->name, chosen});
    if (!lane->peek || lane->peek->tensor != chosen || lane->peek->stored.empty()) {
        empty_state(context.theme, "Looking at the next update ...");
        return;
    }
    const UpdatePeek& peek = *lane->peek;
    const std::string caption =
        std::string("w + d where the ") + format_info(peek.format).name +
        " weight takes the update by itself" +
        (peek.has_master ? "; this lane has a master copy, which takes it instead" : "");
    caption_line(context.theme, caption);
    draw_legend(context, peek);
    const std::size_t element = chosen_element(context.ui, peek);
    const float room = ImGui::GetContentRegionAvail().y;
    compat::begin_child("scope", ImVec2(0, 0), compat::ChildBorder::none);
    draw_map(context, *lane, peek, element, std::max(context.theme.px(60), room * 0.34f));
    draw_detail(context, peek, element);
    ImGui::EndChild();
}

}  // namespace halfscope
