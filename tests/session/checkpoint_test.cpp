// Checkpoints: N steps are k steps, a checkpoint and N - k steps, bit for bit; and what is refused.
#include "session/checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include "data/safetensors.h"
#include "session_fixture.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

class CheckpointPath {
  public:
    CheckpointPath()
        : path_((std::filesystem::temp_directory_path() /
                 ("halfscope-" + std::to_string(getpid()) + "-" + std::to_string(next_++) + ".checkpoint"))
                    .string()) {}
    ~CheckpointPath() { std::filesystem::remove(path_); }
    const std::string& get() const { return path_; }
    std::string read() const {
        std::ifstream stream(path_, std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

  private:
    static inline int next_ = 0;
    std::string path_;
};

/// All that a step record says but the time it took.
void expect_same(const StepRecord& a, const StepRecord& b) {
    const auto same = [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); };
    EXPECT_EQ(a.step, b.step);
    EXPECT_TRUE(same(a.loss, b.loss)) << "step " << a.step << ": " << a.loss << " and " << b.loss;
    EXPECT_EQ(a.loss_scale, b.loss_scale) << a.step;
    EXPECT_EQ(a.skipped, b.skipped) << a.step;
    EXPECT_TRUE(same(a.grad_norm, b.grad_norm)) << a.step;
    EXPECT_EQ(a.learning_rate, b.learning_rate) << a.step;
    EXPECT_EQ(a.overflow_layer, b.overflow_layer) << a.step;
}

std::vector<std::string> told(const std::vector<StepResult>& results) {
    std::vector<std::string> texts;
    for (const StepResult& result : results) {
        for (const Event& event : result.events)
            texts.push_back(event.lane + " " + std::to_string(event.step) + " " + event.detail);
    }
    return texts;
}

std::shared_ptr<const Workload> workload_of(const std::string& name, const ScenarioSettings& settings) {
    const Scenario& scenario = find_scenario(name);
    return scenario.create(resolve_settings(scenario.info(), settings));
}

/// A change of a lane that a test makes at some step.
struct Toggle {
    int step;
    std::string key, value;
};

/// Steps [from, to) of an experiment, with toggles on its first lane.
std::vector<std::vector<StepResult>> run(Experiment& experiment, int to, const std::vector<Toggle>& toggles) {
    std::vector<std::vector<StepResult>> all;
    while (experiment.next_step() < to) {
        for (const Toggle& toggle : toggles) {
            if (toggle.step != experiment.next_step()) continue;
            Techniques techniques = experiment.lanes()[0].techniques();
            EXPECT_EQ(set_technique(techniques, toggle.key, toggle.value), "");
            experiment.lanes()[0].set_techniques(techniques, experiment.next_step());
        }
        all.push_back(experiment.step({}));
    }
    return all;
}

/// `steps` at once against `steps` in two parts with a file between, and another device for the second part.
void expect_resumes(const std::string& scenario, const ScenarioSettings& settings,
                    const std::vector<LaneSpec>& lanes, int steps, int saved_after,
                    const std::vector<Toggle>& toggles = {}) {
    SCOPED_TRACE(scenario + " " + lanes.front().name);
    const auto backend = make_cpu_backend(2);
    const auto workload = workload_of(scenario, settings);
    Experiment whole(*backend, workload, lanes);
    const auto wanted = run(whole, steps, toggles);

    const CheckpointPath path;
    {
        Experiment first(*backend, workload, lanes);
        run(first, saved_after, toggles);
        write_checkpoint(path.get(), first, RunProgress::of(first), Timeline());
    }
    const auto other = make_cpu_backend(1);
    Timeline timeline;
    const ResumedRun resumed = resume_run(*other, read_checkpoint(path.get()), timeline);
    ASSERT_EQ(resumed.experiment->next_step(), saved_after);
    const auto got = run(*resumed.experiment, steps, toggles);
    for (std::size_t step = 0; step < got.size(); ++step) {
        const auto& there = wanted[static_cast<std::size_t>(saved_after) + step];
        for (std::size_t lane = 0; lane < lanes.size(); ++lane)
            expect_same(got[step][lane].record, there[lane].record);
        EXPECT_EQ(told(got[step]), told(there));
    }
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
        const Lane &a = resumed.experiment->lanes()[lane], &b = whole.lanes()[lane];
        EXPECT_EQ(a.name(), b.name());
        EXPECT_EQ(a.techniques(), b.techniques());
        EXPECT_EQ(a.signature(), b.signature()) << a.name();
        EXPECT_EQ(a.record().buffers, b.record().buffers) << a.name();
        EXPECT_EQ(a.record().scaler, b.record().scaler);
        EXPECT_EQ(a.skipped_steps(), b.skipped_steps());
        EXPECT_EQ(a.updates(), b.updates());
    }
}

