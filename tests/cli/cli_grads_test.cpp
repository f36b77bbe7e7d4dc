// grads: loss and gradients of PyTorch's fixtures through files, and every bad input in one line.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "cli/cli_process.h"
#include "data/safetensors.h"

namespace halfscope {
namespace {

std::string fixture(const std::string& name) { return std::string(HALFSCOPE_PARITY_FIXTURES) + "/" + name; }

/// The spiral of the fixtures, with its files; what comes in `more` stands behind.
std::vector<std::string> spiral_grads(const std::string& out, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"grads",    "--scenario", "spiral-mlp", "--set",
                                       "width=24", "--set",      "layers=4"};
    arguments.insert(arguments.end(), {"--weights", fixture("spiral-mlp.weights.safetensors"), "--batch",
                                       fixture("spiral-mlp.batch.safetensors"), "--out", out});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

void expect_near(const SafetensorsFile& ours, const SafetensorsFile& theirs, double tolerance) {
    ASSERT_EQ(ours.tensors.size(), theirs.tensors.size());
    for (const StoredTensor& reference : theirs.tensors) {
        const StoredTensor* tensor = ours.find(reference.name);
        ASSERT_NE(tensor, nullptr) << reference.name;
        EXPECT_EQ(tensor->dtype, "F32");
        ASSERT_EQ(tensor->shape, reference.shape);
        double difference = 0, square = 0;
        for (std::size_t i = 0; i < reference.values.size(); ++i) {
            const double b = static_cast<double>(reference.values[i]),
                         d = static_cast<double>(tensor->values[i]) - b;
            difference += d * d;
            square += b * b;
        }
        EXPECT_LE(std::sqrt(difference), tolerance * std::sqrt(square)) << reference.name;
    }
}

TEST(CliGrads, WritesThePyTorchGradientsOfTheFirstLane) {
    const TemporaryFile out("grads.safetensors", "");
    const CliResult result = run_cli(spiral_grads(out.path()));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    const std::vector<std::string> lines = whole_lines(result.out);
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_NE(lines[0].find("lane fp32"), std::string::npos) << lines[0];
    // 200 rows: the file's batch, not the scenario's 8192.
    expect_near(read_safetensors(out.path()), read_safetensors(fixture("spiral-mlp.fp32.safetensors")), 1e-5);
    EXPECT_EQ(read_safetensors(out.path()).find("loss")->shape, std::vector<std::int64_t>{1});
}

TEST(CliGrads, ALaneGivesItsOwnUnscaledGradients) {
    const TemporaryFile out("grads16.safetensors", "");
    const CliResult result = run_cli(spiral_grads(
        out.path(), {"--lane", "a=mixed,loss_scaling=static,loss_scale=1024", "--set", "batch=200"}));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    expect_near(read_safetensors(out.path()), read_safetensors(fixture("spiral-mlp.fp16.safetensors")), 5e-5);
}

TEST(CliGrads, EveryScenarioTakesAPyTorchFile) {
    const std::vector<std::pair<std::string, std::vector<std::string>>> scenarios{
        {"image-fit", {"size=8", "features=32", "layers=3", "width=24"}},
        {"char-gru", {"time=8", "hidden=12", "embedding=8"}},
        {"digits-cnn", {"size=8", "channels=4", "blocks=1"}}};  // pictures as [N,C,H,W]
    for (const auto& [scenario, settings] : scenarios) {
        const TemporaryFile out("grads-" + scenario + ".safetensors", "");
        std::vector<std::string> arguments{"grads",
                                           "--scenario",
                                           scenario,
                                           "--out",
                                           out.path(),
                                           "--weights",
                                           fixture(scenario + ".weights.safetensors"),
                                           "--batch",
                                           fixture(scenario + ".batch.safetensors")};
        for (const std::string& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
        const CliResult result = run_cli(arguments);
        ASSERT_EQ(result.exit_code, 0) << result.err;
        expect_near(read_safetensors(out.path()), read_safetensors(fixture(scenario + ".fp32.safetensors")),
                    1e-5);
    }
}

TEST(CliGrads, OverflowIsWrittenAsItIs) {
    const TemporaryFile out("overflow.safetensors", "");
    const CliResult result =
        run_cli(spiral_grads(out.path(), {"--lane", "a=mixed,loss_scaling=static,loss_scale=16777216"}));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    bool finite = true;
    const SafetensorsFile file = read_safetensors(out.path());
    for (const StoredTensor& tensor : file.tensors) {
        for (const float value : tensor.values) finite = finite && std::isfinite(value);
    }
    EXPECT_FALSE(finite);
    EXPECT_TRUE(std::isfinite(file.find("loss")->values[0]));
}

TEST(CliGrads, BadInputIsOneLineAndWritesNothing) {
    const std::string out = (std::filesystem::temp_directory_path() / "halfscope-never.safetensors").string();
    const TemporaryFile damaged("damaged.safetensors", "no safetensors file");
    const std::string gru_batch = fixture("char-gru.batch.safetensors");
    struct Row {
        std::vector<std::string> arguments;
        std::vector<std::string> words;
        int exit_code = 2;
    };
    const auto without = [&](const std::string& option) {
        std::vector<std::string> arguments = spiral_grads(out);
        const auto place = std::find(arguments.begin(), arguments.end(), option);
        arguments.erase(place, place + 2);
        return arguments;
    };
    const auto with = [&](const std::string& option, const std::string& value) {
        std::vector<std::string> arguments = spiral_grads(out);
        *(std::find(arguments.begin(), arguments.end(), option) + 1) = value;
        return arguments;
    };
    const std::vector<Row> table{
        {without("--scenario"), {"--scenario"}},
        {without("--weights"), {"--weights"}},
        {without("--batch"), {"--batch"}},
        {without("--out"), {"--out"}},
        {with("--scenario", "spirl-mlp"), {"did you mean 'spiral-mlp'"}},
        {with("--weights", "/nowhere/w"), {"/nowhere/w"}},
        {with("--weights", damaged.path()), {damaged.path()}},
        {with("--weights", fixture("image-fit.weights.safetensors")),
         {"image-fit.weights", "missing 'fc5.weight'"}},
        {with("--weights", fixture("spiral-mlp.fp32.safetensors")), {"surplus 'loss'"}},
        {with("--batch", "/nowhere/b"), {"/nowhere/b"}},
        {with("--batch", damaged.path()), {damaged.path()}},
        {with("--batch", fixture("spiral-mlp.fp32.safetensors")), {"spiral-mlp.fp32", "'x'"}},
        {with("--batch", gru_batch), {"char-gru.batch", "'x'"}},
        {with("--out", "/nowhere/g"), {"/nowhere/g"}},
        {with("--out", "/dev/null"), {"/dev/null", "regular"}},
        {spiral_grads(out, {"--set", "batch=100"}), {"--set batch", "200"}},
        {spiral_grads(out, {"--set", "points=64"}), {"[200, 2]", "[64, 2]"}},
        {spiral_grads(out, {"--set", "width=16"}), {"'fc1.weight'", "[24, 2]", "[16, 2]"}},
        {spiral_grads(out, {"--lane", "a=fp32", "--lane", "b=fp16"}), {"--lane", "one"}},
        {spiral_grads(out, {"--lane", "a=fp23"}), {"fp23"}},
        {spiral_grads(out, {"--steps", "3"}), {"--steps"}},
        {spiral_grads(out, {"--device", "cuda"}), {"cuda"}, 3},
    };
    for (const Row& row : table) {
        const CliResult result = run_cli(row.arguments);
        EXPECT_EQ(result.exit_code, row.exit_code);
        EXPECT_EQ(result.out, "");
        const std::vector<std::string> lines = whole_lines(result.err);
        ASSERT_EQ(lines.size(), 1u) << result.err;
        for (const std::string& word : row.words)
            EXPECT_NE(lines[0].find(word), std::string::npos) << lines[0];
        EXPECT_FALSE(std::filesystem::exists(out));
    }
}

}  // namespace
}  // namespace halfscope
