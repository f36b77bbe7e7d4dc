// The operations as test cases. To add an operation: write its oracle (oracle.h) and add one row to
// op_cases(). Every test of tests/ops that speaks of "all operations" reads this table.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "op_harness.h"
#include "oracle.h"

namespace halfscope {

struct OpCase {
    OpKind op;
    /// Records the operation as the graph's only node. Differentiable inputs are parameters, so that they get
    /// a gradient.
    void (*build)(GraphBuilder&, const oracle::Extents&);
    oracle::Oracle oracle;
    bool single_rounding;           ///< forward stores nothing rounded before its output
    bool backward_single_rounding;  ///< the same of backward, which reads no rounded output either
    double error_in_ulps;           ///< allowed norm-relative error, in half ulps of 1 of the storage format
    bool infinite_input_is_seen;    ///< an infinite x shows as inf or NaN in the output (a sigmoid saturates)
};

const std::vector<OpCase>& op_cases();

inline constexpr float kCaseEps = 1e-5f;

/// Policies of the three storage formats the cases run under.
PrecisionPolicy stored_in(Format format);

/// The case recorded, filled with values of a fixed seed, and the same problem for the oracle (values as
/// stored).
struct PreparedCase {
    std::unique_ptr<OpHarness> harness;
    oracle::Problem problem;
};
PreparedCase prepare(const OpCase& op, const oracle::Extents& extents, const PrecisionPolicy& policy,
                     int threads = 2);
PreparedCase prepare(const OpCase& op, const oracle::Extents& extents, const PrecisionPolicy& policy,
                     std::unique_ptr<Backend> backend);

/// ||a - b|| / ||b||, or the absolute norm where b is 0; NaN where either holds NaN.
double relative_error(const std::vector<float>& a, const oracle::Array& b);

/// Extents that are small, odd, larger than a vector, a segment's row and a column chunk.
std::vector<oracle::Extents> case_extents();
std::string extents_text(const OpCase& op, const oracle::Extents& extents);

}  // namespace halfscope
