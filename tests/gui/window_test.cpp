// The real program in a real window: clicks and keys through the X server, checked in what is drawn and in
// the events of the run.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "gui/driven_window.h"
#include "gui/picture_file.h"
#include "support/array_samples.h"

namespace halfscope {
namespace {

using Arguments = std::vector<std::string>;

TEST(Window, TrainsAtOnceAndDrawsWhatTheRunDid) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral());
    window.wait_step(30);
    window.key("space");
    window.wait_value("status/state", "paused");
    window.wait_frames(3);
    const nlohmann::json snapshot = window.snapshot();
    EXPECT_EQ(snapshot["state"], "paused");
    ASSERT_EQ(snapshot["lanes"].size(), 3u);
    for (const nlohmann::json& lane : snapshot["lanes"]) {
        const std::string name = lane["name"];
        EXPECT_EQ(window.number("loss/last_step/" + name), snapshot["step"].get<double>() - 1) << name;
        EXPECT_FLOAT_EQ(static_cast<float>(window.number("loss/last/" + name)), lane["loss"].get<float>())
            << name;
    }
    EXPECT_EQ(window.quit(), 0);
}

TEST(Window, ATechniqueClickedDuringTheRunIsAnEventAndTakesEffect) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral());
    window.wait_step(5);
    window.key("2");  // the lane mixed
    ASSERT_EQ(window.lane("mixed")["techniques"]["master_weights"], "on");
    window.click("techniques/master_weights");
    const std::int64_t after_click = window.snapshot()["step"];
    window.wait_step(after_click + 5);
    const nlohmann::json lane = window.lane("mixed");
    EXPECT_EQ(lane["techniques"]["master_weights"], "off");
    // The event carries the step from which on it holds, and every plot shows one marker more.
    bool found = false;
    const nlohmann::json events = window.ask("events");
    for (const nlohmann::json& event : events["events"]) {
        if (event["event"] != "toggle" || event["lane"] != "mixed") continue;
        found = true;
        EXPECT_EQ(event["step"], lane["techniques_step"]);
        EXPECT_NE(event["detail"].get<std::string>().find("master_weights"), std::string::npos);
    }
    EXPECT_TRUE(found);
    EXPECT_EQ(window.number("loss/toggles"), 1);
    // The other lanes are what they were.
    EXPECT_EQ(window.lane("fp32")["techniques"]["storage"], "fp32");
}

TEST(Window, PauseStepAndRestartDoWhatTheySay) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral({"--paused"}));
    window.wait_value("status/state", "paused");
    EXPECT_EQ(window.snapshot()["step"], 0);
    window.click("run/step");
    window.wait_step(1);
    window.wait_value("status/step", "step 1");
    window.key("Right");
    window.wait_step(2);
    EXPECT_EQ(window.snapshot()["step"], 2);
    const std::string signature = window.lane("fp16")["signature"];
    EXPECT_EQ(signature.size(), 16u);
    window.click("run/restart");
    window.wait_value("status/step", "step 0");
    window.key("Right");
    window.wait_step(1);
    window.key("Right");
    window.wait_step(2);
    EXPECT_EQ(window.lane("fp16")["signature"], signature) << "the same seed and steps give the same weights";
}

std::vector<std::string> lane_names(DrivenWindow& window) {
    std::vector<std::string> names;
    const nlohmann::json snapshot = window.snapshot();
    for (const nlohmann::json& lane : snapshot["lanes"]) names.push_back(lane["name"]);
    return names;
}

/// Commands take effect between two steps: waits until the lanes are these, and says what they are at last.
std::vector<std::string> lanes_in_the_end(DrivenWindow& window, const std::vector<std::string>& expected) {
    for (int round = 0; round < 100 && lane_names(window) != expected; ++round) window.wait_frames(2);
    return lane_names(window);
}

