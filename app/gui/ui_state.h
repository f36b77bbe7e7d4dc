// Everything the window remembers that is not training: what is selected, which view is shown, how time is
// looked at, which dialogs are open. One plain value, owned by the Workbench, changed by panels and keys.
// It must not hold anything of a Snapshot but names and ids, because lanes and tensors come and go; values
// that something is being worked out of are shared, and stay as they are.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <imgui.h>

#include "gui/layout.h"
#include "gui/message_log.h"
#include "gui/ui_probe.h"
#include "gui/widgets/plot_state.h"
#include "program/tensor_reader.h"
#include "session/alert_rules.h"
#include "session/command.h"
#include "session/snapshot.h"
#include "train/retained_values.h"

namespace halfscope {

/// high_contrast: white on black with thicker lines; texts at least 7:1 against what they stand on.
enum class ThemeKind : std::uint8_t { light, dark, high_contrast };
/// Gradients as stored (times the loss scale), or divided by it.
enum class GradientView : std::uint8_t { scaled, unscaled };
/// What a share of flushed elements is a share of.
enum class ShareOf : std::uint8_t { nonzero, all };
/// What a row of gradients stands for: a tensor, or a layer with all its parameters.
enum class GradientRows : std::uint8_t { tensors, layers };
/// In which order the staircase lists the layers.
enum class StairOrder : std::uint8_t { depth, worst_first };
/// What the model view shows of a fitted picture: itself, or how far it is from the target.
enum class PictureView : std::uint8_t { picture, difference };
/// Text size of ordinary work, or for a lecture hall (at least 18 px).
enum class TextSize : std::uint8_t { ordinary, presenter };

/// A PNG of one rectangle of the window, read back after the frame in which it was asked for is drawn.
struct ImageRequest {
    ImVec2 min, max;   ///< window pixels
    std::string path;  ///< where to; made by export_path()
};

/// A slider of the scenario that was moved and is not yet part of the run.
struct ScenarioEdit {
    std::string parameter;  ///< empty: none
    double value = 0;
    double released_at_s = -1;  ///< ImGui's clock; negative: still held
};

/// A technique's number while it is typed, and why it was refused.
struct TechniqueEdit {
    int lane_id = -1;
    std::string key;  ///< empty: none
    std::string text, refusal;
};

/// The technique switched last: its control glows until the first step under it is done.
struct SentTechnique {
    int lane_id = -1;
    std::string key;
    std::int64_t step = 0;  ///< steps done when it was sent
    double at_s = 0;        ///< ImGui's clock
};

/// What the popup that adds a lane holds, and the lane whose name is being changed.
struct LaneEdit {
    std::string name, preset = "mixed", branch_from;
    int renamed_id = -1;
    std::string new_name;
    bool takes_focus = false;  ///< the name field is to take the keyboard in the next frame
};

/// The look between two steps that a panel asked the session for last (widgets/asked_look.h).
struct AskedLook {
    int lane_id = -1;
    std::string what;
    std::int64_t step = -1, run = -1;
    Techniques techniques;
    double at_s = -1e9;  ///< ImGui's clock
};

/// What the microscope looks at.
struct Microscope {
    std::int64_t element = -1;  ///< -1: one that is worth a look
    std::string element_of;     ///< the tensor it belongs to
    AskedLook asked;
};

/// What the accumulator lab looks at.
struct AccumulatorLab {
    int source = -1;  ///< index in Snapshot::dot_sources; -1: the longest
    int row = 0, column = 0;
    AskedLook asked;
};

/// Which format values are shown as stored in.
enum class WhatIfKind : std::uint8_t { counted, fp16, bf16, e4m3, e5m2, custom };
struct WhatIfFormat {
    WhatIfKind kind = WhatIfKind::counted;
    int exponent_bits = 6, mantissa_bits = 9;  ///< of custom
};

/// What formats are asked of values that were kept (train/retained_values.h), and how far measuring has come:
/// under the scale in use, and under the dragged one.
struct FormatWhatIf {
    WhatIfFormat choice;
    std::array<ErrorMeasurement, 2> errors;
    AskedLook asked;
};

/// What a file of tensors is opened for: to be looked at, or, where it holds the network's weights, for
/// these.
enum class TensorPurpose : std::uint8_t { look, decide };

/// The view of a tensor file. Its tensors are selected by their place in the file.
struct TensorFileView {
    std::shared_ptr<TensorReader> reader;                ///< null: no file is open
    std::vector<std::shared_ptr<TensorReader>> closing;  ///< told to stop, and not waited for
    TensorPurpose purpose = TensorPurpose::look;
    std::int64_t drawn_version = 0;
    std::string said_error;  ///< of the file, as it was put among the messages
    std::optional<std::size_t> selected, kept_wish;
    StairOrder order = StairOrder::depth;  ///< of the file
    std::optional<int> what_if_scale;
    FormatWhatIf what_if{{WhatIfKind::fp16}, {}, {}};

