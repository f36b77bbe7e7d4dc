// A sum taken from a live layer, added up as the engine adds it, is what the layer stored: the order of its
// addends, its operands and the place where it went.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "backend/cpu_backend.h"
#include "numerics/math.h"
#include "numerics/summation.h"
#include "tiny_workload.h"
#include "train/dot_capture.h"
#include "train/experiment.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

/// The orders of ops/executor.h, once more: row_reduce and column_reduce in FP32.
float sum_of_row(const std::vector<float>& terms) {
    float lanes[32] = {};
    for (std::size_t k = 0; k < terms.size(); ++k) lanes[k % 32] += terms[k];
    for (std::size_t apart = 16; apart > 0; apart /= 2)
        for (std::size_t lane = 0; lane < apart; ++lane) lanes[lane] += lanes[lane + apart];
    return lanes[0];
}
float sum_of_column(const std::vector<float>& terms) {
    float sum = 0.0f;
    for (std::size_t begin = 0; begin < terms.size(); begin += 256) {
        float chunk = 0.0f;
        for (std::size_t k = begin; k < std::min(terms.size(), begin + 256); ++k) chunk += terms[k];
        sum += chunk;
    }
    return sum;
}

const Node& node_of(const Graph& graph, const std::string& layer) {
    return *std::find_if(graph.nodes().begin(), graph.nodes().end(),
                         [&](const Node& node) { return node.name == layer; });
}

bool is_statistic(DotKind kind) {
    return kind == DotKind::norm_mean || kind == DotKind::norm_variance || kind == DotKind::denominator;
}

class DotChecker {
  public:
    DotChecker(Backend& backend, std::shared_ptr<const Workload> workload, const char* techniques)
        : workload_(std::move(workload)),
          techniques_(parse_techniques(techniques)),
          lane_(backend, workload_, "a", techniques_),
          plain_(backend, workload_, "b", techniques_),
          batch_(workload_->training_batch(0)) {}

    /// All sources, at some of their places; says of which kinds there were some.
    std::map<DotKind, int> check_all() {
        std::map<DotKind, int> checked;
        for (const DotSource& source : dot_sources(workload_->training_graph())) {
            SCOPED_TRACE(source.name());
            for (const std::int64_t pick : {0, 1, 7, 1000003}) {
                const std::int64_t row = pick % source.rows, column = (pick * 5) % source.columns;
                SCOPED_TRACE(testing::Message() << "[" << row << ", " << column << "]");
                const DotCapture dot = capture(source, row, column);
                EXPECT_EQ(static_cast<std::int64_t>(dot.a.size()), source.length);
                if (is_statistic(source.kind)) {
                    EXPECT_TRUE(dot.b.empty());
                    check_statistic(dot);
                } else {
                    EXPECT_EQ(dot.b.size(), dot.a.size());
                    check_product(dot);
                }
                ++checked[source.kind];
            }
        }
        lane_.step(0, batch_, {});
        plain_.step(0, batch_, {});
        EXPECT_EQ(lane_.signature(), plain_.signature()) << "looking left a trace";
        return checked;
    }

  private:
    DotCapture capture(const DotSource& source, std::int64_t row, std::int64_t column) {
        return lane_.capture_dot(source, row, column, 0, std::span(&batch_, 1));
    }
    float rounded(float value) const { return round_to(techniques_.storage, value, techniques_.subnormals); }

    void check_product(const DotCapture& dot) {
        const Summation way =
            techniques_.accumulate == Accumulate::fp16 ? Summation::blocks : Summation::fp32;
        EXPECT_EQ(dot.own, way);
        const double sum = sum_up(way, Format::fp16, dot.a, dot.b).result;
        float whole = rounded(static_cast<float>(sum) + static_cast<float>(dot.bias));
        if (dot.source.kind == DotKind::recurrent_input) whole = activated(dot, whole);
        EXPECT_EQ(whole, static_cast<float>(dot.stored));
    }

    /// The gate that a projection of x becomes: what other sums of the step store goes into it.
    float activated(const DotCapture& dot, float from_x) {
        DotSource own = dot.source;
        for (const DotSource& other : dot_sources(workload_->training_graph()))
            if (other.kind == DotKind::recurrent_hidden && other.layer == dot.source.layer) own = other;
        const auto from_h = static_cast<float>(capture(own, dot.row, dot.column).stored);
        const std::int64_t hidden = dot.source.columns / 3;
        if (dot.column < 2 * hidden) return rounded(math::sigmoid(from_x + from_h));
        const auto r = static_cast<float>(capture(dot.source, dot.row, dot.column - 2 * hidden).stored);
        return rounded(math::tanh(from_x + r * from_h));
    }

    void check_statistic(const DotCapture& dot) {
        const Node& node = node_of(workload_->training_graph(), dot.source.layer);
        float sum = node.op == OpKind::batch_norm ? sum_of_column(dot.a) : sum_of_row(dot.a);
        const bool is_blocks = techniques_.reductions == Reductions::storage;
        EXPECT_EQ(dot.own.has_value(), is_blocks);
        if (is_blocks) sum = static_cast<float>(dot.sums[static_cast<std::size_t>(Summation::blocks)].result);
        const float mean = sum / static_cast<float>(dot.source.length);
        const bool is_stored = techniques_.eps_format == FormatChoice::storage;
        const Format format = is_stored ? techniques_.storage : Format::fp32;
        const auto eps = [&](float value) { return round_to(format, value); };
        float expected = mean;
        if (dot.source.kind == DotKind::norm_variance)
            expected = 1.0f / math::sqrt(eps(eps(mean) + eps(node.amount)));
        if (dot.source.kind == DotKind::denominator) expected = static_cast<float>(dot.bias) + math::log(sum);
        EXPECT_EQ(expected, static_cast<float>(dot.stored));
    }

