// A number format described at run time: any split of exponent and mantissa bits, and rounding into it. For
// the what-if over formats (train/retained_values.h), which asks of values what formats that nothing is
// stored in would make of them. Must not be used where values are stored: that is rounding.h, whose results
// these are for the formats that both know.
#pragma once

#include <cstdint>

#include "numerics/format.h"
#include "numerics/portability.h"

namespace halfscope {

/// What a number beyond the largest one becomes.
enum class Beyond : std::uint8_t { infinity, largest };

/// One sign bit, `exponent_bits` with the bias 2^(exponent_bits - 1) - 1, `mantissa_bits`. IEEE-like: the top
/// exponent is that of infinity and NaN, and the lowest that of zero and the subnormals. With
/// Beyond::largest the top exponent holds numbers too, all but the last code, which is NaN (OCP's E4M3). A
/// format without mantissa bits has no subnormals, and no code that is NaN.
struct NumberFormat {
    int exponent_bits = 5;
    int mantissa_bits = 10;
    Beyond beyond = Beyond::infinity;

    HALFSCOPE_HD constexpr int bias() const { return (1 << (exponent_bits - 1)) - 1; }
    /// Of the smallest and of the largest normal numbers.
    HALFSCOPE_HD constexpr int min_exponent() const { return 1 - bias(); }
    HALFSCOPE_HD constexpr int max_exponent() const { return bias() + (beyond == Beyond::largest ? 1 : 0); }
    HALFSCOPE_HD constexpr double min_normal() const { return power_of_two(min_exponent()); }
    HALFSCOPE_HD constexpr double min_subnormal() const {
        return power_of_two(min_exponent() - mantissa_bits);
    }
    HALFSCOPE_HD constexpr double max() const {
        const double top = 2.0 - power_of_two(-mantissa_bits);  // all ones
        const double lost = beyond == Beyond::largest ? power_of_two(-mantissa_bits) : 0.0;
        return (top - lost) * power_of_two(max_exponent());
    }

    friend bool operator==(const NumberFormat&, const NumberFormat&) = default;
};

/// The splits that a custom format may have.
inline constexpr int kLeastExponentBits = 2, kMostExponentBits = 8, kMostMantissaBits = 23;

/// A row of the format table as its parts.
HALFSCOPE_HD constexpr NumberFormat number_format(Format format) {
    const FormatInfo info = format_info(format);
    return {info.exponent_bits, info.mantissa_bits, info.has_infinity ? Beyond::infinity : Beyond::largest};
}

namespace number_format_detail {

/// |x| rounded to the format's spacing, as if exponents went on for ever. To nearest, ties to even; where no
/// neighbour is even (no mantissa bits) to the larger one, as IEEE 754-2019 section 4.3.1 has it. For |x| up
/// to 2^900.
HALFSCOPE_HD constexpr double round_magnitude(NumberFormat format, double magnitude) {
    const int exponent = static_cast<int>(bits_of(magnitude) >> 52) - 1023;
    const int least = format.min_exponent();
    const int unit = (exponent > least ? exponent : least) - format.mantissa_bits;
    // Double's own spacing at the anchor is the format's at x: the sum is rounded to it, nearest even.
    const double anchor = power_of_two(unit + 52);
    return (magnitude + anchor) - anchor;
}

HALFSCOPE_HD constexpr double magnitude_of(double x) { return double_of(bits_of(x) & 0x7fffffffffffffffull); }

inline constexpr double kInfinity = __builtin_huge_val();

}  // namespace number_format_detail

/// Whether |x|, rounded, would be larger than the format's largest number: it becomes what `beyond` says.
HALFSCOPE_HD constexpr bool is_beyond(NumberFormat format, double x) {
    const double magnitude = number_format_detail::magnitude_of(x);
    if (magnitude >= 2.0 * power_of_two(format.max_exponent())) return true;
    return number_format_detail::round_magnitude(format, magnitude) > format.max();
}

/// x rounded to the format; subnormals are kept. NaN stays NaN.
HALFSCOPE_HD constexpr double round_to(NumberFormat format, double x) {
    const double magnitude = number_format_detail::magnitude_of(x);
    if (magnitude != magnitude) return x;
    double rounded = format.beyond == Beyond::infinity ? number_format_detail::kInfinity : format.max();
    if (!is_beyond(format, magnitude)) rounded = number_format_detail::round_magnitude(format, magnitude);
    return bits_of(magnitude) == bits_of(x) ? rounded : -rounded;
}

}  // namespace halfscope
