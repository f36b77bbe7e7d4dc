// What storing did to a value: the six classes of a probe and their counts.
// Called by tensor_counts.h, probes and widgets. Must not round: it is given both the exact and the stored
// value.
#pragma once

#include <cstdint>

#include "numerics/format.h"
#include "numerics/portability.h"

namespace halfscope {

/// Every element falls in exactly one.
enum class NumberClass : std::uint8_t { true_zero, flushed, subnormal, normal, inf, nan };

/// How many elements fell in each class. inf_incoming is the part of `inf` that was infinite before it was
/// stored.
struct ClassCounts {
    std::uint64_t true_zero = 0;
    std::uint64_t flushed = 0;
    std::uint64_t subnormal = 0;
    std::uint64_t normal = 0;
    std::uint64_t inf = 0;
    std::uint64_t nan = 0;
    std::uint64_t inf_incoming = 0;

    /// All elements: the six classes, without inf_incoming, which is a part of one.
    HALFSCOPE_HD std::uint64_t count() const { return true_zero + flushed + subnormal + normal + inf + nan; }

    HALFSCOPE_HD void add(const ClassCounts& other) {
        true_zero += other.true_zero;
        flushed += other.flushed;
        subnormal += other.subnormal;
        normal += other.normal;
        inf += other.inf;
        nan += other.nan;
        inf_incoming += other.inf_incoming;
    }

    friend bool operator==(const ClassCounts&, const ClassCounts&) = default;
};

/// The class of a value `exact` that was stored as `stored` (decoded), seen against the normal range of
/// `against`. nan, inf: what is stored; true_zero: exact is a zero of either sign; flushed: another value
/// stored as a zero of either sign; subnormal: below the smallest normal number of `against`.
HALFSCOPE_HD constexpr NumberClass classify(float exact, float stored, Format against) {
    constexpr std::uint32_t kMagnitude = 0x7fffffffu, kInfinity = 0x7f800000u;
    const std::uint32_t magnitude = bits_of(stored) & kMagnitude;
    if (magnitude > kInfinity) return NumberClass::nan;
    if (magnitude == kInfinity) return NumberClass::inf;
    if ((bits_of(exact) & kMagnitude) == 0) return NumberClass::true_zero;
    if (magnitude == 0) return NumberClass::flushed;
    return magnitude < bits_of(format_info(against).min_normal) ? NumberClass::subnormal
                                                                : NumberClass::normal;
}

/// Counts one value; arguments as for classify().
HALFSCOPE_HD constexpr void count_value(ClassCounts& counts, float exact, float stored, Format against) {
    switch (classify(exact, stored, against)) {
        case NumberClass::true_zero:
            ++counts.true_zero;
            break;
        case NumberClass::flushed:
            ++counts.flushed;
            break;
        case NumberClass::subnormal:
            ++counts.subnormal;
            break;
        case NumberClass::normal:
            ++counts.normal;
            break;
        case NumberClass::inf:
            ++counts.inf;
            if ((bits_of(exact) & 0x7fffffffu) == 0x7f800000u) ++counts.inf_incoming;
            break;
        case NumberClass::nan:
            ++counts.nan;
            break;
    }
}

}  // namespace halfscope