    std::shared_ptr<const Workload> workload_;
    Techniques techniques_;
    Lane lane_, plain_;
    Batch batch_;
};

std::shared_ptr<const Workload> scenario(const char* name, std::map<std::string, double> parameters) {
    ScenarioSettings settings;
    for (const auto& [key, value] : parameters) settings.parameters[key] = value;
    return find_scenario(name).create(settings);
}

constexpr const char* kTechniques[] = {"fp32",
                                       "fp32,matmul_input=tf32",
                                       "mixed",
                                       "mixed,subnormals=flush,loss_scaling=off",
                                       "mixed,accumulate=fp16,reductions=storage",
                                       "bf16,reductions=storage,eps_format=storage"};

TEST(LaneDot, OfLinearLayersAndLayerNorms) {
    const auto backend = make_cpu_backend(2);
    TinyOptions options;
    options.rows = 100;
    options.width = 40;
    options.layer_norm = true;
    for (const char* techniques : kTechniques) {
        SCOPED_TRACE(techniques);
        auto checked = DotChecker(*backend, tiny_workload(options), techniques).check_all();
        for (const DotKind kind : {DotKind::product, DotKind::weight_gradient, DotKind::input_gradient,
                                   DotKind::norm_mean, DotKind::norm_variance, DotKind::denominator})
            EXPECT_GE(checked[kind], 4) << static_cast<int>(kind);
    }
    // What a framework keeps in FP32 is cast for each product.
    Lane lane(*backend, tiny_workload({}), "a", parse_techniques("autocast"));
    const Batch batch = tiny_workload({})->training_batch(0);
    for (const DotSource& source : dot_sources(tiny_workload({})->training_graph())) {
        if (source.kind != DotKind::product) continue;
        const DotCapture dot = lane.capture_dot(source, 3, 1, 0, std::span(&batch, 1));
        EXPECT_EQ(dot.format, Format::fp16);
        const double sum = sum_up(Summation::fp32, Format::fp16, dot.a, dot.b).result;
        EXPECT_EQ(round_to_fp16(static_cast<float>(sum) + static_cast<float>(dot.bias)),
                  static_cast<float>(dot.stored));
    }
}

// Padding, strides of 1 and 2, kernels of 1 and 3, and tensors that two nodes read.
TEST(LaneDot, OfConvolutionsAndBatchNorms) {
    const auto backend = make_cpu_backend(2);
    const auto workload =
        scenario("digits-cnn", {{"batch", 3}, {"size", 12}, {"channels", 8}, {"blocks", 1}});
    for (const char* techniques : kTechniques) {
        SCOPED_TRACE(techniques);
        auto checked = DotChecker(*backend, workload, techniques).check_all();
        for (const DotKind kind :
             {DotKind::convolution, DotKind::convolution_weight_gradient, DotKind::convolution_input_gradient,
              DotKind::norm_mean, DotKind::norm_variance})
            EXPECT_GE(checked[kind], 16) << static_cast<int>(kind);
        EXPECT_EQ(checked[DotKind::convolution_input_gradient], checked[DotKind::convolution] - 4)
            << "pictures have no gradient";
    }
}

TEST(LaneDot, OfRecurrentLayers) {
    const auto backend = make_cpu_backend(2);
    const auto workload = scenario("char-gru", {{"batch", 3}, {"time", 9}, {"hidden", 20}, {"embedding", 6}});
    for (const char* techniques : kTechniques) {
        SCOPED_TRACE(techniques);
        auto checked = DotChecker(*backend, workload, techniques).check_all();
        for (const DotKind kind :
             {DotKind::recurrent_input, DotKind::recurrent_hidden, DotKind::recurrent_input_gradient,
              DotKind::recurrent_weight_gradient, DotKind::recurrent_own_weight_gradient})
            EXPECT_EQ(checked[kind], 4) << static_cast<int>(kind);
    }
}

TEST(LaneDot, EverySumHasItsPlace) {
    const auto workload = scenario("char-gru", {{"batch", 3}, {"time", 9}, {"hidden", 20}});
    for (const DotSource& source : dot_sources(workload->training_graph())) {
        std::int64_t rows = 1, columns = 1;
        for (const DotAxis& axis : source.row_axes) rows *= axis.extent;
        for (const DotAxis& axis : source.column_axes) columns *= axis.extent;
        EXPECT_EQ(rows, source.rows) << source.name();
        EXPECT_EQ(columns, source.columns) << source.name();
        EXPECT_FALSE(source.over.empty()) << source.name();
    }
}

TEST(LaneDot, WhatIsNotThereIsRefused) {
    const auto backend = make_cpu_backend(1);
    const auto workload = tiny_workload({});
    Lane lane(*backend, workload, "a", parse_techniques("mixed"));
    const Batch batch = workload->training_batch(0);
    const DotSource first = dot_sources(workload->training_graph()).front();
    EXPECT_THROW(lane.capture_dot(first, first.rows, 0, 0, std::span(&batch, 1)), InputError);
    DotSource other = first;
    other.layer = "nothing";
    EXPECT_THROW(lane.capture_dot(other, 0, 0, 0, std::span(&batch, 1)), InputError);
}

}  // namespace
}  // namespace halfscope
