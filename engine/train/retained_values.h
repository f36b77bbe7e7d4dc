// The values of a tensor, kept whole, and what any number format would make of them under any loss scale:
// exact classes and the error of the representation (numerics.md: "any other format or S is evaluated on the
// retained tensor itself"). Made by Lane::retain_gradients and by the reader of tensor files, evaluated by
// the window. Plain data; what was lost before the values were kept cannot be seen in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "numerics/classes.h"
#include "numerics/exponent_histogram.h"
#include "numerics/number_format.h"
#include "train/lane.h"

namespace halfscope {

/// As many values are kept at most: 64 MiB of them.
inline constexpr std::uint64_t kMostRetained = std::uint64_t{1} << 24;

/// Without their signs, which no class and no error depends on.
struct RetainedValues {
    std::vector<float> magnitudes;  ///< finite and not zero, ascending
    std::uint64_t zeros = 0, infinities = 0, nans = 0;
    /// Doubles of a file that FP32 does not hold: as FP32 has them, infinite, and zero.
    std::uint64_t lost_to_infinity = 0, lost_to_zero = 0;

    std::uint64_t count() const {
        return magnitudes.size() + zeros + infinities + nans + lost_to_infinity + lost_to_zero;
    }
};
RetainedValues retain_values(const std::vector<float>& values);
/// How the magnitudes spread, and what FP16 does to all values as they are.
TensorCounts counts_of(const RetainedValues& values);

/// What a format makes of values times a scale, the product meant without rounding of its own. The classes
/// are those of numerics/classes.h: where there is no infinity, what is beyond the largest number is stored
/// as that, a normal number.
struct FormatClasses {
    ClassCounts classes;
    std::uint64_t saturated = 0;  ///< of `normal`: finite, and beyond the largest number

    /// Finite values that are not stored as what they are because they are too large.
    std::uint64_t overflowed() const { return classes.inf - classes.inf_incoming + saturated; }
    friend bool operator==(const FormatClasses&, const FormatClasses&) = default;
};
FormatClasses classes_under(const RetainedValues& values, NumberFormat format, float scale);

/// The exponent of the largest static scale (train/tensor_inspection.h) at which nothing that is finite
/// overflows; nothing where every one does.
std::optional<int> best_scale_log2(const RetainedValues& values, NumberFormat format);

/// How far round(x S) / S is from x, over the finite values that are not zero.
struct RepresentationError {
    double relative_rms = 0;  ///< ||round(x S) / S - x|| / ||x||; infinite where one value is
    double largest = 0;       ///< the largest |round(x S) / S - x| / |x|: 1 where a value was flushed
};

/// Takes it piece by piece, so that a window need not wait for it.
class ErrorMeasurement {
  public:
    ErrorMeasurement() = default;
    ErrorMeasurement(std::shared_ptr<const RetainedValues> values, NumberFormat format, float scale);
    /// Looks at that many values more.
    void advance(std::size_t count);
    bool is_of(const std::shared_ptr<const RetainedValues>& values, NumberFormat format, float scale) const {
        return values_ == values && format_ == format && scale_ == scale;
    }
    bool is_complete() const { return values_ && next_ == values_->magnitudes.size(); }
    /// Of the values looked at so far.
    RepresentationError error() const;

  private:
    std::shared_ptr<const RetainedValues> values_;
    NumberFormat format_;
    float scale_ = 1;
    std::size_t next_ = 0;
    double squares_ = 0, error_squares_ = 0, largest_ = 0;
};

/// Gradients that the next step of a lane would make, without rounding and without a loss scale: those of the
/// shadow pass, FP32 at the lane's present weights (as stored) on the step's batch. Several as if they were
/// one tensor.
struct RetainedGradients {
    ProbeKind kind = ProbeKind::weight_gradient;
    std::vector<std::string> tensors;
    std::int64_t step = 0;    ///< the step that would make them
    double loss_scale = 1.0;  ///< that the lane would use then
    RetainedValues values;
    TensorCounts counts;  ///< of the values: how they spread
};

}  // namespace halfscope
