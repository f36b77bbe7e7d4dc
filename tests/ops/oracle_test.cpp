// Every operation, forward and backward, against an independent double-precision oracle; the oracle itself
// against central differences; and one rounding per stored value, bit for bit.
#include "oracle.h"

#include <gtest/gtest.h>

#include <cmath>

#include "numerics/rounding.h"
#include "op_cases.h"

namespace halfscope {
namespace {

using oracle::Extents;
using oracle::Problem;
using oracle::Solution;

/// sum(dy * y): the function whose derivative the gradients are.
double objective(const Problem& problem, oracle::Oracle oracle) {
    const Solution solution = oracle(problem);
    double sum = 0;
    for (std::size_t i = 0; i < solution.output.size(); ++i)
        sum += solution.output[i] * problem.output_gradient[i];
    return sum;
}

TEST(Oracle, GradientsAgreeWithCentralDifferences) {
    constexpr double kStep = 1e-5;
    for (const OpCase& op : op_cases()) {
        const Extents extents{2, 3, 5, 4};
        Problem problem = prepare(op, extents, stored_in(Format::fp32)).problem;
        const Solution solution = op.oracle(problem);
        for (std::size_t input = 0; input < problem.inputs.size(); ++input) {
            for (std::size_t i = 0; i < solution.gradients[input].size(); ++i) {
                double& value = problem.inputs[input][i];
                const double kept = value;
                value = kept + kStep;
                const double above = objective(problem, op.oracle);
                value = kept - kStep;
                const double below = objective(problem, op.oracle);
                value = kept;
                EXPECT_NEAR((above - below) / (2 * kStep), solution.gradients[input][i], 2e-8)
                    << op_name(op.op) << " input " << input << " element " << i;
            }
        }
    }
}

/// Runs forward and backward and compares every result with the oracle.
void compare_with_oracle(const OpCase& op, const Extents& extents, Format format, double tolerance) {
    PreparedCase prepared = prepare(op, extents, stored_in(format));
    OpHarness& harness = *prepared.harness;
    harness.forward();
    harness.backward();
    const Solution expected = op.oracle(prepared.problem);
    const std::string where = extents_text(op, extents) + " " + format_info(format).name;
    EXPECT_LE(relative_error(harness.output(), expected.output), tolerance) << where << " output";
    for (std::size_t input = 0; input < expected.gradients.size(); ++input) {
        const TensorId id = harness.node().inputs[input];
        if (!harness.graph().tensor(id).needs_gradient) continue;
        EXPECT_LE(relative_error(harness.gradient(id), expected.gradients[input]), tolerance)
            << where << " gradient of " << harness.graph().tensor(id).name;
    }
}

TEST(Ops, AgreeWithTheOracleInFp32) {
    for (const OpCase& op : op_cases()) {
        for (const Extents& extents : case_extents()) compare_with_oracle(op, extents, Format::fp32, 3e-6);
    }
}

TEST(Ops, AgreeWithTheOracleInFp16) {
    for (const OpCase& op : op_cases()) {
        for (const Extents& extents : case_extents()) {
            compare_with_oracle(op, extents, Format::fp16, op.error_in_ulps * 0x1p-11);
        }
    }
}

TEST(Ops, AgreeWithTheOracleInBf16) {
    for (const OpCase& op : op_cases()) {
        for (const Extents& extents : case_extents()) {
            compare_with_oracle(op, extents, Format::bf16, op.error_in_ulps * 0x1p-8);
        }
    }
}

/// The same op on the same, already rounded, values under two storage formats.
void expect_rounded_once(const std::vector<float>& stored, const std::vector<float>& exact, Format format,
                         const std::string& where) {
    ASSERT_EQ(stored.size(), exact.size()) << where;
    for (std::size_t i = 0; i < stored.size(); ++i) {
        ASSERT_EQ(stored[i], round_to(format, exact[i])) << where << " element " << i << " of " << exact[i];
    }
}

TEST(Ops, RoundEachResultExactlyOnce) {
    for (const OpCase& op : op_cases()) {
        for (const Format format : {Format::fp16, Format::bf16}) {
            const Extents extents{3, 20, 65, 19};
            PreparedCase low = prepare(op, extents, stored_in(format));
            PreparedCase high = prepare(op, extents, stored_in(Format::fp32));
            const Node& node = low.harness->node();
            for (TensorId id : node.inputs) {
                if (low.harness->graph().tensor(id).role == TensorRole::tokens) continue;
                high.harness->set_value(id, low.harness->value(id));
            }
            const bool loss = low.harness->is_loss();
            if (!loss) high.harness->set_output_gradient(low.harness->gradient(node.output));
            for (OpHarness* harness : {low.harness.get(), high.harness.get()}) {
                harness->forward();
                harness->backward();
            }
            const std::string where = std::string(op_name(op.op)) + " " + format_info(format).name;
            if (op.single_rounding) {
                expect_rounded_once(low.harness->output(), high.harness->output(),
                                    loss ? Format::fp32 : format, where);
            }
            if (!op.backward_single_rounding) continue;
            for (TensorId id : node.inputs) {
                if (!low.harness->graph().tensor(id).needs_gradient) continue;
                expect_rounded_once(low.harness->gradient(id), high.harness->gradient(id), format,
                                    where + " gradient of " + low.harness->graph().tensor(id).name);
            }
        }
    }
}

TEST(Ops, GiveTheSameBitsOnAnyNumberOfThreads) {
    for (const OpCase& op : op_cases()) {
        const Extents extents{37, 20, 65, 70};
        std::vector<std::vector<float>> reference;
        for (const int threads : {1, 2, 5}) {
            PreparedCase prepared = prepare(op, extents, stored_in(Format::fp16), threads);
            OpHarness& harness = *prepared.harness;
            harness.forward();
            harness.backward();
            std::vector<std::vector<float>> results{harness.output()};
            for (TensorId id : harness.node().inputs) {
                if (harness.graph().tensor(id).needs_gradient) results.push_back(harness.gradient(id));
            }
            if (threads == 1) reference = results;
            EXPECT_EQ(results, reference) << op_name(op.op) << " on " << threads << " threads";
        }
    }
}

}  // namespace
}  // namespace halfscope
