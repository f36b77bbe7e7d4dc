// Scenario files: the ones that come along open and mean what they say; a bad one is refused in one sentence
// that tells the file, the line and the key.
#include "program/scenario_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "backend/cpu_backend.h"
#include "program/experiment_options.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

namespace fs = std::filesystem;

ScenarioFile parse(const std::string& text) { return parse_scenario_file(text, "lesson/a.toml"); }

TEST(ScenarioFile, SaysWhatToTrainAndUnderWhichLanes) {
    const ScenarioFile file = parse(R"(
        scenario = "spiral-mlp"
        title = "Quiet"
        description = "Look."
        seed = 3
        [settings]
        points = 512
        lr = 0.25
        [[lane]]
        name = "S = 8"
        preset = "mixed"
        loss_scaling = "static"
        loss_scale = 8
        [[lane]]
        name = "no master"
        preset = "bf16"
        master_weights = false
    )");
    EXPECT_EQ(file.scenario, "spiral-mlp");
    EXPECT_EQ(greeting(file), "Quiet: Look.");
    EXPECT_EQ(file.settings.seed, 3u);
    EXPECT_EQ(file.settings.parameters.at("points"), 512);
    EXPECT_EQ(file.settings.parameters.at("lr"), 0.25);
    ASSERT_EQ(file.lanes.size(), 2u);
    EXPECT_EQ(file.lanes[0].name, "S = 8");
    const auto expect_same = [](const Techniques& found, const char* typed) {
        const Techniques expected = parse_techniques(typed);
        for (const TechniqueKey& key : technique_keys())
            EXPECT_EQ(technique_value(found, key.name), technique_value(expected, key.name)) << key.name;
    };
    expect_same(file.lanes[0].techniques, "mixed,loss_scaling=static,loss_scale=8");
    expect_same(file.lanes[1].techniques, "bf16,master_weights=off");
}

TEST(ScenarioFile, ScalerIsSetBeforeItsKeysWhateverTheirOrder) {
    const ScenarioFile file = parse(
        "scenario = 'spiral-mlp'\n[[lane]]\nname = 'a'\npreset = 'mixed'\n"
        "growth_interval = 7\nscaler = 'pytorch'\n");
    EXPECT_EQ(technique_value(file.lanes[0].techniques, "growth_interval"), "7");
    EXPECT_EQ(technique_value(file.lanes[0].techniques, "scaler"), "pytorch");
}

TEST(ScenarioFile, TextsMayHoldAnyCharacter) {
    const ScenarioFile file = parse(
        "scenario = 'spiral-mlp' # \xC3\xA9\ntitle = \"~C3 \xC3\x9C\xE2\x82\xAC \\u00DC~\"\n"
        "[[lane]]\nname = 'gro\xC3\x9F'\npreset = 'mixed'\n");
    EXPECT_EQ(file.title, "~C3 \xC3\x9C\xE2\x82\xAC \xC3\x9C~");
    EXPECT_EQ(file.lanes[0].name, "gro\xC3\x9F");
    EXPECT_THROW(parse("\xCC\xAA"), InputError);
    EXPECT_THROW(parse("s = \"\"\"\\\n\xC2\xA7\"\"\"\n"), InputError);
    EXPECT_THROW(parse("scenario = 'spiral-mlp'\n[[lane]]\nname = '\xFF'\npreset = 'mixed'\n"), InputError);
}

TEST(ScenarioFile, FilesThatItNamesStandBesideIt) {
    EXPECT_EQ(parse("scenario = 'char-gru'\ntext = 'poems.txt'\n").settings.text_path, "lesson/poems.txt");
    EXPECT_EQ(parse("scenario = 'char-gru'\ntext = '/tmp/poems.txt'\n").settings.text_path, "/tmp/poems.txt");
}

