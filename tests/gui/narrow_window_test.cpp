// A lecture hall: 1280x800 with presenter's text. Nothing that is drawn is cut, and no control moves when
// another view is chosen.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "gui/widgets/draw.h"
#include "gui/workbench_fixture.h"

namespace halfscope {
namespace {

class NarrowWindowTest : public ::testing::Test {
  protected:
    NarrowWindowTest() {
        ui().text_size = TextSize::presenter;
        for (const LaneSnapshot& lane : fixture_.snapshot.lanes)
            if (lane.name == "fp16") ui().selected_lane = lane.id;
        fixture_.frames();
    }
    UiState& ui() { return fixture_.workbench.ui(); }
    void show(Slot slot, ImVec2 size) {
        fixture_.size = size;
        ui().layout.right_tab = slot;
        fixture_.frames(3);
    }
    /// Widths of what is registered under `prefix`: rectangles are cut to what can be seen.
    std::map<std::string, float> widths(const std::string& prefix) {
        std::map<std::string, float> found;
        for (const auto& [id, rectangle] : ui().probe.rectangles())
            if (rectangle.visible && id.rfind(prefix, 0) == 0) found[id] = rectangle.max.x - rectangle.min.x;
        return found;
    }
    /// In the narrow window everything is as wide as in one that has room for all of it.
    void expect_uncut(Slot slot, const std::string& prefix, std::size_t least) {
        show(slot, kWide);
        const std::map<std::string, float> whole = widths(prefix);
        show(slot, kNarrow);
        const std::map<std::string, float> narrow = widths(prefix);
        EXPECT_GE(narrow.size(), least);
        for (const auto& [id, width] : narrow) {
            ASSERT_TRUE(whole.count(id)) << id;
            EXPECT_NEAR(width, whole.at(id), 1.0f) << id;
        }
    }