ScenarioSettings tiny_settings(const std::string& scenario) {
    const std::map<std::string, std::map<std::string, double>> sizes{
        {"spiral-mlp", {{"points", 64}, {"width", 8}, {"layers", 2}}},
        {"image-fit", {{"size", 16}, {"batch", 64}, {"width", 8}, {"layers", 2}, {"features", 8}}},
        {"char-gru", {{"batch", 4}, {"time", 8}, {"hidden", 8}, {"embedding", 4}}},
        {"digits-cnn", {{"size", 8}, {"batch", 4}, {"channels", 4}, {"blocks", 1}}},
        {"gru-finetune",
         {{"batch", 4}, {"time", 8}, {"hidden", 8}, {"embedding", 4}, {"pretrain_steps", 20}}}};
    ScenarioSettings settings;
    const auto found = sizes.find(scenario);
    if (found != sizes.end()) settings.parameters = found->second;
    settings.seed = 3;
    return settings;
}

TEST(Checkpoint, EveryScenarioGoesOnBitForBit) {
    for (const auto& scenario : scenarios()) {
        const std::string name = scenario->info().name;
        std::vector<LaneSpec> lanes{
            {"mixed", parse_techniques("mixed,growth_interval=3")},
            {"stochastic", parse_techniques("fp16-scaled,update_rounding=stochastic,growth_interval=5")},
            {"kahan", parse_techniques("bf16,master_weights=off,update_rounding=kahan")},
            {"state", parse_techniques("mixed,optimizer_state=storage,clip_norm=0.5")}};
        expect_resumes(name, tiny_settings(name), lanes, 13, 7);
    }
}

TEST(Checkpoint, AccumulatedGradientsGoOnBitForBit) {
    ScenarioSettings settings = tiny_settings("spiral-mlp");
    settings.parameters["micro_batches"] = 3;
    const std::vector<LaneSpec> lanes{{"mixed", parse_techniques("mixed")},
                                      {"storage", parse_techniques("mixed,gradient_accumulation=storage")}};
    expect_resumes("spiral-mlp", settings, lanes, 11, 5);
}

TEST(Checkpoint, EveryPresetGoesOnBitForBit) {
    for (const Preset& preset : presets())
        expect_resumes("spiral-mlp", tiny_settings("spiral-mlp"), {{preset.name, preset.techniques}}, 20, 9);
}

TEST(Checkpoint, EveryScalerGoesOnInTheMiddleOfItsInterval) {
    for (const char* scaler : {"custom", "pytorch", "apex", "keras", "openseq2seq-backoff", "logmax",
                               "fairseq", "megatron", "deepspeed"}) {
        Techniques techniques;
        if (!set_technique(techniques, "scaler", scaler).empty()) {
            std::string name = scaler;
            std::replace(name.begin(), name.end(), '-', '_');
            ASSERT_EQ(set_technique(techniques, "scaler", name), "") << scaler;
        }
        // So high that it overflows, and grows again soon.
        set_technique(techniques, "growth_interval", "7");
        Techniques high = techniques;
        set_technique(high, "loss_scale", "2^24");
        if (refusal(high).empty()) techniques = high;
        ASSERT_EQ(refusal(techniques), "");
        expect_resumes("spiral-mlp", tiny_settings("spiral-mlp"), {{scaler, techniques}}, 40, 17);
    }
}

