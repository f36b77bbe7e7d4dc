#include "train/tensor_inspection.h"

#include <stdexcept>
#include <utility>

#include "data/data_error.h"
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
    bool stopped = false;
    try {
        file_->read(index, [&](std::string_view piece) {
            stopped = stop && stop();
            if (!stopped) counter.add(piece);
            return !stopped;
        });
    } catch (const DataError& error) {
        throw InputError(error.what());
    }
    if (stopped) return std::nullopt;
    return counter.result();
}

}  // namespace halfscope
