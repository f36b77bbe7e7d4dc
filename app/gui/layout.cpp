#include "gui/layout.h"

#include <algorithm>

namespace halfscope {
namespace {

constexpr float kWideFrom = 1500.0f;      // below this, the rarer views become tabs
constexpr float kLeftWidth = 292.0f;
constexpr float kLeastColumn = 220.0f;
constexpr float kLeastTile = 90.0f;

float shares(const std::vector<Tile>& tiles) {
    float sum = 0.0f;
    for (const Tile& tile : tiles) sum += tile.share;
    return sum;
}

}  // namespace

Layout explore_layout(float width, bool left_folded) {
    const bool wide = width >= kWideFrom;
    Layout layout;
    if (!left_folded) {
        layout.columns.push_back({{{{"scenario"}, 0.27f}, {{"lanes"}, 0.2f}, {{"techniques"}, 0.53f}}, 0.0f, kLeftWidth});
    }
    if (wide) {
        layout.columns.push_back({{{{"loss"}, 0.32f}, {{"validation"}, 0.18f}, {{"loss_scale"}, 0.2f}, {{"model_view"}, 0.3f}},
                                  0.5f, 0.0f});
        layout.columns.push_back({{{{"gradients"}, 0.66f}, {{"comparison"}, 0.34f}}, 0.5f, 0.0f});
    } else {
        layout.columns.push_back({{{{"loss"}, 0.39f}, {{"validation"}, 0.22f}, {{"loss_scale", "model_view"}, 0.39f}}, 0.46f, 0.0f});
        layout.columns.push_back({{{{"gradients", "comparison"}, 1.0f}}, 0.54f, 0.0f});
    }
    return layout;
}

std::vector<PlacedTile> place(const Layout& layout, Rect area, float gap, float scale) {
    float fixed = 0.0f, share = 0.0f;
    for (const Column& column : layout.columns) {
        fixed += column.fixed * scale;
        share += column.fixed > 0.0f ? 0.0f : column.share;
    }
    const float gaps = gap * static_cast<float>(layout.columns.size() - 1);
    const float flexible = std::max(area.width() - fixed - gaps, 0.0f);
    std::vector<PlacedTile> placed;
    float x = area.minimum.x;
    for (std::size_t c = 0; c < layout.columns.size(); ++c) {
        const Column& column = layout.columns[c];
        const float width = column.fixed > 0.0f ? column.fixed * scale : flexible * column.share / share;
        const float right = c + 1 == layout.columns.size() ? area.maximum.x : std::min(x + width, area.maximum.x);
        const float usable = area.height() - gap * static_cast<float>(column.tiles.size() - 1);
        float y = area.minimum.y;
        for (std::size_t t = 0; t < column.tiles.size(); ++t) {
            const float height = usable * column.tiles[t].share / shares(column.tiles);
            const float bottom = t + 1 == column.tiles.size() ? area.maximum.y : y + height;
            placed.push_back({{ImVec2(x, y), ImVec2(right, bottom)}, static_cast<int>(c), static_cast<int>(t)});
            y = bottom + gap;
        }
        x = right + gap;
    }
    return placed;
}

void drag_column(Layout& layout, int column, float pixels, float area_width, float scale) {
    Column& left = layout.columns[static_cast<std::size_t>(column)];
    Column& right = layout.columns[static_cast<std::size_t>(column) + 1];
    if (left.fixed > 0.0f) {
        left.fixed = std::clamp(left.fixed + pixels / scale, kLeastColumn, 0.4f * area_width / scale);
        return;
    }
    const float total = left.share + right.share;
    const float least = std::min(0.5f * total, kLeastColumn * scale / std::max(area_width, 1.0f) * total);
    left.share = std::clamp(left.share + pixels / std::max(area_width, 1.0f) * total, least, total - least);
    right.share = total - left.share;
}

void drag_tile(Layout& layout, int column, int tile, float pixels, float area_height, float scale) {
    std::vector<Tile>& tiles = layout.columns[static_cast<std::size_t>(column)].tiles;
    Tile &upper = tiles[static_cast<std::size_t>(tile)], &lower = tiles[static_cast<std::size_t>(tile) + 1];
    const float unit = shares(tiles) / std::max(area_height, 1.0f);  // share for each pixel
    const float total = upper.share + lower.share;
    const float least = std::min(0.5f * total, kLeastTile * scale * unit);
    upper.share = std::clamp(upper.share + pixels * unit, least, total - least);
    lower.share = total - upper.share;
}

}  // namespace halfscope
