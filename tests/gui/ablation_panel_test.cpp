// The ablation panel: clicks choose and start, a session trains, and the table is what experiments by hand
// come to.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

#include "backend/cpu_backend.h"
#include "gui/widgets/plot_bands.h"
#include "gui/workbench_fixture.h"
#include "session/session.h"

namespace halfscope {
namespace {

class AblationPanelTest : public ::testing::Test {
  protected:
    AblationPanelTest() {
        fixture_.size = ImVec2(1920, 1080);
        ui().layout.right_tab = Slot::ablation;
        fixture_.frames();
        fixture_.click("ablation/lane/mixed");
    }
    UiState& ui() { return fixture_.workbench.ui(); }
    std::string text(const std::string& id) { return ui().probe.find_value(id).value_or("(not drawn)"); }
    double number(const std::string& id) { return std::strtod(text(id).c_str(), nullptr); }
    std::string row_text(std::size_t row, const std::string& what) {
        return text("ablation/row/" + std::to_string(row) + "/" + what);
    }
    double row_number(std::size_t row, const std::string& what) {
        return number("ablation/row/" + std::to_string(row) + "/" + what);
    }

    /// What a session with the fixture's scenario makes of a command; the window sees it as it goes on.
    void train(const StartAblationCommand& command) {
        const std::unique_ptr<Backend> backend = make_cpu_backend(1);
        Timeline timeline;
        Session session(
            *backend, timeline, [](int, const StepRecord&) {}, [] {});
        OpenScenarioCommand open;
        open.scenario = fixture_.snapshot.scenario.name;
        open.settings = fixture_.snapshot.settings;
        session.begin(open, RunState::paused);
        session.apply(command);
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        do {
            fixture_.snapshot.ablation = session.make_snapshot().ablation;
            fixture_.frames();
            ASSERT_TRUE(fixture_.snapshot.ablation);
            ASSERT_LT(std::chrono::steady_clock::now(), end);
        } while (text("ablation/state") == "running");
        fixture_.frames();
    }
    /// Start is clicked, and what it sends is done.
    StartAblationCommand start() {
        fixture_.sink.commands.clear();
        fixture_.click("ablation/start");
        EXPECT_EQ(fixture_.sink.commands.size(), 1u);
        const auto* command = std::get_if<StartAblationCommand>(&fixture_.sink.commands.front());
        EXPECT_TRUE(command);
        if (command) train(*command);
        return command ? *command : StartAblationCommand{};
    }

