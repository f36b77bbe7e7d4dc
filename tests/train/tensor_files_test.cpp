// Weights and batches from safetensors files: what fits a graph, and the sentence for what does not.
#include "train/tensor_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "graph/graph_builder.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

class TemporaryPath {
  public:
    explicit TemporaryPath(const std::string& name)
        : path_((std::filesystem::temp_directory_path() / (std::to_string(getpid()) + "-" + name)).string()) {
    }
    ~TemporaryPath() { std::filesystem::remove(path_); }
    const std::string& get() const { return path_; }

  private:
    std::string path_;
};

/// x floats [2, 3], words tokens [2] into a table of 5, y labels [2] of 4 classes.
Graph small_graph() {
    GraphBuilder builder;
    const TensorId words = builder.tokens("words", {2});
    const TensorId y = builder.tokens("y", {2});
    builder.input("x", {2, 3});
    const TensorId embedded = builder.embedding("embedding", words, 5, 6, 0.1f);
    builder.softmax_cross_entropy("loss", builder.linear("head", embedded, 4, WeightInit::fan_in_uniform), y);
    return builder.finish();
}

std::vector<StoredTensor> good_batch() {
    return {{"y", "I32", {2}, {}, {0, 3}},
            {"x", "F16", {2, 3}, {1, 2, 3, 4, 5, 6}, {}},
            {"words", "I64", {2}, {}, {4, 0}}};
}

BatchFile in_file(std::vector<StoredTensor> tensors) { return {"b.safetensors", {std::move(tensors), {}}}; }

TEST(TensorFiles, ABatchComesInTheGraphsOrder) {
    const Graph graph = small_graph();
    const Batch batch = batch_of(in_file(good_batch()), graph);
    ASSERT_EQ(batch.tensors.size(), 3u);
    EXPECT_EQ(batch.tensors[0].tokens, (std::vector<std::int32_t>{4, 0}));
    EXPECT_EQ(batch.tensors[1].tokens, (std::vector<std::int32_t>{0, 3}));
    EXPECT_EQ(batch.tensors[2].values, (std::vector<float>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(batch_size_of(in_file(good_batch()), graph), 2);
}

TEST(TensorFiles, ABatchThatDoesNotFitIsRefused) {
    const Graph graph = small_graph();
    const auto refused = [&](auto change, const std::vector<std::string>& words) {
        std::vector<StoredTensor> tensors = good_batch();
        change(tensors);
        try {
            batch_of(in_file(std::move(tensors)), graph);
            ADD_FAILURE() << words.front();
        } catch (const InputError& error) {
            const std::string sentence = error.what();
            EXPECT_NE(sentence.find("b.safetensors"), std::string::npos);
            for (const std::string& word : words)
                EXPECT_NE(sentence.find(word), std::string::npos) << sentence;
        }
    };
    using Tensors = std::vector<StoredTensor>;
    refused([](Tensors& t) { t.erase(t.begin()); }, {"no tensor 'y'", "words, y, x"});
    refused(
        [](Tensors& t) {
            t.push_back({"z", "F32", {}, {1}, {}});
        },
        {"'z'", "nothing reads", "words, y, x"});
    refused([](Tensors& t) { t.push_back({"head.bias", "F32", {4}, {1, 2, 3, 4}, {}}); }, {"'head.bias'"});
    refused([](Tensors& t) { t[1].shape = {3, 2}; }, {"'x'", "[3, 2]", "[2, 3]"});
    refused([](Tensors& t) { t[1] = {"x", "I64", {2, 3}, {}, {1, 2, 3, 4, 5, 6}}; }, {"'x'", "I64", "F32"});
    refused([](Tensors& t) { t[0] = {"y", "F32", {2}, {0, 1}, {}}; }, {"'y'", "F32", "I64"});
    // The table has five rows and the loss four classes; beyond them lies other memory.
    refused([](Tensors& t) { t[2].integers[0] = 5; }, {"'words'", "5 at element 0", "0 to 4"});
    refused([](Tensors& t) { t[0].integers[1] = 4; }, {"'y'", "4 at element 1", "0 to 3"});
    refused([](Tensors& t) { t[0].integers[1] = -1; }, {"'y'", "-1 at element 1"});
    refused([](Tensors& t) { t[0].integers[1] = std::int64_t{1} << 32; }, {"'y'", "4294967296"});
    EXPECT_THROW(batch_size_of(in_file({{"words", "I64", {}, {}, {1}}}), graph), InputError);
    EXPECT_THROW(batch_size_of(in_file({}), graph), InputError);
    EXPECT_THROW(read_batch_file("/nowhere/b.safetensors"), InputError);
}

TEST(TensorFiles, PicturesComeInEitherLayout) {
    GraphBuilder builder;
    const TensorId x = builder.input("x", {2, 2, 3, 2});
    const TensorId pooled = builder.global_average_pool("pool", x);
    const TensorId y = builder.tokens("y", {2});
    builder.softmax_cross_entropy("loss", pooled, y);
    const Graph graph = builder.finish();
    const StoredTensor labels{"y", "I64", {2}, {}, {0, 1}};
    std::vector<float> first(24), last(24);
    for (std::size_t n = 0; n < 2; ++n) {
        for (std::size_t p = 0; p < 6; ++p) {
            for (std::size_t c = 0; c < 2; ++c) {
                const auto value = static_cast<float>(100 * n + 10 * p + c);
                first[(n * 2 + c) * 6 + p] = value;
                last[(n * 6 + p) * 2 + c] = value;
            }
        }
    }
    EXPECT_EQ(batch_of(in_file({{"x", "F32", {2, 2, 3, 2}, last, {}}, labels}), graph).tensors[0].values,
              last);
    EXPECT_EQ(batch_of(in_file({{"x", "F32", {2, 2, 2, 3}, first, {}}, labels}), graph).tensors[0].values,
              last);
    EXPECT_THROW(batch_of(in_file({{"x", "F32", {2, 3, 2, 2}, last, {}}, labels}), graph), InputError);
}

TEST(TensorFiles, WeightsGoOutAndIn) {
    const TemporaryPath path("weights.safetensors");
    check_named_values_target(path.get(), {"fc1.weight"});
    write_named_values(path.get(), {{"fc1.weight", {1, 2}, {1.5f, -2.0f}}, {"fc1.bias", {1}, {0.1f}}});
    const std::vector<NamedValues> read = read_named_values(path.get());
    ASSERT_EQ(read.size(), 2u);
    EXPECT_EQ(read[0].name, "fc1.weight");
    EXPECT_EQ(read[0].shape, (std::vector<std::int64_t>{1, 2}));
    EXPECT_EQ(read[0].values, (std::vector<float>{1.5f, -2.0f}));
    write_safetensors(
        path.get(), {{"bn1.num_batches_tracked", "I64", {1}, {}, {3}}, {"fc1.bias", "F32", {1}, {0.1f}, {}}},
        {});
    EXPECT_EQ(read_named_values(path.get()).size(), 1u);
    write_safetensors(path.get(), {{"fc1.weight", "I64", {1}, {}, {3}}}, {});
    EXPECT_THROW(read_named_values(path.get()), InputError);
    EXPECT_THROW(check_named_values_target("/nowhere/w.safetensors", {}), InputError);
    EXPECT_THROW(write_named_values("/nowhere/w.safetensors", {}), InputError);
}

}  // namespace
}  // namespace halfscope
