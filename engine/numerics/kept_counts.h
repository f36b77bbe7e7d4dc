// The counts of one tensor as records keep them: TensorCounts without the empty ends of its histogram, which
// are nine tenths of it. Made from those once a step is over, copied and read by everything that looks on.
// Host only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "numerics/exponent_histogram.h"
#include "numerics/tensor_counts.h"

namespace halfscope {

/// An ExponentHistogram from its first bin that is not empty to its last.
class ExponentSpan {
  public:
    using Bin = ExponentHistogram::Bin;
    using Prediction = ExponentHistogram::Prediction;

    ExponentSpan() = default;
    ExponentSpan(const ExponentHistogram& histogram) : ExponentSpan(histogram, 0, kExponentBins - 1) {}
    /// `first` to `last`: bins outside which there is nothing.
    ExponentSpan(const ExponentHistogram& histogram, int first, int last) {
        while (first <= last && histogram.bins[last].all == 0) --last;
        while (first <= last && histogram.bins[first].all == 0) ++first;
        if (first > last) return;
        first_ = first;
        bins_.assign(histogram.bins + first, histogram.bins + last + 1);
    }

    /// As ExponentHistogram::at().
    std::uint64_t at(int exponent) const {
        const int bin = exponent - kMinExponent - first_;
        return bin < 0 || bin >= size() ? 0 : bins_[static_cast<std::size_t>(bin)].all;
    }
    /// As ExponentHistogram::predict().
    Prediction predict(int scale_log2) const {
        Prediction result;
        for (int i = 0; i < size(); ++i)
            result.add(bins_[static_cast<std::size_t>(i)], kMinExponent + first_ + i, scale_log2);
        return result;
    }
    void add(const ExponentSpan& other) {
        if (other.bins_.empty()) return;
        const int first = bins_.empty() ? other.first_ : std::min(first_, other.first_);
        const int end = std::max(first_ + size(), other.first_ + other.size());
        bins_.insert(bins_.begin(), bins_.empty() ? 0 : static_cast<std::size_t>(first_ - first), Bin());
        bins_.resize(static_cast<std::size_t>(end - first));
        first_ = first;
        auto place = bins_.begin() + (other.first_ - first);
        for (const Bin& bin : other.bins_) (place++)->add(bin);
    }
    /// Of the values times 2^scale_log2; what leaves FP32's range stays in the outermost bins.
    ExponentSpan moved(int scale_log2) const {
        ExponentHistogram histogram;
        for (int i = 0; i < size(); ++i)
            histogram.bins[std::clamp(first_ + i + scale_log2, 0, kExponentBins - 1)].add(
                bins_[static_cast<std::size_t>(i)]);
        return histogram;
    }

    friend bool operator==(const ExponentSpan&, const ExponentSpan&) = default;

  private:
    int size() const { return static_cast<int>(bins_.size()); }

    int first_ = 0;
    std::vector<Bin> bins_;
};

struct KeptCounts {
    ClassCounts own, fp16;  ///< as in TensorCounts
    ExponentSpan histogram;
    float min_abs = 0.0f, max_abs = 0.0f;

    KeptCounts() = default;
    KeptCounts(const TensorCounts& counts)
        : own(counts.own),
          fp16(counts.fp16),
          histogram(counts.histogram, counts.first_bin(), counts.last_bin()),
          min_abs(counts.min_abs),
          max_abs(counts.max_abs) {}

    /// Adds what another part of the same tensor counted.
    void merge(const KeptCounts& other) {
        own.add(other.own);
        fp16.add(other.fp16);
        histogram.add(other.histogram);
        widen_extremes(min_abs, max_abs, other.min_abs, other.max_abs);
    }
};

}  // namespace halfscope
