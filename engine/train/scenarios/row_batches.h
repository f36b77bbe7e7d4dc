// From RowTables to batches and predictions: what the scenarios with independent rows share.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "data/row_table.h"
#include "train/scenario.h"

namespace halfscope {

/// A batch of inputs x [rows, columns] and y: labels [rows] or targets [rows, target_columns].
Batch to_batch(RowTable table);

/// The training batch of one step: the whole table, the same each step, where `batch_rows` covers it;
/// otherwise `batch_rows` rows drawn with replacement, keyed by (seed, stream, step).
Batch draw_batch(const RowTable& table, std::int64_t batch_rows, std::uint64_t seed, std::string_view stream,
                 std::int64_t step);

/// The prediction for every row of the table [rows, outputs], by evaluation batches of `batch_rows` rows, the
/// last one padded with zero rows whose predictions are dropped.
std::vector<float> predict_rows(const Predict& predict, const RowTable& table, std::int64_t batch_rows);

}  // namespace halfscope