TEST(Window, LanesAreRenamedRemovedAndAddedByClicks) {
    NEEDS_A_WINDOW();
    using Names = std::vector<std::string>;
    DrivenWindow window(small_spiral());
    window.wait_step(3);
    const nlohmann::json run = window.snapshot()["run"];
    window.double_click("lanes/mixed");
    for (int round = 0; round < 100 && window.try_ask("rect lanes/mixed/rename").contains("error"); ++round)
        window.wait_frames(1);
    window.type("rescued");  // an r outside a name field restarts the run
    window.key("Return");
    EXPECT_EQ(lanes_in_the_end(window, {"fp32", "rescued", "fp16"}), (Names{"fp32", "rescued", "fp16"}));
    EXPECT_EQ(window.snapshot()["run"], run) << "typing a name is no command";
    window.click("lanes/fp16/remove");
    EXPECT_EQ(lanes_in_the_end(window, {"fp32", "rescued"}), (Names{"fp32", "rescued"}));
    window.click("lanes/add");
    window.click("lanes/add/preset/bf16");
    window.click("lanes/add/confirm");
    EXPECT_EQ(lanes_in_the_end(window, {"fp32", "rescued", "bf16"}), (Names{"fp32", "rescued", "bf16"}));
    EXPECT_EQ(window.lane("bf16")["techniques"]["storage"], "bf16");
}

TEST(Window, AnAblationTrainsBesideTheRunAndIsCancelled) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral());
    window.wait_step(3);
    window.click("tab/ablation");
    window.click("ablation/suggest/formats");
    window.click("ablation/steps");
    window.key("ctrl+a");
    window.type("20");
    window.key("Return");
    window.click("ablation/start");
    const std::int64_t started_at = window.snapshot()["step"];
    for (int round = 0; round < 300 && window.try_ask("value ablation/state")["value"] != "over"; ++round)
        window.wait_frames(3);
    EXPECT_EQ(window.value("ablation/state"), "over");
    for (const char* row : {"0", "1", "2"}) {
        const std::string id = std::string("ablation/row/") + row;
        EXPECT_EQ(window.value(id + "/seeds"), "3");
        EXPECT_GT(window.number(id + "/final_loss/mean"), 0.5);
        EXPECT_GT(window.number(id + "/final_loss/sd"), 0.0);
    }
    window.wait_step(started_at + 5);  // the run goes on
    window.click("ablation/page/choose");
    window.click("ablation/steps");
    window.key("ctrl+a");
    window.type("1000000");
    window.key("Return");
    window.click("ablation/start");
    window.wait_value("ablation/state", "running");
    window.click("ablation/cancel");
    window.wait_value("ablation/state", "over");
    EXPECT_EQ(window.value("ablation/row/0/seeds"), "0 of 3");
    EXPECT_EQ(window.quit(), 0);
}

TEST(Window, APlotsMenuWritesItsCsv) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral());
    window.wait_step(20);
    window.key("space");
    window.wait_value("status/state", "paused");
    window.click("loss/area", 3);
    window.click("loss/menu/csv");
    window.wait_frames(3);
    const std::string note = window.value("message/note");
    ASSERT_EQ(note.rfind("wrote ", 0), 0u) << note;
    const std::string path = note.substr(6);
    std::ifstream file(path);
    std::string line;
    ASSERT_TRUE(std::getline(file, line));
    EXPECT_EQ(line, "lane,series,first_step,last_step,minimum,maximum,last,nonfinite");
    int rows = 0;
    while (std::getline(file, line)) ++rows;
    EXPECT_EQ(rows, 3 * window.snapshot()["step"].get<int>()) << "a row for each step of each lane";
    std::filesystem::remove(path);
}

TEST(Window, ResizingKeepsEveryTileInside) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral());
    for (const auto& [width, height] : {std::pair{1280, 800}, {1900, 1000}, {700, 420}}) {
        window.ask("size " + std::to_string(width) + " " + std::to_string(height));
        window.wait_frames(5);
        int tiles = 0;
        const nlohmann::json ids = window.ask("ids tile/");
        for (const nlohmann::json& id : ids["ids"]) {
            const nlohmann::json rect = window.ask("rect " + id.get<std::string>());
            EXPECT_TRUE(rect["visible"].get<bool>()) << id;
            EXPECT_GE(rect["rect"][0].get<double>(), 0) << id;
            EXPECT_LE(rect["rect"][2].get<double>(), width) << id;
            EXPECT_LE(rect["rect"][3].get<double>(), height) << id;
            ++tiles;
        }
        EXPECT_GE(tiles, width >= 1500 ? 9 : 7);
    }
}

