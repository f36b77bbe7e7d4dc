// train --recipe and --save-recipe: a recipe's run has the signatures of the run it was made of.
#include <gtest/gtest.h>

#include "cli/cli_process.h"

namespace halfscope {
namespace {

using nlohmann::json;

/// The last column of the table: "lane signature".
std::vector<std::string> printed_signatures(const std::string& out) {
    std::vector<std::string> signatures;
    const std::vector<std::string> lines = whole_lines(out);
    for (std::size_t line = 2; line < lines.size(); ++line)
        signatures.push_back(lines[line].substr(0, lines[line].find(' ')) + " " +
                             lines[line].substr(lines[line].rfind(' ') + 1));
    return signatures;
}

std::string recipe_with(const std::string& changes) {
    return R"({"halfscope_recipe": 1, "scenario": "spiral-mlp", "seed": 3,
               "settings": {"points": 64, "width": 8, "layers": 2},
               "lanes": [{"name": "a", "techniques": "fp32"}, {"name": "b", "techniques": "mixed"}],
               "changes": [)" +
           changes + "]}";
}
constexpr const char* kChanges = R"(
    {"step": 4, "change": "technique", "lane": "b", "key": "master_weights", "value": "off"},
    {"step": 6, "change": "loss_scale", "lane": "b", "times": 0.25},
    {"step": 8, "change": "add", "lane": "c", "techniques": "fp16", "from": "b"},
    {"step": 9, "change": "remove", "lane": "a"},
    {"step": 10, "change": "rename", "lane": "b", "to": "a"},
    {"step": 14, "change": "add", "lane": "d", "techniques": "bf16", "from": "a", "at_step": 7},
    {"step": 14, "change": "preset", "lane": "c", "preset": "mixed"})";

TEST(CliRecipe, TheSavedRecipePrintsTheSameSignatures) {
    const TemporaryFile recipe("run.recipe", "");
    const CliResult run = run_cli(small_train({"--lane", "a=mixed,growth_interval=4", "--lane",
                                               "b=fp16-scaled,update_rounding=stochastic", "--seed", "9",
                                               "--steps", "17", "--save-recipe", recipe.path()}));
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const CliResult again = run_cli({"train", "--recipe", recipe.path()});
    ASSERT_EQ(again.exit_code, 0) << again.err;
    EXPECT_NE(again.out.find("seed 9, 17 of 17 steps"), std::string::npos) << again.out;
    EXPECT_EQ(printed_signatures(again.out).size(), 2u);
    EXPECT_EQ(printed_signatures(again.out), printed_signatures(run.out));
    EXPECT_NE(printed_signatures(run_cli({"train", "--recipe", recipe.path(), "--steps", "16"}).out),
              printed_signatures(run.out));
}

TEST(CliRecipe, ChangesAreMadeAndTravelOn) {
    const TemporaryFile recipe("hand.recipe", recipe_with(kChanges)), saved("saved.recipe", ""),
        checkpoint("recipe.checkpoint", "");
    const CliResult run =
        run_cli({"train", "--recipe", recipe.path(), "--steps", "20", "--save-recipe", saved.path()});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const std::vector<std::string> signatures = printed_signatures(run.out);
    ASSERT_EQ(signatures.size(), 3u) << run.out;
    EXPECT_EQ(signatures[0].substr(0, 2) + signatures[1].substr(0, 2) + signatures[2].substr(0, 2), "a c d ");
    EXPECT_EQ(json::parse(saved.read()).at("changes"), json::parse(recipe.read()).at("changes"));
    EXPECT_EQ(printed_signatures(run_cli({"train", "--recipe", saved.path()}).out), signatures);
    // Through a checkpoint in the middle, whose recipe goes on.
    ASSERT_EQ(run_cli({"train", "--recipe", recipe.path(), "--checkpoint", checkpoint.path()}).exit_code, 0);
    const CliResult resumed =
        run_cli({"train", "--resume", checkpoint.path(), "--steps", "20", "--save-recipe", saved.path()});
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_EQ(printed_signatures(resumed.out), signatures) << "changes at the last step were made";
    EXPECT_EQ(printed_signatures(run_cli({"train", "--recipe", saved.path()}).out), signatures);
}

TEST(CliRecipe, WritesWhatHappensAsJson) {
    const TemporaryFile recipe("json.recipe", recipe_with(kChanges));
    const CliResult run = run_cli({"train", "--recipe", recipe.path(), "--steps", "16", "--json", "-"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    std::vector<std::string> events;
    std::map<std::string, std::vector<int>> steps;
    for (const json& line : json_lines(run.out)) {
        if (line.at("type") == "event")
            events.push_back(line.at("lane").get<std::string>() + ": " +
                             line.at("detail").get<std::string>());
        if (line.at("type") == "step") steps[line.at("lane")].push_back(line.at("step"));
    }
    for (const char* event : {"c: branched from b", "a: removed", "a: renamed from b", "d: branched from a"})
        EXPECT_NE(std::find(events.begin(), events.end(), event), events.end()) << event;
    EXPECT_EQ(steps["b"].size(), 10u);
    EXPECT_EQ(steps["c"].size(), 8u);
    ASSERT_EQ(steps["d"].size(), 9u) << "from the step on where it branched";
    EXPECT_EQ(steps["d"].front(), 7);
    EXPECT_EQ(steps["d"].back(), 15);
    EXPECT_EQ(json_lines(run.out).back().at("lanes").size(), 3u);
}

TEST(CliRecipe, SaysWhatIsWrongInOneLine) {
    const TemporaryFile recipe("wrong.recipe", recipe_with(kChanges)),
        unknown("unknown.recipe",
                recipe_with(R"({"step": 1, "change": "technique", "lane": "b", "key": "keep_fp32",
                                "value": "no_such_layer"})")),
        broken("broken.recipe", "{"), weights("recipe.safetensors", ""), nothing("nothing.recipe", "");
    struct Wrong {
        std::vector<std::string> arguments;
        std::string sentence;
    };
    ASSERT_EQ(run_cli(small_train({"--lane", "a=fp32", "--steps", "1", "--save", weights.path()})).exit_code,
              0);
    std::vector<std::string> from_weights = small_train(
        {"--lane", "a=fp32", "--steps", "1", "--weights", weights.path(), "--save-recipe", nothing.path()});
    const std::vector<Wrong> all{
        {{"train", "--recipe", "/nowhere.recipe"}, "/nowhere.recipe"},
        {{"train", "--recipe", broken.path()}, "no valid JSON"},
        {{"train", "--recipe", recipe.path(), "--seed", "1"}, "--seed contradicts --recipe"},
        {{"train", "--recipe", recipe.path(), "--scenario", "spiral-mlp"}, "--scenario contradicts --recipe"},
        {{"train", "--recipe", recipe.path(), "--resume", recipe.path()}, "--resume contradicts --recipe"},
        {{"train", "--recipe", unknown.path()}, "change 1 of the recipe, at step 1"},
        {{"train", "--recipe", recipe.path(), "--save-recipe", "/nowhere/at/all"}, "/nowhere/at/all"},
        {from_weights, "started from the weights"},
    };
    for (const Wrong& wrong : all) {
        const CliResult result = run_cli(wrong.arguments);
        EXPECT_EQ(result.exit_code, 2) << result.err;
        EXPECT_EQ(whole_lines(result.err).size(), 1u) << result.err;
        EXPECT_NE(result.err.find(wrong.sentence), std::string::npos) << result.err;
    }
}

}  // namespace
}  // namespace halfscope
