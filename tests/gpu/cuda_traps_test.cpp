// What cuBLAS and Tensor Cores do where nobody looks (numerics.md), as the device must not do it, or must.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "backend/cpu_backend.h"
#include "backend/cuda_module.h"
#include "op_cases.h"

namespace halfscope {
namespace {

class CudaTraps : public testing::Test {
  protected:
    void SetUp() override {
        std::string why_not;
        if (!open_cuda_backend({}, why_not)) GTEST_SKIP() << why_not;
    }
};

constexpr std::int64_t kRows = 64, kWidth = 64;

/// y = x w^T + bias for a `depth` of `rest` but for the first column: x(r, 0) = `first`, w(o, 0) = `weight`.
float product(const PrecisionPolicy& policy, std::int64_t depth, float first, float weight, float rest,
              float bias = 0.0f) {
    std::string why_not;
    GraphBuilder builder;
    const TensorId x = builder.parameter("x", {kRows, depth}, Initializer::constant(0.0f));
    builder.linear("fc", x, kWidth, WeightInit::he_normal);
    OpHarness harness(builder.finish(), policy, open_cuda_backend({}, why_not));
    std::vector<float> xs(static_cast<std::size_t>(kRows * depth), rest);
    std::vector<float> ws(static_cast<std::size_t>(kWidth * depth), rest);
    for (std::int64_t row = 0; row < kRows; ++row) xs[static_cast<std::size_t>(row * depth)] = first;
    for (std::int64_t row = 0; row < kWidth; ++row) ws[static_cast<std::size_t>(row * depth)] = weight;
    harness.set_value(harness.node().inputs[0], xs);
    harness.set_value(harness.node().inputs[1], ws);
    harness.set_value(harness.node().inputs[2], std::vector<float>(static_cast<std::size_t>(kWidth), bias));
    harness.forward();
    const std::vector<float> y = harness.output();
    for (const float value : y) EXPECT_EQ(value, y[0]);
    return y[0];
}

TEST_F(CudaTraps, TheFp32ReferenceIsNotRoundedToTf32) {
    // 1 + 2^-13 has two bits more than TF32 keeps.
    constexpr float kFine = 1.0f + 0x1p-13f;
    constexpr std::int64_t kDepth = 1024;  // shallow ones do not go to cuBLAS
    PrecisionPolicy fp32 = stored_in(Format::fp32);
    EXPECT_EQ(product(fp32, kDepth, kFine, 1.0f, 0.0f), kFine);
    PrecisionPolicy tf32 = fp32;
    tf32.arithmetic.matmul_operands = Format::tf32;
    EXPECT_EQ(product(tf32, kDepth, kFine, 1.0f, 0.0f), 1.0f);
}

TEST_F(CudaTraps, Fp16ProductsKeepSubnormals) {
    // Operands, result, and both: 2^-24 is FP16's smallest.
    const PrecisionPolicy fp16 = stored_in(Format::fp16);
    EXPECT_EQ(product(fp16, 64, 0x1p-20f, 1.0f, 0.0f), 0x1p-20f);
    EXPECT_EQ(product(fp16, 64, 0x1p-12f, 0x1p-12f, 0.0f), 0x1p-24f);
    EXPECT_EQ(product(fp16, 64, 0x1p-24f, 1.0f, 0.0f), 0x1p-24f);
    EXPECT_EQ(product(fp16, 64, 0x1p-24f, 0x1p15f, 0.0f), 0x1p-9f);
}

TEST_F(CudaTraps, ABiasJoinsTheSumBeforeItIsRounded) {
    // Sums of 2049 lie between two FP16 numbers and would round to 2048; with the bias of 1 they are one.
    const PrecisionPolicy fp16 = stored_in(Format::fp16), bf16 = stored_in(Format::bf16);
    EXPECT_EQ(product(fp16, 64, 1986.0f, 1.0f, 1.0f, 1.0f), 2050.0f);
    EXPECT_EQ(product(fp16, 512, 1538.0f, 1.0f, 1.0f, 1.0f), 2050.0f);
    EXPECT_EQ(product(fp16, 8192, 1.25f, 1.0f, 0.5f, 1.0f), 2050.0f);
    EXPECT_EQ(product(bf16, 64, 194.0f, 1.0f, 1.0f, 1.0f), 258.0f);
    // Depths at which rows are no whole words.
    EXPECT_EQ(product(fp16, 2049, 1.0f, 1.0f, 1.0f, 1.0f), 2050.0f);
    EXPECT_EQ(product(fp16, 66, 1984.0f, 1.0f, 1.0f, 1.0f), 2050.0f);
    EXPECT_EQ(product(bf16, 257, 1.0f, 1.0f, 1.0f, 1.0f), 258.0f);
}

TEST_F(CudaTraps, SumsInFp16StallAndSumsInFp32DoNot) {
    // Ones: one by one an FP16 sum stalls at 2048. A Tensor Core adds a block of products before it rounds,
    // and a sum of blocks of b stalls at 2048 b at the earliest; FP32 sums are exact to 65504.
    constexpr std::int64_t kDepth = 32768;
    PrecisionPolicy sums_fp16 = stored_in(Format::fp16);
    sums_fp16.arithmetic.accumulate = Accumulate::fp16;
    const float fp16 = product(sums_fp16, kDepth, 1.0f, 1.0f, 1.0f);
    const float fp32 = product(stored_in(Format::fp16), kDepth, 1.0f, 1.0f, 1.0f);
    std::printf("a sum of %lld ones: %g in FP16, %g in FP32\n", static_cast<long long>(kDepth),
                static_cast<double>(fp16), static_cast<double>(fp32));
    EXPECT_EQ(fp32, static_cast<float>(kDepth));
    EXPECT_GE(fp16, 2048.0f);
    EXPECT_LE(fp16, static_cast<float>(kDepth));
}

}  // namespace
}  // namespace halfscope