TEST(Window, ABadFileDroppedIsSaidInOneSentenceAndNothingIsLost) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral());
    window.wait_step(10);
    window.ask("drop /no/such/file.txt");
    window.wait_frames(3);
    for (int frame = 0; frame < 100 && window.try_ask("value message/error").contains("error"); ++frame) {
        window.wait_frames(2);
    }
    EXPECT_NE(window.value("message/error").find("/no/such/file.txt"), std::string::npos);
    const nlohmann::json snapshot = window.snapshot();
    EXPECT_EQ(snapshot["scenario"], "spiral-mlp");
    EXPECT_EQ(snapshot["state"], "running");
    window.wait_step(snapshot["step"].get<std::int64_t>() + 20);
    window.click("message/dismiss");
    EXPECT_TRUE(window.try_ask("value message/error").contains("error"));
}

TEST(Window, ADroppedTextIsTrainedOn) {
    NEEDS_A_WINDOW();
    const std::string path =
        (std::filesystem::temp_directory_path() / ("halfscope-" + std::to_string(getpid()) + "-text.txt"))
            .string();
    {
        std::ofstream file(path);
        for (int line = 0; line < 400; ++line) file << "the quick brown fox jumps over line " << line << "\n";
    }
    DrivenWindow window(small_spiral());
    window.wait_step(3);
    window.ask("drop " + path);
    for (int frame = 0; frame < 200 && window.snapshot()["scenario"] != "char-gru"; ++frame)
        window.wait_frames(2);
    EXPECT_EQ(window.snapshot()["scenario"], "char-gru");
    EXPECT_EQ(window.snapshot()["text"], path);
    window.wait_step(2);
    std::filesystem::remove(path);
    EXPECT_EQ(window.quit(), 0);
}

TEST(Window, TensorsAreOpenedCountedBesideTheFramesAndShownInAnotherFormat) {
    NEEDS_A_WINDOW();
    const std::string stem =
        (std::filesystem::temp_directory_path() / ("halfscope-" + std::to_string(getpid()))).string();
    const std::string small = stem + "-small.npy", endless = stem + "-endless.npy";
    std::ofstream(small, std::ios::binary)
        << samples::npy("<f4", "(4,)", samples::bytes_of<float>({1e-9f, 1e-5f, 1.0f, 0.0f}));
    const std::uint64_t count = std::uint64_t{1} << 34;
    std::ofstream(endless, std::ios::binary) << samples::npy("<f2", "(" + std::to_string(count) + ",)", "");
    std::filesystem::resize_file(endless, std::filesystem::file_size(endless) + 2 * count);
    const std::string name = std::filesystem::path(small).stem().string();

    DrivenWindow window(small_spiral({"--paused", "--open", small}));
    window.wait_value("tensors/state", "complete");
    EXPECT_EQ(window.number("tensors/" + name + "/flushed"), 1);
    EXPECT_EQ(window.number("tensors/" + name + "/subnormal"), 1);
    window.click("tensors/" + name);
    window.click("tensors/format");
    window.click("tensors/format/e4m3");
    window.wait_value("tensors/format/now/flushed", "2");
    window.click("tensors/format/curves");
    window.wait_value("tensors/format/dragged/scale", "1024");
    EXPECT_EQ(window.number("tensors/format/dragged/flushed"), 1);

    // 32 GiB of zeros that are not there: frames go on while they are read, and Cancel answers.
    window.ask("drop " + endless);
    window.wait_value("tensors/state", "counting");
    window.wait_frames(20);
    window.click("tensors/cancel");
    window.wait_value("tensors/state", "cancelled");
    std::filesystem::remove(small);
    std::filesystem::remove(endless);
    EXPECT_EQ(window.quit(), 0);
}

