#include "train/tensor_inspection.h"

#include <stdexcept>
#include <utility>

#include "data/data_error.h"
#include "data/printable_text.h"
#include "numerics/tensor_tally.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

/// Puts doubles that FP32 made infinite or zero into the class that they are in by their own value.
void reclassify(ClassCounts& classes, const LostDoubles& lost) {
    classes.inf_incoming -= lost.to_inf;
    classes.true_zero -= lost.to_zero;
    classes.flushed += lost.to_zero;
}

/// Piece by piece, so that memory does not grow with the tensor.
class TensorCounter {
  public:
    explicit TensorCounter(const TensorHeading& heading)
        : heading_(heading),
          tally_(std::make_unique<TensorTally>(element_format(heading.type), Subnormals::keep)) {}

    void add(std::string_view piece) {
        values_.resize(piece.size() / element_bytes(heading_.type));
        widen_elements(heading_.type, heading_.order, piece, values_.data(), lost_);
        // Values of a file are in its format already: stored and exact are the same.
        tally_->add(values_.data(), values_.data(), values_.size());
    }

    InspectedTensor result() {
        InspectedTensor tensor;
        tally_->add_to(tensor.counts);
        reclassify(tensor.counts.own, lost_);
        reclassify(tensor.counts.fp16, lost_);
        return tensor;
    }

  private:
    const TensorHeading& heading_;
    std::unique_ptr<TensorTally> tally_;  // tens of kilobytes
    std::vector<float> values_;
    LostDoubles lost_;
};

}  // namespace

std::uint64_t InspectedTensor::fp32_inf() const { return counts.own.inf - counts.own.inf_incoming; }
std::uint64_t InspectedTensor::fp32_flushed() const { return counts.own.flushed; }

std::optional<int> InspectedTensor::best_static_scale() const {
    for (int scale = kHighestStaticScale; scale >= kLowestStaticScale; --scale)
        if (at_scale(scale).inf == 0) return scale;
    return std::nullopt;
}

ExponentHistogram::Prediction InspectedTensor::at_scale(int scale_log2) const {
    ExponentHistogram::Prediction prediction = counts.histogram.predict(scale_log2);
    prediction.inf += fp32_inf();
    prediction.flushed += fp32_flushed();
    return prediction;
}

TensorInspection::TensorInspection(const std::string& path) try : file_(open_tensor_file(path)) {
} catch (const DataError& error) {
    throw InputError(error.what());
}

std::optional<InspectedTensor> TensorInspection::count(std::size_t index, const StopInspection& stop) {
    const TensorHeading& heading = tensors().at(index);
    if (heading.type == ElementType::other)
        throw std::invalid_argument("no numbers to count in " + heading.name);
    TensorCounter counter(heading);
    if (!read(index, stop, [&](std::string_view piece) { counter.add(piece); })) return std::nullopt;
    return counter.result();
}

std::optional<RetainedValues> TensorInspection::keep(std::size_t index, const StopInspection& stop) {
    const TensorHeading& heading = tensors().at(index);
    const std::string name = quoted_name(heading.name);
    if (heading.type == ElementType::other)
        throw InputError(name + " holds " + heading.not_read + ", no floating-point numbers");
    if (heading.count > kMostRetained) {
        throw InputError(name + " has " + std::to_string(heading.count) + " values; at most " +
                         std::to_string(kMostRetained) + " are kept to be looked at in other formats");
    }
    std::vector<float> values;
    values.reserve(static_cast<std::size_t>(heading.count));
    LostDoubles lost;
    const bool is_whole = read(index, stop, [&](std::string_view piece) {
        const std::size_t before = values.size();
        values.resize(before + piece.size() / element_bytes(heading.type));
        widen_elements(heading.type, heading.order, piece, values.data() + before, lost);
    });
    if (!is_whole) return std::nullopt;
    RetainedValues kept = retain_values(values);
    kept.infinities -= lost.to_inf;
    kept.lost_to_infinity = lost.to_inf;
    kept.zeros -= lost.to_zero;
    kept.lost_to_zero = lost.to_zero;
    return kept;
}

/// Hands over the tensor's pieces; false where it was stopped.
bool TensorInspection::read(std::size_t index, const StopInspection& stop,
                            const std::function<void(std::string_view)>& take) {
    bool stopped = false;
    try {
        file_->read(index, [&](std::string_view piece) {
            stopped = stop && stop();
            if (!stopped) take(piece);
            return !stopped;
        });
    } catch (const DataError& error) {
        throw InputError(error.what());
    }
    return !stopped;
}

}  // namespace halfscope
