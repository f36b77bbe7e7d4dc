// Formulas that the CPU executor looks up: every code of the 16-bit formats against the formula itself.
#include <gtest/gtest.h>

#include <cmath>

#include "numerics/rounding.h"
#include "op_harness.h"
#include "ops/gelu.h"
#include "ops/sigmoid.h"
#include "ops/tanh.h"

namespace halfscope {
namespace {

using Record = TensorId (GraphBuilder::*)(const std::string&, TensorId);

template <class Formula>
void check_every_code(Record record, Format format, Subnormals subnormals) {
    constexpr std::int64_t kSide = 256;
    GraphBuilder builder;
    (builder.*record)("op", builder.parameter("x", {kSide, kSide}, Initializer::constant(0.0f)));
    PrecisionPolicy policy;
    policy.storage = format;
    policy.arithmetic.subnormals = subnormals;
    OpHarness harness(builder.finish(), policy);
    std::vector<float> x;
    for (std::uint32_t code = 0; code < kSide * kSide; ++code) x.push_back(decode(format, code));
    harness.set_value(harness.node().inputs[0], x);
    for (const bool counted : {false, true}) {
        // What is counted is computed and rounded one by one.
        if (counted) harness.probe_output();
        harness.forward();
        const std::vector<float> y = harness.output(), stored = harness.value(harness.node().inputs[0]);
        for (std::size_t i = 0; i < x.size(); ++i) {
            const float expected = round_to(format, Formula{}(0, stored[i]), subnormals);
            if (std::isnan(expected) && std::isnan(y[i])) continue;
            ASSERT_EQ(bits_of(y[i]), bits_of(expected)) << format_info(format).name << " of " << stored[i];
        }
    }
}

TEST(Lookup, HasTheFormulasBitsForEveryCode) {
    for (const Format format : {Format::fp16, Format::bf16}) {
        for (const Subnormals subnormals : {Subnormals::keep, Subnormals::flush}) {
            check_every_code<Sigmoid::Forward>(&GraphBuilder::sigmoid, format, subnormals);
            check_every_code<Tanh::Forward>(&GraphBuilder::tanh, format, subnormals);
            check_every_code<Gelu::Forward>(&GraphBuilder::gelu, format, subnormals);
            if (HasFatalFailure()) return;
        }
    }
}

}  // namespace
}  // namespace halfscope