TEST(Window, ADroppedScenarioFileIsOpenedWithItsLanes) {
    NEEDS_A_WINDOW();
    const std::string path =
        (std::filesystem::temp_directory_path() / ("halfscope-" + std::to_string(getpid()) + "-lesson.toml"))
            .string();
    DrivenWindow window(small_spiral());
    window.wait_step(3);
    std::ofstream(path) << "scenario = 'image-fit'\n[[lane]]\nname = 'S'\npreset = 'mixt'\n";
    window.ask("drop " + path);
    for (int frame = 0; frame < 100 && window.try_ask("value message/error").contains("error"); ++frame)
        window.wait_frames(2);
    EXPECT_NE(window.value("message/error").find("line 4"), std::string::npos)
        << window.value("message/error");
    EXPECT_EQ(window.snapshot()["scenario"], "spiral-mlp");
    std::ofstream(path) << "scenario = 'image-fit'\nseed = 4\n[[lane]]\nname = 'eight'\npreset = 'mixed'\n"
                           "loss_scale = 8\n[[lane]]\nname = 'none'\npreset = 'fp32'\n";
    window.ask("drop " + path);
    for (int frame = 0; frame < 200 && window.snapshot()["scenario"] != "image-fit"; ++frame)
        window.wait_frames(2);
    const nlohmann::json snapshot = window.snapshot();
    EXPECT_EQ(snapshot["scenario"], "image-fit");
    EXPECT_EQ(snapshot["seed"], 4);
    ASSERT_EQ(snapshot["lanes"].size(), 2u);
    EXPECT_EQ(window.lane("eight")["techniques"]["loss_scale"], "8");
    std::filesystem::remove(path);
    EXPECT_EQ(window.quit(), 0);
}

TEST(Window, PlotsPanZoomAndFit) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral());
    window.wait_step(100);
    window.key("space");
    window.wait_value("status/state", "paused");
    window.wait_frames(3);
    const double last = window.number("loss/last_step");
    window.scroll("loss/area", 4);
    const double zoomed = window.number("loss/last_step") - window.number("loss/first_step");
    EXPECT_LT(zoomed, last * 0.7);
    EXPECT_EQ(window.number("loss_scale/first_step"), window.number("loss/first_step"))
        << "one time for all plots";
    const double first = window.number("loss/first_step");
    window.drag("loss/area", -80, 0);
    EXPECT_GT(window.number("loss/first_step"), first);
    window.double_click("loss/area");
    EXPECT_EQ(window.number("loss/last_step"), last);
    window.drag("loss/area", 60, 30, 3);
    EXPECT_LT(window.number("loss/last_step"), last);
    window.key("f");
    EXPECT_EQ(window.number("loss/last_step"), last);
    EXPECT_EQ(window.value("loss/scale"), "log");
    window.key("l");
    EXPECT_EQ(window.value("loss/scale"), "linear");
}

TEST(Window, NoFrameWaitsForAStep) {
    NEEDS_A_WINDOW();
    // Steps that take seconds: some 10^11 operations in each of three lanes.
    DrivenWindow window({"--scenario", "spiral-mlp", "--set", HALFSCOPE_SLOW_POINTS, "--set", "width=512",
                         "--size", "1280x800"});
    bool seen_within_a_step = false;
    for (int attempt = 0; attempt < 5 && !seen_within_a_step; ++attempt) {
        const std::int64_t step = window.snapshot()["step"];
        window.wait_step(step + 1);
        const std::string before = window.value("loss/scale");
        window.key("l");
        EXPECT_NE(window.value("loss/scale"), before);
        window.click("lanes/mixed");
        EXPECT_EQ(window.value("techniques/lane"), "mixed");
        window.click("lanes/fp32");
        EXPECT_EQ(window.value("techniques/lane"), "fp32");
        window.wait_frames(10);
        // Where it is still the same step, all these frames and answers were given while it ran.
        seen_within_a_step = window.snapshot()["step"] == step + 1;
    }
    EXPECT_TRUE(seen_within_a_step);
    EXPECT_EQ(window.quit(), 0);
}

TEST(Window, AScreenshotShowsThePanels) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral());
    window.wait_step(20);
    PictureFile picture("drawn");
    window.ask("screenshot " + picture.path);
    picture.load();
    EXPECT_EQ(picture.width, 1280);
    EXPECT_EQ(picture.height, 800);
    std::size_t lit = 0;
    for (const unsigned char channel : picture.pixels) lit += channel > 120;
    EXPECT_GT(lit, picture.pixels.size() / 100) << "text and curves";
    EXPECT_LT(lit, picture.pixels.size() / 2) << "on a dark background";
}

TEST(Window, ClosesCleanlyOnInterruptWhileTraining) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral());
    window.wait_step(5);
    window.process().send_signal(SIGINT);
    EXPECT_EQ(window.process().wait(std::chrono::seconds(20)), 130);
}

