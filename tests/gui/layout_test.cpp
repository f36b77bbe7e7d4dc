// The tiling for every size a window may have: nothing outside, nothing overlapping, nothing missing.
#include "gui/layout.h"

#include <gtest/gtest.h>

#include <set>

namespace halfscope {
namespace {

bool overlap(const Area& a, const Area& b) {
    return a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom();
}

void expect_sound(const Layout& layout, Area available, bool left_is_folded) {
    std::set<Slot> slots;
    for (std::size_t i = 0; i < layout.tiles.size(); ++i) {
        const Tile& tile = layout.tiles[i];
        EXPECT_GE(tile.area.x, available.x);
        EXPECT_GE(tile.area.y, available.y);
        EXPECT_LE(tile.area.right(), available.right() + 0.5f);
        EXPECT_LE(tile.area.bottom(), available.bottom() + 0.5f);
        EXPECT_GT(tile.area.width, 100);
        EXPECT_GT(tile.area.height, 40);
        EXPECT_FALSE(overlap(tile.area, layout.left_fold));
        for (std::size_t j = 0; j < i; ++j) EXPECT_FALSE(overlap(tile.area, layout.tiles[j].area)) << i << j;
        for (const SplitterLine& line : layout.splitters) EXPECT_FALSE(overlap(tile.area, line.area));
        EXPECT_EQ(std::count(tile.slots.begin(), tile.slots.end(), tile.shown), 1);
        slots.insert(tile.slots.begin(), tile.slots.end());
    }
    EXPECT_EQ(slots.size(), static_cast<std::size_t>(left_is_folded ? kSlotCount - 3 : kSlotCount));
}

TEST(Layout, IsSoundAtEverySizeAndScale) {
    for (const float width : {640.0f, 1024.0f, 1280.0f, 1499.0f, 1500.0f, 1920.0f, 3840.0f}) {
        for (const float height : {400.0f, 760.0f, 1040.0f, 2100.0f}) {
            for (const float scale : {0.8f, 1.0f, 1.33f}) {
                for (const bool folded : {false, true}) {
                    SCOPED_TRACE(testing::Message() << width << "x" << height << " at " << scale);
                    LayoutState state;
                    state.left_folded = folded;
                    const Area available{0, 25, width, height};
                    expect_sound(compute_layout(state, available, scale), available, folded);
                }
            }
        }
    }
}

TEST(Layout, ANarrowWindowPutsTheRarerViewsBehindTabs) {
    const Layout wide = compute_layout({}, {0, 0, 1920, 1000}, 1.0f);
    EXPECT_FALSE(wide.is_narrow);
    for (const Tile& tile : wide.tiles)
        EXPECT_TRUE(tile.slots.front() == Slot::gradients || tile.slots.size() == 1);
    LayoutState state;
    state.middle_tab = Slot::model_view;
    state.right_tab = Slot::comparison;
    const Layout narrow = compute_layout(state, {0, 0, 1280, 760}, 1.0f);
    EXPECT_TRUE(narrow.is_narrow);
    std::set<Slot> shown;
    for (const Tile& tile : narrow.tiles) shown.insert(tile.shown);
    EXPECT_TRUE(shown.contains(Slot::model_view) && shown.contains(Slot::comparison));
    EXPECT_FALSE(shown.contains(Slot::loss_scale) || shown.contains(Slot::gradients));
}

TEST(Layout, LargeTextMakesAWindowNarrow) {
    EXPECT_FALSE(compute_layout({}, {0, 0, 1920, 1000}, 1.0f).is_narrow);
    EXPECT_TRUE(compute_layout({}, {0, 0, 1920, 1000}, 1.34f).is_narrow);
}

TEST(Layout, SplittersMoveBothNeighboursAndStopBeforeTheyVanish) {
    const Area available{0, 0, 1920, 1000};
    for (std::size_t index = 0; index < compute_layout({}, available, 1.0f).splitters.size(); ++index) {
        LayoutState state;
        const Layout before = compute_layout(state, available, 1.0f);
        move_splitter(state, before, before.splitters[index], 20, 1.0f);
        const Layout after = compute_layout(state, available, 1.0f);
        const bool is_column = before.splitters[index].kind == SplitterLine::Kind::column;
        const float moved = is_column ? after.splitters[index].area.x - before.splitters[index].area.x
                                      : after.splitters[index].area.y - before.splitters[index].area.y;
        EXPECT_NEAR(moved, 20, 2) << index;
        for (const float far : {-5000.0f, 5000.0f}) {
            const Layout now = compute_layout(state, available, 1.0f);
            move_splitter(state, now, now.splitters[index], far, 1.0f);
            expect_sound(compute_layout(state, available, 1.0f), available, false);
        }
    }
}

TEST(Layout, PresetsAreSoundAtEverySize) {
    for (const LayoutPreset preset :
         {LayoutPreset::explore, LayoutPreset::lesson, LayoutPreset::debug, LayoutPreset::compare}) {
        for (const float width : {1280.0f, 1920.0f, 3840.0f}) {
            const LayoutState state = layout_preset(preset);
            const Area available{0, 25, width, 1000};
            expect_sound(compute_layout(state, available, 1.0f), available, state.left_folded);
        }
    }
}

}  // namespace
}  // namespace halfscope