TEST(Checkpoint, TogglesBeforeAndAfterKeepTheirEffect) {
    const std::vector<LaneSpec> lanes{{"a", parse_techniques("mixed,growth_interval=4")},
                                      {"b", parse_techniques("fp32")}};
    expect_resumes("spiral-mlp", tiny_settings("spiral-mlp"), lanes, 24, 10,
                   {{3, "master_weights", "off"},
                    {5, "update_rounding", "kahan"},
                    {8, "loss_scale", "1024"},
                    {12, "update_rounding", "stochastic"},
                    {15, "storage", "bf16"},
                    {17, "update_rounding", "nearest"},
                    {18, "master_weights", "on"}});
    // NaN in the weights stays what it is.
    expect_resumes(
        "spiral-mlp", tiny_settings("spiral-mlp"),
        {{"nan", parse_techniques("mixed,loss_scaling=static,loss_scale=2^24,on_nonfinite=apply")}}, 8, 4);
}

/// A session with small lanes that has made some steps, had a toggle and a branch, and is paused.
struct Opened {
    std::unique_ptr<Backend> backend = make_cpu_backend(1);
    Timeline timeline;
    std::vector<std::pair<int, StepRecord>> records;
    Session session{*backend, timeline,
                    [this](int lane, const StepRecord& record) { records.emplace_back(lane, record); },
                    [] {}};
    void steps(int count) {
        session.apply(RunCommand{});
        for (int step = 0; step < count; ++step) session.step();
        session.apply(PauseCommand{});
    }
    std::string said() {
        const Snapshot snapshot = session.make_snapshot();
        return snapshot.messages.empty() ? "" : snapshot.messages.back().text;
    }
};

TEST(Checkpoint, ASessionIsAsItWas) {
    const CheckpointPath path;
    Opened whole;
    whole.session.begin(small_scenario(), RunState::paused);
    whole.steps(12);
    whole.session.apply(SetTechniqueCommand{"mixed", "loss_scale", "512"});
    whole.session.apply(AddLaneCommand{{"branch", parse_techniques("fp16")}, "mixed"});
    whole.session.apply(RemoveLaneCommand{"fp32"});
    whole.session.apply(SetCadenceCommand{5, 0});
    whole.steps(3);
    whole.session.apply(SaveCheckpointCommand{path.get()});
    EXPECT_NE(whole.said().find("saved " + path.get()), std::string::npos) << whole.said();
    const Snapshot saved = whole.session.make_snapshot();

    Opened again;
    again.session.begin(OpenCheckpointCommand{path.get()}, RunState::paused);
    const Snapshot opened = again.session.make_snapshot();
    EXPECT_EQ(opened.state, RunState::paused);
    EXPECT_EQ(opened.next_step, 15);
    EXPECT_EQ(opened.probe_every, 5);
    EXPECT_EQ(opened.shadow_every, 0);
    ASSERT_EQ(opened.lanes.size(), saved.lanes.size());
    for (std::size_t lane = 0; lane < opened.lanes.size(); ++lane) {
        const LaneSnapshot &a = opened.lanes[lane], &b = saved.lanes[lane];
        EXPECT_EQ(a.id, b.id);
        EXPECT_EQ(a.name, b.name);
        EXPECT_EQ(a.techniques, b.techniques);
        EXPECT_EQ(a.techniques_step, b.techniques_step);
        expect_same(a.last, b.last);
        EXPECT_EQ(a.best_loss, b.best_loss);
        EXPECT_EQ(a.validation.validation_loss, b.validation.validation_loss);
        EXPECT_EQ(a.validation_step, b.validation_step);
        EXPECT_EQ(a.signature, b.signature);
    }
    ASSERT_EQ(again.timeline.last_step(), whole.timeline.last_step());
    for (const LaneSnapshot& lane : opened.lanes) {
        for (int kind = 0; kind < kSeriesKindCount; ++kind) {
            const auto of = static_cast<SeriesKind>(kind);
            const auto a = again.timeline.series(lane.id, of, 0, 100, 1000),
                       b = whole.timeline.series(lane.id, of, 0, 100, 1000);
            ASSERT_EQ(a.size(), b.size()) << series_kind_name(of);
            for (std::size_t i = 0; i < a.size(); ++i) {
                EXPECT_EQ(a[i].first_step, b[i].first_step);
                EXPECT_EQ(a[i].last, b[i].last);
            }
        }
    }
    const auto a = again.timeline.events(-1, 0, 100), b = whole.timeline.events(-1, 0, 100);
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].detail, b[i].detail);

    whole.records.clear();
    whole.steps(10);
    again.steps(10);
    ASSERT_EQ(again.records.size(), whole.records.size());
    for (std::size_t i = 0; i < again.records.size(); ++i) {
        EXPECT_EQ(again.records[i].first, whole.records[i].first);
        expect_same(again.records[i].second, whole.records[i].second);
    }
    EXPECT_EQ(again.session.make_snapshot().lanes[0].signature,
              whole.session.make_snapshot().lanes[0].signature);
}