TEST(Screenshot, IsWrittenWithoutAPerson) {
    NEEDS_A_WINDOW();
    PictureFile picture("alone");
    Arguments arguments = small_spiral({"--screenshot", picture.path, "--frames", "5", "--theme", "light"});
    ChildProcess process(HALFSCOPE_PROGRAM, arguments);
    EXPECT_EQ(process.wait(std::chrono::seconds(60)), 0) << process.errors();
    picture.load();
    EXPECT_EQ(picture.width, 1280);
    double sum = 0;
    for (const unsigned char channel : picture.pixels) sum += channel;
    EXPECT_GT(sum / static_cast<double>(picture.pixels.size()), 150) << "the light theme";
}

TEST(NoDisplay, IsOneLineThatPointsToTheCommandLine) {
    ChildProcess process(HALFSCOPE_PROGRAM, {},
                         {{"DISPLAY", std::nullopt}, {"WAYLAND_DISPLAY", std::nullopt}});
    EXPECT_EQ(process.wait(std::chrono::seconds(20)), 3);
    const std::string errors = process.errors();
    EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
    EXPECT_NE(errors.find("display"), std::string::npos);
    EXPECT_NE(errors.find("halfscope-cli"), std::string::npos);
}

TEST(WindowOptions, BadOnesAreOneLineAndExitCodeTwo) {
    const std::vector<Arguments> bad{{"--size", "big"},
                                     {"--size", "100x100"},
                                     {"--theme", "drak"},
                                     {"--scale", "nan"},
                                     {"--scenario", "spiral"},
                                     {"--set", "lr=-1"},
                                     {"--lane", "a=mixd"},
                                     {"--lane", "a=mixed", "--lane", "a=fp32"},
                                     {"--text", "/no/such/file"},
                                     {"--frames", "0"},
                                     {"--unknown"},
                                     {"stray"}};
    for (const Arguments& arguments : bad) {
        ChildProcess process(HALFSCOPE_PROGRAM, arguments);
        EXPECT_EQ(process.wait(std::chrono::seconds(20)), 2) << arguments.back();
        const std::string errors = process.errors();
        EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
        EXPECT_EQ(errors.rfind("halfscope: ", 0), 0u) << errors;
    }
}

TEST(WindowOptions, ADeviceThatIsNotThereIsExitCodeThree) {
    ChildProcess process(HALFSCOPE_PROGRAM, {"--device", "cuda"});
    EXPECT_EQ(process.wait(std::chrono::seconds(20)), 3);
    EXPECT_NE(process.errors().find("cuda"), std::string::npos);
}

TEST(Window, GoesOnFromACheckpointThatItSavedAndThatIsDropped) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral());
    window.wait_step(10);
    window.key("space");
    window.wait_value("status/state", "paused");
    const nlohmann::json saved = window.snapshot();
    window.key("ctrl+s");
    std::string note;
    for (int tries = 0; tries < 100 && note.find("saved ") == std::string::npos; ++tries) {
        window.wait_frames(2);
        const nlohmann::json answer = window.try_ask("value message/note");
        if (answer.contains("value")) note = answer["value"];
    }
    const std::size_t begin = note.find("saved ") + 6, end = note.find(" after ");
    ASSERT_NE(end, std::string::npos) << note;
    const std::string path = note.substr(begin, end - begin);
    ASSERT_TRUE(std::filesystem::exists(path)) << path;

    window.key("r");
    for (int tries = 0; tries < 200 && window.snapshot()["step"] != 0; ++tries) window.wait_frames(2);
    EXPECT_EQ(window.snapshot()["step"], 0);
    window.ask("drop " + path);
    window.wait_step(saved["step"]);
    const nlohmann::json opened = window.snapshot();
    EXPECT_EQ(opened["step"], saved["step"]);
    for (std::size_t lane = 0; lane < saved["lanes"].size(); ++lane)
        EXPECT_EQ(opened["lanes"][lane]["loss"], saved["lanes"][lane]["loss"]);
    EXPECT_EQ(window.quit(), 0);

    DrivenWindow again({"--resume", path, "--paused", "--size", "1280x800"});
    again.wait_step(saved["step"]);
    EXPECT_EQ(again.snapshot()["lanes"][0]["loss"], saved["lanes"][0]["loss"]);
    EXPECT_EQ(again.quit(), 0);
    std::filesystem::remove(path);
}