    const ImVec2 kNarrow{1280, 800}, kWide{3400, 2400};
    WorkbenchFixture fixture_{12};
};

TEST_F(NarrowWindowTest, NoTabMovesWhenAnotherIsChosen) {
    std::map<std::string, std::pair<float, float>> places;
    for (const Slot slot : {Slot::gradients, Slot::staircase, Slot::network, Slot::comparison}) {
        show(slot, kNarrow);
        for (const auto& [id, rectangle] : ui().probe.rectangles()) {
            if (id.rfind("tab/", 0) != 0) continue;
            const std::pair place(rectangle.min.x, rectangle.min.y);
            EXPECT_EQ(places.try_emplace(id, place).first->second, place) << id;
        }
    }
    EXPECT_GE(places.size(), 10u);
    EXPECT_TRUE(ui().probe.find_rectangle("help/gradients"));
}

TEST_F(NarrowWindowTest, TabsStandOnTwoLinesEachWithItsName) {
    ui().text_size = TextSize::ordinary;
    for (const ImVec2 size : {kNarrow, ImVec2(1920, 1080)}) {
        show(Slot::gradients, size);
        std::set<float> lines;
        std::size_t tabs = 0;
        const auto tile = ui().probe.find_rectangle("tile/gradients");
        ASSERT_TRUE(tile);
        for (const auto& [id, rectangle] : ui().probe.rectangles()) {
            if (id.rfind("tab/", 0) != 0 || rectangle.min.x < tile->min.x) continue;
            EXPECT_TRUE(rectangle.visible && rectangle.max.x <= tile->max.x) << id;
            lines.insert(rectangle.min.y);
            ++tabs;
        }
        EXPECT_EQ(tabs, size.x == kNarrow.x ? 10u : 9u);
        EXPECT_EQ(lines.size(), 2u) << size.x;
        const auto range = ui().probe.find_rectangle("tabs/RANGE"),
                   effect = ui().probe.find_rectangle("tabs/EFFECT");
        ASSERT_TRUE(range && effect);
        EXPECT_EQ(range->min.y, ui().probe.find_rectangle("tab/gradients")->min.y);
        EXPECT_EQ(effect->min.y, ui().probe.find_rectangle("tab/microscope")->min.y);
        EXPECT_LE(range->max.x, ui().probe.find_rectangle("tab/gradients")->min.x);
        for (const char* view : {"alerts", "network", "gradients"}) {
            fixture_.click(std::string("tab/") + view);
            EXPECT_TRUE(ui().probe.find_rectangle(std::string("tile/") + view)) << view;
        }
    }
}

TEST_F(NarrowWindowTest, TheNetworkIsNotCut) { expect_uncut(Slot::network, "network/fc", 3); }

TEST_F(NarrowWindowTest, TheBitsOfTheMicroscopeEndInsideThePanel) {
    ui().selected_tensor = "fc1.weight";
    show(Slot::microscope, kNarrow);
    // That of 32 bits, with the name of its format after it; the rectangle is cut to what is seen.
    const auto bits = ui().probe.find_rectangle("microscope/bits/update d");
    const auto width = ui().probe.find_value("microscope/bits/update d");
    ASSERT_TRUE(bits && bits->visible && width);
    EXPECT_GT(bits->max.x - bits->min.x, 32 * 2.0f + ImGui::CalcTextSize("fp32").x);
    EXPECT_NEAR(bits->max.x - bits->min.x, std::strtof(width->c_str(), nullptr), 0.5f);
}

TEST_F(NarrowWindowTest, LongSumsAreWrittenWhole) {
    for (LaneSnapshot& lane : fixture_.snapshot.lanes) {
        if (!lane.dot) continue;
        auto small = std::make_shared<DotCapture>(*lane.dot);
        for (SummedUp& sum : small->sums)
            for (std::size_t k = 0; k < sum.partial.size(); ++k)
                sum.partial[k] = -1.2345e-5 * static_cast<double>(k + 1);
        lane.dot = small;
        const std::vector<DotSource>& sources = *fixture_.snapshot.dot_sources;
        ui().accumulator.source =
            static_cast<int>(std::find(sources.begin(), sources.end(), small->source) - sources.begin());
    }
    for (const TextSize text : {TextSize::ordinary, TextSize::presenter}) {
        ui().text_size = text;
        show(Slot::accumulator, kNarrow);
        const auto seen = ui().probe.find_rectangle("accumulator/labels");
        const auto needed = ui().probe.find_value("accumulator/labels");
        ASSERT_TRUE(seen && needed);
        EXPECT_NEAR(seen->max.x - seen->min.x, std::strtof(needed->c_str(), nullptr), 0.5f);
    }
}

TEST_F(NarrowWindowTest, AnEmptyPlotSaysAllOfIt) {
    for (LaneSnapshot& lane : fixture_.snapshot.lanes) {
        lane.techniques.scaler.scaling = LossScaling::off;
        lane.loss_scale = 1.0;
    }
    ui().layout.middle_tab = Slot::loss_scale;
    show(Slot::gradients, kNarrow);
    const auto text = ui().probe.find_rectangle("loss_scale/empty");
    const auto area = ui().probe.find_rectangle("loss_scale/area");
    ASSERT_TRUE(text && area);
    EXPECT_LE(text->max.x, area->max.x);
    EXPECT_LE(text->max.y, area->max.y);
}

TEST_F(NarrowWindowTest, ThePageOfKeysHasAMeaningALine) {
    fixture_.size = kNarrow;
    ui().dialogs.keys = true;
    fixture_.frames(5);
    const auto meaning = ui().probe.find_rectangle("keys/Space");
    ASSERT_TRUE(meaning && meaning->visible);
    EXPECT_LT(meaning->max.y - meaning->min.y, 1.5f * ImGui::GetTextLineHeight());
}

TEST_F(NarrowWindowTest, ValuesAtTheCursorStayInALowPlot) {
    ui().layout.middle_rows_narrow = {0.4f, 0.2f, 0.4f};  // too low for a line a lane
    show(Slot::gradients, kNarrow);
    const auto loss = ui().probe.find_rectangle("loss/area");
    ASSERT_TRUE(loss);
    ImGui::GetIO().MousePos = ImVec2((loss->min.x + loss->max.x) / 2, (loss->min.y + loss->max.y) / 2);
    fixture_.frames(4);
    const auto values = ui().probe.find_rectangle("validation/cursor");
    const auto area = ui().probe.find_rectangle("validation/area");
    ASSERT_TRUE(values && area && values->visible);
    // Rectangles are cut to what is seen: the whole width must be there.
    float needed = 0;
    for (const LaneSnapshot& lane : fixture_.snapshot.lanes) {
        const auto text = ui().probe.find_value("validation/cursor/" + lane.name);
        if (text) needed += ImGui::CalcTextSize(("A " + *text).c_str()).x;
    }
    EXPECT_GT(needed, 0);
    EXPECT_GE(values->min.x, area->min.x);
    EXPECT_GT(values->max.x - values->min.x, 0.8f * needed);
}

TEST_F(NarrowWindowTest, TheLowestPlotIsHighEnoughForItsLabels) {
    show(Slot::gradients, kNarrow);
    const auto area = ui().probe.find_rectangle("validation/area");
    ASSERT_TRUE(area);
    EXPECT_GT(area->max.y - area->min.y, 3 * ImGui::GetTextLineHeight());
}

TEST_F(NarrowWindowTest, ErrorsOfTheSearchHaveTheUnitOfItsThreshold) {
    show(Slot::network, kWide);
    const PrecisionSearch& search = *selected_lane(fixture_.snapshot, ui())->search;
    ASSERT_FALSE(search.moves.empty());
    const auto text = ui().probe.find_value("network/move/0/numbers");
    ASSERT_TRUE(text);
    EXPECT_NEAR(std::strtod(text->c_str(), nullptr), 100 * search.moves[0].worst_error,
                search.moves[0].worst_error);
    EXPECT_NE(text->find("%, "), std::string::npos) << *text;
}

TEST(ShortenedName, NamesStayDifferent) {
    EXPECT_EQ(shortened_name("layer1.0.conv1.weight"), "l1.0.conv1.weight");
    EXPECT_EQ(shortened_name("layer12.0.bn2.bias"), "l12.0.bn2.bias");
    for (const char* name : {"fc1", "gru.weight_ih_l0", "12.weight", ".x", ""})
        EXPECT_EQ(shortened_name(name), name);
    EXPECT_NE(shortened_name("layer1.0.conv1.weight"), shortened_name("layer2.0.conv1.weight"));
}

}  // namespace
}  // namespace halfscope
