// The scratch memory of the CUDA device against what its executor asks for (cuda_executor.cuh), figured out
// by hand for small networks.
#include "backend/cuda_scratch_bound.h"

#include <gtest/gtest.h>

#include "graph/graph_builder.h"

namespace halfscope {
namespace {

std::uint64_t floats(const ScratchBytes& bytes, ScratchFor purpose) {
    return bytes[static_cast<std::size_t>(purpose)] / sizeof(float);
}

PrecisionPolicy stored_in(Format format) {
    PrecisionPolicy policy;
    policy.storage = format;
    return policy;
}

/// Two images of 6 x 8 pixels and 3 channels under 5 kernels of 3 x 3, stride 2, padding 1: 24 positions;
/// `convolutions` of them, one behind the other.
Graph convolution(int convolutions) {
    GraphBuilder builder;
    TensorId x = builder.input("x", {2, 6, 8, 3});
    x = builder.conv2d("first", x, {5, 3, 2, 1});
    if (convolutions > 1) builder.conv2d("second", x, {7, 3, 1, 1});
    return builder.finish();
}

/// A hundred rows through layers of 20 x 30 and 30 x 4.
Graph two_layers() {
    GraphBuilder builder;
    const TensorId x = builder.linear("first", builder.input("x", {100, 20}), 30, WeightInit::he_normal);
    builder.linear("second", x, 4, WeightInit::he_normal);
    return builder.finish();
}

ScratchBytes bound_of(const Graph& graph, const PrecisionPolicy& policy = stored_in(Format::fp16),
                      PlanPasses passes = PlanPasses::forward_and_backward,
                      CudaProducts products = CudaProducts::cublas) {
    return scratch_bound(graph, Plan(graph, policy, passes, {}), products);
}

TEST(CudaScratchBound, AConvolutionIsLaidOutAsMatrices) {
    const Graph graph = convolution(1);
    const ScratchBytes training = bound_of(graph);
    const ScratchBytes evaluation = bound_of(graph, stored_in(Format::fp16), PlanPasses::forward_only);
    const std::uint64_t windows = 24 * 3 * 9;
    // The picture has no gradient: windows for the output and for the weight's gradient.
    EXPECT_EQ(floats(training, ScratchFor::left_operand), windows);
    EXPECT_EQ(floats(training, ScratchFor::right_operand), windows);
    EXPECT_EQ(floats(evaluation, ScratchFor::left_operand), windows);
    EXPECT_EQ(floats(evaluation, ScratchFor::right_operand), 0u);
    EXPECT_EQ(floats(training, ScratchFor::widened), 0u);
    // What a product gives is no larger than a tensor: here the picture of 2 x 6 x 8 x 3.
    EXPECT_EQ(floats(training, ScratchFor::products), 288u);
    EXPECT_EQ(floats(training, ScratchFor::counted), 288u);
}

TEST(CudaScratchBound, ExactProductsLayNothingOut) {
    const ScratchBytes bytes = bound_of(convolution(2), stored_in(Format::fp16),
                                        PlanPasses::forward_and_backward, CudaProducts::exact);
    for (const ScratchFor purpose : {ScratchFor::left_operand, ScratchFor::right_operand,
                                     ScratchFor::products, ScratchFor::counted, ScratchFor::widened})
        EXPECT_EQ(floats(bytes, purpose), 0u);
    EXPECT_GT(floats(bytes, ScratchFor::partial_sums), 0u);
    EXPECT_GT(floats(bytes, ScratchFor::checks), 0u);
}

TEST(CudaScratchBound, AnInputGradientIsLaidOutByPixels) {
    const ScratchBytes bytes = bound_of(convolution(2));
    // The second one: 24 pixels, each under 9 taps of 7 kernels; its windows are 24 x 5 x 9.
    EXPECT_EQ(floats(bytes, ScratchFor::left_operand), std::uint64_t{24} * 7 * 9);
    EXPECT_EQ(floats(bytes, ScratchFor::right_operand), std::uint64_t{24} * 5 * 9);
}

TEST(CudaScratchBound, AProductIsCountedBesideItself) {
    const ScratchBytes bytes = bound_of(two_layers());
    EXPECT_EQ(floats(bytes, ScratchFor::products), 3000u);
    EXPECT_EQ(floats(bytes, ScratchFor::counted), 3000u);
    EXPECT_EQ(floats(bytes, ScratchFor::left_operand), 0u);
    EXPECT_EQ(floats(bytes, ScratchFor::widened), 0u);
}

TEST(CudaScratchBound, ANodeKeptInFp32WidensWhatItsNeighboursStore) {
    PrecisionPolicy policy = stored_in(Format::fp16);
    policy.kept_fp32 = {"second"};
    EXPECT_EQ(floats(bound_of(two_layers(), policy), ScratchFor::widened), 3000u);
}

TEST(CudaScratchBound, TheLargerOfBothIsTakenForEachPurpose) {
    EXPECT_EQ(larger_of({1, 5, 0, 0, 0, 0, 9}, {2, 4, 0, 0, 0, 0, 7}), (ScratchBytes{2, 5, 0, 0, 0, 0, 9}));
}

}  // namespace
}  // namespace halfscope
