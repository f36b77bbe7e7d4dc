#include <algorithm>
#include <cmath>
#include <limits>

#include "session/timeline.h"

namespace halfscope {
namespace {

constexpr float kNothing = std::numeric_limits<float>::quiet_NaN();

/// A double as a plot holds it: finite values stay finite.
float plotted(double value) {
    if (!std::isfinite(value)) return static_cast<float>(value);
    constexpr double kLargest = std::numeric_limits<float>::max();
    return static_cast<float>(std::clamp(value, -kLargest, kLargest));
}

SeriesPoint point_of(std::int64_t step, float value) {
    const bool finite = std::isfinite(value);
    return {step, step, finite ? value : kNothing, finite ? value : kNothing, value, finite ? 0u : 1u};
}

/// Joins a later point into `into`. fmin and fmax ignore the NaN that stands for "no finite value".
void join(SeriesPoint& into, const SeriesPoint& later) {
    into.last_step = later.last_step;
    into.minimum = std::fmin(into.minimum, later.minimum);
    into.maximum = std::fmax(into.maximum, later.maximum);
    into.last = later.last;
    into.nonfinite += later.nonfinite;
}

}  // namespace

Series::Series(std::size_t capacity, std::size_t recent)
    : capacity_(std::max<std::size_t>(capacity, 2)), recent_capacity_(recent) {}

void Series::append(std::int64_t step, double value) {
    if (step < 0 || step < last_step()) return;
    const float kept = plotted(value);
    if (recent_capacity_ > 0) {
        if (recent_.size() < recent_capacity_) {
            recent_.emplace_back(step, kept);
        } else {
            recent_[recent_begin_] = {step, kept};
            recent_begin_ = (recent_begin_ + 1) % recent_capacity_;
        }
    }
    append_bucket(step, kept);
}

void Series::append_bucket(std::int64_t step, float kept) {
    const SeriesPoint point = point_of(step, kept);
    if (!buckets_.empty() && buckets_.back().first_step / stride_ == step / stride_) {
        join(buckets_.back(), point);
        return;
    }
    while (buckets_.size() >= capacity_) merge_neighbours();
    if (!buckets_.empty() && buckets_.back().first_step / stride_ == step / stride_) {
        join(buckets_.back(), point);
    } else {
        buckets_.push_back(point);
    }
}

void Series::clear() {
    buckets_.clear();
    recent_.clear();
    recent_begin_ = 0;
    stride_ = 1;
}

void Series::rewind(std::int64_t next_step) {
    // In order, from the oldest: a ring with room left begins at its first place.
    std::vector<std::pair<std::int64_t, float>> kept;
    for (std::size_t age = 0; age < recent_.size() && recent(age).first < next_step; ++age)
        kept.push_back(recent(age));
    recent_ = std::move(kept);
    recent_begin_ = 0;
    while (!buckets_.empty() && buckets_.back().first_step >= next_step) buckets_.pop_back();
    if (buckets_.empty() || buckets_.back().last_step < next_step) return;
    const std::int64_t first = buckets_.back().first_step;
    buckets_.pop_back();
    // Of the oldest recent step some values may have dropped out already.
    const bool is_known = !recent_.empty() && (recent_.front().first < first ||
                                               (buckets_.empty() && recent_.front().first == first));
    if (!is_known) {
        recent_.clear();
        return;
    }
    for (const auto& [step, value] : recent_)
        if (step >= first) append_bucket(step, value);
}

/// Doubles the stride and joins the buckets that now share a cell of the step axis.
void Series::merge_neighbours() {
    stride_ *= 2;
    std::size_t kept = 0;
    for (std::size_t index = 1; index < buckets_.size(); ++index) {
        if (buckets_[index].first_step / stride_ == buckets_[kept].first_step / stride_) {
            join(buckets_[kept], buckets_[index]);
        } else {
            buckets_[++kept] = buckets_[index];
        }
    }
    buckets_.resize(kept + 1);
}

/// Recent value number `age_order`, 0 being the oldest.
const std::pair<std::int64_t, float>& Series::recent(std::size_t age_order) const {
    const std::size_t index = recent_begin_ + age_order;
    return recent_[index < recent_.size() ? index : index - recent_.size()];
}

/// Buckets where the recent values do not reach, recent values after them: each value is in exactly one
/// point.
std::vector<SeriesPoint> Series::points_between(std::int64_t first_step, std::int64_t last_step) const {
    std::vector<SeriesPoint> points;
    const std::int64_t recent_from =
        recent_.empty() ? std::numeric_limits<std::int64_t>::max() : recent(0).first;
    // Of the oldest recent step some values may have dropped out already: only later steps are complete.
    // Of a ring with room left nothing has, unless it was rewound: then it does not reach back to the start.
    const bool is_whole = recent_.size() < recent_capacity_ && recent_from == this->first_step();
    const bool all_recent = is_whole || first_step > recent_from;
    std::int64_t covered = -1;  // last step that a bucket has answered for
    if (!all_recent) {
        auto bucket = std::partition_point(buckets_.begin(), buckets_.end(), [&](const SeriesPoint& point) {
            return point.last_step < first_step;
        });
        for (; bucket != buckets_.end() && bucket->first_step <= recent_from; ++bucket) {
            if (bucket->first_step > last_step) return points;
            points.push_back(*bucket);
        }
        if (bucket != buckets_.begin()) covered = std::prev(bucket)->last_step;
    }
    std::size_t low = 0, high = recent_.size();
    const std::int64_t wanted = std::max(first_step, covered + 1);
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (recent(middle).first < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < recent_.size() && recent(low).first <= last_step; ++low) {
        points.push_back(point_of(recent(low).first, recent(low).second));
    }
    return points;
}

std::vector<SeriesPoint> Series::view(std::int64_t first_step, std::int64_t last_step,
                                      std::size_t columns) const {
    if (columns == 0 || buckets_.empty()) return {};
    first_step = std::max(first_step, this->first_step());
    last_step = std::min(last_step, this->last_step());
    if (first_step > last_step) return {};
    std::vector<SeriesPoint> points = points_between(first_step, last_step);
    if (points.size() <= columns) return points;

    const auto column_count = static_cast<std::int64_t>(columns);
    const std::int64_t width = (last_step - first_step) / column_count + 1;  // steps a column covers
    std::size_t kept = 0;
    const auto column_of = [&](const SeriesPoint& point) {
        return std::max<std::int64_t>(0, point.first_step - first_step) / width;
    };
    for (std::size_t index = 1; index < points.size(); ++index) {
        if (column_of(points[index]) == column_of(points[kept])) {
            join(points[kept], points[index]);
        } else {
            points[++kept] = points[index];
        }
    }
    points.resize(kept + 1);
    return points;
}

std::int64_t Series::first_step() const { return buckets_.empty() ? 0 : buckets_.front().first_step; }

std::int64_t Series::last_step() const { return buckets_.empty() ? -1 : buckets_.back().last_step; }

std::size_t Series::bytes() const {
    return buckets_.capacity() * sizeof(SeriesPoint) + recent_.capacity() * sizeof(recent_[0]);
}

}  // namespace halfscope
