#include "gui/widgets/precision_search_view.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/lane_choice.h"

namespace halfscope {
namespace {

constexpr std::array<double, 6> kThresholds{0.0001, 0.001, 0.01, 0.03, 0.1, 0.3};
constexpr std::size_t kMostRows = 6;  // the rest is scrolled to

bool searches(const Snapshot& snapshot, const LaneSnapshot& lane) {
    return snapshot.measured == Measured::layers && snapshot.measured_lane == lane.id;
}

std::string threshold_text(double threshold) { return number_text(100.0 * threshold) + "%"; }

std::string layers_text(const PrecisionSearch& search, const std::vector<std::size_t>& layers) {
    std::string text;
    for (const std::size_t layer : layers) text += (text.empty() ? "" : ", ") + search.layers[layer].name;
    return text;
}

std::string move_text(const PrecisionSearch& search, const SearchMove& move) {
    switch (move.kind) {
        case SearchMove::Kind::start:
            return "nothing kept";
        case SearchMove::Kind::everything:
            return "everything kept";
        case SearchMove::Kind::add:
            return "+ " + layers_text(search, move.layers);
        case SearchMove::Kind::remove:
            return "- " + layers_text(search, move.layers);
    }
    return {};
}

std::string result_text(const PrecisionSearch& search) {
    const std::string below = threshold_text(search.threshold);
    const std::string kept =
        std::to_string(search.kept.size()) + " of " + std::to_string(search.layers.size()) + " layers";
    switch (search.outcome) {
        case PrecisionSearch::Outcome::searching:
            return "ended before the goal: " + kept + " kept so far";
        case PrecisionSearch::Outcome::reached:
            return kept + " in FP32 bring every weight gradient's error to " + below + " or less";
        case PrecisionSearch::Outcome::not_needed:
            return "every weight gradient's error is at most " + below + " as it is";
        case PrecisionSearch::Outcome::out_of_reach:
            return "not even with everything in FP32 are all errors at most " + below +
                   "; try another loss scale";
    }
    return {};
}

void draw_threshold(const Theme& theme, UiState& ui) {
    ImGui::AlignTextToFramePadding();
    dim_text(theme, "gradient error at most");
    ImGui::SameLine();
    ImGui::SetNextItemWidth(ImGui::CalcTextSize("0.01%").x + 2 * ImGui::GetFrameHeight());
    if (ImGui::BeginCombo("##threshold", threshold_text(ui.search_threshold).c_str())) {
        for (const double threshold : kThresholds) {
            if (combo_entry(threshold_text(threshold).c_str(), threshold == ui.search_threshold))
                ui.search_threshold = threshold;
            ui.probe.item("network/threshold/" + number_text(threshold));
        }
        ImGui::EndCombo();
    }
    ui.probe.item("network/threshold");
    item_tooltip(theme,
                 "Of every weight gradient: ||g - s|| / ||s|| against the shadow pass, FP32 at the same "
                 "weights.");
}

/// Search or Cancel, with how far it is.
void draw_controls(const Theme& theme, UiState& ui, const Snapshot& snapshot, const LaneSnapshot& lane,
                   SearchAsk& ask) {
    const bool is_searching = searches(snapshot, lane);
    const PrecisionSearch* search = lane.search.get();
    if (is_searching) {
        if (ImGui::Button("Cancel")) ask.cancel = true;
        ui.probe.item("network/cancel_search");
        ImGui::SameLine();
        const std::string progress =
            search
                ? "layer " + std::to_string(search->tried + 1) + " of " + std::to_string(search->to_try) +
                      " of this round, " + std::to_string(search->measured) + " sets measured; training waits"
                : "training waits";
        ImGui::AlignTextToFramePadding();
        dim_text(theme, progress.c_str());
        return;
    }
    draw_threshold(theme, ui);
    const bool is_fp32 = lane.techniques.storage == Format::fp32;
    flow_to_button("Find layers to keep in FP32");
    ImGui::BeginDisabled(is_fp32 || snapshot.state == RunState::failed);
    if (ImGui::Button("Find layers to keep in FP32")) ask.search_below = ui.search_threshold;
    ImGui::EndDisabled();
    ui.probe.item("network/search");
    item_tooltip(theme, is_fp32 ? "This lane stores everything in FP32; choose one of 16 bits."
                                : "Greedy: keeps the layer that helps most, measures again, until every "
                                  "weight gradient's error at the present weights and loss scale is small "
                                  "enough; then leaves out again what turned out not to be needed. Every "
                                  "error is measured by passes on the next batch. Training waits.");
}

/// A move's worst error as a bar from 1e-6 to 10, the threshold as a line across all of them.
void draw_error_bar(const Theme& theme, const PrecisionSearch& search, const SearchMove& move, ImVec2 min,
                    ImVec2 max) {
    constexpr double kLow = -6, kHigh = 1;
    const auto x_of = [&](double error) {
        const double along = error > 0 ? (std::log10(error) - kLow) / (kHigh - kLow) : 0.0;
        return min.x + static_cast<float>(std::clamp(along, 0.0, 1.0)) * (max.x - min.x);
    };
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw->AddRectFilled(min, max, theme.plot_background);
    const bool is_finite = std::isfinite(move.worst_error);
    const ImVec2 end(is_finite ? x_of(move.worst_error) : max.x, max.y);
    const BandLook look = theme.band(Band::overflow);
    if (is_finite) {
        draw->AddRectFilled(min, end, move.above > 0 ? theme.error : theme.good);
    } else {
        draw_band(draw, min, max, look, theme.scale);
    }
    const float x = x_of(search.threshold);
    draw->AddLine(ImVec2(x, min.y - theme.px(2)), ImVec2(x, max.y + theme.px(2)), theme.text, theme.px(1.5f));
}

/// In the unit of the threshold.
std::string move_error_text(double error) {
    if (!std::isfinite(error)) return "not finite";
    const double percent = 100.0 * error;
    return (percent < 1000 ? number_text(percent, 3) : count_text(std::llround(percent))) + "%";
}

std::string numbers_text(const SearchMove& move) {
    return move_error_text(move.worst_error) + ", " + std::to_string(move.above) + " above, " +
           bytes_text(move.bytes);
}

void draw_move(const Theme& theme, UiState& ui, const PrecisionSearch& search, std::size_t index) {
    const SearchMove& move = search.moves[index];
    const float line = ImGui::GetTextLineHeight(), width = ImGui::GetContentRegionAvail().x;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImGui::Dummy(ImVec2(width, line + theme.px(3)));
    float numbers = 0;
    for (const SearchMove& other : search.moves)
        numbers = std::max(numbers, ImGui::CalcTextSize(numbers_text(other).c_str()).x + theme.px(12));
    // Bars where there is room for them; else the names have it.
    const bool has_bars = width * 0.64f - numbers > theme.px(40);
    const float name = has_bars ? width * 0.36f : std::max(theme.px(90), width - numbers);
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw_clipped_text(draw, at, name - theme.px(6), theme.text, move_text(search, move));
    const float right = at.x + width - numbers;
    if (has_bars) {
        draw_error_bar(theme, search, move, ImVec2(at.x + name, at.y + theme.px(3)),
                       ImVec2(right, at.y + line - theme.px(1)));
    }
    draw_clipped_text(draw, ImVec2(std::max(right, at.x + name) + theme.px(8), at.y), numbers,
                      move.above > 0 ? theme.error : theme.text, numbers_text(move));
    const std::string id = "network/move/" + std::to_string(index);
    ui.probe.value(id, move.worst_error);
    ui.probe.value(id + "/text", move_text(search, move));
    ui.probe.value(id + "/numbers", numbers_text(move));
    if (!ImGui::IsItemHovered()) return;
    begin_tooltip(theme);
    ImGui::Text("%s: worst relative error %s", move_text(search, move).c_str(),
                move_error_text(move.worst_error).c_str());
    ImGui::Text("%zu of %zu weight gradients above %s", move.above, search.tensors.size(),
                threshold_text(search.threshold).c_str());
    ImGui::Text("%s that the lane takes", bytes_text(move.bytes).c_str());
    end_tooltip();
}

void draw_moves(const Theme& theme, UiState& ui, const PrecisionSearch& search) {
    const float row = ImGui::GetTextLineHeight() + theme.px(3) + ImGui::GetStyle().ItemSpacing.y;
    const auto rows = static_cast<float>(std::min(search.moves.size(), kMostRows));
    compat::begin_child("moves", ImVec2(0, rows * row + theme.px(2)), compat::ChildBorder::none);
    for (std::size_t index = 0; index < search.moves.size(); ++index) draw_move(theme, ui, search, index);
    ImGui::EndChild();
}

}  // namespace

SearchAsk draw_precision_search(const Theme& theme, UiState& ui, const Snapshot& snapshot,
                                const LaneSnapshot& lane) {
    SearchAsk ask;
    draw_controls(theme, ui, snapshot, lane, ask);
    const PrecisionSearch* search = lane.search.get();
    if (!search || search->moves.empty()) return ask;
    const bool is_searching = searches(snapshot, lane);
    if (!is_searching) {
        const bool reached = search->outcome == PrecisionSearch::Outcome::reached;
        const std::string value = kept_layers_text(search->layers, search->kept);
        ui.probe.value("network/found", value);
        ImGui::PushTextWrapPos(0.0f);
        coloured_text(reached ? theme.good : theme.text,
                      (result_text(*search) + " (after step " + count_text(search->step) +
                       ", S = " + scale_label(theme, search->loss_scale) + ")")
                          .c_str());
        ImGui::PopTextWrapPos();
        if (reached) {
            Techniques wanted = lane.techniques;
            set_technique(wanted, "keep_fp32", value);  // the order of names is its own
            const bool is_taken = wanted.keep_fp32 == lane.techniques.keep_fp32;
            const char* label = is_taken ? "They are kept" : "Keep them in FP32";
            ImGui::BeginDisabled(is_taken);
            if (ImGui::SmallButton(label)) ask.keep = value;
            ImGui::EndDisabled();
            ui.probe.value("network/keep_found", label);
            ui.probe.item("network/keep_found");
            item_tooltip(theme,
                         "Sets the technique keep_fp32 = " + value + " for this lane. It can be undone.");
        }
    }
    caption_line(theme, "after each move: worst error, weight gradients above " +
                            threshold_text(search->threshold) + ", memory of the lane");
    draw_moves(theme, ui, *search);
    return ask;
}

}  // namespace halfscope
