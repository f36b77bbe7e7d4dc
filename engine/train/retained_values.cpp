#include "train/retained_values.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "numerics/tensor_tally.h"
#include "train/tensor_inspection.h"

namespace halfscope {
namespace {

/// Ascending by their bits, which is by size: a pass for each 11 bits, several times faster than comparing.
void sort_magnitudes(std::vector<float>& magnitudes) {
    constexpr int kDigitBits = 11, kPasses = 3;
    constexpr std::uint32_t kDigits = 1u << kDigitBits;
    std::vector<float> other(magnitudes.size());
    for (int pass = 0; pass < kPasses; ++pass) {
        const auto digit_of = [shift = pass * kDigitBits](float value) {
            return bits_of(value) >> shift & (kDigits - 1);
        };
        std::array<std::size_t, kDigits> place{};
        for (const float value : magnitudes) ++place[digit_of(value)];
        std::size_t before = 0;
        for (std::size_t& count : place) before += std::exchange(count, before);
        for (const float value : magnitudes) other[place[digit_of(value)]++] = value;
        magnitudes.swap(other);
    }
}

/// How many of the values, times the scale, are below the first one for which `is_past` holds. Products of
/// two FP32 numbers are exact in double.
template <class IsPast>
std::uint64_t count_before(const std::vector<float>& magnitudes, float scale, const IsPast& is_past) {
    const auto first = std::partition_point(magnitudes.begin(), magnitudes.end(), [&](float value) {
        return !is_past(static_cast<double>(value) * static_cast<double>(scale));
    });
    return static_cast<std::uint64_t>(first - magnitudes.begin());
}

}  // namespace

RetainedValues retain_values(const std::vector<float>& values) {
    RetainedValues retained;
    retained.magnitudes.reserve(values.size());
    for (const float value : values) {
        const float magnitude = std::fabs(value);
        if (std::isnan(magnitude)) {
            ++retained.nans;
        } else if (std::isinf(magnitude)) {
            ++retained.infinities;
        } else if (magnitude == 0.0f) {
            ++retained.zeros;
        } else {
            retained.magnitudes.push_back(magnitude);
        }
    }
    sort_magnitudes(retained.magnitudes);
    return retained;
}

TensorCounts counts_of(const RetainedValues& values) {
    const auto tally = std::make_unique<TensorTally>(Format::fp32, Subnormals::keep);
    tally->add(values.magnitudes.data(), nullptr, values.magnitudes.size());
    TensorCounts counts;
    tally->add_to(counts);
    for (ClassCounts* classes : {&counts.own, &counts.fp16}) {
        classes->true_zero += values.zeros;
        classes->inf += values.infinities + values.lost_to_infinity;
        classes->inf_incoming += values.infinities;
        classes->nan += values.nans;
        classes->flushed += values.lost_to_zero;
    }
    return counts;
}

FormatClasses classes_under(const RetainedValues& values, NumberFormat format, float scale) {
    const std::vector<float>& magnitudes = values.magnitudes;
    const std::uint64_t flushed =
        count_before(magnitudes, scale, [&](double x) { return round_to(format, x) != 0.0; });
    const std::uint64_t below_normal =
        count_before(magnitudes, scale, [&](double x) { return round_to(format, x) >= format.min_normal(); });
    const std::uint64_t within =
        count_before(magnitudes, scale, [&](double x) { return is_beyond(format, x); });
    const std::uint64_t beyond = magnitudes.size() - within + values.lost_to_infinity;
    FormatClasses found;
    found.classes.true_zero = values.zeros;
    found.classes.flushed = flushed + values.lost_to_zero;
    found.classes.subnormal = below_normal - flushed;
    found.classes.normal = within - below_normal;
    found.classes.nan = values.nans;
    if (format.beyond == Beyond::infinity) {
        found.classes.inf = beyond + values.infinities;
        found.classes.inf_incoming = values.infinities;
    } else {
        found.saturated = beyond;
        found.classes.normal += beyond + values.infinities;
    }
    return found;
}

std::optional<int> best_scale_log2(const RetainedValues& values, NumberFormat format) {
    const double largest = values.magnitudes.empty() ? 0.0 : static_cast<double>(values.magnitudes.back());
    for (int scale = kHighestStaticScale; scale >= kLowestStaticScale; --scale)
        if (values.lost_to_infinity == 0 && !is_beyond(format, std::ldexp(largest, scale))) return scale;
    return std::nullopt;
}

ErrorMeasurement::ErrorMeasurement(std::shared_ptr<const RetainedValues> values, NumberFormat format,
                                   float scale)
    : values_(std::move(values)), format_(format), scale_(scale) {}

void ErrorMeasurement::advance(std::size_t count) {
    if (!values_) return;
    const std::size_t end = std::min(values_->magnitudes.size(), next_ + count);
    const auto scale = static_cast<double>(scale_);
    for (; next_ < end; ++next_) {
        const auto value = static_cast<double>(values_->magnitudes[next_]);
        const double error = std::fabs(round_to(format_, value * scale) / scale - value);
        squares_ += value * value;
        error_squares_ += error * error;
        largest_ = std::max(largest_, error / value);
    }
}

RepresentationError ErrorMeasurement::error() const {
    if (squares_ == 0) return {};
    return {std::sqrt(error_squares_ / squares_), largest_};
}

}  // namespace halfscope
