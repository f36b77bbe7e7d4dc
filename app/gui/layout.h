// Where panels stand: our own resizable tiling of three columns, because docking is not in ImGui 1.86. Pure arithmetic plus the
// memory of dragged splitters; drawing is tiling.cpp's.
#pragma once

#include <string_view>
#include <vector>

#include "gui/imgui_compat.h"

namespace halfscope {

/// Panels in one place; more than one are tabs.
struct Tile {
    std::vector<std::string_view> panels;
    float share = 1.0f;  ///< of its column's height, relative to the others
};
struct Column {
    std::vector<Tile> tiles;
    float share = 1.0f;  ///< of the width left beside fixed columns
    float fixed = 0.0f;  ///< pixels at scale 1; 0: takes its share
};
struct Layout {
    std::vector<Column> columns;
};

/// Explore: all panels at once where there is room, else model view and comparison become tabs. `width` in unscaled pixels.
Layout explore_layout(float width, bool left_folded);

struct Rect {
    ImVec2 minimum, maximum;
    float width() const { return maximum.x - minimum.x; }
    float height() const { return maximum.y - minimum.y; }
};
struct PlacedTile {
    Rect rect;
    int column = 0, tile = 0;
};

/// Rectangles of all tiles within `area`, `gap` pixels apart. Nothing overlaps, nothing lies outside.
std::vector<PlacedTile> place(const Layout& layout, Rect area, float gap, float scale);
/// Moves the border right of column `column` by `pixels`, keeping both sides above a minimum. A fixed column changes its width.
void drag_column(Layout& layout, int column, float pixels, float area_width, float scale);
/// Moves the border below tile `tile` of `column`.
void drag_tile(Layout& layout, int column, int tile, float pixels, float area_height, float scale);

}  // namespace halfscope
