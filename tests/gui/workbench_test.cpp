// The window's content without a display: every panel draws at every size and theme, controls send the
// commands they stand for, and what is drawn are the values of the snapshot.
#include "gui/workbench.h"

#include <GLFW/glfw3.h>
#include <gtest/gtest.h>

#include "gui/files.h"
#include "gui/keys.h"
#include "gui/panel_list.h"
#include "gui/workbench_fixture.h"

namespace halfscope {
namespace {

template <class Kind>
const Kind* only_command(const RecordingSink& sink) {
    return sink.commands.size() == 1 ? std::get_if<Kind>(&sink.commands.front()) : nullptr;
}

TEST(Workbench, DrawsEveryPanelAtEverySizeThemeAndTextSize) {
    WorkbenchFixture fixture(30);
    UiState& ui = fixture.workbench.ui();
    for (const ImVec2 size : {ImVec2(640, 400), ImVec2(1280, 800), ImVec2(1920, 1080)}) {
        for (const ThemeKind theme : {ThemeKind::dark, ThemeKind::light, ThemeKind::high_contrast}) {
            for (const TextSize text : {TextSize::ordinary, TextSize::presenter}) {
                for (const Slot tab :
                     {Slot::gradients, Slot::staircase, Slot::scale_sweep, Slot::microscope, Slot::overflow,
                      Slot::alerts, Slot::accumulator, Slot::network, Slot::ablation, Slot::comparison}) {
                    fixture.size = size;
                    ui.theme = theme;
                    ui.text_size = text;
                    ui.layout.right_tab = tab;
                    ui.layout.middle_tab = tab == Slot::gradients ? Slot::loss_scale : Slot::model_view;
                    fixture.frames();
                    EXPECT_GT(ImGui::GetDrawData()->TotalVtxCount, 1000);
                }
            }
        }
    }
}

TEST(Workbench, DrawsAnEmptySnapshot) {
    WorkbenchFixture fixture(1);
    fixture.snapshot = {};
    fixture.timeline.clear();
    fixture.frames();
    EXPECT_GT(ImGui::GetDrawData()->TotalVtxCount, 100);
}

TEST(Workbench, TheStatusBarTellsPowerWhereTheDeviceDoes) {
    WorkbenchFixture fixture(2);
    const UiProbe& probe = fixture.workbench.ui().probe;
    fixture.frames();
    EXPECT_EQ(probe.find_value("status/energy"), std::nullopt);
    fixture.snapshot.energy.watts = 241.7;
    fixture.frames();
    EXPECT_EQ(probe.find_value("status/energy"), "242 W");
    fixture.snapshot.energy.joules_per_step = 0.31415;
    fixture.frames();
    EXPECT_EQ(probe.find_value("status/energy"), "242 W  0.314 J/step");
}

TEST(Workbench, SaysHowFastMatrixProductsAreAndWhatTensorCoresDislike) {
    WorkbenchFixture fixture(5);
    const UiProbe& probe = fixture.workbench.ui().probe;
    fixture.workbench.ui().layout.right_tab = Slot::comparison;
    MatrixWork work;
    work.flops = 2e9;
    work.odd_extents = {{"fc1", "inputs", 2}, {"fc6", "outputs", 3}};
    fixture.snapshot.matrix_work = std::make_shared<const MatrixWork>(work);
    for (LaneSnapshot& lane : fixture.snapshot.lanes) lane.step_ms = 0;
    LaneSnapshot& lane = fixture.snapshot.lanes[1];
    lane.name = "half";
    lane.step_ms = 4;
    lane.techniques = parse_techniques("mixed");
    fixture.frames();
    EXPECT_EQ(probe.find_value("comparison/matrix_work"),
              "Matrix products: 2 GFLOP a step; half 500 GFLOP/s.");
    EXPECT_EQ(probe.find_value("comparison/odd_extents"), std::nullopt);
    lane.matrix_peak = 2e12;
    fixture.frames();
    EXPECT_EQ(
        probe.find_value("comparison/matrix_work"),
        "Matrix products: 2 GFLOP a step; half 500 GFLOP/s (25% of the 2 TFLOP/s of a large product here).");
    EXPECT_EQ(
        probe.find_value("comparison/odd_extents"),
        "Tensor Cores are at their best where all extents are multiples of 8. Here are none: fc1 inputs 2, "
        "fc6 outputs 3.");
    lane.techniques = parse_techniques("fp32");
    fixture.frames();
    EXPECT_EQ(probe.find_value("comparison/odd_extents"), std::nullopt);
    EXPECT_EQ(probe.find_value("comparison/energy"), "Energy: not reported by this device.");
    lane.joules_per_step = 0.25;
    fixture.frames();
    EXPECT_EQ(probe.find_value("comparison/energy"),
              "Energy a step: half 0.25 J (the device's power while it takes).");
}

TEST(Workbench, ALostDeviceCanBeDoneWithout) {
    constexpr int kReturn = 257;  // GLFW_KEY_ENTER
    WorkbenchFixture fixture(5);
    fixture.frames();
    const auto press_return = [&] {
        return handle_key({kReturn, 0},
                          fixture.workbench.context(fixture.snapshot, fixture.timeline, fixture.sink));
    };
    press_return();
    EXPECT_TRUE(fixture.sink.commands.empty());
    fixture.snapshot.state = RunState::failed;
    fixture.snapshot.rescued_steps = 12300;
    fixture.frames();
    fixture.click("rescue/cpu");
    EXPECT_NE(only_command<GoOnOnCpuCommand>(fixture.sink), nullptr);
    fixture.sink.commands.clear();
    press_return();
    EXPECT_NE(only_command<GoOnOnCpuCommand>(fixture.sink), nullptr);
}

TEST(Workbench, WhatTakesLongIsShownAndCancelled) {
    constexpr int kEscape = 256;  // GLFW_KEY_ESCAPE
    WorkbenchFixture fixture(5);
    fixture.frames();
    const UiProbe& probe = fixture.workbench.ui().probe;
    EXPECT_FALSE(probe.find_value("loading").has_value());
    fixture.snapshot.state = RunState::loading;
    fixture.frames();
    EXPECT_FALSE(probe.find_value("loading").has_value());  // what is over at once shows no bar
    fixture.snapshot.loading = {0.4, "pretraining in FP32: step 240 of 600"};
    fixture.frames();
    EXPECT_EQ(probe.find_value("loading"), "pretraining in FP32: step 240 of 600");
    EXPECT_EQ(probe.find_value("status/state"), "loading 40%");
    fixture.click("loading/cancel");
    EXPECT_NE(only_command<CancelCommand>(fixture.sink), nullptr);
    fixture.sink.commands.clear();
    const PanelContext context = fixture.workbench.context(fixture.snapshot, fixture.timeline, fixture.sink);
    handle_key({kEscape, 0}, context);
    EXPECT_NE(only_command<CancelCommand>(fixture.sink), nullptr);
    // Also before anything is open.
    fixture.snapshot = {};
    fixture.snapshot.loading = {0, "pretraining in FP32: step 0 of 600"};
    fixture.frames();
    EXPECT_TRUE(probe.find_value("loading").has_value());
}

TEST(Workbench, TheRunButtonRunsAndPauses) {
    WorkbenchFixture fixture(5);
    fixture.click("run/toggle");
    EXPECT_NE(only_command<RunCommand>(fixture.sink), nullptr);
    fixture.sink.commands.clear();
    fixture.snapshot.state = RunState::running;
    fixture.click("run/toggle");
    EXPECT_NE(only_command<PauseCommand>(fixture.sink), nullptr);
}

TEST(Workbench, ALegendEntryHidesItsLaneInAllPlots) {
    WorkbenchFixture fixture(20);
    fixture.frames();
    EXPECT_TRUE(fixture.workbench.ui().probe.find_value("loss/last/fp16").has_value());
    fixture.click("loss/legend/fp16");
    EXPECT_FALSE(fixture.workbench.ui().probe.find_value("loss/last/fp16").has_value());
    EXPECT_FALSE(fixture.workbench.ui().probe.find_value("validation/last/fp16").has_value());
    EXPECT_TRUE(fixture.workbench.ui().probe.find_value("loss/last/fp32").has_value());
    fixture.click("loss/legend/fp16");
    EXPECT_TRUE(fixture.workbench.ui().probe.find_value("loss/last/fp16").has_value());
}

TEST(Workbench, DrawnPercentagesAreThoseOfTheCounts) {
    WorkbenchFixture fixture(30);
    UiState& ui = fixture.workbench.ui();
    fixture.size = ImVec2(1920, 1080);
    for (const LaneSnapshot& lane : fixture.snapshot.lanes) {
        ui.selected_lane = lane.id;
        ui.probe_kind = ProbeKind::weight_gradient;
        for (const ShareOf share : {ShareOf::nonzero, ShareOf::all}) {
            ui.share_of = share;
            fixture.frames();
            int rows = 0;
            for (const Probe& probe : lane.probes) {
                if (probe.kind != ProbeKind::weight_gradient) continue;
                ++rows;
                const ClassCounts& counts = probe.counts.fp16;
                const std::uint64_t whole =
                    counts.count() - (share == ShareOf::nonzero ? counts.true_zero : 0);
                ASSERT_GT(whole, 0u);
                const auto drawn = ui.probe.find_value("gradients/" + probe.tensor + "/flushed");
                ASSERT_TRUE(drawn.has_value()) << lane.name << " " << probe.tensor;
                EXPECT_DOUBLE_EQ(std::stod(*drawn),
                                 100.0 * static_cast<double>(counts.flushed) / static_cast<double>(whole));
            }
            EXPECT_GT(rows, 0) << lane.name;
        }
    }
}

TEST(Workbench, ATechniqueIsSwitchedByItsControl) {
    WorkbenchFixture fixture(5);
    fixture.size = ImVec2(1920, 1080);
    UiState& ui = fixture.workbench.ui();
    fixture.frames();
    for (const LaneSnapshot& lane : fixture.snapshot.lanes) {
        if (lane.name == "mixed") ui.selected_lane = lane.id;
    }
    fixture.click("techniques/master_weights");
    const auto* command = only_command<SetTechniqueCommand>(fixture.sink);
    ASSERT_NE(command, nullptr);
    EXPECT_EQ(command->lane, "mixed");
    EXPECT_EQ(command->key, "master_weights");
    EXPECT_EQ(command->value, "off");
}

TEST(Workbench, EveryTechniqueKeyHasAControl) {
    WorkbenchFixture fixture(2);
    fixture.size = ImVec2(1920, 4000);
    fixture.frames(3);
    for (const TechniqueKey& key : technique_keys()) {
        EXPECT_TRUE(fixture.workbench.ui().probe.find_rectangle("techniques/" + key.name).has_value())
            << key.name;
    }
}

TEST(Files, GoWhereTheyBelong) {
    WorkbenchFixture fixture(2);
    fixture.frames();
    const auto open = [&](const std::string& path) {
        fixture.sink.commands.clear();
        open_file(fixture.workbench.context(fixture.snapshot, fixture.timeline, fixture.sink), path);
    };
    open("run.checkpoint");
    ASSERT_NE(only_command<OpenCheckpointCommand>(fixture.sink), nullptr);
    EXPECT_EQ(only_command<OpenCheckpointCommand>(fixture.sink)->path, "run.checkpoint");
    open("run.recipe");
    ASSERT_NE(only_command<OpenRecipeCommand>(fixture.sink), nullptr);
    EXPECT_EQ(only_command<OpenRecipeCommand>(fixture.sink)->path, "run.recipe");
    open("some.txt");
    ASSERT_NE(only_command<OpenScenarioCommand>(fixture.sink), nullptr);
    EXPECT_EQ(only_command<OpenScenarioCommand>(fixture.sink)->settings.text_path, "some.txt");
}

TEST(Files, DialogsSendWhatTheyShow) {
    WorkbenchFixture fixture(2);
    UiState& ui = fixture.workbench.ui();
    ui.dialogs.save_checkpoint = true;
    ui.dialogs.checkpoint_path = "here.checkpoint";
    fixture.frames(4);
    fixture.click("save_checkpoint/open");
    ASSERT_NE(only_command<SaveCheckpointCommand>(fixture.sink), nullptr);
    EXPECT_EQ(only_command<SaveCheckpointCommand>(fixture.sink)->path, "here.checkpoint");
    EXPECT_FALSE(ui.dialogs.save_checkpoint);
    fixture.sink.commands.clear();
    ui.dialogs.save_recipe = true;
    ui.dialogs.recipe_path = "here.recipe";
    fixture.frames(4);
    fixture.click("save_recipe/open");
    ASSERT_NE(only_command<SaveRecipeCommand>(fixture.sink), nullptr);
    EXPECT_EQ(only_command<SaveRecipeCommand>(fixture.sink)->path, "here.recipe");
    EXPECT_FALSE(ui.dialogs.save_recipe);
    fixture.sink.commands.clear();
    ui.dialogs.open_checkpoint = true;
    fixture.frames(4);
    fixture.click("open_checkpoint/open");
    ASSERT_NE(only_command<OpenCheckpointCommand>(fixture.sink), nullptr);
    EXPECT_EQ(only_command<OpenCheckpointCommand>(fixture.sink)->path, "here.checkpoint");
}

TEST(Keys, DoWhatTheirPageSays) {
    WorkbenchFixture fixture(5);
    fixture.frames();
    const auto press = [&](int key, int modifiers = 0) {
        return handle_key({key, modifiers},
                          fixture.workbench.context(fixture.snapshot, fixture.timeline, fixture.sink));
    };
    UiState& ui = fixture.workbench.ui();
    EXPECT_TRUE(press(' '));
    EXPECT_NE(only_command<RunCommand>(fixture.sink), nullptr);
    fixture.sink.commands.clear();
    EXPECT_TRUE(press('R'));
    EXPECT_NE(only_command<RestartCommand>(fixture.sink), nullptr);
    fixture.sink.commands.clear();
    for (const LaneSnapshot& lane : fixture.snapshot.lanes) {
        if (lane.name == "mixed") ui.selected_lane = lane.id;
    }
    EXPECT_TRUE(press('['));
    const auto* halve = only_command<MultiplyLossScaleCommand>(fixture.sink);
    ASSERT_NE(halve, nullptr);
    EXPECT_EQ(halve->lane, "mixed");
    EXPECT_EQ(halve->factor, 0.5);
    fixture.sink.commands.clear();
    // A lane that scales nothing says so instead.
    for (const LaneSnapshot& lane : fixture.snapshot.lanes) {
        if (lane.name == "fp32") ui.selected_lane = lane.id;
    }
    press(']');
    EXPECT_TRUE(fixture.sink.commands.empty());
    EXPECT_NE(ui.messages.entries().back().text.find("does not scale"), std::string::npos);
    // Ctrl S saves beside the program's other files, and there again.
    EXPECT_TRUE(press('S', GLFW_MOD_CONTROL));
    const auto* save = only_command<SaveCheckpointCommand>(fixture.sink);
    ASSERT_NE(save, nullptr);
    EXPECT_NE(save->path.find("halfscope-spiral-mlp-5.checkpoint"), std::string::npos) << save->path;
    ui.dialogs.checkpoint_path = "elsewhere";
    fixture.sink.commands.clear();
    press('S', GLFW_MOD_CONTROL);
    EXPECT_EQ(only_command<SaveCheckpointCommand>(fixture.sink)->path, "elsewhere");
    const AxisScale before = ui.loss_axis;
    press('L');
    EXPECT_NE(ui.loss_axis, before);
    EXPECT_FALSE(press('Z'));
}

}  // namespace
}  // namespace halfscope
