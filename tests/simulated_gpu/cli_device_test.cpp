// halfscope-cli with the CUDA module beside it, opened as on a machine with a driver: the module is the
// simulated GPU's, and so is the driver.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "cli/cli_process.h"

namespace halfscope {
namespace {

using nlohmann::json;

class CliDevice : public testing::Test {
  protected:
    void TearDown() override {
        for (const std::string& name : set_) unsetenv(name.c_str());
    }
    void set_environment(const std::string& name, const std::string& value) {
        setenv(name.c_str(), value.c_str(), 1);
        set_.push_back(name);
    }

  private:
    std::vector<std::string> set_;
};

std::vector<json> records_of(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = small_train({"--steps", "12", "--json", "-"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CliResult result = run_cli(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json_lines(result.out);
}
std::string signature(const std::vector<json>& records) {
    return records.empty() ? "" : records.back().at("lanes").at(0).at("signature").get<std::string>();
}
std::vector<double> losses(const std::vector<json>& records) {
    std::vector<double> all;
    for (const json& record : records)
        if (record.at("type") == "step") all.push_back(record.at("loss"));
    return all;
}

TEST_F(CliDevice, AGpuThatIsThereIsTaken) {
    const std::vector<json> records = records_of({});
    ASSERT_FALSE(records.empty());
    EXPECT_EQ(records[0].at("device"), "cuda: simulated on the host");
}

TEST_F(CliDevice, AnExactRunHasTheBitsOfTheCpu) {
    const std::vector<json> found = records_of({"--device", "cuda", "--exact"});
    const std::vector<json> expected = records_of({"--device", "cpu"});
    EXPECT_EQ(found.at(0).at("device"), "cuda: simulated on the host, exact products");
    EXPECT_EQ(losses(found), losses(expected));
    EXPECT_EQ(signature(found), signature(expected));
}

TEST_F(CliDevice, ProductsThroughCublasAreNear) {
    const std::vector<double> found = losses(records_of({"--device", "cuda"}));
    const std::vector<double> expected = losses(records_of({"--device", "cpu"}));
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(found[i], expected[i], 1e-3 * std::fabs(expected[i]));
}

TEST_F(CliDevice, ACheckpointOfTheGpuGoesOnOnTheCpu) {
    const TemporaryFile checkpoint("of-the-gpu.halfscope", "");
    const CliResult half = run_cli(
        small_train({"--steps", "6", "--device", "cuda", "--exact", "--checkpoint", checkpoint.path()}));
    ASSERT_EQ(half.exit_code, 0) << half.err;
    const CliResult rest =
        run_cli({"train", "--resume", checkpoint.path(), "--steps", "12", "--device", "cpu", "--json", "-"});
    ASSERT_EQ(rest.exit_code, 0) << rest.err;
    EXPECT_EQ(signature(json_lines(rest.out)), signature(records_of({"--device", "cpu"})));
}

TEST_F(CliDevice, WhereItHasTooLittleMemoryOneSentenceSaysSo) {
    set_environment("HALFSCOPE_SIMULATED_GPU_MIB", "33");  // 32 of them are cuBLAS's
    const CliResult result =
        run_cli({"train", "--scenario", "image-fit", "--steps", "1", "--device", "cuda"});
    EXPECT_NE(result.exit_code, 0);
    EXPECT_EQ(whole_lines(result.err).size(), 1u) << result.err;
    EXPECT_NE(result.err.find("are free; reduce batch or width"), std::string::npos) << result.err;
}

TEST_F(CliDevice, WhereItFailsOneSentenceSaysSo) {
    set_environment("HALFSCOPE_SIMULATED_GPU_WORKS", "400");
    const CliResult result = run_cli(small_train({"--steps", "1000", "--device", "cuda"}));
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_NE(result.err.find("the GPU failed in "), std::string::npos) << result.err;
}

TEST_F(CliDevice, WithoutADriverItSaysWhy) {
    set_environment("LD_LIBRARY_PATH", "");
    const CliResult result = run_cli(small_train({"--device", "cuda"}));
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_EQ(whole_lines(result.err).size(), 1u) << result.err;
    EXPECT_NE(result.err.find("no NVIDIA driver is installed"), std::string::npos) << result.err;
    EXPECT_EQ(run_cli(small_train({})).exit_code, 0) << "auto takes the CPU";
}

}  // namespace
}  // namespace halfscope
