// Weights into and out of a lane by name, and gradients without an update.
#include <gtest/gtest.h>

#include <cmath>

#include "backend/cpu_backend.h"
#include "numerics/rounding.h"
#include "tiny_workload.h"
#include "train/input_error.h"
#include "train/lane.h"

namespace halfscope {
namespace {

/// Weights that no initialiser makes and that FP16 cannot hold.
std::vector<NamedValues> odd_weights(const Lane& lane) {
    std::vector<NamedValues> weights = lane.parameters();
    for (NamedValues& weight : weights) {
        for (std::size_t i = 0; i < weight.values.size(); ++i) {
            weight.values[i] = 0.1f + static_cast<float>(i % 7) / 3.0f;
        }
    }
    return weights;
}

TEST(LaneParameters, LoadedValuesAreTheWeightsOfRecord) {
    const auto backend = make_cpu_backend(1);
    const auto workload = tiny_workload();
    for (const char* text : {"fp32", "mixed", "fp16", "bf16", "fp16-scaled,update_rounding=kahan"}) {
        const Techniques techniques = parse_techniques(text);
        Lane lane(*backend, workload, "a", techniques);
        const std::vector<NamedValues> weights = odd_weights(lane);
        lane.load_parameters({weights.rbegin(), weights.rend()});  // in any order
        const Format record = techniques.has_master() ? Format::fp32 : techniques.storage;
        for (const NamedValues& weight : weights) {
            const std::vector<float> now = lane.parameter(weight.name);
            ASSERT_EQ(now.size(), weight.values.size());
            for (std::size_t i = 0; i < now.size(); ++i) {
                ASSERT_EQ(now[i], round_to(record, weight.values[i])) << text << weight.name << i;
            }
        }
    }
}

TEST(LaneParameters, TheComputeCopyFollows) {
    const auto backend = make_cpu_backend(1);
    const auto workload = tiny_workload();
    for (const char* text : {"fp32", "mixed", "fp16", "bf16"}) {
        Lane lane(*backend, workload, "a", parse_techniques(text));
        lane.validate();  // the evaluation graph exists and reads the same weights
        std::vector<NamedValues> weights = lane.parameters();
        for (NamedValues& weight : weights) std::fill(weight.values.begin(), weight.values.end(), 0.0f);
        lane.load_parameters(weights);
        // All logits alike: three classes, each as likely.
        EXPECT_NEAR(lane.gradients(workload->training_batch(0)).loss, std::log(3.0f), 1e-6f) << text;
        EXPECT_EQ(lane.validate().validation_loss, 0.0) << text;  // this workload hands out the first logit
    }
}

TEST(LaneParameters, ALaneGoesOnFromAnothersWeights) {
    const auto backend = make_cpu_backend(1);
    const auto workload = tiny_workload();
    Lane a(*backend, workload, "a", parse_techniques("mixed"));
    Lane b(*backend, workload, "b", parse_techniques("mixed"));
    a.load_parameters(odd_weights(a));
    b.load_parameters(a.parameters());
    for (int step = 0; step < 3; ++step) {
        const Batch batch = workload->training_batch(step);
        a.step(step, batch, {});
        b.step(step, batch, {});
    }
    EXPECT_EQ(a.signature(), b.signature());
}

TEST(LaneParameters, WhatDoesNotFitIsRefusedAndChangesNothing) {
    const auto backend = make_cpu_backend(1);
    Lane lane(*backend, tiny_workload(), "a", parse_techniques("mixed"));
    const std::string before = lane.signature();
    const auto refused = [&](auto change, const std::vector<std::string>& words) {
        std::vector<NamedValues> weights = odd_weights(lane);
        change(weights);
        try {
            lane.load_parameters(weights);
            ADD_FAILURE() << words.front();
        } catch (const InputError& error) {
            const std::string sentence = error.what();
            for (const std::string& word : words)
                EXPECT_NE(sentence.find(word), std::string::npos) << sentence;
        }
        EXPECT_EQ(lane.signature(), before);
    };
    using Weights = std::vector<NamedValues>;
    refused([](Weights& weights) { weights.erase(weights.begin()); }, {"missing 'fc1.weight'"});
    refused([](Weights& weights) { weights.push_back({"extra", {1}, {1.0f}}); }, {"surplus 'extra'"});
    refused([](Weights& weights) { weights[0].name = "other"; }, {"missing 'fc1.weight'", "surplus 'other'"});
    refused([](Weights& weights) { weights.push_back(weights[0]); }, {"'fc1.weight' twice"});
    refused([](Weights& weights) { weights.clear(); }, {"missing", "'fc1.weight'", "'fc1.bias'", "more"});
    refused([](Weights& weights) { std::swap(weights.back().shape, weights[0].shape); },
            {"'fc1.weight'", "[3]", "[16, 2]"});
    refused([](Weights& weights) { weights[0].shape = {2, 16}; }, {"'fc1.weight'", "[2, 16]", "[16, 2]"});
    refused([](Weights& weights) { weights[0].values.pop_back(); }, {"'fc1.weight'", "31", "32"});
}

TEST(LaneGradients, AreWhatAStepAppliesAndChangeNothing) {
    const auto backend = make_cpu_backend(2);
    TinyOptions options;
    options.optimizer.kind = OptimizerKind::sgd;
    options.optimizer.momentum = 0.0f;
    options.optimizer.weight_decay = 0.0f;
    options.optimizer.learning_rate = 0.5f;
    options.dropout = 0.25f;
    const auto workload = tiny_workload(options);
    for (const char* text : {"fp32", "mixed,loss_scaling=static,loss_scale=64"}) {
        Lane lane(*backend, workload, "a", parse_techniques(text));
        const Batch batch = workload->training_batch(5);
        const std::string before = lane.signature();
        const LossAndGradients result = lane.gradients(batch, 5);
        EXPECT_EQ(lane.signature(), before);
        EXPECT_EQ(lane.updates(), 0);
        const std::vector<NamedValues> weights = lane.parameters();
        ASSERT_EQ(result.gradients.size(), weights.size());
        const StepResult step = lane.step(5, batch, {});  // the same dropout mask
        EXPECT_EQ(static_cast<double>(result.loss), step.record.loss);
        double squares = 0;
        for (std::size_t p = 0; p < weights.size(); ++p) {
            EXPECT_EQ(result.gradients[p].name, weights[p].name);
            EXPECT_EQ(result.gradients[p].shape, weights[p].shape);
            const std::vector<float> after = lane.parameter(weights[p].name);
            for (std::size_t i = 0; i < after.size(); ++i) {
                const float gradient = result.gradients[p].values[i];
                squares += static_cast<double>(gradient) * static_cast<double>(gradient);
                ASSERT_NEAR(after[i], weights[p].values[i] - 0.5f * gradient, 1e-6f)
                    << text << weights[p].name;
            }
        }
        EXPECT_NEAR(std::sqrt(squares), step.record.grad_norm, 1e-6 * step.record.grad_norm) << text;
    }
}

/// The smallest network with batch normalisation.
std::shared_ptr<const Workload> small_digits() {
    const Scenario& scenario = find_scenario("digits-cnn");
    ScenarioSettings settings;
    settings.parameters = {{"size", 8}, {"batch", 4}, {"channels", 4}, {"blocks", 1}};
    return scenario.create(resolve_settings(scenario.info(), settings));
}

std::vector<NamedValues> without_buffers(std::vector<NamedValues> tensors) {
    std::erase_if(tensors, [](const NamedValues& tensor) {
        return tensor.name.find(".running_") != std::string::npos;
    });
    return tensors;
}

TEST(LaneBuffers, GoOutAndInUnderPyTorchsNames) {
    const auto backend = make_cpu_backend(1);
    const auto workload = small_digits();
    for (const char* text : {"fp32", "mixed"}) {
        Lane a(*backend, workload, "a", parse_techniques(text));
        a.step(0, workload->training_batch(0), {});
        std::vector<NamedValues> saved = a.parameters();
        const std::size_t parameters = workload->training_graph().parameters().size();
        ASSERT_EQ(saved.size(), parameters + workload->training_graph().buffers().size());
        EXPECT_EQ(saved[parameters].name, "bn1.running_mean");
        EXPECT_EQ(saved[parameters + 1].name, "bn1.running_var");
        EXPECT_NE(saved[parameters + 1].values[0], 1.0f);
        const auto validation = a.validate();
        // As PyTorch's state_dict has it.
        saved.push_back({"bn1.num_batches_tracked", {}, {1.0f}});
        Lane b(*backend, workload, "b", parse_techniques(text));
        b.load_parameters(saved);
        EXPECT_EQ(b.validate().validation_loss, validation.validation_loss) << text;

        // Without them they stay as they are.
        Lane c(*backend, workload, "c", parse_techniques(text));
        c.load_parameters(without_buffers(saved));
        EXPECT_EQ(c.parameters()[parameters + 1].values[0], 1.0f);
        EXPECT_NE(c.validate().validation_loss, validation.validation_loss) << text;

        saved[parameters].shape = {2, 2};
        EXPECT_THROW(b.load_parameters(saved), InputError);
        saved.erase(saved.begin());
        EXPECT_THROW(b.load_parameters(saved), InputError);
    }
}

TEST(LaneGradients, LeaveRunningStatisticsAsTheyWere) {
    const auto backend = make_cpu_backend(1);
    const auto workload = small_digits();
    Lane lane(*backend, workload, "a", parse_techniques("mixed"));
    lane.step(0, workload->training_batch(0), {});
    const std::vector<NamedValues> before = lane.parameters();
    const LossAndGradients first = lane.gradients(workload->training_batch(1));
    EXPECT_EQ(first.gradients.size(), workload->training_graph().parameters().size());
    const std::vector<NamedValues> after = lane.parameters();
    for (std::size_t i = 0; i < before.size(); ++i)
        EXPECT_EQ(after[i].values, before[i].values) << before[i].name;
}

TEST(LaneGradients, OverflowIsAResult) {
    const auto backend = make_cpu_backend(1);
    const auto workload = tiny_workload();
    Lane lane(*backend, workload, "a", parse_techniques("mixed,loss_scaling=static,loss_scale=16777216"));
    const LossAndGradients result = lane.gradients(workload->training_batch(0));
    EXPECT_TRUE(std::isfinite(result.loss));
    bool finite = true;
    for (const NamedValues& gradient : result.gradients) {
        for (const float value : gradient.values) finite = finite && std::isfinite(value);
    }
    EXPECT_FALSE(finite);
    EXPECT_EQ(lane.skipped_steps(), 0);
}

}  // namespace
}  // namespace halfscope