    WorkbenchFixture fixture_{12};
};

/// The losses of an experiment made by hand.
struct Alone {
    Alone(const Snapshot& snapshot, const Techniques& techniques, std::uint64_t seed, int steps) {
        const std::unique_ptr<Backend> backend = make_cpu_backend(1);
        const Scenario& scenario = find_scenario(snapshot.scenario.name);
        ScenarioSettings settings = snapshot.settings;
        settings.seed = seed;
        Experiment experiment(*backend, scenario.create(resolve_settings(scenario.info(), settings)),
                              {{"alone", techniques}});
        for (int step = 0; step < steps; ++step) losses.push_back(experiment.step({}).front().record.loss);
        accuracy = experiment.lanes().front().validate().metric;
    }
    std::vector<double> losses;
    double accuracy = 0;
};

TEST_F(AblationPanelTest, ClicksStartItAndTheTableIsWhatExperimentsByHandComeTo) {
    EXPECT_EQ(text("ablation/state"), "none");
    fixture_.click("ablation/value/loss_scaling/static");
    fixture_.click("ablation/value/loss_scaling/dynamic");  // off and static are left
    ui().ablation.steps = 30;
    fixture_.frames();
    EXPECT_EQ(text("ablation/summary").find("4 combinations x 3 seeds = 12 runs of 30 steps"), 0u)
        << text("ablation/summary");
    const StartAblationCommand command = start();
    EXPECT_EQ(command.lane, "mixed");
    EXPECT_EQ(command.factors, (std::vector<AblationFactor>{{"master_weights", {"on", "off"}},
                                                            {"loss_scaling", {"off", "static"}}}));
    EXPECT_EQ(command.seeds, (std::vector<std::uint64_t>{0, 1, 2}));
    EXPECT_EQ(command.from, AblationFrom::scratch);
    ASSERT_EQ(fixture_.snapshot.ablation->rows.size(), 4u);
    EXPECT_EQ(number("ablation/curves"), 4);
    for (std::size_t row = 0; row < 4; ++row) {
        Techniques techniques = parse_techniques("mixed");
        set_technique(techniques, "master_weights", row < 2 ? "on" : "off");
        set_technique(techniques, "loss_scaling", row % 2 == 0 ? "off" : "static");
        double loss_sum = 0, accuracy_sum = 0;
        std::vector<double> finals;
        for (const std::uint64_t seed : command.seeds) {
            const Alone alone(fixture_.snapshot, techniques, seed, 30);
            double last = 0;
            for (std::size_t step = 20; step < 30; ++step) last += alone.losses[step] / 10;
            finals.push_back(last);
            loss_sum += last;
            accuracy_sum += alone.accuracy;
        }
        EXPECT_NEAR(row_number(row, "final_loss/mean"), loss_sum / 3, 1e-12);
        EXPECT_NEAR(row_number(row, "accuracy/mean"), accuracy_sum / 3, 1e-12);
        double squares = 0;
        for (const double loss : finals) squares += (loss - loss_sum / 3) * (loss - loss_sum / 3);
        EXPECT_NEAR(row_number(row, "final_loss/sd"), std::sqrt(squares / 2), 1e-12);
        EXPECT_EQ(row_text(row, "seeds"), "3");
    }
}

TEST_F(AblationPanelTest, APresentStateHasItsOwnSeedAndNoOther) {
    fixture_.click("ablation/from/present");
    ui().ablation.steps = 10;
    fixture_.frames();
    fixture_.sink.commands.clear();
    fixture_.click("ablation/start");
    ASSERT_EQ(fixture_.sink.commands.size(), 1u);
    const auto& command = std::get<StartAblationCommand>(fixture_.sink.commands.front());
    EXPECT_EQ(command.seeds, std::vector<std::uint64_t>{fixture_.snapshot.settings.seed});
    EXPECT_EQ(command.from, AblationFrom::present_state);
}

TEST_F(AblationPanelTest, TechniquesAreAddedChosenAndRemoved) {
    fixture_.click("ablation/remove/loss_scaling");
    fixture_.click("ablation/add");
    ASSERT_EQ(ui().ablation.choices.size(), 2u);
    EXPECT_EQ(ui().ablation.choices[1].key, "storage") << "the first that is not varied yet";
    fixture_.click("ablation/key/storage");
    fixture_.click("ablation/key/accumulate/choose");
    EXPECT_EQ(ui().ablation.choices[1].key, "accumulate");
    EXPECT_EQ(ui().ablation.choices[1].values, (std::vector<std::string>{"fp32", "fp16"}));
    fixture_.click("ablation/suggest/loss scales");
    ASSERT_EQ(ui().ablation.choices.size(), 2u);
    fixture_.frames();
    EXPECT_EQ(text("ablation/summary").find("5 combinations x 3 seeds = 15 runs"), 0u)
        << text("ablation/summary");
}

TEST_F(AblationPanelTest, WhatMakesNoPlanIsSaidAndCannotBeStarted) {
    for (const char* value : {"on", "off"})
        fixture_.click(std::string("ablation/value/master_weights/") + value);
    EXPECT_NE(text("ablation/summary").find("'master_weights' has no value"), std::string::npos)
        << text("ablation/summary");
    fixture_.sink.commands.clear();
    fixture_.click("ablation/start");
    EXPECT_TRUE(fixture_.sink.commands.empty());
    // Rows that make no sense stay in the table, and the plan says so before it starts.
    ui().ablation.choices = {{"storage", {"fp16", "fp32"}, {}}, {"accumulate", {"fp32", "fp16"}, {}}};
    ui().ablation.steps = 2;
    ui().ablation.seeds = 1;
    fixture_.frames();
    EXPECT_EQ(text("ablation/summary").find("3 combinations x 1 seed = 3 runs of 2 steps"), 0u);
    start();
    EXPECT_EQ(row_text(3, "seeds"), "refused");
    EXPECT_EQ(row_text(3, "final_loss/text"), "-");
    EXPECT_EQ(number("ablation/curves"), 3);
}

TEST_F(AblationPanelTest, RowsAreSortedHiddenAndNamed) {
    ui().ablation.steps = 12;
    ui().ablation.seeds = 2;
    fixture_.frames();
    start();
    std::vector<double> losses;
    for (std::size_t row = 0; row < 4; ++row) losses.push_back(row_number(row, "final_loss/mean"));
    const auto place_of = [&](std::size_t row) { return row_number(row, "place"); };
    for (std::size_t row = 0; row < 4; ++row) EXPECT_EQ(place_of(row), static_cast<double>(row));
    const auto expect_order = [&](auto is_before) {
        for (std::size_t a = 0; a < 4; ++a)
            for (std::size_t b = 0; b < 4; ++b)
                if (is_before(losses[a], losses[b])) {
                    EXPECT_LT(place_of(a), place_of(b));
                }
    };
    fixture_.click("ablation/sort/final_loss");
    expect_order([](double a, double b) { return a < b; });
    fixture_.click("ablation/sort/final_loss");
    expect_order([](double a, double b) { return a > b; });
    fixture_.click("ablation/row/2");
    EXPECT_EQ(number("ablation/curves"), 3);
    fixture_.click("ablation/row/2");
    EXPECT_EQ(number("ablation/curves"), 4);
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("halfscope-ablation-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    const std::filesystem::path before = std::filesystem::current_path();
    std::filesystem::current_path(folder);
    fixture_.click("ablation/export");
    fixture_.click("ablation/export/markdown");
    std::filesystem::current_path(before);
    std::ifstream file(folder / "halfscope-ablation-12.md");
    const std::string written((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    EXPECT_NE(written.find("spiral-mlp, mixed, 12 steps from scratch, seeds 0, 1"), std::string::npos)
        << written;
    EXPECT_NE(written.find("| on | off | " + row_text(0, "final_loss/text") + " |"), std::string::npos)
        << written;
    std::filesystem::remove_all(folder);
}

TEST_F(AblationPanelTest, NoColumnIsOutOfSightInANarrowWindow) {
    // Numbers as long as they come.
    AblationPlan plan;
    plan.scenario = "spiral-mlp";
    plan.base = parse_techniques("mixed");
    plan.factors = {{"loss_scaling", {"static"}},
                    {"master_weights", {"on", "off"}},
                    {"loss_scale", {"1", "8", "256", "32768", "16777216"}}};
    plan.seeds = {0, 1, 2};
    plan.steps = 1000;
    AblationResults results = planned_ablation(plan);
    for (std::size_t row = 0; row < results.rows.size(); ++row)
        for (int seed = 0; seed < 3; ++seed) {
            auto run = std::make_shared<AblationRun>();
            run->final_loss =
                row == 3 && seed == 0 ? NAN : 0.012345 + 0.00123 * static_cast<double>(seed * row);
            run->validation.metric = 0.98765 - 0.0123 * seed;
            run->flushed = static_cast<std::uint64_t>(12345 + 678 * seed);
            run->swallowed = static_cast<std::uint64_t>(23456 + 789 * seed);
            run->nonzero = run->updates = 54321;
            run->skipped = 123 + 11 * seed;
            run->step_ms = 12.345 + seed;
            run->bytes = 123'456'789;
            results.rows[row].runs.push_back(run);
        }
    fixture_.snapshot.ablation = std::make_shared<const AblationResults>(results);
    ui().ablation.page = AblationView::Page::results;
    fixture_.frames();
    EXPECT_EQ(text("ablation/fit"), "folded");
    EXPECT_EQ(text("ablation/scrolls"), "no");
    EXPECT_EQ(text("ablation/same"), "all with loss_scaling=static");
    fixture_.size = ImVec2(1280, 800);
    fixture_.frames(3);
    ASSERT_EQ(text("ablation/fit"), "one set");
    const std::pair<const char*, std::vector<const char*>> sets[] = {
        {"losses", {"flushed_percent", "swallowed_percent", "skipped_steps"}},
        {"cost", {"step_ms", "bytes"}},
        {"learning", {"final_loss", "accuracy", "seeds"}}};
    for (const auto& [set, columns] : sets) {
        fixture_.click(std::string("ablation/columns/") + set);
        fixture_.frames(3);
        EXPECT_EQ(text("ablation/scrolls"), "no") << set;
        for (const char* column : columns)
            EXPECT_TRUE(ui().probe.find_rectangle(std::string("ablation/sort/") + column)) << column;
    }
    EXPECT_FALSE(ui().probe.find_rectangle("ablation/sort/bytes"));
    // What rows are sorted by stays where other columns are shown.
    fixture_.click("ablation/sort/final_loss");
    fixture_.click("ablation/sort/final_loss");
    EXPECT_EQ(row_number(9, "place"), 0);
    fixture_.click("ablation/columns/cost");
    fixture_.frames(3);
    EXPECT_EQ(row_number(9, "place"), 0);
    EXPECT_EQ(row_number(0, "place"), 9);
}

TEST_F(AblationPanelTest, ARunningOneShowsHowFarItIsAndIsCancelledByAClick) {
    AblationPlan plan;
    plan.scenario = "spiral-mlp";
    plan.base = parse_techniques("mixed");
    plan.factors = {{"master_weights", {"on", "off"}}};
    plan.seeds = {0, 1};
    plan.steps = 50;
    AblationResults results = planned_ablation(plan);
    results.steps_done = 50;
    results.elapsed_ms = 20'000;
    fixture_.snapshot.ablation = std::make_shared<const AblationResults>(results);
    fixture_.frames();
    EXPECT_EQ(text("ablation/progress"), "run 1 of 4, 60 s left");
    EXPECT_FALSE(ui().probe.find_rectangle("ablation/start")) << "one at a time";
    fixture_.sink.commands.clear();
    fixture_.click("ablation/cancel");
    ASSERT_EQ(fixture_.sink.commands.size(), 1u);
    EXPECT_TRUE(std::holds_alternative<CancelAblationCommand>(fixture_.sink.commands.front()));
    results.state = AblationState::failed;
    results.problem = "the disk is full";
    fixture_.snapshot.ablation = std::make_shared<const AblationResults>(results);
    fixture_.frames();
    EXPECT_TRUE(ui().probe.find_rectangle("ablation/start"));
}

TEST(BandPlot, PointsStandOverTheirSteps) {
    BandPlot plot;
    plot.first_step = 100;
    plot.steps = 11;
    plot.bucket_steps = 4;
    EXPECT_EQ(first_step_of(plot, 0), 100);
    EXPECT_EQ(last_step_of(plot, 0), 103);
    EXPECT_EQ(first_step_of(plot, 2), 108);
    EXPECT_EQ(last_step_of(plot, 2), 110) << "the last one has fewer";
}

TEST(BandPlot, RowsLooksAreSixteenPairs) {
    Theme theme;
    set_theme_colours(theme, ThemeKind::dark);
    for (std::size_t a = 0; a < 16; ++a)
        for (std::size_t b = 0; b < a; ++b) {
            const LaneLook x = row_look(theme, a), y = row_look(theme, b);
            EXPECT_TRUE(x.colour != y.colour || x.style != y.style) << a << " " << b;
            EXPECT_NE(x.letter, y.letter);
        }
}

}  // namespace
}  // namespace halfscope