TEST(Checkpoint, ALongSeriesKeepsItsMergedAndItsRecentPart) {
    Timeline timeline, again;
    for (std::int64_t step = 0; step < 30000; ++step) {
        StepRecord record;
        record.step = step;
        record.loss = step % 1000 == 999 ? std::nan("") : static_cast<double>(step % 77);
        timeline.record(2, record);
    }
    CheckpointFile file;
    timeline.store(file);
    again.restore(file, 30000);
    StepRecord next;
    next.step = 30000;
    next.loss = 5;
    timeline.record(2, next);
    again.record(2, next);
    for (const std::int64_t first : {0, 20000, 29000}) {
        const auto a = timeline.series(2, SeriesKind::loss, first, 30001, 5000),
                   b = again.series(2, SeriesKind::loss, first, 30001, 5000);
        ASSERT_EQ(a.size(), b.size());
        for (std::size_t i = 0; i < a.size(); ++i) {
            EXPECT_EQ(a[i].last_step, b[i].last_step);
            EXPECT_EQ(std::memcmp(&a[i].minimum, &b[i].minimum, 16), 0);
        }
    }
    EXPECT_THROW(again.restore(file, 29999), InputError);
    EXPECT_EQ(again.last_step(), 30000);
}

TEST(Checkpoint, WhatCannotBeOpenedLeavesTheRunAlone) {
    const CheckpointPath good, bad;
    Opened opened;
    opened.session.begin(small_scenario(), RunState::paused);
    opened.steps(4);
    opened.session.apply(SaveCheckpointCommand{good.get()});
    const std::string bytes = good.read(), signature = opened.session.make_snapshot().lanes[1].signature;
    const auto expect_refused = [&](const std::string& content, const std::string& words) {
        bad.write(content);
        opened.session.apply(OpenCheckpointCommand{bad.get()});
        const std::string said = opened.said();
        EXPECT_NE(said.find(bad.get()), std::string::npos) << said;
        EXPECT_NE(said.find(words), std::string::npos) << said;
        const Snapshot snapshot = opened.session.make_snapshot();
        EXPECT_EQ(snapshot.state, RunState::paused);
        EXPECT_EQ(snapshot.next_step, 4);
        EXPECT_EQ(snapshot.lanes[1].signature, signature);
        EXPECT_EQ(opened.timeline.last_step(), 3);
    };
    /// The file with a change in what it holds, its checksum made right.
    const auto changed = [&](const std::function<void(CheckpointFile&)>& change) {
        CheckpointFile file = parse_checkpoint(bytes, "x");
        change(file);
        return checkpoint_bytes(file);
    };
    using File = CheckpointFile;
    expect_refused("no checkpoint at all", "no checkpoint");
    expect_refused("", "no checkpoint");
    expect_refused(bytes.substr(0, 20), "cut off");
    expect_refused(bytes.substr(0, bytes.size() - 1), "cut off");
    expect_refused(bytes + "x", "behind its end");
    std::string damaged = bytes;
    damaged[damaged.size() / 2] ^= 4;
    expect_refused(damaged, "checksum");
    std::string newer = bytes;
    newer[8] = 9;
    expect_refused(newer, "version 9");
    expect_refused(changed([](File& f) { f.groups["experiment"]["scenario"] = "spiral"; }),
                   "unknown scenario");
    // On one line, and cut.
    expect_refused(changed([](File& f) { f.groups["experiment"]["scenario"] = std::string(5000, '\n'); }),
                   "   ...");
    expect_refused(changed([](File& f) { f.groups["experiment"]["scenario"] = std::string(5000, '\1'); }),
                   "\xEF\xBF\xBD...");
    expect_refused(changed([](File& f) { f.groups["settings"]["depth"] = "3"; }), "'depth'");
    expect_refused(changed([](File& f) { f.groups["settings"].erase("width"); }), "'width'");
    expect_refused(changed([](File& f) { f.groups["settings"]["width"] = "1e300"; }), "'width'");
    expect_refused(changed([](File& f) { f.groups["settings"]["width"] = "16"; }), "fc1.weight");
    expect_refused(changed([](File& f) { f.groups["techniques 1"]["new_key"] = "on"; }),
                   "unknown techniques");
    expect_refused(changed([](File& f) { f.groups["techniques 1"].erase("storage"); }), "'storage'");
    expect_refused(changed([](File& f) { f.groups["techniques 1"]["storage"] = "fp12"; }), "fp12");
    expect_refused(changed([](File& f) { f.groups["experiment"]["lanes"] = "5"; }), "'lanes'");
    expect_refused(changed([](File& f) { f.groups["experiment"]["next_step"] = "-1"; }), "'next_step'");
    expect_refused(changed([](File& f) { f.groups["experiment"]["next_step"] = "2"; }), "history");
    expect_refused(changed([](File& f) { f.groups["experiment"]["data"] = "0"; }), "other data");
    expect_refused(changed([](File& f) { f.groups["lane 1"]["scale"] = "inf"; }), "loss scale");
    expect_refused(changed([](File& f) { f.groups["lane 1"]["updates"] = "many"; }), "'updates'");
    expect_refused(changed([](File& f) { f.groups["history 1"]["id"] = "0"; }), "same number");
    expect_refused(changed([](File& f) { f.groups["lane 1"]["name"] = "fp32"; }), "fp32");
    expect_refused(changed([](File& f) { f.sections["lane 1/fc1.weight/master"].pop_back(); }), "fc1.weight");
    expect_refused(changed([](File& f) { f.sections.erase("lane 0/fc1.bias/moment1"); }), "fc1.bias");
    expect_refused(changed([](File& f) { f.sections["lane 0/fc9.bias/value"] = "abcd"; }), "model lacks");
    expect_refused(changed([](File& f) { f.sections["timeline/1/loss"][0] = 3; }), "timeline/1/loss");
    expect_refused(changed([](File& f) { f.sections["timeline/0/events"][0] = '\xFF'; }),
                   "timeline/0/events");
    std::filesystem::remove(bad.get());
    opened.session.apply(OpenCheckpointCommand{bad.get()});
    EXPECT_NE(opened.said().find("does not exist"), std::string::npos);
    opened.session.apply(SaveCheckpointCommand{"/nowhere/at/all"});
    EXPECT_NE(opened.said().find("/nowhere/at/all"), std::string::npos);
    // And the good one still opens.
    bad.write(bytes);
    opened.session.apply(OpenCheckpointCommand{bad.get()});
    EXPECT_NE(opened.said().find("opened"), std::string::npos) << opened.said();
}