    void close() {
        if (reader) reader->stop();
        if (reader) closing.push_back(std::move(reader));
        reader.reset();
    }
    void forget_ended() {
        std::erase_if(closing, [](const auto& other) { return other->has_ended(); });
    }
    /// Whether there is something to show that was not drawn yet, or will be.
    bool needs_frame() const {
        return reader && (reader->is_busy() || reader->reading()->version != drawn_version);
    }
};

/// A technique that the next ablation varies.
struct AblationChoice {
    std::string key;
    std::vector<std::string> values;  ///< of a choice
    std::string text;                 ///< of what is no choice: "8, 2^10, 2^15"
};

/// Which columns an ablation's table shows where it has no room for all: what was learnt, what got lost on
/// the way, what it took.
enum class AblationColumns : std::uint8_t { learning, losses, cost };

struct GridTexts;        // gui/widgets/ablation_columns.h
struct PlannedAblation;  // gui/panels/ablation_panel.cpp

/// What the ablation panel is set to, and which curves it shows.
struct AblationView {
    enum class Page : std::uint8_t { choose, results };
    Page page = Page::choose;
    std::vector<AblationChoice> choices{{"master_weights", {"on", "off"}, {}},
                                        {"loss_scaling", {"off", "dynamic"}, {}}};
    int seeds = 3;
    int steps = 0;  ///< 0: the scenario's schedule
    AblationFrom from = AblationFrom::scratch;
    std::set<std::size_t> hidden_rows;
    AblationColumns columns = AblationColumns::learning;
    std::string sorted_by;  ///< a column; empty: in the order of the values
    bool is_descending = false;
    int sorting_table = 0;  ///< ImGui has one for each set of columns
    // Worked out of what they hold, and kept until that is something else.
    std::shared_ptr<const GridTexts> texts;
    std::shared_ptr<const PlannedAblation> planned;
};

/// What is being edited and is not yet, or not quite, part of the run.
struct Edits {
    ScenarioEdit scenario;
    TechniqueEdit technique;
    SentTechnique sent_technique;
    LaneEdit lane;
    std::optional<std::int64_t> time_step;  ///< where the handle of time is being dragged to
};

/// The keyboard's way through the window (keyboard_focus.h).
struct KeyboardFocus {
    bool is_on = false;
    std::optional<Slot> panel;  ///< that has the keyboard
    bool takes_focus = false;   ///< from the next frame on
    std::string menu;           ///< to be opened in the next frame; empty: none
};

struct Dialogs {
    bool keys = false, about = false, paper = false, log = false, open_data = false;
    bool open_checkpoint = false, save_checkpoint = false, open_overlay = false, open_tensors = false,
         dump_help = false;
    bool save_recipe = false;
    std::string recipe_path;      ///< edited in save_recipe; empty: to be proposed
    std::string tensors_path;     ///< edited in open_tensors
    std::string data_path;        ///< edited in open_data
    std::string checkpoint_path;  ///< edited in the two others; where Ctrl S saves, empty: nowhere yet
    std::string overlay_path;     ///< edited in open_overlay
};

/// What panels and menus ask of the application, done after the frame.
struct UiRequests {
    bool quit = false;
    bool screenshot = false;      ///< of the whole window, to the working directory
    bool export_history = false;  ///< CSV of every series of every lane
    std::vector<ImageRequest> images;
    bool another_frame = false;                  ///< something on the screen is not worked out yet
    std::optional<std::int64_t> go_to_step;      ///< of the run
    std::optional<std::int64_t> branch_at_step;  ///< of the selected lane
    int wider = 0, taller = 0;  ///< notches by which the tile of the panel with the keyboard is to grow
};

struct UiState {
    // What is looked at.
    int selected_lane = 0;        ///< LaneSnapshot::id
    std::string selected_tensor;  ///< Probe::tensor; empty: none
    ProbeKind probe_kind = ProbeKind::weight_gradient;
    GradientView gradient_view = GradientView::scaled;
    ShareOf share_of = ShareOf::nonzero;
    std::optional<int> what_if_scale;  ///< gradients are shown as under S = 2^this; none: as counted
    GradientRows gradient_rows = GradientRows::tensors;
    FormatWhatIf format_what_if;  ///< of the selected gradient
    Microscope microscope;
    AccumulatorLab accumulator;
    AblationView ablation;
    StairOrder stair_order = StairOrder::depth;
    double search_threshold = 0.01;  ///< of the search for layers to keep in FP32
    PictureView picture_view = PictureView::picture;
    std::vector<AlertRule> alert_rules = default_alert_rules();  ///< as the session was told last
    std::set<int> hidden_lanes;  ///< ids; legend entries and the lanes panel toggle them

