// list, --help and --version.
#include <gtest/gtest.h>

#include "cli/cli_process.h"

namespace halfscope {
namespace {

using nlohmann::json;

TEST(CliList, JsonDescribesEverything) {
    const CliResult result = run_cli({"list", "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    const std::vector<json> objects = json_lines(result.out);
    ASSERT_EQ(objects.size(), 1u);
    const json& all = objects[0];
    EXPECT_TRUE(all.at("version").is_string());
    ASSERT_FALSE(all.at("scenarios").empty());
    for (const json& scenario : all.at("scenarios")) {
        SCOPED_TRACE(scenario.at("name").get<std::string>());
        for (const char* key : {"title", "description", "metric_name", "validation"}) {
            EXPECT_FALSE(scenario.at(key).get<std::string>().empty()) << key;
        }
        EXPECT_GT(scenario.at("steps").get<int>(), 0);
        EXPECT_FALSE(scenario.at("lanes").empty());
        int parameters = 0, inputs = 0;
        for (const json& tensor : scenario.at("tensors")) {
            const std::string role = tensor.at("role");
            if (role == "buffer") {
                EXPECT_NE(tensor.at("name").get<std::string>().find(".running_"), std::string::npos);
                continue;
            }
            (role == "parameter" ? parameters : inputs) += 1;
            for (const json& extent : tensor.at("shape")) EXPECT_GT(extent.get<int>(), 0);
        }
        EXPECT_GT(parameters, 0);
        EXPECT_GT(inputs, 0);
        for (const json& parameter : scenario.at("parameters")) {
            if (parameter.at("kind") == "choice") {
                EXPECT_TRUE(parameter.at("default").is_string());
                EXPECT_GE(parameter.at("choices").size(), 2u);
                continue;
            }
            const double value = parameter.at("default");
            EXPECT_GE(value, parameter.at("minimum").get<double>()) << parameter;
            EXPECT_LE(value, parameter.at("maximum").get<double>()) << parameter;
        }
    }
    ASSERT_FALSE(all.at("techniques").empty());
    ASSERT_FALSE(all.at("presets").empty());
    for (const json& preset : all.at("presets")) {
        for (const json& key : all.at("techniques")) {
            ASSERT_TRUE(preset.contains(key.at("key").get<std::string>()))
                << preset.at("name") << key.at("key");
            const json& value = preset.at(key.at("key").get<std::string>());
            if (key.at("kind") == "choice") {
                EXPECT_NE(std::find(key.at("values").begin(), key.at("values").end(), value),
                          key.at("values").end());
            }
        }
    }
}

TEST(CliList, TextNamesTheSame) {
    const CliResult text = run_cli({"list"});
    EXPECT_EQ(text.exit_code, 0);
    const json all = json_lines(run_cli({"list", "--json"}).out).at(0);
    for (const char* list : {"scenarios", "presets"}) {
        for (const json& entry : all.at(list)) {
            EXPECT_NE(text.out.find(entry.at("name").get<std::string>()), std::string::npos);
        }
    }
    for (const json& key : all.at("techniques")) {
        EXPECT_NE(text.out.find(key.at("key").get<std::string>()), std::string::npos);
    }
}

TEST(CliList, HelpAndVersion) {
    for (const std::vector<std::string>& arguments : {std::vector<std::string>{"--help"},
                                                      {"list", "--help"},
                                                      {"train", "--help"},
                                                      {"grads", "--help"},
                                                      {"inspect", "--help"},
                                                      {"--version"}}) {
        const CliResult result = run_cli(arguments);
        EXPECT_EQ(result.exit_code, 0);
        EXPECT_EQ(result.err, "");
        EXPECT_NE(result.out.find("halfscope-cli"), std::string::npos) << result.out;
    }
    const std::string help = run_cli({"train", "--help"}).out;
    for (const char* word : {"--scenario", "--lane", "--json", "--save", "--weights", "overflow_layer",
                             "relative_error", "signature", "130"}) {
        EXPECT_NE(help.find(word), std::string::npos) << word;
    }
}

}  // namespace
}  // namespace halfscope
