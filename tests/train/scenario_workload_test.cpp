// Workloads without training: graphs, batches, schedules, metrics and views, with a predictor made by hand.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "train/input_error.h"
#include "train/scenario.h"

namespace halfscope {
namespace {

using Parameters = std::map<std::string, double>;

std::shared_ptr<const Workload> make(const char* name, Parameters parameters = {}, std::uint64_t seed = 0) {
    ScenarioSettings settings;
    settings.parameters = std::move(parameters);
    settings.seed = seed;
    return find_scenario(name).create(settings);
}

/// The batch has one tensor for each input of the graph, with as many numbers as its shape says.
void expect_fits(const Batch& batch, const Graph& graph) {
    ASSERT_EQ(batch.tensors.size(), graph.inputs().size());
    for (std::size_t i = 0; i < batch.tensors.size(); ++i) {
        const TensorInfo& info = graph.tensor(graph.inputs()[i]);
        const auto elements = static_cast<std::size_t>(info.shape.elements());
        const bool is_tokens = info.role == TensorRole::tokens;
        EXPECT_EQ(batch.tensors[i].tokens.size(), is_tokens ? elements : 0u) << info.name;
        EXPECT_EQ(batch.tensors[i].values.size(), is_tokens ? 0u : elements) << info.name;
    }
}

/// A predictor that answers every batch with one value, and checks the batch on the way.
Predict constant(const Workload& workload, float value) {
    return [&workload, value](const Batch& batch) {
        const Graph& graph = workload.evaluation_graph();
        expect_fits(batch, graph);
        return std::vector<float>(static_cast<std::size_t>(graph.tensor(graph.prediction()).shape.elements()),
                                  value);
    };
}

bool same(const Batch& a, const Batch& b) {
    for (std::size_t i = 0; i < a.tensors.size(); ++i) {
        if (a.tensors[i].values != b.tensors[i].values || a.tensors[i].tokens != b.tensors[i].tokens)
            return false;
    }
    return a.tensors.size() == b.tensors.size();
}

class EveryScenario : public testing::TestWithParam<const char*> {};

TEST_P(EveryScenario, GraphsShareParametersAndBatchesFit) {
    const auto workload = make(GetParam());
    const Graph& training = workload->training_graph();
    const Graph& evaluation = workload->evaluation_graph();
    ASSERT_EQ(training.parameters().size(), evaluation.parameters().size());
    for (std::size_t i = 0; i < training.parameters().size(); ++i) {
        const TensorInfo& trained = training.tensor(training.parameters()[i]);
        EXPECT_EQ(trained.name, evaluation.tensor(evaluation.parameters()[i]).name);
        EXPECT_EQ(trained.shape, evaluation.tensor(evaluation.parameters()[i]).shape);
    }
    EXPECT_NE(training.loss(), kNoTensor);
    EXPECT_EQ(training.tensor(training.inputs()[0]).name, "x");
    EXPECT_EQ(training.tensor(training.inputs()[1]).name, "y");
    expect_fits(workload->training_batch(0), training);
    expect_fits(workload->training_batch(12345), training);
}

TEST_P(EveryScenario, BatchesAreAPureFunctionOfSeedAndStep) {
    const auto workload = make(GetParam(), {{"batch", 64}});
    EXPECT_TRUE(same(workload->training_batch(3), make(GetParam(), {{"batch", 64}})->training_batch(3)));
    EXPECT_FALSE(same(workload->training_batch(3), workload->training_batch(4)));
    EXPECT_FALSE(same(workload->training_batch(3), make(GetParam(), {{"batch", 64}}, 1)->training_batch(3)));
}

TEST_P(EveryScenario, ScheduleIsACosineWithAFloorOfOnePercent) {
    const auto workload = make(GetParam(), {{"steps", 200}, {"lr", 1e-2}});
    const auto rate = [&](std::int64_t position) {
        return static_cast<double>(workload->optimizer(position).learning_rate);
    };
    EXPECT_NEAR(rate(0), 1.01e-2, 1e-8);
    EXPECT_NEAR(rate(50), 1e-2 * (0.5 * (1 + std::cos(M_PI / 4)) + 0.01), 1e-8);
    EXPECT_NEAR(rate(100), 0.51e-2, 1e-8);
    EXPECT_NEAR(rate(200), 1e-4, 1e-8);
    EXPECT_EQ(rate(200), rate(1000000));
    const OptimizerStep step = workload->optimizer(7);
    EXPECT_EQ(step.kind, OptimizerKind::adam);
    EXPECT_EQ(step.beta1, 0.9f);
    EXPECT_EQ(step.beta2, 0.999f);
    EXPECT_EQ(step.eps, 1e-8f);
    EXPECT_EQ(step.weight_decay, 0.0f);
}

TEST_P(EveryScenario, NanPredictionsAreShownNotThrown) {
    const auto workload = make(GetParam());
    const Predict broken = constant(*workload, std::numeric_limits<float>::quiet_NaN());
    const Metric metric = workload->validate(broken);
    EXPECT_TRUE(std::isnan(metric.validation_loss));
    EXPECT_TRUE(std::isnan(metric.metric) || metric.metric == 0.0);
    const ModelView view = workload->view(broken);
    EXPECT_FALSE(view.pictures.empty() && view.text.empty());
}

TEST_P(EveryScenario, SettingsHoldEveryParameter) {
    const auto workload = make(GetParam(), {{"lr", 0.5}}, 9);
    EXPECT_EQ(workload->settings().parameters.size(), workload->info().parameters.size());
    EXPECT_EQ(workload->settings().parameters.at("lr"), 0.5);
    EXPECT_EQ(workload->settings().seed, 9u);
}

/// Every corner of one slider at a time, the others at their smallest so that the test stays quick.
TEST_P(EveryScenario, GraphsBuildAtBothEndsOfEverySlider) {
    const ScenarioInfo& info = find_scenario(GetParam()).info();
    Parameters smallest;
    for (const ScenarioParameter& parameter : info.parameters) smallest[parameter.name] = parameter.minimum;
    for (const ScenarioParameter& parameter : info.parameters) {
        SCOPED_TRACE(parameter.name);
        Parameters parameters = smallest;
        parameters[parameter.name] = parameter.maximum;
        const auto workload = make(GetParam(), parameters);
        expect_fits(workload->training_batch(1), workload->training_graph());
        EXPECT_TRUE(std::isfinite(workload->validate(constant(*workload, 0.25f)).validation_loss));
    }
}

INSTANTIATE_TEST_SUITE_P(All, EveryScenario, testing::Values("spiral-mlp", "image-fit", "char-gru"),
                         [](const auto& tested) {
                             std::string name = tested.param;
                             std::erase(name, '-');
                             return name;
                         });

TEST(SpiralMlp, IsTheNetworkAndDataItSays) {
    const auto workload = make("spiral-mlp");
    EXPECT_EQ(workload->training_graph().parameter_count(), (2 + 1) * 32 + 4 * (32 + 1) * 32 + (32 + 1) * 3);
    EXPECT_EQ(workload->training_graph().tensor(workload->training_graph().inputs()[0]).shape,
              (Shape{8192, 2}));
    EXPECT_TRUE(same(workload->training_batch(0), workload->training_batch(99)));  // the whole set each step
    // Fewer points than the batch asks for: all of them.
    const auto small = make("spiral-mlp", {{"points", 100}});
    EXPECT_EQ(small->training_batch(0).tensors[1].tokens.size(), 100u);
}

TEST(SpiralMlp, UndecidedLogitsGiveLogThree) {
    const auto workload = make("spiral-mlp");
    const Metric metric = workload->validate(constant(*workload, 0.0f));
    EXPECT_NEAR(metric.validation_loss, std::log(3.0), 1e-6);
    EXPECT_NEAR(metric.metric, 1.0 / 3.0, 1e-3);  // always the first class
}

TEST(SpiralMlp, MapHasDistributionsAndPointsLieOnIt) {
    const auto workload = make("spiral-mlp");
    // Logit 0 is x, so that the map's left-right order can be told; the others are 0.
    const Predict slope = [](const Batch& batch) {
        const std::vector<float>& x = batch.tensors[0].values;
        std::vector<float> logits(x.size() / 2 * 3, 0.0f);
        for (std::size_t row = 0; row < x.size() / 2; ++row)
            logits[3 * row] = x[2 * row] + 10.0f * x[2 * row + 1];
        return logits;
    };
    const ModelView view = workload->view(slope);
    ASSERT_EQ(view.pictures.size(), 1u);
    const Picture& map = view.pictures[0];
    EXPECT_EQ(map.kind, Picture::Kind::probabilities);
    ASSERT_EQ(map.values.size(), 96u * 96u * 3u);
    for (std::size_t pixel = 0; pixel < map.values.size(); pixel += 3) {
        EXPECT_NEAR(map.values[pixel] + map.values[pixel + 1] + map.values[pixel + 2], 1.0f, 1e-5f);
    }
    const auto first_class = [&](std::size_t row, std::size_t column) {
        return map.values[(row * 96 + column) * 3];
    };
    EXPECT_GT(first_class(48, 95), first_class(48, 0));  // x grows to the right
    EXPECT_GT(first_class(0, 48), first_class(95, 48));  // y grows upwards
    EXPECT_EQ(view.markers.size(), 300u);
    for (const Marker& marker : view.markers) {
        EXPECT_TRUE(marker.x > 0 && marker.x < 1 && marker.y > 0 && marker.y < 1);
    }
}

TEST(ImageFit, IsTheNetworkAndDataItSays) {
    const auto workload = make("image-fit");
    EXPECT_EQ(workload->training_graph().parameter_count(), 4 * (64 + 1) * 64 + (64 + 1) * 3);
    EXPECT_EQ(workload->training_graph().tensor(workload->training_graph().inputs()[0]).shape,
              (Shape{2304, 64}));
    EXPECT_TRUE(same(workload->training_batch(0), workload->training_batch(99)));
}

TEST(ImageFit, PsnrOfAKnownErrorAndOfAPerfectPicture) {
    const auto workload = make("image-fit");
    const std::vector<float> target = workload->training_batch(0).tensors[1].values;
    const Predict off_by_a_tenth = [&](const Batch& batch) {
        std::vector<float> values = batch.tensors[1].values;
        for (float& value : values) value += 0.1f;
        return values;
    };
    const Metric metric = workload->validate(off_by_a_tenth);
    EXPECT_NEAR(metric.validation_loss, 0.01, 1e-6);
    EXPECT_NEAR(metric.metric, 20.0, 1e-3);
    const Predict perfect = [](const Batch& batch) { return batch.tensors[1].values; };
    EXPECT_EQ(workload->validate(perfect).metric, std::numeric_limits<double>::infinity());
    EXPECT_EQ(workload->view(perfect).pictures[0].values, target);
    EXPECT_EQ(workload->target_view().pictures[0].values, target);
}

TEST(ImageFit, LargePicturesArePredictedInParts) {
    const auto workload =
        make("image-fit", {{"size", 100}, {"features", 2}});  // 10000 pixels: 4096 + 4096 + 1808
    int calls = 0;
    const Predict perfect = [&](const Batch& batch) {
        ++calls;
        expect_fits(batch, workload->evaluation_graph());
        return batch.tensors[1].values;
    };
    EXPECT_EQ(workload->view(perfect).pictures[0].values, workload->target_view().pictures[0].values);
    EXPECT_EQ(calls, 3);
}

TEST(ImageFit, ShownPicturesAreClampedTheMetricIsNot) {
    const auto workload = make("image-fit");
    const ModelView view = workload->view(constant(*workload, 2.0f));
    EXPECT_EQ(*std::max_element(view.pictures[0].values.begin(), view.pictures[0].values.end()), 1.0f);
    EXPECT_GT(workload->validate(constant(*workload, 2.0f)).validation_loss, 1.0);
}

TEST(CharGru, TargetsAreTheInputsOneLater) {
    const auto workload = make("char-gru");
    const Batch batch = workload->training_batch(5);
    for (std::size_t sequence = 0; sequence < 16; ++sequence) {
        for (std::size_t t = 0; t + 1 < 32; ++t) {
            EXPECT_EQ(batch.tensors[1].tokens[sequence * 32 + t],
                      batch.tensors[0].tokens[sequence * 32 + t + 1]);
        }
    }
}

TEST(CharGru, UndecidedLogitsGiveThePerplexityOfTheVocabulary) {
    const auto workload = make("char-gru");
    const Graph& graph = workload->evaluation_graph();
    const auto vocabulary = static_cast<double>(graph.tensor(graph.prediction()).shape.columns());
    EXPECT_GT(vocabulary, 20);
    const Metric metric = workload->validate(constant(*workload, 0.0f));
    EXPECT_NEAR(metric.validation_loss, std::log(vocabulary), 1e-5);
    EXPECT_NEAR(metric.metric, vocabulary, 1e-3);
}

TEST(CharGru, SampleFollowsThePrediction) {
    const auto workload = make("char-gru");
    const Graph& graph = workload->evaluation_graph();
    const auto vocabulary = static_cast<std::size_t>(graph.tensor(graph.prediction()).shape.columns());
    // Each token is followed by its successor, for certain: a text that shows whether the right row is read.
    const Predict successor = [&](const Batch& batch) {
        const std::vector<std::int32_t>& x = batch.tensors[0].tokens;
        std::vector<float> logits(x.size() * vocabulary, -100.0f);
        for (std::size_t row = 0; row < x.size(); ++row) {
            logits[row * vocabulary + (static_cast<std::size_t>(x[row]) + 1) % vocabulary] = 100.0f;
        }
        return logits;
    };
    const std::string text = workload->view(successor).text;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 8);
    EXPECT_EQ(text.front(), '[');
    // The alphabet runs through: after the prompt every line contains a stretch of it, also beyond the first
    // window.
    for (std::size_t start = 0; start < text.size(); start = text.find('\n', start) + 1) {
        const std::string line = text.substr(start, text.find('\n', start) - start);
        EXPECT_NE(line.find("abcdefghi"), std::string::npos) << line;
        EXPECT_EQ(line.size(), 1 + 8 + 1 + 40u) << line;
    }
}

TEST(CharGru, SampleIsTheSameForEveryLane) {
    const auto workload = make("char-gru");
    const std::string once = workload->view(constant(*workload, 0.0f)).text;
    EXPECT_EQ(once, workload->view(constant(*workload, 0.0f)).text);
    EXPECT_NE(once, make("char-gru", {}, 1)->view(constant(*workload, 0.0f)).text);
}

class CharGruText : public testing::Test {
  protected:
    ~CharGruText() override { std::filesystem::remove(path_); }
    std::string path_ =
        (std::filesystem::temp_directory_path() / ("halfscope_scenario_" + std::to_string(getpid()) + ".txt"))
            .string();