TEST(Checkpoint, WeightsAreLoadedIntoEveryLaneFromStepZero) {
    const CheckpointPath path;
    Opened opened;
    opened.session.begin(small_scenario(), RunState::paused);
    opened.steps(4);
    opened.session.apply(LoadWeightsCommand{path.get()});
    EXPECT_NE(opened.said().find("does not exist"), std::string::npos);
    EXPECT_EQ(opened.session.make_snapshot().next_step, 4);
    DirectRun other(5);
    other.steps(3);
    std::vector<StoredTensor> tensors;
    for (const NamedValues& weight : other.experiment.lanes()[0].parameters())
        tensors.push_back({weight.name, "F32", weight.shape, weight.values, {}});
    write_safetensors(path.get(), tensors, {});
    opened.session.apply(LoadWeightsCommand{path.get()});
    const Snapshot snapshot = opened.session.make_snapshot();
    EXPECT_EQ(snapshot.next_step, 0);
    ASSERT_EQ(snapshot.lanes.size(), 2u);
    for (const LaneSnapshot& lane : snapshot.lanes)
        EXPECT_EQ(lane.signature, other.signature(0)) << lane.name;
    tensors.pop_back();
    write_safetensors(path.get(), tensors, {});
    opened.session.apply(LoadWeightsCommand{path.get()});
    EXPECT_NE(opened.said().find("does not fit spiral-mlp"), std::string::npos) << opened.said();
}

