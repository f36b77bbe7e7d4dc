#include "gui/workbench.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gui/fonts.h"
#include "gui/imgui_compat.h"
#include "gui/keyboard_focus.h"
#include "gui/menu_bar.h"
#include "gui/overlays.h"
#include "gui/panel_list.h"
#include "gui/run_actions.h"
#include "gui/status_bar.h"
#include "gui/tab_bar.h"
#include "gui/widgets/controls.h"

namespace halfscope {
namespace {

constexpr float kTextPixels = 15, kPresenterPixels = 20;  // a lecture hall needs at least 18

/// A tile's title in small bold capitals.
void draw_title(const Theme& theme, const PanelEntry& panel) {
    if (theme.bold_font) compat::push_font(theme.bold_font);
    ImGui::TextUnformatted(panel.title);
    if (theme.bold_font) ImGui::PopFont();
    help_marker(theme, panel.help);
}

/// The lane where there is most to see when a scenario opens: the last one that stores FP16.
int telling_lane(const Snapshot& snapshot) {
    int id = snapshot.lanes.front().id;
    for (const LaneSnapshot& lane : snapshot.lanes) {
        if (lane.techniques.storage == Format::fp16) id = lane.id;
    }
    return id;
}

}  // namespace

bool Workbench::prepare(float monitor_scale) {
    prepare_keyboard_focus(ui_);
    const float base = ui_.text_size == TextSize::presenter ? kPresenterPixels : kTextPixels;
    const float pixels = std::clamp(std::round(base * monitor_scale * ui_.ui_scale), 8.0f, 72.0f);
    const bool new_fonts = pixels != text_pixels_;
    if (new_fonts) {
        text_pixels_ = pixels;
        theme_.scale = pixels / kTextPixels;
        load_fonts(theme_, pixels);
    }
    if (new_fonts || !has_theme_ || built_theme_ != ui_.theme) {
        has_theme_ = true;
        built_theme_ = ui_.theme;
        set_theme_colours(theme_, ui_.theme);
        apply_theme(theme_);
    }
    return new_fonts;
}

void Workbench::follow(const Snapshot& snapshot) {
    ui_.messages.take(snapshot.messages);
    if (snapshot.lanes.empty()) return;
    const bool is_new = snapshot.scenario.name != seen_scenario_;
    const bool exists =
        std::any_of(snapshot.lanes.begin(), snapshot.lanes.end(),
                    [this](const LaneSnapshot& lane) { return lane.id == ui_.selected_lane; });
    if (is_new || !exists) ui_.selected_lane = telling_lane(snapshot);
    if (is_new) {
        if (!seen_scenario_.empty()) ui_.selected_tensor.clear();
        ui_.hidden_lanes.clear();
        ui_.time.fit();
        ui_.plots.clear();
        seen_scenario_ = snapshot.scenario.name;
    }
    // A removed lane's id may be given to another one, which must not start hidden.
    std::set<int> ids;
    for (const LaneSnapshot& lane : snapshot.lanes) ids.insert(lane.id);
    for (std::size_t run = 0; run < snapshot.overlays.size(); ++run)
        for (const SavedRun::SavedLane& lane : snapshot.overlays[run]->lanes)
            ids.insert(overlay_id(run, lane.id));
    std::erase_if(ui_.hidden_lanes, [&ids](int id) { return !ids.contains(id); });
}

/// What plots, which know no commands, ask of the run.
void Workbench::send_requests(const PanelContext& context) {
    if (const auto step = std::exchange(ui_.requests.go_to_step, std::nullopt))
        context.commands.send(GoToStepCommand{*step});
    if (const auto step = std::exchange(ui_.requests.branch_at_step, std::nullopt)) {
        if (const LaneSnapshot* lane = selected_lane(context.snapshot, ui_))
            branch_lane_at(context, *lane, *step);
    }
}

void Workbench::draw_tile(const PanelContext& context, const Tile& tile) {
    const PanelEntry& panel = panel_of(tile.shown);
    ImGui::SetCursorScreenPos(ImVec2(tile.area.x, tile.area.y));
    ImGui::PushStyleColor(ImGuiCol_ChildBg, theme_.panel_background);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(theme_.px(9), theme_.px(7)));
    compat::begin_child(panel_of(tile.slots.front()).id, ImVec2(tile.area.width, tile.area.height),
                        compat::ChildBorder::drawn,
                        ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse,
                        compat::ChildNavigation::by_itself);
    ImGui::PopStyleVar();
    ImGui::PopStyleColor();
    tile.slots.size() == 1 ? draw_title(theme_, panel) : draw_tabs(theme_, tile, ui_);
    if (compat::begin_child(panel.id, ImVec2(0, 0), compat::ChildBorder::none, 0,
                            compat::ChildNavigation::by_itself)) {
        take_keyboard_focus(ui_, tile.shown);
        panel.draw(context);
    }
    ImGui::EndChild();
    ImGui::EndChild();
    if (ui_.keyboard.is_on && ui_.keyboard.panel == tile.shown) {
        compat::add_rectangle(ImGui::GetWindowDrawList(), ImVec2(tile.area.x, tile.area.y),
                              ImVec2(tile.area.right(), tile.area.bottom()), theme_.accent, theme_.px(4),
                              theme_.stroke(2));
        ui_.probe.value("keyboard/panel", panel.id);
    }
    ui_.probe.rectangle(std::string("tile/") + panel.id, ImVec2(tile.area.x, tile.area.y),
                        ImVec2(tile.area.right(), tile.area.bottom()));
}