    // Time plots: one view of the steps and one cursor for all of them.
    TimeView time;
    std::optional<std::int64_t> hovered_step;       ///< as of the last frame, for drawing
    std::optional<std::int64_t> next_hovered_step;  ///< set by the plot under the mouse in this frame
    std::int64_t menu_step = 0;                     ///< where a plot's menu was opened
    AxisScale loss_axis = AxisScale::logarithmic;
    bool loss_difference = false;  ///< the loss plot shows differences to the first lane
    std::map<std::string, PlotState, std::less<>> plots;  ///< by plot id

    // Looks and layout.
    ThemeKind theme = ThemeKind::dark;
    TextSize text_size = TextSize::ordinary;
    float ui_scale = 1.0f;  ///< Ctrl +/-, on top of the monitor's
    LayoutState layout;

    Edits edits;
    TensorFileView tensors;
    std::optional<double> loading_since_s;  ///< ImGui's clock, while something is being loaded
    Dialogs dialogs;
    KeyboardFocus keyboard;
    std::vector<Slot> panels_in_order;  ///< of the last frame: tile by tile, tabs included
    UiRequests requests;
    MessageLog messages;
    UiProbe probe;

    bool is_visible(int lane_id) const { return hidden_lanes.count(lane_id) == 0; }
    void toggle_visible(int lane_id) {
        if (hidden_lanes.erase(lane_id) == 0) hidden_lanes.insert(lane_id);
    }
};

/// The id of a lane of a run that is laid over, out of the lanes' way. A multiple of the number of looks lies
/// between: it has the look of the lane of the same id.
inline int overlay_id(std::size_t run, int lane_id) { return 100 * (static_cast<int>(run) + 1) + lane_id; }

/// The selected lane, else the first one; null where there are no lanes yet.
inline const LaneSnapshot* selected_lane(const Snapshot& snapshot, const UiState& ui) {
    for (const LaneSnapshot& lane : snapshot.lanes) {
        if (lane.id == ui.selected_lane) return &lane;
    }
    return snapshot.lanes.empty() ? nullptr : &snapshot.lanes.front();
}

}  // namespace halfscope