    std::shared_ptr<const Workload> from_text(const std::string& text, Parameters parameters) const {
        std::ofstream(path_, std::ios::binary) << text;
        ScenarioSettings settings;
        settings.parameters = std::move(parameters);
        settings.text_path = path_;
        return find_scenario("char-gru").create(settings);
    }
};

TEST_F(CharGruText, ReadsAFileWithItsOwnVocabulary) {
    std::string text;
    while (text.size() < 2000) text += "abc\n\xFF";
    const auto workload = from_text(text, {});
    const Graph& graph = workload->evaluation_graph();
    EXPECT_EQ(graph.tensor(graph.prediction()).shape.columns(), 5);
    EXPECT_NE(workload->view(constant(*workload, 0.0f)).text.find("\xEF\xBF\xBD"), std::string::npos);
    EXPECT_TRUE(std::isfinite(workload->validate(constant(*workload, 0.0f)).metric));
}

TEST_F(CharGruText, AFileTooShortForTheSequencesIsRefused) {
    const std::string text(1100, 'x');
    EXPECT_NO_THROW((void)from_text(text, {{"time", 64}}));
    try {
        (void)from_text(text, {{"time", 128}});
        FAIL() << "accepted";
    } catch (const InputError& error) {
        EXPECT_EQ(std::string(error.what()),
                  "text file '" + path_ +
                      "' has only 1100 bytes, and sequences of this length need 1290; "
                      "give more text or lower 'time'");
    }
}

TEST_F(CharGruText, AFileThatCannotBeUsedIsAnInputError) {
    ScenarioSettings settings;
    settings.text_path = "/nowhere/at/all.txt";
    EXPECT_THROW((void)find_scenario("char-gru").create(settings), InputError);
}

}  // namespace
}  // namespace halfscope
