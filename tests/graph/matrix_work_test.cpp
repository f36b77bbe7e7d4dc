// How much arithmetic a step's products are, against what the paper-and-pencil formula says.
#include "graph/matrix_work.h"

#include <gtest/gtest.h>

#include "graph/graph_builder.h"

namespace halfscope {
namespace {

TEST(MatrixWork, OfLinearLayers) {
    GraphBuilder builder;
    const TensorId x = builder.input("x", {64, 2});
    const TensorId h = builder.linear("fc1", x, 16, WeightInit::he_normal);
    builder.linear("fc2", h, 3, WeightInit::he_normal);
    const MatrixWork work = matrix_work(builder.finish());
    // Nobody needs the gradient of what was read: two products, then three.
    EXPECT_EQ(work.flops, 2.0 * 2 * 64 * 2 * 16 + 3.0 * 2 * 64 * 16 * 3);
    EXPECT_EQ(work.odd_extents, (std::vector<OddExtent>{{"fc1", "inputs", 2}, {"fc2", "outputs", 3}}));
}

TEST(MatrixWork, OfAConvolution) {
    GraphBuilder builder;
    const TensorId x = builder.input("x", {2, 8, 8, 8});
    Conv2d conv;
    conv.out_channels = 16;
    conv.kernel = 3;
    conv.stride = 2;
    conv.padding = 1;
    builder.conv2d("conv", x, conv);
    const MatrixWork work = matrix_work(builder.finish());
    EXPECT_EQ(work.flops, 2.0 * 2 * (2 * 4 * 4) * (8 * 9) * 16);
    EXPECT_TRUE(work.odd_extents.empty());
}

TEST(MatrixWork, OfARecurrentLayer) {
    GraphBuilder builder;
    const TensorId x = builder.input("x", {5, 7, 16});
    builder.gru("gru", x, 8);
    const MatrixWork work = matrix_work(builder.finish());
    EXPECT_EQ(work.flops, 2.0 * 2 * (5 * 7) * 16 * 24 + 3.0 * 2 * (5 * 7) * 8 * 24);
    EXPECT_EQ(work.odd_extents, (std::vector<OddExtent>{{"gru", "rows", 35}, {"gru", "rows", 5}}));
}

}  // namespace
}  // namespace halfscope
