// Recipes: a run made again from its file is the run, bit for bit, and what is no recipe is said in a
// sentence.
#include "session/recipe.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "data/data_error.h"
#include "session/recipe_player.h"
#include "session/session_fixture.h"
#include "train/input_error.h"
#include "train/tensor_files.h"

namespace halfscope {
namespace {

/// A name in the temporary folder, free at the beginning and at the end.
struct TemporaryPath {
    std::string path = (std::filesystem::temp_directory_path() /
                        ("halfscope-" + std::to_string(getpid()) + "-" +
                         ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".recipe"))
                           .string();
    TemporaryPath() { std::filesystem::remove(path); }
    ~TemporaryPath() { std::filesystem::remove(path); }
    void write(const std::string& text) const { std::ofstream(path, std::ios::binary) << text; }
    std::string read() const {
        std::ifstream stream(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
};

/// Changes of all kinds: toggles, presets, undo; lanes from the initial weights, from a lane, from the past
/// of a lane that was added on the way and has another name now; removed and renamed; and a number typed
/// again.
void change_everything(SteppedRun& run) {
    run.at(0, SetTechniqueCommand{"mixed", "growth_interval", "5"});
    run.at(6, SetTechniqueCommand{"mixed", "master_weights", "off"});
    run.at(6, SetTechniqueCommand{"mixed", "update_rounding", "stochastic"});
    run.at(9, MultiplyLossScaleCommand{"mixed", 0.1});
    run.at(12, AddLaneCommand{{"half", parse_techniques("fp16")}, "mixed"});
    run.at(14, SetPresetCommand{"half", "mixed,loss_scaling=static,loss_scale=8"});
    run.at(16, AddLaneCommand{{"fresh", parse_techniques("bf16,master_weights=off")}, ""});
    run.at(20, RenameLaneCommand{"half", "eight"});
    run.at(22, RemoveLaneCommand{"fresh"});
    run.at(25, AddLaneCommand{{"past", parse_techniques("fp16-scaled")}, "eight", 13});
    run.at(27, RemoveLaneCommand{"fp32"});
    run.at(28, AddLaneCommand{{"fp32", parse_techniques("fp32")}, "past", 26});
    run.at(30, SetTechniqueCommand{"past", "keep_fp32", "fc1"});
    run.session.apply(UndoCommand{});
}

TEST(Recipe, MakesTheSameRun) {
    const TemporaryPath file;
    SteppedRun run;
    change_everything(run);
    run.to(33);
    ASSERT_EQ(run.session.changes().size(), 14u) << run.last_message();
    run.session.apply(SaveRecipeCommand{file.path});
    EXPECT_NE(run.last_message().find("33 steps with 14 changes"), std::string::npos) << run.last_message();

    SteppedRun again({kSmallScenario, small_settings(7), {}});
    again.to(3);
    again.session.apply(OpenRecipeCommand{file.path});
    EXPECT_EQ(again.snapshot().next_step, 0) << again.last_message();
    EXPECT_EQ(again.snapshot().changes_ahead, 14);
    EXPECT_EQ(again.snapshot().reached_step, 33);
    EXPECT_EQ(again.snapshot().state, RunState::paused);
    EXPECT_EQ(again.snapshot().settings.seed, 0u);
    again.to(33);
    EXPECT_EQ(again.signatures(), run.signatures());
    EXPECT_EQ(again.snapshot().changes_ahead, 0);
    run.to(40);
    again.to(40);
    EXPECT_EQ(again.signatures(), run.signatures());
    // What it saves is what it was opened from, but for the steps that came behind.
    again.session.apply(GoToStepCommand{0});
    EXPECT_EQ(again.snapshot().next_step, 0) << again.last_message();
    const std::string text = file.read();
    again.session.apply(SaveRecipeCommand{file.path});
    std::string expected = text;
    expected.replace(expected.find("\"steps\": 33"), 11, "\"steps\": 40");
    EXPECT_EQ(file.read(), expected);
}

TEST(Recipe, IsMadeAgainWhereNothingOfThePastIsKept) {
    const TemporaryPath file;
    SteppedRun run;
    change_everything(run);
    run.to(33);
    run.session.apply(SaveRecipeCommand{file.path});
    SteppedRun again;
    again.session.apply(SetHistoryCommand{0});
    again.session.apply(OpenRecipeCommand{file.path});
    again.to(33);
    EXPECT_EQ(again.signatures(), run.signatures()) << again.last_message();
}

TEST(Recipe, AnyOfItsStepsCanBeGoneToAtOnce) {
    const TemporaryPath file;
    SteppedRun run;
    change_everything(run);
    run.to(33);
    run.session.apply(SaveRecipeCommand{file.path});
    SteppedRun again;
    again.session.apply(OpenRecipeCommand{file.path});
    for (const std::int64_t step : {27, 3, 32, 0, 13, 33}) {
        SCOPED_TRACE(step);
        SteppedRun until;
        until.session.apply(OpenRecipeCommand{file.path});
        again.session.apply(GoToStepCommand{step});
        while (again.session.running()) again.session.step();
        until.to(step);
        EXPECT_EQ(again.snapshot().next_step, step) << again.last_message();
        // The first state stands with the changes before the first step.
        if (step > 0) {
            EXPECT_EQ(again.signatures(), until.signatures());
        }
    }
    // Another change forgets what was ahead, as it does anywhere.
    again.session.apply(GoToStepCommand{13});
    again.session.apply(SetPresetCommand{"mixed", "bf16"});
    EXPECT_EQ(again.snapshot().changes_ahead, 0);
}

TEST(Recipe, HasWhatIsAheadOfARunThatWentBack) {
    const TemporaryPath file;
    SteppedRun run;
    change_everything(run);
    run.to(33);
    const std::vector<std::string> lanes = run.signatures();
    run.session.apply(GoToStepCommand{10});
    run.session.apply(SaveRecipeCommand{file.path});
    EXPECT_NE(run.last_message().find("33 steps with 14 changes"), std::string::npos) << run.last_message();
    SteppedRun again;
    again.session.apply(OpenRecipeCommand{file.path});
    again.to(33);
    EXPECT_EQ(again.signatures(), lanes);
}

TEST(Recipe, BeginsWhereARestartBegan) {
    const TemporaryPath file;
    SteppedRun run;
    run.at(4, SetPresetCommand{"mixed", "bf16"});
    run.session.apply(SeedCommand{5});
    run.at(3, MultiplyLossScaleCommand{"mixed", 2.0});  // refused: no change
    run.at(8, SetTechniqueCommand{"mixed", "master_weights", "off"});
    run.to(12);
    run.session.apply(SaveRecipeCommand{file.path});
    const Recipe recipe = read_recipe(file.path);
    EXPECT_EQ(recipe.settings.seed, 5u);
    ASSERT_EQ(recipe.lanes.size(), 2u);
    EXPECT_EQ(recipe.lanes[1].techniques, parse_techniques("bf16"));
    EXPECT_EQ(recipe.changes.size(), 1u);
    SteppedRun again;
    again.session.apply(OpenRecipeCommand{file.path});
    again.to(12);
    EXPECT_EQ(again.signatures(), run.signatures());
}

/// The same without a session.
std::vector<std::string> played(const Recipe& recipe, std::int64_t steps) {
    const auto backend = make_cpu_backend(1);
    const Scenario& scenario = find_scenario(recipe.scenario);
    const auto workload = scenario.create(resolve_settings(scenario.info(), recipe.settings));
    Experiment experiment(*backend, workload, recipe.lanes);
    std::vector<std::string> names;
    for (const LaneSpec& lane : recipe.lanes) names.push_back(lane.name);
    std::size_t made_up = 0;
    RecipePlayer player(
        recipe.changes, *backend, workload, experiment,
        {[&](const ChangeMade& change) {
             if (change.kind == ChangeMade::Kind::lane_added) names.emplace_back();
             if (change.kind == ChangeMade::Kind::lane_removed) {
                 names.erase(names.begin() + static_cast<std::ptrdiff_t>(change.lane));
             } else {
                 names[change.lane] = experiment.lanes()[change.lane].name();
             }
         },
         [](std::int64_t) { return StepRequest{}; }, [&](std::size_t, const StepResult&) { ++made_up; }});
    for (std::int64_t step = 0; step < steps; ++step) {
        player.make_changes();
        experiment.step({});
    }
    player.make_changes();
    EXPECT_EQ(player.made(), recipe.changes.size());
    EXPECT_EQ(made_up, 25u - 13u + 28u - 26u);
    std::vector<std::string> lanes;
    for (std::size_t index = 0; index < names.size(); ++index)
        lanes.push_back(names[index] + " " + experiment.lanes()[index].signature());
    return lanes;
}

TEST(Recipe, IsPlayedWithoutASession) {
    const TemporaryPath file;
    SteppedRun run;
    change_everything(run);
    run.to(33);
    run.session.apply(SaveRecipeCommand{file.path});
    EXPECT_EQ(played(read_recipe(file.path), 33), run.signatures());
}

TEST(Recipe, TravelsInACheckpoint) {
    const TemporaryPath file;
    SteppedRun run, resumed, again;
    change_everything(run);
    run.session.apply(SaveCheckpointCommand{file.path});
    resumed.session.apply(OpenCheckpointCommand{file.path});
    EXPECT_EQ(resumed.snapshot().next_step, 30) << resumed.last_message();
    resumed.at(34, SetPresetCommand{"past", "mixed"});
    resumed.to(36);
    resumed.session.apply(SaveRecipeCommand{file.path});
    again.session.apply(OpenRecipeCommand{file.path});
    again.to(36);
    EXPECT_EQ(again.signatures(), resumed.signatures()) << again.last_message();
    EXPECT_EQ(again.session.changes().size(), 15u);
}

TEST(Recipe, IsRefusedToARunFromOtherWeights) {
    const TemporaryPath file;
    SteppedRun run;
    DirectRun direct;
    write_named_values(file.path, direct.experiment.lanes()[0].parameters());
    const std::string weights = file.path;
    run.session.apply(LoadWeightsCommand{weights});
    run.session.apply(SaveRecipeCommand{file.path + ".recipe"});
    EXPECT_NE(run.last_message().find("started from the weights in '" + weights), std::string::npos)
        << run.last_message();
    EXPECT_FALSE(std::filesystem::exists(file.path + ".recipe"));
    // Nor to what a checkpoint of it resumes; but to what starts anew.
    run.session.apply(SaveCheckpointCommand{file.path});
    run.session.apply(OpenCheckpointCommand{file.path});
    run.session.apply(SaveRecipeCommand{file.path});
    EXPECT_NE(run.last_message().find("started from the weights"), std::string::npos) << run.last_message();
    run.session.apply(RestartCommand{});
    run.session.apply(SaveRecipeCommand{file.path});
    EXPECT_NE(run.last_message().find("saved "), std::string::npos) << run.last_message();
}

TEST(Recipe, TechniquesAreTheShortestTextThatMakesThem) {
    for (const Preset& preset : presets()) EXPECT_EQ(techniques_text(preset.techniques), preset.name);
    for (const char* text :
         {"mixed,loss_scaling=static,loss_scale=8", "bf16,master_weights=off,update_rounding=kahan",
          "apex-o2,clip_norm=0.1", "mixed,scaler=apex,keep_fp32=fc1+op:linear"}) {
        const Techniques techniques = parse_techniques(text);
        EXPECT_EQ(parse_techniques(techniques_text(techniques)), techniques) << text;
        EXPECT_LT(techniques_text(techniques).size(), 120u) << techniques_text(techniques);
    }
}

TEST(Recipe, ALaneInTheNumberOfAnotherIsBranchedFromAsItself) {
    // Whichever states happened to be kept: those of another lane in its place are none of its own.
    SteppedRun run, straight;
    for (SteppedRun* one : {&run, &straight}) {
        one->at(5, AddLaneCommand{{"first", parse_techniques("fp16")}, "mixed"});
        one->at(10, RemoveLaneCommand{"first"});
        one->session.apply(AddLaneCommand{{"second", parse_techniques("fp32")}, "mixed"});
    }
    run.to(20);
    straight.at(12, AddLaneCommand{{"branch", parse_techniques("bf16")}, "second"});
    straight.to(20);
    run.session.apply(AddLaneCommand{{"branch", parse_techniques("bf16")}, "second", 12});
    EXPECT_EQ(run.signatures(), straight.signatures()) << run.last_message();
}

TEST(Recipe, ABranchOfAStepBeforeTheLaneWasAddedIsRefused) {
    SteppedRun run;
    run.at(5, AddLaneCommand{{"first", parse_techniques("fp16")}, "mixed"});
    run.at(10, RemoveLaneCommand{"first"});
    run.session.apply(
        AddLaneCommand{{"second", parse_techniques("fp16")}, "fp32"});  // the place of the first
    run.at(15, AddLaneCommand{{"branch", parse_techniques("fp16")}, "second", 7});
    EXPECT_EQ(run.snapshot().lanes.size(), 3u);
    EXPECT_NE(run.last_message().find("it was added at step 10"), std::string::npos) << run.last_message();
}

struct Refused {
    std::string text, sentence;
};
std::string with_changes(const std::string& changes) {
    return R"({"halfscope_recipe": 1, "scenario": "spiral-mlp",
               "lanes": [{"name": "a", "techniques": "fp32"}, {"name": "b", "techniques": "mixed"}],
               "changes": [)" +
           changes + "]}";
}
std::string with(const std::string& from, const std::string& to) {
    std::string text = with_changes("");
    return text.replace(text.find(from), from.size(), to);
}

TEST(Recipe, SaysInOneSentenceWhatIsWrong) {
    const std::vector<Refused> all{
        {"", "no valid JSON at offset 0"},
        {"[1]", "is no recipe of Halfscope"},
        {"{}", "does not say \"halfscope_recipe\": 1"},
        {R"({"halfscope_recipe": 2})", "has version 2; this program reads version 1"},
        {R"({"halfscope_recipe": "1"})", "has a version that is no number"},
        {with_changes("") + "x", "no valid JSON at offset"},
        {with("\"a\"", "null"), "wrong kind for 'name'"},
        {with("\"a\"", "{}"), "wrong kind for 'name'"},
        {with("\"scenario\"", "\"seed\": 1, \"seed\""), "says 'seed' twice"},
        {with("\"lanes\"", "\"settings\": 5, \"lanes\""), "wrong kind for 'settings'"},
        {with("\"lanes\"", "\"lane\""), "wrong kind for 'lane'"},
        {with("spiral-mlp", "spiral-mpl"), "did you mean 'spiral-mlp'?"},
        {with("\"scenario\"", "\"steps\": -3, \"scenario\""), "\"steps\" must be a whole number"},
        {with("\"scenario\"", "\"text\": \"a.txt\", \"scenario\""), "spiral-mlp reads no text"},
        {with("\"scenario\"", "\"colour\": 1, \"scenario\""), "there is no 'colour' here"},
        {with("\"lanes\"", "\"settings\": {\"widht\": 8}, \"lanes\""), "widht"},
        {with("\"b\"", "\"a\""), "two lanes are named 'a'"},
        {with("\"b\"", "\"b\\n\""), "a lane's name must be one line"},
        {with("mixed", "mixde"), "at lane 2: unknown preset 'mixde'"},
        {R"({"halfscope_recipe": 1, "scenario": "spiral-mlp"})", "it has no lanes"},
        {with_changes(R"({"change": "remove", "lane": "a"})"), "at change 1: \"step\" is missing"},
        {with_changes(R"({"step": 1.5, "change": "remove", "lane": "a"})"),
         "\"step\" must be a whole number"},
        {with_changes(R"({"step": 1, "change": "remov", "lane": "a"})"), "there is no change 'remov'"},
        {with_changes(R"({"step": 1, "change": "remove", "lane": "c"})"), "there is no lane 'c' then"},
        {with_changes(R"({"step": 1, "change": "remove", "lane": "a", "to": "b"})"), "there is no 'to' here"},
        {with_changes(R"({"step": 5, "change": "remove", "lane": "a"},
                         {"step": 4, "change": "preset", "lane": "b", "preset": "fp16"})"),
         "at change 2: it is of an earlier step"},
        {with_changes(R"({"step": 1, "change": "remove", "lane": "a"},
                         {"step": 1, "change": "remove", "lane": "b"})"),
         "'b' is the last lane then"},
        {with_changes(
             R"({"step": 1, "change": "technique", "lane": "b", "key": "storrage", "value": "bf16"})"),
         "storage"},
        {with_changes(R"({"step": 1, "change": "loss_scale", "lane": "a", "times": 2})"),
         "'a' runs without loss scaling"},
        {with_changes(R"({"step": 1, "change": "loss_scale", "lane": "b", "times": 0})"),
         "must be more than 0"},
        {with_changes(R"({"step": 1, "change": "rename", "lane": "a", "to": "b"})"),
         "there is a lane 'b' already"},
        {with_changes(R"({"step": 9, "change": "add", "lane": "c", "techniques": "fp16", "at_step": 3})"),
         "\"at_step\" needs \"from\""},
        {with_changes(R"({"step": 5, "change": "add", "lane": "c", "techniques": "fp16"},
                         {"step": 9, "change": "add", "lane": "d", "techniques": "fp16", "from": "c",
                          "at_step": 3})"),
         "at change 2: 'c' was not there yet at step 3"},
    };
    const TemporaryPath file;
    SteppedRun run;
    run.to(2);
    const std::vector<std::string> before = run.signatures();
    for (const Refused& refused : all) {
        SCOPED_TRACE(refused.text);
        file.write(refused.text);
        try {
            read_recipe(file.path);
            ADD_FAILURE() << "is taken";
        } catch (const InputError& error) {
            const std::string sentence = error.what();
            EXPECT_NE(sentence.find("recipe '" + file.path + "'"), std::string::npos) << sentence;
            EXPECT_NE(sentence.find(refused.sentence), std::string::npos) << sentence;
            EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
        }
        run.session.apply(OpenRecipeCommand{file.path});
        EXPECT_EQ(run.snapshot().next_step, 2);
    }
    EXPECT_EQ(run.signatures(), before) << "what was open stays";
    std::filesystem::remove(file.path);
    EXPECT_THROW(read_recipe(file.path), InputError);
    EXPECT_NO_THROW((file.write(with_changes("")), read_recipe(file.path)));
}

TEST(Recipe, OfOtherDataIsRefused) {
    const TemporaryPath file;
    SteppedRun run;
    run.session.apply(SaveRecipeCommand{file.path});
    std::string changed = file.read();
    const std::size_t place = changed.find("\"data\": \"") + 9;
    changed[place] = changed[place] == '0' ? '1' : '0';
    file.write(changed);
    run.session.apply(OpenRecipeCommand{file.path});
    EXPECT_NE(run.last_message().find("was saved with other data"), std::string::npos) << run.last_message();
}

TEST(Recipe, IsNotWrittenWhereItCannotBe) {
    SteppedRun run;
    run.session.apply(SaveRecipeCommand{"/nowhere/at/all.recipe"});
    EXPECT_NE(run.last_message().find("cannot write '/nowhere/at/all.recipe'"), std::string::npos)
        << run.last_message();
    run.session.apply(RenameLaneCommand{"fp32", "\xff"});
    const TemporaryPath file;
    run.session.apply(SaveRecipeCommand{file.path});
    EXPECT_FALSE(std::filesystem::exists(file.path));
}

}  // namespace
}  // namespace halfscope
