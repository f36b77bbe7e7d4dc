// Examples as rows: features with a class label or a target vector each. Filled by the generators of data/,
// read by scenarios that cut batches out of it. Immutable once filled; holds FP32, formats are a lane's
// business.
#pragma once

#include <cstdint>
#include <vector>

namespace halfscope {

struct RowTable {
    std::int64_t rows = 0;
    std::int64_t columns = 0;          ///< features of a row
    std::int64_t target_columns = 0;   ///< 0 where rows have labels instead
    std::vector<float> x;              ///< rows x columns
    std::vector<float> targets;        ///< rows x target_columns
    std::vector<std::int32_t> labels;  ///< rows; empty where rows have targets
};

/// `count` rows starting at `first`; where the table ends earlier, the rest are zero rows with label 0.
RowTable slice_rows(const RowTable& table, std::int64_t first, std::int64_t count);

/// The rows with these indices (each in [0, rows)), in that order.
RowTable gather_rows(const RowTable& table, const std::vector<std::int64_t>& indices);

}  // namespace halfscope
