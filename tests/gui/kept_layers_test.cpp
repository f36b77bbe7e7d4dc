// Layers kept in FP32 from the window: the switches of network and techniques panel, and the search with what
// it measured. Clicks go through a window without a display.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "gui/widgets/kept_nodes.h"
#include "gui/workbench_fixture.h"

namespace halfscope {
namespace {

class KeptLayersTest : public ::testing::Test {
  protected:
    LaneSnapshot& lane(const std::string& name) {
        for (LaneSnapshot& each : fixture_.snapshot.lanes)
            if (each.name == name) return each;
        throw std::out_of_range(name);
    }
    void show_network() {
        fixture_.frames(2);
        fixture_.workbench.ui().selected_lane = lane("fp16").id;
        show_tab(fixture_.workbench.ui().layout, Slot::network);
        fixture_.frames(3);
    }
    const SetTechniqueCommand& sent() {
        EXPECT_FALSE(fixture_.sink.commands.empty());
        return std::get<SetTechniqueCommand>(fixture_.sink.commands.back());
    }
    /// The window shows the lane as it is after the command.
    void obey() {
        ASSERT_EQ(set_technique(lane("fp16").techniques, sent().key, sent().value), "");
        fixture_.frames(2);
    }
    double number(const std::string& id) {
        const auto value = fixture_.workbench.ui().probe.find_value(id);
        return value ? std::strtod(value->c_str(), nullptr) : std::nan("");
    }
    std::string text(const std::string& id) {
        const auto value = fixture_.workbench.ui().probe.find_value(id);
        return value.value_or("nothing");
    }

    WorkbenchFixture fixture_{4};
};

TEST_F(KeptLayersTest, ANodesSwitchKeepsItAndLetsItGoAgain) {
    show_network();
    EXPECT_EQ(text("network/kept/fc2"), "no");
    fixture_.click("network/keep/fc2");
    EXPECT_EQ(sent().lane, "fp16");
    EXPECT_EQ(sent().key, "keep_fp32");
    EXPECT_EQ(sent().value, "fc2");
    obey();
    EXPECT_EQ(text("network/kept/fc2"), "yes");
    fixture_.click("network/keep/sigmoid1");
    EXPECT_EQ(sent().value, "fc2+sigmoid1");
    obey();
    fixture_.click("network/keep/fc2");
    EXPECT_EQ(sent().value, "sigmoid1");
}

TEST_F(KeptLayersTest, ALaneOfFp32HasNothingToKeep) {
    show_network();
    fixture_.workbench.ui().selected_lane = lane("fp32").id;
    fixture_.frames(2);
    fixture_.click("network/keep/fc2");
    fixture_.click("network/search");
    EXPECT_TRUE(fixture_.sink.commands.empty());
}

TEST_F(KeptLayersTest, TheTechniquesListNodesAndOperations) {
    fixture_.frames(2);
    fixture_.workbench.ui().selected_lane = lane("fp16").id;
    fixture_.click("techniques/keep_fp32");
    fixture_.click("techniques/keep_fp32/op:sigmoid");
    EXPECT_EQ(sent().value, "op:sigmoid");
    obey();
    fixture_.click("techniques/keep_fp32/sigmoid1");
    EXPECT_EQ(sent().value, "sigmoid2") << "the others of the operation stay";
    fixture_.click("techniques/keep_fp32/none");
    EXPECT_EQ(sent().value, "none");
}

TEST_F(KeptLayersTest, TheSearchIsAskedForCancelledAndTakenOver) {
    show_network();
    lane("fp16").search.reset();
    fixture_.frames(2);
    EXPECT_FALSE(fixture_.workbench.ui().probe.find_rectangle("network/keep_found"));
    fixture_.click("network/threshold");
    fixture_.click("network/threshold/0.1");
    fixture_.click("network/search");
    const auto* command = std::get_if<SearchPrecisionCommand>(&fixture_.sink.commands.back());
    ASSERT_TRUE(command);
    EXPECT_EQ(command->lane, "fp16");
    EXPECT_EQ(command->threshold, 0.1);
    fixture_.snapshot.measured = Measured::layers;
    fixture_.snapshot.measured_lane = lane("fp16").id;
    fixture_.click("network/cancel_search");
    EXPECT_TRUE(std::holds_alternative<CancelCommand>(fixture_.sink.commands.back()));
}

TEST_F(KeptLayersTest, EveryMoveOfTheSearchIsShownAsMeasured) {
    show_network();
    const PrecisionSearch& search = *lane("fp16").search;
    ASSERT_EQ(search.outcome, PrecisionSearch::Outcome::reached);
    ASSERT_GE(search.moves.size(), 3u);
    for (std::size_t index = 0; index < search.moves.size(); ++index)
        EXPECT_EQ(number("network/move/" + std::to_string(index)), search.moves[index].worst_error);
    EXPECT_EQ(text("network/move/2/text").substr(0, 2), "+ ");
    EXPECT_EQ(text("network/keep_found"), "Keep them in FP32");
    fixture_.click("network/keep_found");
    EXPECT_EQ(sent().value, kept_layers_text(search.layers, search.kept));
    obey();
    EXPECT_EQ(text("network/keep_found"), "They are kept");
    for (const OutlineNode& node : *fixture_.snapshot.outline) {
        bool is_found = false;
        for (const std::size_t layer : search.kept)
            for (const std::string& name : search.layers[layer].nodes) is_found |= name == node.name;
        EXPECT_EQ(text("network/kept/" + node.name), is_found ? "yes" : "no") << node.name;
    }
}

TEST(KeptNodes, AnOperationIsAllOfItsNodes) {
    std::vector<OutlineNode> outline(3);
    outline[0].name = "fc1", outline[1].name = "act", outline[2].name = "fc2";
    outline[0].op = outline[2].op = "linear", outline[1].op = "relu";
    Techniques techniques;
    ASSERT_EQ(set_technique(techniques, "keep_fp32", "fc1+fc2"), "");
    EXPECT_TRUE(is_op_kept(techniques, outline, "linear"));
    EXPECT_FALSE(is_op_kept(techniques, outline, "relu"));
    EXPECT_EQ(kept_count(techniques, outline), 2u);
    EXPECT_EQ(value_with_op(techniques, outline, "linear", Keep::no), "none");
    EXPECT_EQ(value_with_op(techniques, outline, "linear", Keep::yes), "op:linear");
    EXPECT_EQ(value_with_op(techniques, outline, "relu", Keep::yes), "fc1+fc2+op:relu");
    EXPECT_EQ(ops_of(outline), (std::vector<std::string>{"linear", "relu"}));
}

}  // namespace
}  // namespace halfscope
