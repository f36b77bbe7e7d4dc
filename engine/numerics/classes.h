// The classes a value falls into when it is stored in a low-precision format: what every percentage on the
// screen counts. Definitions: true zero: x == 0; flushed: x != 0 but stored as zero (-0 included); subnormal:
// 0 < |stored| < min normal; normal; inf: stored as infinity; nan. Each element falls in exactly one. Used by
// TensorCounts and its tests.
#pragma once

#include <cstdint>

#include "numerics/format.h"

namespace halfscope {

enum class NumberClass : std::uint8_t { true_zero, flushed, subnormal, normal, inf, nan };

struct ClassCounts {
    std::uint64_t true_zero = 0, flushed = 0, subnormal = 0, normal = 0, inf = 0, nan = 0;
    std::uint64_t inf_incoming = 0;  ///< the part of inf whose exact value was infinite already

    std::uint64_t count() const { return true_zero + flushed + subnormal + normal + inf + nan; }
    void add(const ClassCounts& other) {
        true_zero += other.true_zero;
        flushed += other.flushed;
        subnormal += other.subnormal;
        normal += other.normal;
        inf += other.inf;
        nan += other.nan;
        inf_incoming += other.inf_incoming;
    }
    bool operator==(const ClassCounts&) const = default;
};

/// The class of an exact FP32 value whose stored value (decoded) is `stored`, in terms of the format
/// `against`.
HALFSCOPE_INLINE NumberClass classify(float exact, float stored, Format against) {
    if (exact != exact || stored != stored) return NumberClass::nan;
    if (exact == 0.0f) return NumberClass::true_zero;
    if (stored == 0.0f) return NumberClass::flushed;
    const float magnitude = stored < 0.0f ? -stored : stored;
    if (magnitude - magnitude != 0.0f) return NumberClass::inf;
    return magnitude < format_info(against).min_normal ? NumberClass::subnormal : NumberClass::normal;
}

HALFSCOPE_INLINE void count_value(ClassCounts& counts, float exact, float stored, Format against) {
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
            if (exact - exact != 0.0f) ++counts.inf_incoming;
            break;
        case NumberClass::nan:
            ++counts.nan;
            break;
    }
}

}  // namespace halfscope
