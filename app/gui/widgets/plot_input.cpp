#include "gui/widgets/plot_input.h"

#include <algorithm>

#include "gui/imgui_compat.h"

namespace halfscope {
namespace {

constexpr double kLeastSteps = 4;       // a closer look at whole numbers shows nothing
constexpr float kClickIsNoDrag = 4.0f;  // pixels
constexpr double kZoomPerNotch = 0.85;

void show_steps(UiState& ui, double first, double last) {
    if (last - first < kLeastSteps) {
        const double middle = (first + last) * 0.5;
        first = middle - kLeastSteps * 0.5;
        last = middle + kLeastSteps * 0.5;
    }
    ui.time.follows = false;
    ui.time.first = first;
    ui.time.last = last;
}

void show_values(PlotState& state, double low, double high) {
    if (!(high > low)) return;
    state.y_low = low;
    state.y_high = high;
}

void zoom(const PlotFrame& frame, float notches, bool values, UiState& ui, PlotState& state) {
    const double factor = std::pow(kZoomPerNotch, notches);
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    if (values) {
        const double centre = frame.axis_at(mouse.y);
        show_values(state, centre + (frame.y_low - centre) * factor,
                    centre + (frame.y_high - centre) * factor);
    } else {
        const double centre = frame.step_at(mouse.x);
        show_steps(ui, centre + (frame.steps.first - centre) * factor,
                   centre + (frame.steps.last - centre) * factor);
    }
}

void pan(const PlotFrame& frame, const PlotItem& item, UiState& ui, PlotState& state) {
    const ImVec2 delta = ImGui::GetIO().MouseDelta;
    const float drop = ImGui::GetIO().MousePos.y - state.drag_start.y;
    if (delta.x != 0 && !item.over_value_axis) {
        const double steps = frame.step_at(frame.min.x) - frame.step_at(frame.min.x + delta.x);
        show_steps(ui, frame.steps.first + steps, frame.steps.last + steps);
    }
    // Values follow the data until the drag is clearly meant for them.
    const bool meant = state.y_low.has_value() || std::abs(drop) > 3 * kClickIsNoDrag;
    if (delta.y != 0 && meant) {
        const double values = frame.axis_at(frame.min.y) - frame.axis_at(frame.min.y + delta.y);
        show_values(state, frame.y_low + values, frame.y_high + values);
    }
}

void zoom_to_box(const PlotFrame& frame, UiState& ui, PlotState& state) {
    const ImVec2 from = state.drag_start, to = ImGui::GetIO().MousePos;
    const auto [left, right] = std::minmax(from.x, to.x);
    const auto [top, bottom] = std::minmax(from.y, to.y);
    show_steps(ui, frame.step_at(std::max(left, frame.min.x)), frame.step_at(std::min(right, frame.max.x)));
    show_values(state, frame.axis_at(std::min(bottom, frame.max.y)),
                frame.axis_at(std::max(top, frame.min.y)));
}

bool moved(const PlotState& state) {
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    return std::abs(mouse.x - state.drag_start.x) > kClickIsNoDrag ||
           std::abs(mouse.y - state.drag_start.y) > kClickIsNoDrag;
}

}  // namespace

bool handle_plot_input(const PlotFrame& frame, const PlotItem& item, UiState& ui, PlotState& state,
                       const Theme&) {
    using Drag = PlotState::Drag;
    const ImGuiIO& io = ImGui::GetIO();
    if (item.is_hovered) {
        if (ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)) {
            ui.time.fit();
            state.fit();
            state.drag = Drag::none;
            return false;
        }
        if (io.MouseWheel != 0) zoom(frame, io.MouseWheel, io.KeyCtrl || item.over_value_axis, ui, state);
        if (ImGui::IsMouseClicked(ImGuiMouseButton_Left) || ImGui::IsMouseClicked(ImGuiMouseButton_Right)) {
            state.drag = ImGui::IsMouseClicked(ImGuiMouseButton_Left) ? Drag::pan : Drag::box;
            state.drag_start = io.MousePos;
        }
    }
    if (state.drag == Drag::pan) {
        if (!ImGui::IsMouseDown(ImGuiMouseButton_Left)) {
            state.drag = Drag::none;
        } else if (moved(state) || !ui.time.follows) {
            pan(frame, item, ui, state);
        }
    } else if (state.drag == Drag::box && !ImGui::IsMouseDown(ImGuiMouseButton_Right)) {
        state.drag = Drag::none;
        if (!moved(state)) return item.is_hovered;
        zoom_to_box(frame, ui, state);
    }
    return false;
}

void draw_box_zoom(const PlotFrame& frame, const PlotState& state, const Theme& theme) {
    if (state.drag != PlotState::Drag::box || !moved(state)) return;
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const auto inside = [&frame](ImVec2 point) {
        return ImVec2(std::clamp(point.x, frame.min.x, frame.max.x),
                      std::clamp(point.y, frame.min.y, frame.max.y));
    };
    const ImVec2 a = inside(state.drag_start), b = inside(mouse);
    const ImVec2 min(std::min(a.x, b.x), std::min(a.y, b.y)), max(std::max(a.x, b.x), std::max(a.y, b.y));
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw->AddRectFilled(min, max, theme.accent_soft);
    compat::add_rectangle(draw, min, max, theme.accent, 0.0f, 1.0f);
}

}  // namespace halfscope
