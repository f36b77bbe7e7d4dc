#include "session/histogram_row.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace halfscope {
namespace {

constexpr int kStoredExponents = kWaterfallHighest - kWaterfallLowest + 1;
constexpr int kUnscaledExponents = kUnscaledHighest - kUnscaledLowest + 1;
constexpr int kLowestExponent = -149, kHighestExponent = 127;  // of any FP32 value

void take_larger(std::vector<float>& shares, const std::vector<float>& others) {
    for (std::size_t bin = 0; bin < shares.size() && bin < others.size(); ++bin)
        shares[bin] = std::max(shares[bin], others[bin]);
}

/// `unscaled` of a row; made of `share` where all its probes had one scale.
std::vector<float> unscaled_of(const HistogramRow& row) {
    if (!row.unscaled.empty()) return row.unscaled;
    std::vector<float> moved(kUnscaledExponents, 0.0f);
    const int shift = unscaling_shift(row.scale);
    for (int stored = 0; stored < kStoredExponents; ++stored) {
        const int exponent = std::clamp(kWaterfallLowest + stored + shift, kUnscaledLowest, kUnscaledHighest);
        moved[static_cast<std::size_t>(exponent - kUnscaledLowest)] +=
            row.share[static_cast<std::size_t>(stored)];
    }
    return moved;
}

}  // namespace

int unscaling_shift(double scale) {
    return scale > 0 && std::isfinite(scale) ? -static_cast<int>(std::lround(std::log2(scale))) : 0;
}

HistogramRow histogram_row(std::int64_t step, const Probe& probe) {
    HistogramRow row;
    row.step = row.last_step = step;
    row.scale = row.lowest_scale = row.highest_scale = probe.scale;
    row.share.assign(kStoredExponents + 3, 0.0f);
    std::array<std::uint64_t, kStoredExponents + 3> counts{};
    std::uint64_t all = 0;
    for (int exponent = kLowestExponent; exponent <= kHighestExponent; ++exponent) {
        const int bin = std::clamp(exponent, kWaterfallLowest, kWaterfallHighest) - kWaterfallLowest;
        counts[static_cast<std::size_t>(bin)] += probe.counts.histogram.at(exponent);
    }
    counts[kStoredExponents] = probe.counts.own.true_zero;
    counts[kStoredExponents + 1] = probe.counts.own.inf_incoming;
    counts[kStoredExponents + 2] = probe.counts.own.nan;
    for (std::uint64_t count : counts) all += count;
    if (all == 0) return row;
    for (std::size_t bin = 0; bin < counts.size(); ++bin) {
        row.share[bin] = static_cast<float>(static_cast<double>(counts[bin]) / static_cast<double>(all));
    }
    return row;
}

void merge_rows(HistogramRow& row, const HistogramRow& newer) {
    const bool is_one_scale = row.unscaled.empty() && newer.unscaled.empty() &&
                              unscaling_shift(row.scale) == unscaling_shift(newer.scale);
    if (!is_one_scale) {
        row.unscaled = unscaled_of(row);
        take_larger(row.unscaled, unscaled_of(newer));
    }
    take_larger(row.share, newer.share);
    row.last_step = newer.last_step;
    row.probes += newer.probes;
    row.scale = newer.scale;
    row.lowest_scale = std::min(row.lowest_scale, newer.lowest_scale);
    row.highest_scale = std::max(row.highest_scale, newer.highest_scale);
}

std::vector<HistogramRow> merged_rows(std::vector<HistogramRow> rows, std::size_t most) {
    const std::size_t group = most == 0 ? rows.size() : (rows.size() + most - 1) / most;
    if (group <= 1) return rows;
    // From the newest on, so that a row that is not full yet stands at the oldest end.
    std::vector<HistogramRow> merged;
    const std::size_t first = rows.size() % group;
    for (std::size_t index = 0; index < rows.size(); ++index) {
        const bool begins = index == 0 || (index >= first && (index - first) % group == 0);
        if (begins) {
            merged.push_back(std::move(rows[index]));
        } else {
            merge_rows(merged.back(), rows[index]);
        }
    }
    return merged;
}

void Waterfall::add(HistogramRow row) {
    if (!rows.empty() && rows.back().probes < stride) {
        merge_rows(rows.back(), row);
        return;
    }
    if (rows.size() >= kRows) {
        for (std::size_t index = 0; index < rows.size() / 2; ++index) {
            HistogramRow pair = std::move(rows[2 * index]);
            merge_rows(pair, rows[2 * index + 1]);
            rows[index] = std::move(pair);
        }
        rows.resize(rows.size() / 2);
        stride *= 2;
    }
    rows.push_back(std::move(row));
}

void Waterfall::rewind(std::int64_t next_step) {
    while (!rows.empty() && rows.back().last_step >= next_step) rows.pop_back();
}

}  // namespace halfscope
