// Probes: what is counted while results are stored equals brute force over exact and stored values, and
// changes no bit.
#include <gtest/gtest.h>

#include "numerics/rounding.h"
#include "op_cases.h"

namespace halfscope {
namespace {

void expect_same_classes(const ClassCounts& a, const ClassCounts& b, const std::string& where) {
    EXPECT_EQ(a.true_zero, b.true_zero) << where;
    EXPECT_EQ(a.flushed, b.flushed) << where;
    EXPECT_EQ(a.subnormal, b.subnormal) << where;
    EXPECT_EQ(a.normal, b.normal) << where;
    EXPECT_EQ(a.inf, b.inf) << where;
    EXPECT_EQ(a.nan, b.nan) << where;
    EXPECT_EQ(a.inf_incoming, b.inf_incoming) << where;
}

void expect_same_counts(const TensorCounts& counts, const std::vector<float>& exact, Format format,
                        const std::string& where) {
    TensorCounts brute;
    for (float x : exact) brute.add(x, round_to(format, x), format);
    EXPECT_EQ(counts.own.count(), exact.size()) << where;
    expect_same_classes(counts.own, brute.own, where + " own");
    expect_same_classes(counts.fp16, brute.fp16, where + " fp16");
    EXPECT_EQ(counts.min_abs, brute.min_abs) << where;
    EXPECT_EQ(counts.max_abs, brute.max_abs) << where;
    for (int exponent = -149; exponent <= 127; ++exponent) {
        ASSERT_EQ(counts.histogram.at(exponent), brute.histogram.at(exponent))
            << where << " exponent " << exponent;
    }
}

/// Scales values so that FP16 sees every class: flushed, subnormal, normal and overflowing ones.
std::vector<float> wide_range(std::vector<float> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        constexpr float kScales[] = {0x1p-26f, 0x1p-20f, 1.0f, 0x1p17f, 0.0f};
        values[i] *= kScales[i % 5];
    }
    return values;
}

/// Runs the operation with counts, without, and in FP32 throughout, whose results are what is rounded.
void check_counts(const OpCase& op, const oracle::Extents& extents, Format format) {
    PreparedCase low = prepare(op, extents, stored_in(format));
    PreparedCase plain = prepare(op, extents, stored_in(format));
    PreparedCase high = prepare(op, extents, stored_in(Format::fp32));
    const Node& node = low.harness->node();
    const bool loss = low.harness->is_loss();
    std::vector<TensorId> wanted;
    for (TensorId id : node.inputs) {
        if (low.harness->graph().tensor(id).role == TensorRole::tokens) continue;
        high.harness->set_value(id, low.harness->value(id));
        if (low.harness->graph().tensor(id).needs_gradient) wanted.push_back(id);
    }
    std::vector<float> dy;
    if (!loss) dy = HostTensor(format, wide_range(low.harness->gradient(node.output))).values();
    for (OpHarness* harness : {low.harness.get(), plain.harness.get(), high.harness.get()}) {
        harness->loss_gradient = 0x1p-9f;
        if (!loss) harness->set_output_gradient(dy);
    }
    TensorCounts& output_counts = low.harness->probe_output();
    std::vector<TensorCounts*> counts;
    for (TensorId id : wanted) counts.push_back(&low.harness->probe_gradient(id));
    for (OpHarness* harness : {low.harness.get(), plain.harness.get(), high.harness.get()}) {
        harness->forward();
        harness->backward();
    }
    const std::string where = extents_text(op, extents) + " " + format_info(format).name;
    if (!loss) expect_same_counts(output_counts, high.harness->output(), format, where + " output");
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        expect_same_counts(*counts[i], high.harness->gradient(wanted[i]), format,
                           where + " gradient of " + low.harness->graph().tensor(wanted[i]).name);
        const std::vector<float> probed = low.harness->gradient(wanted[i]);
        const std::vector<float> unprobed = plain.harness->gradient(wanted[i]);
        for (std::size_t k = 0; k < probed.size(); ++k) {
            ASSERT_TRUE(probed[k] == unprobed[k] || (probed[k] != probed[k] && unprobed[k] != unprobed[k]));
        }
    }
}

constexpr Format kCountedFormats[] = {Format::fp16, Format::bf16, Format::fp32};

TEST(Counts, EqualBruteForceAndChangeNothing) {
    for (const OpCase& op : op_cases()) {
        if (!op.single_rounding || !op.backward_single_rounding)
            continue;  // those have no exact twin to count
        for (const Format format : kCountedFormats) check_counts(op, {3, 20, 65, 19}, format);
    }
}

/// The two products of a narrow layer's gradients over a long batch are worked side by side.
TEST(Counts, OfALayersTwoGradientsStayApart) {
    for (const OpCase& op : op_cases()) {
        if (op.op != OpKind::linear) continue;
        for (const Format format : kCountedFormats) {
            check_counts(op, {900, 2, 32, 19}, format);
            check_counts(op, {1000, 1, 45, 48}, format);
        }
    }
}

TEST(Counts, RecurrentOutputsAreCountedOncePerElement) {
    for (const OpCase& op : op_cases()) {
        if (op.op != OpKind::gru) continue;
        PreparedCase prepared = prepare(op, {3, 7, 5, 4}, stored_in(Format::fp16));
        TensorCounts& y = prepared.harness->probe_output();
        TensorCounts& dx = prepared.harness->probe_gradient(prepared.harness->node().inputs[0]);
        TensorCounts& dw = prepared.harness->probe_gradient(prepared.harness->node().inputs[2]);
        prepared.harness->forward();
        prepared.harness->backward();
        EXPECT_EQ(y.own.count(), 3u * 7 * 4);
        EXPECT_EQ(dx.own.count(), 3u * 7 * 5);
        EXPECT_EQ(dw.own.count(), 12u * 4);
    }
}

TEST(Counts, SeeTrueZerosApartFromFlushedOnes) {
    GraphBuilder builder;
    const TensorId x = builder.parameter("x", {1, 6}, Initializer::constant(0.0f));
    builder.relu("relu", x);
    OpHarness harness(builder.finish(), stored_in(Format::fp16));
    harness.set_value(x, {-1, 2, 0x1p-24f, 0, 3, 4});
    TensorCounts& counts = harness.probe_output();
    harness.forward();
    EXPECT_EQ(counts.own.true_zero, 2u);
    EXPECT_EQ(counts.own.flushed, 0u);
    EXPECT_EQ(counts.own.subnormal, 1u);
    EXPECT_EQ(counts.own.normal, 3u);
}

}  // namespace
}  // namespace halfscope
