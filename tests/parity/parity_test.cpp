// The same weights and the same batch as PyTorch: the same loss and gradients, and the same loss scales.
// make_fixtures.py wrote the files and says how.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "backend/cpu_backend.h"
#include "data/safetensors.h"
#include "train/lane.h"
#include "train/loss_scaler.h"
#include "train/tensor_files.h"

namespace halfscope {
namespace {

// ||ours - theirs|| / max(||theirs||, kFloor) for each tensor. FP32: PyTorch's own FP32 is within 3e-7 of
// float64. FP16 storage: sums in another order may put a value that lies beside the middle of two FP16
// numbers on the other one, a relative 2^-11 of that value; leaving one kind of rounding out costs at least
// 2e-4. Batch norm would spread such a value, so digits-cnn draws where none lies there.
constexpr double kFp32Tolerance = 1e-5, kFp16Tolerance = 5e-5, kFloor = 1e-10;

std::string fixture(const std::string& name) { return std::string(HALFSCOPE_PARITY_FIXTURES) + "/" + name; }

double relative_error(const std::vector<float>& ours, const std::vector<float>& theirs) {
    double difference = 0, square = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
        const double a = static_cast<double>(ours[i]), b = static_cast<double>(theirs[i]);
        difference += (a - b) * (a - b);
        square += b * b;
    }
    return std::sqrt(difference) / std::max(std::sqrt(square), kFloor);
}

class Parity : public testing::TestWithParam<const char*> {
  protected:
    Parity() {
        const std::string name = GetParam();
        about_ = read_safetensors(fixture(name + ".weights.safetensors")).metadata;
        const Scenario& scenario = find_scenario(name);
        ScenarioSettings settings;
        std::istringstream words(about_.at("settings"));
        for (std::string word; words >> word;) {
            const std::size_t equals = word.find('=');
            set_parameter(scenario.info(), settings, word.substr(0, equals), word.substr(equals + 1));
        }
        workload_ = scenario.create(resolve_settings(scenario.info(), settings));
    }

    /// Largest relative error over loss and gradients; fails where a tensor is missing or beyond the
    /// tolerance.
    void expect_agreement(const std::string& techniques, const std::string& part, double tolerance) {
        const std::string name = GetParam();
        const auto backend = make_cpu_backend(2);
        Lane lane(*backend, workload_, "lane", parse_techniques(techniques));
        lane.load_parameters(read_named_values(fixture(name + ".weights.safetensors")));
        const BatchFile file = read_batch_file(fixture(name + ".batch.safetensors"));
        LossAndGradients ours = lane.gradients(batch_of(file, workload_->training_graph()));
        ours.gradients.push_back({"loss", {1}, {ours.loss}});
        const SafetensorsFile theirs = read_safetensors(fixture(name + "." + part + ".safetensors"));
        ASSERT_EQ(theirs.tensors.size(), ours.gradients.size());
        double largest = 0;
        for (const NamedValues& gradient : ours.gradients) {
            const StoredTensor* reference = theirs.find(gradient.name);
            ASSERT_NE(reference, nullptr) << gradient.name;
            ASSERT_EQ(reference->shape, gradient.shape) << gradient.name;
            const double error = relative_error(gradient.values, reference->values);
            EXPECT_LE(error, tolerance) << gradient.name;
            largest = std::max(largest, error);
        }
        RecordProperty(part + "_largest_relative_error", std::to_string(largest));
        std::printf("%s %s: largest relative error %.2e\n", name.c_str(), part.c_str(), largest);
    }

