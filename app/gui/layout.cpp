#include "gui/layout.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace halfscope {
namespace {

// Pixels at text scale 1.
constexpr float kGap = 6, kFoldStrip = 16, kLeftWidth = 300, kLeastColumn = 230, kLeastRow = 84;

/// A column of tiles: their slots, and the shares of the height they take.
struct Column {
    Area area;
    std::vector<std::vector<Slot>> rows;
    std::span<const float> shares;
    SplitterLine::Group group;
};

float sum(std::span<const float> shares) {
    float total = 0;
    for (const float share : shares) total += share;
    return total;
}

Slot shown_tab(const std::vector<Slot>& slots, const LayoutState& state) {
    for (const Slot slot : slots) {
        if (slot == state.middle_tab || slot == state.right_tab) return slot;
    }
    return slots.front();
}

void place_column(Layout& layout, const LayoutState& state, const Column& column, float gap) {
    const auto count = static_cast<float>(column.rows.size());
    const float usable = std::max(0.0f, column.area.height - gap * (count - 1));
    const float total = sum(column.shares);
    float y = column.area.y;
    for (std::size_t row = 0; row < column.rows.size(); ++row) {
        const bool is_last = row + 1 == column.rows.size();
        // Whole pixels, so that lines and text stay sharp; the last tile takes what is left.
        const float height = is_last ? std::max(0.0f, column.area.bottom() - y)
                                     : std::floor(usable * column.shares[row] / total);
        layout.tiles.push_back({{column.area.x, y, column.area.width, height},
                                column.rows[row],
                                shown_tab(column.rows[row], state)});
        y += height;
        if (is_last) break;
        layout.splitters.push_back({SplitterLine::Kind::row,
                                    column.group,
                                    static_cast<int>(row),
                                    {column.area.x, y, column.area.width, gap},
                                    usable});
        y += gap;
    }
}

/// Share of the width that the left column takes where the user has not chosen.
float default_left_share(float width, float text_scale) {
    return std::clamp(kLeftWidth * text_scale / std::max(1.0f, width), 0.1f, 0.32f);
}

std::span<float> shares_of(LayoutState& state, const Layout& layout, SplitterLine::Group group) {
    switch (group) {
        case SplitterLine::Group::left_rows:
            return state.left_rows;
        case SplitterLine::Group::middle_rows:
            if (layout.is_narrow) return state.middle_rows_narrow;
            return state.middle_rows;
        case SplitterLine::Group::right_rows:
            return state.right_rows;
        case SplitterLine::Group::columns:
            break;
    }
    return {};
}

}  // namespace

LayoutState layout_preset(LayoutPreset preset) {
    LayoutState state;
    switch (preset) {
        case LayoutPreset::explore:
            break;
        case LayoutPreset::lesson:
            // What the model does and how it learns, large; one view of gradients beside it.
            state.left_folded = true;
            state.middle_share = 0.52f;
            state.middle_rows = {0.32f, 0.16f, 0.16f, 0.36f};
            state.right_rows = {0.78f, 0.22f};
            state.middle_tab = Slot::model_view;
            state.right_tab = Slot::staircase;
            break;
        case LayoutPreset::debug:
            state.middle_share = 0.34f;
            state.middle_rows = {0.3f, 0.2f, 0.3f, 0.2f};
            state.right_rows = {0.82f, 0.18f};
            state.right_tab = Slot::staircase;
            break;
        case LayoutPreset::compare:
            state.middle_share = 0.45f;
            state.right_rows = {0.42f, 0.58f};
            state.right_tab = Slot::comparison;
            break;
    }
    return state;
}

void show_tab(LayoutState& state, Slot slot) {
    const bool is_middle = slot == Slot::loss_scale || slot == Slot::model_view;
    (is_middle ? state.middle_tab : state.right_tab) = slot;
}