TEST(Window, EveryScaleIsMeasuredWhileTheWindowAnswersAndTrainingGoesOn) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral());
    window.wait_step(20);
    window.click("tab/staircase");
    EXPECT_GE(window.number("staircase/fc1/backward/flushed"), 0.0);
    window.click("tab/scale_sweep");
    window.click("scale_sweep/measure");
    window.wait_value("scale_sweep/done", "41");
    // Of lane fp16: much is lost where the scale is least.
    EXPECT_GT(window.number("scale_sweep/fc1.weight/-10"), 10 * window.number("scale_sweep/fc1.weight/10"));
    const std::int64_t step = window.snapshot()["step"];
    window.wait_step(step + 5);
    EXPECT_EQ(window.quit(), 0);
}

TEST(Window, GoesBackThroughTheRunAndOnToTheSameBits) {
    NEEDS_A_WINDOW();
    DrivenWindow window(small_spiral());
    window.wait_step(40);
    window.key("space");
    window.wait_value("status/state", "paused");
    const std::int64_t step = window.snapshot()["step"];
    const std::string signature = window.lane("fp16")["signature"];
    window.key("Left");
    window.wait_value("time/step", std::to_string(step - 1));
    window.wait_value("status/state", "paused");
    EXPECT_NE(window.lane("fp16")["signature"], signature);
    window.key("Right");
    window.wait_value("time/step", std::to_string(step));
    window.wait_value("status/state", "paused");
    EXPECT_EQ(window.lane("fp16")["signature"], signature);
    // A branch of the past beside the lane that went on, by the menu of a plot.
    window.click("loss/area", 3);
    window.click("loss/menu/branch");
    window.wait_frames(30);
    window.wait_value("status/state", "paused");
    EXPECT_EQ(window.snapshot()["lanes"].size(), 4u);
    EXPECT_EQ(window.quit(), 0);
}

TEST(Window, AnAlertRuleThatWasClickedPausesTheRunAndIsKept) {
    NEEDS_A_WINDOW();
    const Arguments steep =
        small_spiral({"--lane", "fp32=fp32", "--lane", "steep=mixed,loss_scale=8,growth_interval=3"});
    std::int64_t step = -1;
    {
        DrivenWindow window(steep);
        window.click("tab/alerts");
        window.key("space");
        window.wait_value("status/state", "paused");
        window.key("r");  // no step was made before the rule is there
        window.click("alerts/rule/1/action");
        window.click("alerts/rule/1/action/pause");
        window.click("alerts/rule/1/on");
        window.key("space");
        window.wait_value("alerts/fired", "1");
        window.wait_value("status/state", "paused");
        const nlohmann::json events = window.ask("events");
        for (const nlohmann::json& event : events["events"])
            if (event["event"] == "alert") step = event["step"];
        for (const nlohmann::json& event : events["events"]) {
            if (event["event"] == "skip") {
                EXPECT_EQ(event["step"], step) << "the first overflow";
            }
        }
        EXPECT_EQ(window.snapshot()["step"], step + 1);
        EXPECT_EQ(window.number("loss/alerts"), 1);
        EXPECT_EQ(window.quit(), 0);
    }
    DrivenWindow window(steep, DrivenWindow::Looks::kept);
    window.wait_value("alerts/fired", "1");
    window.wait_value("status/state", "paused");
    EXPECT_EQ(window.snapshot()["step"], step + 1) << "the rule was kept, and there from the first step on";
    window.key("space");
    window.wait_value("alerts/fired", "2");
    window.click("alerts/fired/1/go");
    window.wait_value("time/step", std::to_string(step + 1));
    EXPECT_EQ(window.quit(), 0);
}

TEST(Window, LooksAsItWasLeft) {
    NEEDS_A_WINDOW();
    {
        DrivenWindow window(small_spiral());
        EXPECT_EQ(window.try_ask("rect layout/fold").contains("error"), false);
        window.click("tab/staircase");
        window.key("Tab");  // folds the left column
        EXPECT_EQ(window.quit(), 0);
    }
    DrivenWindow window(small_spiral(), DrivenWindow::Looks::kept);
    EXPECT_TRUE(window.try_ask("rect techniques/master_weights").contains("error"))
        << "the left column is folded";
    window.wait_step(12);
    EXPECT_FALSE(window.try_ask("rect staircase/fc1").contains("error"));
    EXPECT_EQ(window.quit(), 0);
}

}  // namespace
}  // namespace halfscope
