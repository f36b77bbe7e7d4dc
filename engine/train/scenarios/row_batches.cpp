#include "train/scenarios/row_batches.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "numerics/random.h"

namespace halfscope {

Batch to_batch(RowTable table) {
    Batch batch;
    batch.tensors.resize(2);
    batch.tensors[0].values = std::move(table.x);
    batch.tensors[1].values = std::move(table.targets);
    batch.tensors[1].tokens = std::move(table.labels);
    return batch;
}

Batch draw_batch(const RowTable& table, std::int64_t batch_rows, std::uint64_t seed, std::string_view stream,
                 std::int64_t step) {
    if (batch_rows >= table.rows) return to_batch(table);
    const RandomKey key{seed, stream_of(std::string(stream)), static_cast<std::uint32_t>(step)};
    std::vector<std::int64_t> indices(static_cast<std::size_t>(batch_rows));
    for (std::size_t i = 0; i < indices.size(); ++i) {
        indices[i] = static_cast<std::int64_t>(random_below(key, i, static_cast<std::uint64_t>(table.rows)));
    }
    return to_batch(gather_rows(table, indices));
}

std::vector<float> predict_rows(const Predict& predict, const RowTable& table, std::int64_t batch_rows) {
    std::vector<float> all;
    for (std::int64_t first = 0; first < table.rows; first += batch_rows) {
        const std::vector<float> part = predict(to_batch(slice_rows(table, first, batch_rows)));
        const auto columns = static_cast<std::int64_t>(part.size()) / batch_rows;
        const std::int64_t kept = std::min(batch_rows, table.rows - first);
        all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(kept * columns));
    }
    return all;
}

}  // namespace halfscope