    std::map<std::string, std::string> about_;
    std::shared_ptr<const Workload> workload_;
};

TEST_P(Parity, Fp32LossAndGradients) { expect_agreement("fp32", "fp32", kFp32Tolerance); }

TEST_P(Parity, Fp16StorageLossAndGradients) { expect_agreement(about_.at("lane"), "fp16", kFp16Tolerance); }

INSTANTIATE_TEST_SUITE_P(Scenarios, Parity,
                         testing::Values("spiral-mlp", "image-fit", "char-gru", "digits-cnn"),
                         [](const testing::TestParamInfo<const char*>& scenario) {
                             std::string name = scenario.param;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

/// The running statistics of PyTorch's batch norm after one training pass from zero means and unit variances.
TEST(RunningStatistics, AreThoseOfPyTorchAfterOneStep) {
    const std::string name = "digits-cnn";
    const Scenario& scenario = find_scenario(name);
    ScenarioSettings settings;
    settings.parameters = {{"size", 8}, {"batch", 6}, {"channels", 4}, {"blocks", 1}};
    const auto workload = scenario.create(resolve_settings(scenario.info(), settings));
    const auto backend = make_cpu_backend(2);
    Lane lane(*backend, workload, "lane", parse_techniques("fp32"));
    lane.load_parameters(read_named_values(fixture(name + ".weights.safetensors")));
    const Batch batch =
        batch_of(read_batch_file(fixture(name + ".batch.safetensors")), workload->training_graph());
    lane.step(0, batch, {});
    const SafetensorsFile theirs = read_safetensors(fixture(name + ".buffers.safetensors"));
    std::size_t compared = 0;
    for (const NamedValues& ours : lane.parameters()) {
        const StoredTensor* reference = theirs.find(ours.name);
        if (!reference) continue;
        EXPECT_EQ(reference->shape, ours.shape);
        EXPECT_LE(relative_error(ours.values, reference->values), kFp32Tolerance) << ours.name;
        ++compared;
    }
    EXPECT_EQ(compared, theirs.tensors.size());
    EXPECT_GE(compared, 12u);
}

template <class Value>
std::vector<Value> unrolled(const nlohmann::json& runs) {
    std::vector<Value> values;
    for (const nlohmann::json& run : runs) {
        values.insert(values.end(), run.at(1).get<std::size_t>(), run.at(0).get<Value>());
    }
    return values;
}

TEST(ScalerParity, TheSameScaleAfterEveryStepAsGradScaler) {
    std::ifstream file(fixture("grad_scaler.json"));
    const nlohmann::json all = nlohmann::json::parse(file);
    ASSERT_GE(all.at("cases").size(), 5u);
    for (const nlohmann::json& one : all.at("cases")) {
        SCOPED_TRACE(one.at("name").get<std::string>());
        Techniques techniques = parse_techniques("mixed,scaler=pytorch");
        ScalerRules& rules = techniques.scaler;
        if (one.at("name") == "the defaults") {
            EXPECT_EQ(rules.initial_scale, one.at("init_scale").get<float>());
            EXPECT_EQ(rules.growth_factor, one.at("growth_factor").get<float>());
            EXPECT_EQ(rules.backoff_factor, one.at("backoff_factor").get<float>());
            EXPECT_EQ(rules.growth_interval, one.at("growth_interval").get<std::int32_t>());
        }
        rules.initial_scale = one.at("init_scale");
        rules.growth_factor = one.at("growth_factor");
        rules.backoff_factor = one.at("backoff_factor");
        rules.growth_interval = one.at("growth_interval");
        const auto found_inf = unrolled<int>(one.at("found_inf"));
        const auto scale_after = unrolled<float>(one.at("scale_after"));
        const auto stepped = unrolled<int>(one.at("stepped"));
        ASSERT_EQ(found_inf.size(), scale_after.size());
        ASSERT_EQ(found_inf.size(), stepped.size());
        EXPECT_EQ(techniques.on_nonfinite, OnNonfinite::skip);
        ScalerState state = initial_scaler_state(rules);
        for (std::size_t step = 0; step < found_inf.size(); ++step) {
            EXPECT_EQ(stepped[step], found_inf[step] == 0) << step;  // PyTorch skips exactly these
            advance(rules, state, found_inf[step] != 0, 1.0f);
            ASSERT_EQ(state.scale, scale_after[step]) << step;
        }
    }
}

}  // namespace
}  // namespace halfscope
