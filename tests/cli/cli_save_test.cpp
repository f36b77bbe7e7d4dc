// train --save and --weights: weights out of a run and into the next.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <set>

#include "cli/cli_process.h"
#include "data/safetensors.h"

namespace halfscope {
namespace {

using nlohmann::json;

std::string signature_of(const CliResult& result) {
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json_lines(result.out).back().at("lanes").at(0).at("signature");
}

TEST(CliSave, TheNamesAndShapesAreThoseOfTheList) {
    const TemporaryFile file("names.safetensors", "");
    ASSERT_EQ(run_cli({"train", "--scenario", "char-gru", "--steps", "1", "--lane", "a=mixed", "--save",
                       file.path()})
                  .exit_code,
              0);
    const SafetensorsFile saved = read_safetensors(file.path());
    std::size_t parameters = 0;
    const json all = json_lines(run_cli({"list", "--json"}).out).at(0);
    for (const json& scenario : all.at("scenarios")) {
        if (scenario.at("name") != "char-gru") continue;
        for (const json& tensor : scenario.at("tensors")) {
            if (tensor.at("role") != "parameter") continue;
            const StoredTensor* found = saved.find(tensor.at("name").get<std::string>());
            ASSERT_NE(found, nullptr) << tensor;
            EXPECT_EQ(found->shape, tensor.at("shape").get<std::vector<std::int64_t>>());
            EXPECT_EQ(found->dtype, "F32");
            ++parameters;
        }
    }
    EXPECT_GT(parameters, 0u);
    EXPECT_EQ(saved.tensors.size(), parameters);
}

TEST(CliSave, SeveralLanesHaveTheirNamesBefore) {
    const TemporaryFile file("lanes.safetensors", "");
    ASSERT_EQ(
        run_cli(small_train({"--steps", "2", "--lane", "a=fp32", "--lane", "b=fp16", "--save", file.path()}))
            .exit_code,
        0);
    const SafetensorsFile saved = read_safetensors(file.path());
    EXPECT_EQ(saved.tensors.size(), 12u);
    for (const char* name : {"a/fc1.weight", "b/fc1.weight", "a/fc3.bias", "b/fc3.bias"}) {
        EXPECT_NE(saved.find(name), nullptr) << name;
    }
    EXPECT_EQ(saved.find("fc1.weight"), nullptr);
}

TEST(CliSave, AnotherRunGoesOnFromTheSavedWeights) {
    // Saved by one seed and loaded by another whose learning rate is as good as zero: the signature is that
    // of the saved weights. In FP32 and with a master copy it is the same hash, because both start from the
    // FP32 values.
    const TemporaryFile file("on.safetensors", "");
    const std::string saved = signature_of(
        run_cli(small_train({"--steps", "3", "--json", "-", "--lane", "a=mixed", "--save", file.path()})));
    const std::string bytes = file.read();
    const TemporaryFile again("again.safetensors", "");
    const CliResult loaded =
        run_cli(small_train({"--steps", "1", "--seed", "9", "--json", "-", "--set", "lr=1e-6", "--lane",
                             "a=mixed,loss_scaling=static,loss_scale=16777216", "--lane", "b=mixed",
                             "--weights", file.path(), "--save", again.path()}));
    // Lane a overflows at such a scale and skips its step: nothing moved.
    EXPECT_EQ(signature_of(loaded), saved);
    EXPECT_EQ(read_safetensors(again.path()).find("a/fc1.weight")->values,
              read_safetensors(file.path()).find("fc1.weight")->values);
    EXPECT_EQ(file.read(), bytes);
}

TEST(CliSave, AnInterruptSavesToo) {
    const TemporaryFile file("interrupted.safetensors", "");
    bool sent = false;
    const CliResult result = run_cli(
        small_train({"--steps", "1000000000", "--json", "-", "--lane", "a=mixed", "--save", file.path()}),
        [&](int process, const std::string& out) {
            if (!sent && out.find("\"step\":5,") != std::string::npos) {
                kill(process, SIGINT);
                sent = true;
            }
        });
    EXPECT_EQ(result.exit_code, 130);
    EXPECT_EQ(read_safetensors(file.path()).tensors.size(), 6u);
}

TEST(CliSave, BadFilesAreRefusedBeforeAnythingIsTrained) {
    const TemporaryFile recording("precious.jsonl", "precious\n"),
        damaged("damaged-weights.safetensors", "nothing"), lanes("two-lanes.safetensors", "");
    ASSERT_EQ(
        run_cli(small_train({"--steps", "1", "--lane", "a=fp32", "--lane", "b=fp32", "--save", lanes.path()}))
            .exit_code,
        0);
    const std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> table{
        {{"--save", "/nowhere/f.safetensors"}, {"/nowhere/f.safetensors", "No such file"}},
        {{"--save", "/dev/null"}, {"/dev/null", "regular"}},
        {{"--save", std::filesystem::temp_directory_path().string()}, {"folder"}},
        {{"--save", ""}, {"--save", "empty"}},
        {{"--weights", "/nowhere/f.safetensors"}, {"/nowhere/f.safetensors", "does not exist"}},
        {{"--weights", damaged.path()}, {damaged.path()}},
        {{"--weights", lanes.path()}, {lanes.path(), "missing 'fc1.weight'", "surplus 'a/fc1.bias'"}},
        {{"--weights", lanes.path(), "--set", "width=9"}, {lanes.path()}},
    };
    for (const auto& [arguments, words] : table) {
        std::vector<std::string> more{"--steps", "1000000", "--json", recording.path()};
        more.insert(more.end(), arguments.begin(), arguments.end());
        const CliResult result = run_cli(small_train(more));
        EXPECT_EQ(result.exit_code, 2);
        EXPECT_EQ(result.out, "");
        const std::vector<std::string> lines = whole_lines(result.err);
        ASSERT_EQ(lines.size(), 1u) << result.err;
        for (const std::string& word : words) EXPECT_NE(lines[0].find(word), std::string::npos) << lines[0];
        EXPECT_EQ(recording.read(), "precious\n");
    }
}

}  // namespace
}  // namespace halfscope