TEST(ScenarioFile, BadOnesAreRefusedWithFileLineAndKey) {
    struct Case {
        std::string text;
        std::vector<std::string> words;
    };
    const std::string lane = "scenario = 'spiral-mlp'\n[[lane]]\nname = 'a'\n";
    const std::vector<Case> cases{
        {"", {"scenario is missing"}},
        {"scenario = ", {"line 1", "no TOML"}},
        {"[~", {"line 1", "no TOML"}},
        {"[[=]]", {"line 1", "no TOML"}},
        {"scenario = 'spiral-mpl'", {"line 1", "did you mean 'spiral-mlp'"}},
        {"scenario = 3", {"line 1", "text in quotes"}},
        {"scenario = 'spiral-mlp'\nsed = 1", {"line 2", "'sed'", "did you mean 'seed'"}},
        {"scenario = 'spiral-mlp'\nseed = -1", {"line 2", "seed", "0 or more"}},
        {"scenario = 'spiral-mlp'\nseed = 1.5", {"line 2", "seed"}},
        {"scenario = 'spiral-mlp'\ntext = 'a'", {"reads no text"}},
        {"scenario = 'spiral-mlp'\nsettings = 3", {"line 2", "[settings]"}},
        {"scenario = 'spiral-mlp'\n[settings]\npionts = 3", {"line 3", "did you mean 'points'"}},
        {"scenario = 'spiral-mlp'\n[settings]\nlr = inf", {"line 3", "lr"}},
        {"scenario = 'spiral-mlp'\n[settings]\nlr = [1]", {"line 3", "'lr'", "must be a number"}},
        {"scenario = 'spiral-mlp'\nlane = 'mixed'", {"line 2", "[[lane]]"}},
        {"scenario = 'spiral-mlp'\n[[lane]]\npreset = 'mixed'", {"line 2", "name is missing"}},
        {lane, {"line 2", "preset is missing"}},
        {lane + "preset = 'mixt'", {"line 4", "unknown preset 'mixt'", "fp16-master, "}},
        {lane + "preset = 'mixd'", {"line 4", "did you mean 'mixed'"}},
        {lane + "preset = 'mixed,loss_scale=8'", {"line 4", "a line of its own"}},
        {lane + "preset = 'mixed'\nloss_scal = 8", {"line 5", "did you mean 'loss_scale'"}},
        {lane + "preset = 'mixed'\nloss_scale = 'big'", {"line 5", "loss_scale"}},
        {lane + "preset = 'mixed'\n[[lane]]\nname = 'a'\npreset = 'fp32'", {"line 5", "'a' is there twice"}},
        {lane + "preset = 'fp32'\nupdate_rounding = 'kahan'\nmaster_weights = true", {"line 2"}},
    };
    for (const Case& bad : cases) {
        SCOPED_TRACE(bad.text);
        try {
            parse(bad.text);
            ADD_FAILURE() << "was taken";
        } catch (const InputError& error) {
            const std::string sentence = error.what();
            EXPECT_EQ(sentence.rfind("scenario file 'lesson/a.toml'", 0), 0u) << sentence;
            EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
            for (const std::string& word : bad.words)
                EXPECT_NE(sentence.find(word), std::string::npos) << sentence;
        }
    }
    std::string many = "scenario = 'spiral-mlp'\n";
    for (const char* name : {"a", "b", "c", "d", "e"})
        many += "[[lane]]\nname = '" + std::string(name) + "'\npreset = 'mixed'\n";
    EXPECT_THROW(parse(many), InputError);
    EXPECT_THROW(parse("scenario = 'a\\nb'"), InputError);
    EXPECT_THROW(parse("a = " + std::string(100'000, '[')), InputError);
    EXPECT_THROW(read_scenario_file("/no/such.toml"), InputError);
    EXPECT_THROW(read_scenario_file("/"), InputError);
}

TEST(ScenarioFile, ThoseThatComeAlongOpenAndTrain) {
    const std::unique_ptr<Backend> backend = make_cpu_backend(0);
    std::set<std::string> used;
    for (const fs::directory_entry& entry : fs::directory_iterator(HALFSCOPE_SCENARIO_FILES)) {
        SCOPED_TRACE(entry.path().string());
        const ScenarioFile file = read_scenario_file(entry.path().string());
        EXPECT_FALSE(file.title.empty());
        EXPECT_FALSE(file.description.empty());
        EXPECT_GE(file.lanes.size(), 2u);
        used.insert(file.scenario);
        const Scenario& scenario = find_scenario(file.scenario);
        scenario.outline(resolve_settings(scenario.info(), file.settings));
        if (file.scenario == "gru-finetune") continue;  // its pretraining takes minutes
        Experiment experiment(*backend, scenario.create(file.settings), file.lanes);
        EXPECT_EQ(experiment.step({}).size(), file.lanes.size());
    }
    EXPECT_GE(used.size(), 4u);
}

TEST(ScenarioFile, OptionsChangeOrReplaceWhatStandsInIt) {
    ExperimentText text;
    text.scenario = HALFSCOPE_SCENARIO_FILES "/sums-in-fp16.toml";
    ExperimentOptions options = parse_experiment_options(text);
    EXPECT_EQ(options.scenario, "digits-cnn");
    EXPECT_EQ(options.settings.parameters.at("batch"), 256);
    EXPECT_EQ(options.lanes.size(), 2u);
    EXPECT_NE(options.greeting.find("Batch statistics"), std::string::npos);
    text.settings = {"batch=32"};
    text.seed = "5";
    text.lanes = {"x=fp32"};
    options = parse_experiment_options(text);
    EXPECT_EQ(options.settings.parameters.at("batch"), 32);
    EXPECT_EQ(options.settings.seed, 5u);
    ASSERT_EQ(options.lanes.size(), 1u);
    EXPECT_EQ(options.lanes[0].name, "x");
}

}  // namespace
}  // namespace halfscope
