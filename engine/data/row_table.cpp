#include "data/row_table.h"

#include <algorithm>
#include <cstddef>

namespace halfscope {
namespace {

template <class T>
void copy_rows(std::vector<T>& out, const std::vector<T>& in, std::int64_t first, std::int64_t available,
               std::int64_t columns) {
    if (in.empty()) return;
    std::copy_n(in.begin() + static_cast<std::ptrdiff_t>(first * columns), available * columns, out.begin());
}

template <class T>
void copy_row(std::vector<T>& out, const std::vector<T>& in, std::int64_t index, std::int64_t columns) {
    if (in.empty()) return;
    const auto from = in.begin() + static_cast<std::ptrdiff_t>(index * columns);
    out.insert(out.end(), from, from + static_cast<std::ptrdiff_t>(columns));
}

}  // namespace

RowTable slice_rows(const RowTable& table, std::int64_t first, std::int64_t count) {
    RowTable out{count, table.columns, table.target_columns, {}, {}, {}};
    out.x.resize(static_cast<std::size_t>(count * table.columns));
    out.targets.resize(static_cast<std::size_t>(count * table.target_columns));
    if (table.target_columns == 0) out.labels.resize(static_cast<std::size_t>(count));
    const std::int64_t available = std::clamp<std::int64_t>(table.rows - first, 0, count);
    if (available == 0) return out;
    copy_rows(out.x, table.x, first, available, table.columns);
    copy_rows(out.targets, table.targets, first, available, table.target_columns);
    copy_rows(out.labels, table.labels, first, available, 1);
    return out;
}

RowTable gather_rows(const RowTable& table, const std::vector<std::int64_t>& indices) {
    const auto count = static_cast<std::int64_t>(indices.size());
    RowTable out{count, table.columns, table.target_columns, {}, {}, {}};
    out.x.reserve(static_cast<std::size_t>(count * table.columns));
    out.targets.reserve(static_cast<std::size_t>(count * table.target_columns));
    out.labels.reserve(table.labels.empty() ? 0 : indices.size());
    for (std::int64_t index : indices) {
        copy_row(out.x, table.x, index, table.columns);
        copy_row(out.targets, table.targets, index, table.target_columns);
        copy_row(out.labels, table.labels, index, 1);
    }
    return out;
}

}  // namespace halfscope