/// Where the keyboard asked for it. True where the layout is another one now.
bool Workbench::resize_tile(const Layout& layout) {
    constexpr float kNotch = 24;  // pixels at text scale 1
    const int wider = std::exchange(ui_.requests.wider, 0), taller = std::exchange(ui_.requests.taller, 0);
    if ((wider == 0 && taller == 0) || !ui_.keyboard.panel) return false;
    const auto tile = std::find_if(layout.tiles.begin(), layout.tiles.end(), [this](const Tile& one) {
        return std::find(one.slots.begin(), one.slots.end(), *ui_.keyboard.panel) != one.slots.end();
    });
    if (tile == layout.tiles.end()) return false;
    const auto grow = [&](SplitterLine::Kind kind, int notches, const char* refusal) {
        if (notches == 0) return;
        const float pixels = theme_.px(kNotch) * static_cast<float>(notches);
        if (!grow_tile(ui_.layout, layout, *tile, kind, pixels, theme_.scale)) ui_.messages.note(refusal);
    };
    grow(SplitterLine::Kind::column, wider, "this panel has the whole width");
    grow(SplitterLine::Kind::row, taller, "this panel has the whole height of its column");
    return true;
}

Layout Workbench::layout_of(Area available) {
    const Layout layout = compute_layout(ui_.layout, available, theme_.scale);
    return resize_tile(layout) ? compute_layout(ui_.layout, available, theme_.scale) : layout;
}

void Workbench::draw_splitters(const Layout& layout) {
    int index = 0;
    for (const SplitterLine& splitter : layout.splitters) {
        const bool is_column = splitter.kind == SplitterLine::Kind::column;
        ImGui::SetCursorScreenPos(ImVec2(splitter.area.x, splitter.area.y));
        ImGui::PushID(index++);
        ImGui::InvisibleButton(
            "splitter", ImVec2(std::max(1.0f, splitter.area.width), std::max(1.0f, splitter.area.height)));
        ui_.probe.item("splitter/" + std::to_string(index - 1));
        const bool active = ImGui::IsItemActive();
        if (active || ImGui::IsItemHovered()) {
            ImGui::SetMouseCursor(is_column ? ImGuiMouseCursor_ResizeEW : ImGuiMouseCursor_ResizeNS);
            ImGui::GetWindowDrawList()->AddRectFilled(
                ImVec2(splitter.area.x + (is_column ? theme_.px(2) : 0),
                       splitter.area.y + (is_column ? 0 : theme_.px(2))),
                ImVec2(splitter.area.right() - (is_column ? theme_.px(2) : 0),
                       splitter.area.bottom() - (is_column ? 0 : theme_.px(2))),
                theme_.accent);
        }
        if (active) {
            const ImVec2 delta = ImGui::GetIO().MouseDelta;
            const float pixels = is_column ? delta.x : delta.y;
            if (pixels != 0) move_splitter(ui_.layout, layout, splitter, pixels, theme_.scale);
        }
        ImGui::PopID();
    }
}

void Workbench::draw_fold(const Layout& layout) {
    const Area& area = layout.left_fold;
    ImGui::SetCursorScreenPos(ImVec2(area.x, area.y));
    if (ImGui::InvisibleButton("fold", ImVec2(std::max(1.0f, area.width), std::max(1.0f, area.height)))) {
        ui_.layout.left_folded = !ui_.layout.left_folded;
    }
    ui_.probe.item("layout/fold");
    const bool hovered = ImGui::IsItemHovered();
    item_tooltip(theme_, ui_.layout.left_folded ? "unfold scenario, lanes and techniques"
                                                : "fold this column away: more room for the plots");
    const ImU32 colour = hovered ? theme_.accent : theme_.text_dim;
    const float x = area.x + area.width * 0.5f, y = area.y + area.height * 0.5f, r = theme_.px(4);
    const float tip = ui_.layout.left_folded ? r : -r;
    ImGui::GetWindowDrawList()->AddTriangleFilled(ImVec2(x + tip, y), ImVec2(x - tip, y - 2 * r),
                                                  ImVec2(x - tip, y + 2 * r), colour);
}

void Workbench::draw(const PanelContext& context, double now_s) {
    ui_.probe.begin_frame();
    ui_.requests.another_frame = false;
    ui_.messages.set_clock(now_s);
    follow_mouse(ui_);
    follow(context.snapshot);
    ui_.hovered_step = ui_.next_hovered_step;
    ui_.next_hovered_step.reset();

    const ImVec2 size = ImGui::GetIO().DisplaySize;
    ImGui::SetNextWindowPos(ImVec2(0, 0));
    ImGui::SetNextWindowSize(size);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(0, 0));
    ImGui::Begin("Halfscope", nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings |
                     ImGuiWindowFlags_NoBringToFrontOnFocus | ImGuiWindowFlags_NoScrollWithMouse |
                     ImGuiWindowFlags_MenuBar);
    ImGui::PopStyleVar();
    draw_menu_bar(context);

    const float bar = status_bar_height();
    const float top = ImGui::GetCursorScreenPos().y + theme_.px(1);
    const float margin = theme_.px(5);
    const Layout layout =
        layout_of({0, top, size.x - margin, std::max(1.0f, size.y - top - bar - theme_.px(2))});
    ui_.panels_in_order.clear();
    for (const Tile& tile : layout.tiles) {
        ui_.panels_in_order.insert(ui_.panels_in_order.end(), tile.slots.begin(), tile.slots.end());
        draw_tile(context, tile);
    }
    draw_splitters(layout);
    draw_fold(layout);
    draw_status_bar(context, ImVec2(0, size.y - bar), ImVec2(size.x, size.y));
    draw_focus_ring(theme_, ui_);
    ImGui::End();
    draw_overlays(context);
    send_requests(context);
    textures_.end_frame();
    heat_maps_.end_frame();
    if (std::string sentence = heat_maps_.take_refusal(); !sentence.empty())
        ui_.messages.note(std::move(sentence));
}

}  // namespace halfscope