// A history laid over another run is the one that was saved, point by point.
TEST(SavedRun, IsTheHistoryOfTheRunThatWasSaved) {
    const CheckpointPath path;
    FailingBackend backend;
    Timeline timeline;
    Session session(
        backend, timeline, [](int, const StepRecord&) {}, [] {});
    session.begin(small_scenario(), RunState::paused);
    session.apply(StepCommand{9});
    while (session.running()) session.step();
    session.apply(SaveCheckpointCommand{path.get()});
    std::vector<std::vector<SeriesPoint>> saved;
    for (int lane = 0; lane < 2; ++lane)
        saved.push_back(timeline.series(lane, SeriesKind::loss, 0, 100, 1000));
    ASSERT_EQ(saved[0].size(), 9u);

    session.apply(RestartCommand{});
    session.apply(SetTechniqueCommand{"mixed", "storage", "bf16"});
    session.apply(StepCommand{4});
    while (session.running()) session.step();
    session.apply(OverlayRunCommand{path.get()});
    const Snapshot snapshot = session.make_snapshot();
    ASSERT_EQ(snapshot.overlays.size(), 1u);
    const SavedRun& run = *snapshot.overlays[0];
    EXPECT_EQ(run.next_step, 9);
    ASSERT_EQ(run.lanes.size(), 2u);
    EXPECT_EQ(run.lanes[1].name, "mixed");
    EXPECT_EQ(run.lanes[1].techniques.storage, Format::fp16);
    for (std::size_t lane = 0; lane < 2; ++lane) {
        const auto points = run.history->series(run.lanes[lane].id, SeriesKind::loss, 0, 100, 1000);
        ASSERT_EQ(points.size(), saved[lane].size());
        for (std::size_t i = 0; i < points.size(); ++i) {
            EXPECT_EQ(points[i].first_step, saved[lane][i].first_step);
            EXPECT_EQ(points[i].last, saved[lane][i].last);
        }
    }
    EXPECT_EQ(snapshot.next_step, 4) << "the run itself goes on";
    EXPECT_EQ(snapshot.lanes[1].techniques.storage, Format::bf16);

    session.apply(RemoveOverlaysCommand{});
    EXPECT_TRUE(session.make_snapshot().overlays.empty());
    for (std::size_t i = 0; i < kMostOverlays + 1; ++i) session.apply(OverlayRunCommand{path.get()});
    EXPECT_EQ(session.make_snapshot().overlays.size(), kMostOverlays);
    EXPECT_NE(session.make_snapshot().messages.back().text.find("take them away first"), std::string::npos);
    session.apply(OpenScenarioCommand{"image-fit", {}, {}});
    EXPECT_TRUE(session.make_snapshot().overlays.empty()) << "its losses are no scale for this scenario's";
    session.apply(OverlayRunCommand{path.get()});
    EXPECT_NE(session.make_snapshot().messages.back().text.find("open spiral-mlp first"), std::string::npos)
        << session.make_snapshot().messages.back().text;
    path.write("no checkpoint");
    session.apply(OverlayRunCommand{path.get()});
    EXPECT_NE(session.make_snapshot().messages.back().text.find(path.get()), std::string::npos);
    EXPECT_EQ(session.make_snapshot().state, RunState::paused);
}

}  // namespace
}  // namespace halfscope
