// What FP16 would make of the tensors of a file: counts as a probe takes them, and the largest loss scale
// that none of them overflows at. Used by the programs: `halfscope-cli inspect`, files dropped on the window.
// The formats are data/tensor_file.h's, the counts numerics'; counting keeps no elements, and it defines no
// class of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tensor_file.h"
#include "numerics/tensor_counts.h"
#include "train/retained_values.h"

namespace halfscope {

/// The static loss scales looked at: powers of two, 2^kLowestStaticScale to 2^kHighestStaticScale.
inline constexpr int kLowestStaticScale = -24, kHighestStaticScale = 30;

/// What was counted of one tensor, or of several together.
///
/// F64 is rounded to FP32 first, so that a double within half a unit in FP32's last place of a boundary
/// between two classes may be counted on its other side. A double which FP32 does not hold is counted by what
/// it is all the same: one that becomes infinite is in the class inf and was not infinite before, one that
/// becomes zero is flushed and is no true zero; this is what FP16 would do to them as well. They stand in
/// counts.own, the classes against FP32: own.flushed of them, and own.inf - own.inf_incoming. They are in
/// neither the histogram nor the extremes. Every other format is held by FP32 exactly.
struct InspectedTensor {
    TensorCounts counts;

    /// Doubles that FP32 made infinite, and zero.
    std::uint64_t fp32_inf() const;
    std::uint64_t fp32_flushed() const;

    /// The largest of the static scales, as its power of two, at which no value overflows that is not
    /// infinite already; nothing where every one overflows. Exact (ExponentHistogram::predict).
    std::optional<int> best_static_scale() const;
    /// The classes of all finite values but zero, times 2^scale_log2, in FP16: exact for the static scales,
    /// since no scale among them saves a double that FP32 does not hold.
    ExponentHistogram::Prediction at_scale(int scale_log2) const;
};

/// Asked between pieces of a tensor; true: enough.
using StopInspection = std::function<bool()>;

class TensorInspection {
  public:
    /// Reads the headers. Throws InputError with one sentence that names the file, and what to do.
    explicit TensorInspection(const std::string& path);

    /// In the order of the file; those of the type `other` cannot be counted (std::invalid_argument).
    const std::vector<TensorHeading>& tensors() const { return file_->tensors(); }

    /// Reads the tensor and counts it; nothing where it was stopped. Throws InputError where the file turns
    /// out to be cut off or damaged.
    std::optional<InspectedTensor> count(std::size_t index, const StopInspection& stop = {});

    /// Reads the tensor and keeps its values; nothing where it was stopped. Throws InputError where the file
    /// is cut off or damaged, holds no numbers there, or more than kMostRetained.
    std::optional<RetainedValues> keep(std::size_t index, const StopInspection& stop = {});

  private:
    bool read(std::size_t index, const StopInspection& stop,
              const std::function<void(std::string_view)>& take);

    std::unique_ptr<TensorFile> file_;
};

}  // namespace halfscope
