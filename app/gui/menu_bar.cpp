#include "gui/menu_bar.h"

#include <string>

#include "gui/keyboard_focus.h"
#include "gui/run_actions.h"
#include "gui/time_bar.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"

namespace halfscope {
namespace {

void draw_file_menu(const PanelContext& context) {
    UiState& ui = context.ui;
    if (!begin_menu(ui, "File")) return;
    if (ImGui::MenuItem("Open data, scenario or recipe...", "Ctrl O")) ui.dialogs.open_data = true;
    ui.probe.item("menu/open_data");
    if (ImGui::MenuItem("Open checkpoint...")) ui.dialogs.open_checkpoint = true;
    ui.probe.item("menu/open_checkpoint");
    if (ImGui::MenuItem("Open tensors...")) ui.dialogs.open_tensors = true;
    ui.probe.item("menu/open_tensors");
    if (ImGui::MenuItem("Save checkpoint...", "Ctrl S")) ui.dialogs.save_checkpoint = true;
    ui.probe.item("menu/save_checkpoint");
    if (ImGui::MenuItem("Save recipe...")) {
        ui.dialogs.save_recipe = true;
        ui.dialogs.recipe_path.clear();
    }
    ui.probe.item("menu/save_recipe");
    if (ImGui::MenuItem("Lay a saved run over this one...")) ui.dialogs.open_overlay = true;
    ui.probe.item("menu/open_overlay");
    if (ImGui::MenuItem("Take away what is laid over", nullptr, false, !context.snapshot.overlays.empty()))
        context.commands.send(RemoveOverlaysCommand{});
    ui.probe.item("menu/remove_overlays");
    ImGui::Separator();
    if (ImGui::MenuItem("Screenshot", "F2")) ui.requests.screenshot = true;
    if (ImGui::MenuItem("Export all curves as CSV")) ui.requests.export_history = true;
    ImGui::Separator();
    if (ImGui::MenuItem("Quit", "Ctrl Q")) ui.requests.quit = true;
    ImGui::EndMenu();
}

/// How much memory the states take that the run can go back to.
void draw_history_menu(const PanelContext& context) {
    if (!ImGui::BeginMenu("Memory for going back")) return;
    const Snapshot& snapshot = context.snapshot;
    dim_text(context.theme,
             (std::to_string(snapshot.kept_states) + " states kept, " + bytes_text(snapshot.kept_bytes) +
              ", from step " + count_text(snapshot.first_kept_step))
                 .c_str());
    for (const std::uint64_t mebibytes : {0u, 64u, 256u, 1024u, 4096u}) {
        const std::uint64_t bytes = mebibytes << 20;
        const std::string label = mebibytes == 0 ? "none" : "at most " + bytes_text(bytes);
        if (ImGui::MenuItem(label.c_str(), nullptr, snapshot.most_kept_bytes == bytes))
            context.commands.send(SetHistoryCommand{bytes});
    }
    ImGui::EndMenu();
}

void draw_run_menu(const PanelContext& context) {
    if (!begin_menu(context.ui, "Run")) return;
    const bool runs = context.snapshot.state == RunState::running;
    if (ImGui::MenuItem(runs ? "Pause" : "Run", "Space")) toggle_run(context);
    if (ImGui::MenuItem("One step", "Right")) one_step(context);
    if (ImGui::MenuItem("One step back", "Left", false, context.snapshot.next_step > 0)) step_back(context);
    context.ui.probe.item("menu/step_back");
    if (ImGui::MenuItem("Restart, same seed", "R")) restart(context);
    if (ImGui::MenuItem("Restart, next seed")) {
        context.commands.send(SeedCommand{context.snapshot.settings.seed + 1});
    }
    draw_history_menu(context);
    ImGui::Separator();
    if (ImGui::MenuItem("Undo the change of techniques", "Ctrl Z", false, context.snapshot.can_undo))
        undo(context);
    if (ImGui::MenuItem("Redo it", "Ctrl Y", false, context.snapshot.can_redo)) redo(context);
    ImGui::Separator();
    const LaneSnapshot* lane = selected_lane(context.snapshot, context.ui);
    if (ImGui::MenuItem("Branch the selected lane", "B", false, lane != nullptr) && lane)
        branch_lane(context, *lane);
    if (ImGui::MenuItem("Halve its loss scale", "[")) multiply_loss_scale(context, 0.5);
    if (ImGui::MenuItem("Double its loss scale", "]")) multiply_loss_scale(context, 2.0);
    ImGui::EndMenu();
}

void draw_layout_menu(UiState& ui) {
    if (!ImGui::BeginMenu("Layout")) return;
    const auto item = [&ui](const char* label, const char* id, LayoutPreset preset) {
        if (ImGui::MenuItem(label)) ui.layout = layout_preset(preset);
        ui.probe.item(std::string("menu/layout/") + id);
    };
    item("Explore: as at the start", "explore", LayoutPreset::explore);
    item("Lesson: curves and the model, large", "lesson", LayoutPreset::lesson);
    item("Debug: gradients, large", "debug", LayoutPreset::debug);
    item("Compare: FP32 vs FP16, large", "compare", LayoutPreset::compare);
    ImGui::EndMenu();
}

void draw_theme_menu(UiState& ui) {
    if (!ImGui::BeginMenu("Theme")) return;
    for (const ThemeKind kind : {ThemeKind::dark, ThemeKind::light, ThemeKind::high_contrast}) {
        const bool is_next = next_theme(ui.theme) == kind;
        if (ImGui::MenuItem(theme_name(kind), is_next ? "T" : nullptr, ui.theme == kind)) ui.theme = kind;
        ui.probe.item(std::string("menu/theme/") + theme_key(kind));
    }
    ImGui::EndMenu();
}

void draw_view_menu(UiState& ui) {
    if (!begin_menu(ui, "View")) return;
    if (ImGui::MenuItem("Logarithmic loss", "L", ui.loss_axis == AxisScale::logarithmic))
        toggle_loss_axis(ui);
    if (ImGui::MenuItem("Loss as difference to the first lane", "D", ui.loss_difference))
        toggle_loss_difference(ui);
    ui.probe.item("menu/loss_difference");
    if (ImGui::MenuItem("Recent steps", nullptr, ui.time.follows && ui.time.range == TimeRange::recent)) {
        ui.time.range = TimeRange::recent;
        fit_plots(ui);
    }
    if (ImGui::MenuItem("All steps", nullptr, ui.time.follows && ui.time.range == TimeRange::all)) {
        ui.time.range = TimeRange::all;
        fit_plots(ui);
    }
    if (ImGui::MenuItem("Fit", "F")) fit_plots(ui);
    ImGui::Separator();
    draw_theme_menu(ui);
    if (ImGui::MenuItem("Presenter: large text", "F11", ui.text_size == TextSize::presenter))
        toggle_presenter(ui);
    if (ImGui::MenuItem("Larger", "Ctrl +")) change_ui_scale(ui, 1);
    if (ImGui::MenuItem("Smaller", "Ctrl -")) change_ui_scale(ui, -1);
    if (ImGui::MenuItem("Normal size", "Ctrl 0")) change_ui_scale(ui, 0);
    ImGui::Separator();
    if (ImGui::MenuItem("Fold the left column", "Tab", ui.layout.left_folded)) {
        ui.layout.left_folded = !ui.layout.left_folded;
    }
    draw_layout_menu(ui);
    ImGui::EndMenu();
}

void draw_help_menu(UiState& ui) {
    if (!begin_menu(ui, "Help")) return;
    if (ImGui::MenuItem("Keys", "F1")) ui.dialogs.keys = true;
    if (ImGui::MenuItem("What the paper found")) ui.dialogs.paper = true;
    if (ImGui::MenuItem("Your gradients from PyTorch")) ui.dialogs.dump_help = true;
    ui.probe.item("menu/dump_help");
    if (ImGui::MenuItem("Messages so far")) ui.dialogs.log = true;
    if (ImGui::MenuItem("About Halfscope")) ui.dialogs.about = true;
    ImGui::EndMenu();
}

/// A triangle or two bars on the run button, so that its state is not told by a word alone.
void draw_run_button(const PanelContext& context) {
    const Theme& theme = context.theme;
    const bool runs = context.snapshot.state == RunState::running;
    const ImVec2 at = ImGui::GetCursorScreenPos();
    // As wide for both words: what stands to the right must not jump.
    const float width = ImGui::CalcTextSize("Pause").x + theme.px(34), height = ImGui::GetFrameHeight();
    ImGui::PushStyleVar(ImGuiStyleVar_ButtonTextAlign, ImVec2(0.75f, 0.5f));
    if (ImGui::Button(runs ? "Pause##run" : "Run##run", ImVec2(width, 0))) toggle_run(context);
    ImGui::PopStyleVar();
    context.ui.probe.item("run/toggle");
    item_tooltip(theme, runs ? "pause after the step in progress (Space)" : "run (Space)");
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const ImVec2 centre(at.x + theme.px(14), at.y + height * 0.5f);
    const float r = theme.px(5);
    if (runs) {
        draw->AddRectFilled(ImVec2(centre.x - r, centre.y - r), ImVec2(centre.x - r * 0.3f, centre.y + r),
                            theme.text);
        draw->AddRectFilled(ImVec2(centre.x + r * 0.3f, centre.y - r), ImVec2(centre.x + r, centre.y + r),
                            theme.text);
    } else {
        draw->AddTriangleFilled(ImVec2(centre.x - r * 0.8f, centre.y - r), ImVec2(centre.x + r, centre.y),
                                ImVec2(centre.x - r * 0.8f, centre.y + r), theme.good);
    }
}

void draw_run_controls(const PanelContext& context) {
    draw_run_button(context);
    if (ImGui::Button("Step")) one_step(context);
    context.ui.probe.item("run/step");
    item_tooltip(context.theme, "one step of every lane, then pause (Right)");
    if (ImGui::Button("Restart")) restart(context);
    context.ui.probe.item("run/restart");
    item_tooltip(context.theme, "from step 0 with the same seed, lanes and techniques (R)");
    const std::string seed = "seed " + std::to_string(context.snapshot.settings.seed);
    ImGui::AlignTextToFramePadding();
    dim_text(context.theme, seed.c_str());
}

const char* short_theme_name(ThemeKind kind) {
    return kind == ThemeKind::high_contrast ? "Contrast" : theme_name(kind);
}

float looks_width(const Theme& theme) {
    const ImGuiStyle& style = ImGui::GetStyle();
    return ImGui::CalcTextSize("Contrast").x + ImGui::CalcTextSize("Presenter").x +
           ImGui::CalcTextSize("Keys").x + 6 * style.FramePadding.x + 3 * style.ItemSpacing.x + theme.px(10);
}

/// Theme and text size, at the right end.
void draw_looks(const PanelContext& context) {
    UiState& ui = context.ui;
    const char* theme_label = short_theme_name(next_theme(ui.theme));
    const float width = looks_width(context.theme);
    const float left = ImGui::GetWindowWidth() - width;
    if (left < ImGui::GetCursorPosX()) return;
    ImGui::SetCursorPosX(left);
    if (ImGui::Button("Keys")) ui.dialogs.keys = !ui.dialogs.keys;
    ui.probe.item("help/keys");
    if (ImGui::Button("Presenter")) toggle_presenter(ui);
    ui.probe.item("looks/presenter");
    item_tooltip(context.theme, "large text for a lecture hall (F11)");
    // As wide for all three: the buttons beside it must not jump.
    const float theme_width = ImGui::CalcTextSize("Contrast").x + 2 * ImGui::GetStyle().FramePadding.x;
    if (ImGui::Button(theme_label, ImVec2(theme_width, 0))) ui.theme = next_theme(ui.theme);
    ui.probe.item("looks/theme");
    ui.probe.value("looks/theme", theme_key(ui.theme));
    item_tooltip(context.theme, std::string("theme: now ") + theme_name(ui.theme) + ", then " +
                                    theme_name(next_theme(ui.theme)) + " (T)");
}

}  // namespace

void draw_menu_bar(const PanelContext& context) {
    if (!ImGui::BeginMenuBar()) return;
    draw_file_menu(context);
    draw_run_menu(context);
    draw_view_menu(context.ui);
    draw_help_menu(context.ui);
    ImGui::Dummy(ImVec2(context.theme.px(12), 0));
    draw_run_controls(context);
    draw_time_bar(context, ImGui::GetWindowWidth() - looks_width(context.theme) - ImGui::GetCursorPosX());
    draw_looks(context);
    ImGui::EndMenuBar();
}

}  // namespace halfscope
