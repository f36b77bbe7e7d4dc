// What every loss scale would make of a lane's gradients: passes at the same weights on the same batch, one a
// scale, each compared with the shadow pass (numerics.md "Exact what-if", paper section 3.2). Made by
// Lane::begin_sweep and Lane::sweep_next, shown by the window. Plain data; must not hold elements.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "numerics/classes.h"
#include "numerics/format.h"
#include "numerics/kept_counts.h"
#include "train/lane.h"

namespace halfscope {

/// The scales of a sweep: powers of two, 2^kLowestSweptScale first.
inline constexpr int kLowestSweptScale = -10, kHighestSweptScale = 30;
inline constexpr int kSweptScales = kHighestSweptScale - kLowestSweptScale + 1;

/// One gradient under one scale.
struct SweptGradient {
    ClassCounts counts;          ///< as stored, against the format it is stored in
    double relative_error = -1;  ///< weight gradients: ||g - s|| / max(||s||, 1e-12), g unscaled in FP32
    double cosine = -2;          ///< likewise; of a gradient that vanished 0
};

/// One gradient under all scales measured so far.
struct SweptTensor {
    std::string tensor, layer;
    ProbeKind kind = ProbeKind::weight_gradient;
    Format format = Format::fp32;  ///< stored in
    /// Of the shadow pass: exact values without loss scale, with nothing lost upstream. What storing these
    /// times S would lose follows exactly (FP16).
    ClassCounts true_classes;
    ExponentSpan true_exponents;
    std::vector<SweptGradient> points;  ///< by scale, from the lowest

    /// Share of elements, in 0..1, that are not zero in truth and are zero under a scale that was measured:
    /// flushed here, or lost upstream. Elements are not followed one by one: more zeros than in truth count.
    double lost_share(std::size_t point) const {
        const ClassCounts& counts = points[point].counts;
        const std::uint64_t zeros = counts.true_zero + counts.flushed;
        const std::uint64_t count = counts.count();
        if (count == 0 || zeros <= true_classes.true_zero) return 0.0;
        return static_cast<double>(zeros - true_classes.true_zero) / static_cast<double>(count);
    }
};

struct ScaleSweep {
    std::int64_t step = 0;             ///< steps done: the weights are those after them
    int done = 0;                      ///< scales measured so far
    std::vector<SweptTensor> tensors;  ///< in graph order

    bool is_complete() const { return done == kSweptScales; }
};

/// The largest relative error of all weight gradients under a scale that was measured; infinity where one is
/// not finite.
double worst_error(const ScaleSweep& sweep, std::size_t point);

/// The scales between the two walls: around the one whose worst error is least, those with at most twice
/// that.
struct FlatWindow {
    int first = 0,
        last = -1;     ///< exponents of 2; last < first: no scale that was measured is finite throughout
    double error = 0;  ///< the least worst error
    bool is_empty() const { return last < first; }
};
FlatWindow flat_window(const ScaleSweep& sweep);

}  // namespace halfscope
