// One sum of products or of terms, added up in several ways, with every partial sum: what an accumulator's
// precision does to it. Called by the accumulator lab (train/dot_capture.h) and its tests, on the host alone;
// training's own sums are accumulate.h's and the devices'.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "numerics/accumulate.h"
#include "numerics/format.h"
#include "numerics/rounding.h"

namespace halfscope {

enum class Summation : std::uint8_t {
    exact,     ///< in double: the reference
    fp32,      ///< one chain of FP32 multiply-adds, ascending: accumulate=fp32 (paper 3.3)
    blocks,    ///< the same, rounded to the format after every 16th: accumulate=fp16, reductions=storage
    each,      ///< rounded to the format after every addend: a plain loop in that format
    pairwise,  ///< addends rounded, then a balanced tree of sums, each rounded
    kahan      ///< compensated (Kahan 1965), every result rounded to the format
};
inline constexpr int kSummationCount = 6;

struct SummedUp {
    /// After each addend; of pairwise the result alone.
    std::vector<double> partial;
    double result = 0.0;
    /// Addends that are not zero and left the sum as it was; the first of them, -1: none. Of `each` alone.
    std::int64_t swallowed = 0, first_swallowed = -1;
};

namespace summation_detail {

/// Half of the addends first, then the others: the tree is as flat as it can be.
inline float pairwise(Format format, std::span<const float> terms) {
    if (terms.empty()) return 0.0f;
    if (terms.size() == 1) return round_to(format, terms[0]);
    const std::size_t half = terms.size() / 2;
    return round_to(format, pairwise(format, terms.first(half)) + pairwise(format, terms.subspan(half)));
}

}  // namespace summation_detail

/// Adds a[k] b[k] up, or a[k] where b is empty, in ascending k. Products of 16-bit operands are exact in
/// FP32.
inline SummedUp sum_up(Summation way, Format format, std::span<const float> a, std::span<const float> b) {
    SummedUp found;
    const auto term = [&](std::size_t k) { return b.empty() ? a[k] : a[k] * b[k]; };
    if (way == Summation::pairwise) {
        std::vector<float> terms(a.size());
        for (std::size_t k = 0; k < a.size(); ++k) terms[k] = term(k);
        found.result = static_cast<double>(summation_detail::pairwise(format, terms));
        return found;
    }
    found.partial.reserve(a.size());
    double exact = 0.0;
    float sum = 0.0f, compensation = 0.0f;
    const auto rounded = [format](float x) { return round_to(format, x); };
    for (std::size_t k = 0; k < a.size(); ++k) {
        switch (way) {
            case Summation::exact:
                exact += b.empty() ? static_cast<double>(a[k])
                                   : static_cast<double>(a[k]) * static_cast<double>(b[k]);
                break;
            case Summation::fp32:
            case Summation::blocks:
                sum = b.empty() ? sum + a[k] : fused_multiply_add(a[k], b[k], sum);
                if (way == Summation::blocks && ((k + 1) % kAddendsPerBlock == 0 || k + 1 == a.size()))
                    sum = rounded(sum);
                break;
            case Summation::each: {
                const float next = rounded(b.empty() ? sum + a[k] : fused_multiply_add(a[k], b[k], sum));
                if (next == sum && term(k) != 0.0f) {
                    if (found.first_swallowed < 0) found.first_swallowed = static_cast<std::int64_t>(k);
                    ++found.swallowed;
                }
                sum = next;
                break;
            }
            case Summation::kahan: {
                const float y = rounded(term(k) - compensation), next = rounded(sum + y);
                compensation = rounded(rounded(next - sum) - y);
                sum = next;
                break;
            }
            case Summation::pairwise:
                break;
        }
        found.partial.push_back(way == Summation::exact ? exact : static_cast<double>(sum));
    }
    found.result = way == Summation::exact ? exact : static_cast<double>(sum);
    return found;
}

}  // namespace halfscope