Layout compute_layout(const LayoutState& state, Area available, float text_scale) {
    Layout layout;
    layout.is_narrow = available.width < kNarrowBelow * text_scale;
    const float gap = std::round(kGap * text_scale), strip = std::round(kFoldStrip * text_scale);
    layout.left_fold = {available.x, available.y, std::min(strip, available.width), available.height};
    Area rest{available.x + layout.left_fold.width, available.y,
              std::max(0.0f, available.width - layout.left_fold.width), available.height};
    if (!state.left_folded) {
        const float share =
            state.left_share > 0 ? state.left_share : default_left_share(rest.width, text_scale);
        const float width = std::floor(rest.width * share);
        place_column(layout, state,
                     {{rest.x, rest.y, width, rest.height},
                      {{Slot::scenario}, {Slot::lanes}, {Slot::techniques}},
                      state.left_rows,
                      SplitterLine::Group::left_rows},
                     gap);
        layout.splitters.push_back({SplitterLine::Kind::column,
                                    SplitterLine::Group::columns,
                                    0,
                                    {rest.x + width, rest.y, gap, rest.height},
                                    rest.width});
        rest.x += width + gap;
        rest.width = std::max(0.0f, rest.width - width - gap);
    }
    const float middle = std::floor((rest.width - gap) * state.middle_share);
    const Area left{rest.x, rest.y, std::max(0.0f, middle), rest.height};
    const Area right{left.right() + gap, rest.y, std::max(0.0f, rest.width - middle - gap), rest.height};
    layout.splitters.push_back({SplitterLine::Kind::column,
                                SplitterLine::Group::columns,
                                1,
                                {left.right(), rest.y, gap, rest.height},
                                rest.width - gap});
    if (layout.is_narrow) {
        place_column(layout, state,
                     {left,
                      {{Slot::loss}, {Slot::validation}, {Slot::loss_scale, Slot::model_view}},
                      state.middle_rows_narrow,
                      SplitterLine::Group::middle_rows},
                     gap);
        const std::array<float, 1> whole{1.0f};
        place_column(layout, state,
                     {right,
                      {{Slot::gradients, Slot::staircase, Slot::network, Slot::overflow, Slot::scale_sweep,
                        Slot::microscope, Slot::accumulator, Slot::comparison, Slot::ablation, Slot::alerts}},
                      whole,
                      SplitterLine::Group::right_rows},
                     gap);
    } else {
        place_column(layout, state,
                     {left,
                      {{Slot::loss}, {Slot::validation}, {Slot::loss_scale}, {Slot::model_view}},
                      state.middle_rows,
                      SplitterLine::Group::middle_rows},
                     gap);
        place_column(layout, state,
                     {right,
                      {{Slot::gradients, Slot::staircase, Slot::network, Slot::overflow, Slot::scale_sweep,
                        Slot::microscope, Slot::accumulator, Slot::ablation, Slot::alerts},
                       {Slot::comparison}},
                      state.right_rows,
                      SplitterLine::Group::right_rows},
                     gap);
    }
    return layout;
}

void move_splitter(LayoutState& state, const Layout& layout, const SplitterLine& splitter, float pixels,
                   float text_scale) {
    const float total = std::max(1.0f, splitter.total), change = pixels / total;
    const float least_column = std::min(0.45f, kLeastColumn * text_scale / total);
    if (splitter.group == SplitterLine::Group::columns) {
        if (splitter.index == 0) {
            const float now = state.left_share > 0 ? state.left_share : default_left_share(total, text_scale);
            state.left_share = std::clamp(now + change, std::min(0.4f, least_column), 0.4f);
        } else {
            state.middle_share = std::clamp(state.middle_share + change, least_column, 1 - least_column);
        }
        return;
    }
    const std::span<float> shares = shares_of(state, layout, splitter.group);
    const auto upper = static_cast<std::size_t>(splitter.index);
    const float unit = sum(shares), both = shares[upper] + shares[upper + 1];
    const float least = std::min(both * 0.5f, kLeastRow * text_scale / total * unit);
    shares[upper] = std::clamp(shares[upper] + change * unit, least, both - least);
    shares[upper + 1] = both - shares[upper];
}

bool grow_tile(LayoutState& state, const Layout& layout, const Tile& tile, SplitterLine::Kind kind,
               float pixels, float text_scale) {
    const Area& area = tile.area;
    const auto bounds = [&](const SplitterLine& splitter, float direction) {
        const Area& line = splitter.area;
        const float gap = kind == SplitterLine::Kind::column
                              ? (direction > 0 ? line.x - area.right() : line.right() - area.x)
                              : (direction > 0 ? line.y - area.bottom() : line.bottom() - area.y);
        const bool is_beside = kind == SplitterLine::Kind::column || line.x == area.x;
        return splitter.kind == kind && is_beside && std::abs(gap) < 1;
    };
    for (const float direction : {1.0f, -1.0f}) {
        for (const SplitterLine& splitter : layout.splitters) {
            if (!bounds(splitter, direction)) continue;
            move_splitter(state, layout, splitter, direction * pixels, text_scale);
            return true;
        }
    }
    return false;
}

}  // namespace halfscope
