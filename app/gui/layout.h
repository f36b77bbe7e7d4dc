// The window's tiling: three columns of panels with draggable splitters, computed from the window's size
// alone, so that it can be checked without a window. Used by the Workbench; it draws nothing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <imgui.h>

namespace halfscope {

/// What fills a tile. Views of gradients share one, as tabs; in a narrow window the comparison is with them,
/// and the model view shares the tile of the loss scale.
enum class Slot : std::uint8_t {
    scenario,
    lanes,
    techniques,
    loss,
    validation,
    loss_scale,
    model_view,
    gradients,
    staircase,
    scale_sweep,
    microscope,
    overflow,
    alerts,
    accumulator,
    network,
    ablation,
    comparison
};
inline constexpr int kSlotCount = 17;

/// What the user changed: shares of the available length, so that they survive resizing.
struct LayoutState {
    bool left_folded = false;
    float left_share = 0.0f;     ///< of the width; 0: chosen from the text size
    float middle_share = 0.49f;  ///< of what the left column leaves
    std::array<float, 3> left_rows{0.27f, 0.25f, 0.48f};
    std::array<float, 4> middle_rows{0.31f, 0.18f, 0.22f, 0.29f};
    std::array<float, 2> right_rows{0.66f, 0.34f};
    std::array<float, 3> middle_rows_narrow{0.35f, 0.27f, 0.38f};
    /// Which of several slots of a tile is shown, in the middle column and in the right one.
    Slot middle_tab = Slot::loss_scale, right_tab = Slot::gradients;
};

/// Arrangements for a purpose: looking around, a lecture, hunting underflow, lanes side by side.
enum class LayoutPreset : std::uint8_t { explore, lesson, debug, compare };
LayoutState layout_preset(LayoutPreset preset);

/// Shows that slot where it shares a tile.
void show_tab(LayoutState& state, Slot slot);

struct Area {
    float x = 0, y = 0, width = 0, height = 0;
    float right() const { return x + width; }
    float bottom() const { return y + height; }
};

struct Tile {
    Area area;
    std::vector<Slot> slots;  ///< more than one: tabs
    Slot shown = Slot::loss;  ///< the chosen one
};

/// A line between tiles that can be dragged.
struct SplitterLine {
    enum class Kind : std::uint8_t { column, row };
    enum class Group : std::uint8_t { columns, left_rows, middle_rows, right_rows };
    Kind kind = Kind::column;
    Group group = Group::columns;
    int index = 0;  ///< between entries index and index + 1 of the group
    Area area;
    float total = 0;  ///< length in pixels that the group's shares divide
};

struct Layout {
    bool is_narrow = false;
    Area left_fold;  ///< the strip with the button that folds or unfolds the left column
    std::vector<Tile> tiles;
    std::vector<SplitterLine> splitters;
};

/// Below this many pixels (at text scale 1) the window is narrow.
inline constexpr float kNarrowBelow = 1500.0f;

/// Tiles of `available`; text_scale is the size of text against 15 px. Every tile lies inside `available`.
Layout compute_layout(const LayoutState& state, Area available, float text_scale);

/// Moves a splitter by `pixels` (to the right or down), keeping both neighbours at a useful size.
void move_splitter(LayoutState& state, const Layout& layout, const SplitterLine& splitter, float pixels,
                   float text_scale);

/// A tile grows by `pixels` in one direction, or shrinks where they are negative, by the splitter at its
/// right or lower side, else by the other. False where no splitter bounds it there.
bool grow_tile(LayoutState& state, const Layout& layout, const Tile& tile, SplitterLine::Kind kind,
               float pixels, float text_scale);

}  // namespace halfscope
