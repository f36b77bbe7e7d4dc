// Behaviour signatures: a hash of all weights after twenty steps of each scenario under each preset. The bits
// are promised on every machine and for any number of threads, so the expected texts stand here. Where a
// change of arithmetic is meant, the test prints the new table.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <string>

#include "backend/cpu_backend.h"
#include "train/experiment.h"

namespace halfscope {
namespace {

constexpr int kSteps = 20;

/// Small enough to be run often; large enough that every kernel has a tail and more than one block.
const std::map<std::string, std::map<std::string, double>> kSettings{
    {"spiral-mlp", {{"points", 300}, {"batch", 300}}},
    {"image-fit", {{"size", 17}, {"width", 33}}},
    {"char-gru", {{"batch", 5}, {"time", 11}, {"hidden", 21}, {"embedding", 9}}},
    {"gru-finetune", {{"batch", 5}, {"time", 11}, {"hidden", 21}, {"embedding", 9}, {"pretrain_steps", 20}}},
    {"digits-cnn", {{"batch", 7}, {"size", 9}, {"channels", 5}, {"blocks", 1}}}};

std::string signature_of(const std::string& scenario, const std::string& preset, int threads) {
    ScenarioSettings settings;
    settings.parameters = kSettings.at(scenario);
    const std::unique_ptr<Backend> backend = make_cpu_backend(threads);
    Experiment experiment(*backend, find_scenario(scenario).create(settings),
                          {{"lane", find_preset(preset)->techniques}});
    for (int step = 0; step < kSteps; ++step) experiment.step({});
    return experiment.lanes().front().signature();
}

const std::map<std::string, std::map<std::string, std::string>> kExpected{
    {"spiral-mlp",
     {{"fp32", "7075478dc1c4eef1"},
      {"fp16", "59e066af6aca21f1"},
      {"fp16-master", "8771ef5283a23152"},
      {"fp16-scaled", "bc9c21171abc5b9f"},
      {"mixed", "47943041ba5ec89b"},
      {"paper", "10af0da4e66820a8"},
      {"bf16", "bd09b678ba068bed"},
      {"autocast", "600ea2819238fbbb"},
      {"apex-o1", "600ea2819238fbbb"},
      {"apex-o2", "600ea2819238fbbb"},
      {"apex-o3", "285f824f2be77ac8"}}},
    {"image-fit",
     {{"fp32", "28da37930320b653"},
      {"fp16", "c66e9d656ebca9e1"},
      {"fp16-master", "d62e23b7f2b6d5a0"},
      {"fp16-scaled", "f97afcdf40bc0b75"},
      {"mixed", "35152ac8b5f098ce"},
      {"paper", "c729f7351e752d52"},
      {"bf16", "1cffc57b92a86fd7"},
      {"autocast", "35152ac8b5f098ce"},
      {"apex-o1", "35152ac8b5f098ce"},
      {"apex-o2", "35152ac8b5f098ce"},
      {"apex-o3", "ced8a36b3d66a2b8"}}},
    {"char-gru",
     {{"fp32", "a328ae13483b901a"},
      {"fp16", "9df2e90ef6e4c8a0"},
      {"fp16-master", "a0c6558c6b90d485"},
      {"fp16-scaled", "384a50b9b8fdfeb9"},
      {"mixed", "53daa912ca5d94d1"},
      {"paper", "00f1cf20b8424eae"},
      {"bf16", "4fefa1cc0a3a866e"},
      {"autocast", "56189080652863ab"},
      {"apex-o1", "56189080652863ab"},
      {"apex-o2", "53daa912ca5d94d1"},
      {"apex-o3", "2fb739c34b973278"}}},
    {"gru-finetune",
     {{"fp32", "a96fee3b65b40f62"},
      {"fp16", "2e25eda1fc88ae04"},
      {"fp16-master", "61ee2dc394a4f64a"},
      {"fp16-scaled", "1343f8c13695b0a4"},
      {"mixed", "75707e58523ac297"},
      {"paper", "408bc09f62ccc9e9"},
      {"bf16", "997c7f29a4b26668"},
      {"autocast", "90dd8b3424eee97a"},
      {"apex-o1", "90dd8b3424eee97a"},
      {"apex-o2", "75707e58523ac297"},
      {"apex-o3", "2fb739c34b973278"}}},
    {"digits-cnn",
     {{"fp32", "552f1564ca0d52f1"},
      {"fp16", "a6364c6cd0aace7c"},
      {"fp16-master", "c7c3d5468e31ba03"},
      {"fp16-scaled", "2a425908404d4bde"},
      {"mixed", "7ac34924abcbc367"},
      {"paper", "fa6003ba02833382"},
      {"bf16", "38fb9dc510830154"},
      {"autocast", "89e8e1631de01713"},
      {"apex-o1", "89e8e1631de01713"},
      {"apex-o2", "89e8e1631de01713"},
      {"apex-o3", "e20dea81511d5f90"}}},
};

TEST(Signature, OfEveryScenarioAndPresetIsTheRecordedOneOnOneAndOnThreeThreads) {
    bool all_equal = true;
    std::string table;
    for (const auto& scenario : scenarios()) {
        const std::string name = scenario->info().name;
        ASSERT_TRUE(kSettings.contains(name)) << name << " has no signature settings";
        table += "    {\"" + name + "\",\n     {";
        for (const Preset& preset : presets()) {
            const std::string one = signature_of(name, preset.name, 1);
            EXPECT_EQ(signature_of(name, preset.name, 3), one) << name << " " << preset.name;
            const auto row = kExpected.find(name);
            const bool known = row != kExpected.end() && row->second.contains(preset.name);
            const std::string expected = known ? row->second.at(preset.name) : "none";
            EXPECT_EQ(one, expected) << name << " " << preset.name;
            all_equal = all_equal && one == expected;
            table += "{\"" + preset.name + "\", \"" + one + "\"}, ";
        }
        table += "}},\n";
    }
    if (!all_equal) std::printf("%s", table.c_str());
}

TEST(Signature, TellsPresetsApart) {
    EXPECT_NE(signature_of("image-fit", "fp32", 1), signature_of("image-fit", "mixed", 1));
    EXPECT_NE(signature_of("image-fit", "mixed", 1), signature_of("image-fit", "fp16-scaled", 1));
}

}  // namespace
}  // namespace halfscope
