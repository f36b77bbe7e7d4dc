// Slow, plain rounding in double: the nearest entry of a table built from the formats' definitions. For tests
// alone; must share no code with engine/numerics/rounding.h.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "numerics/format.h"

namespace halfscope::oracle {

/// Written out here a second time, from the OCP and IEEE documents.
struct Layout {
    Format format;
    int exponent_bits, mantissa_bits, bias;
    bool has_infinity;
};

inline constexpr Layout kLayouts[] = {
    {Format::tf32, 8, 10, 127, true}, {Format::fp16, 5, 10, 15, true}, {Format::bf16, 8, 7, 127, true},
    {Format::e4m3, 4, 3, 7, false},   {Format::e5m2, 5, 2, 15, true},
};

inline std::uint32_t bits(float x) { return std::bit_cast<std::uint32_t>(x); }

/// All finite non-negative numbers of a format, ascending: entry i has the code i.
class Table {
  public:
    explicit Table(Layout layout) : layout_(layout) {
        const int top_field = (1 << layout.exponent_bits) - 1;
        for (int field = 0; field <= top_field; ++field) {
            for (int mantissa = 0; mantissa < (1 << layout.mantissa_bits); ++mantissa) {
                const bool is_nan_of_e4m3 = field == top_field && mantissa + 1 == (1 << layout.mantissa_bits);
                if (layout.has_infinity ? field == top_field : is_nan_of_e4m3) continue;
                const int significand = mantissa + (field > 0 ? 1 << layout.mantissa_bits : 0);
                const int exponent = std::max(field, 1) - layout.bias - layout.mantissa_bits;
                values_.push_back(std::ldexp(static_cast<double>(significand), exponent));
            }
        }
    }

    const Layout& layout() const { return layout_; }
    std::size_t size() const { return values_.size(); }
    double value(std::size_t code) const { return values_[code]; }
    double last() const { return values_.back(); }
    /// Where the next number would be if the exponent range went on.
    double beyond() const { return last() + (last() - values_[values_.size() - 2]); }
    double min_normal() const { return values_[std::size_t{1} << layout_.mantissa_bits]; }

    /// Round to nearest, ties to the even code, of any non-NaN double.
    double round(double x) const {
        const double magnitude = std::fabs(x);
        const auto above = std::lower_bound(values_.begin(), values_.end(), magnitude);
        double result;
        if (above == values_.end()) {
            const bool overflows = magnitude >= (last() + beyond()) / 2;
            const double out = layout_.has_infinity ? std::numeric_limits<double>::infinity() : last();
            result = overflows ? out : last();
        } else if (*above == magnitude) {
            result = magnitude;
        } else {
            const std::size_t index = static_cast<std::size_t>(above - values_.begin());
            const double middle = (values_[index - 1] + values_[index]) / 2;
            const bool goes_up = magnitude > middle || (magnitude == middle && index % 2 == 0);
            result = values_[goes_up ? index : index - 1];
        }
        return std::copysign(result, x);
    }

  private:
    Layout layout_;
    std::vector<double> values_;
};

/// Values where a format changes its mind: every number, every midpoint, the FP32 neighbours of both, and
/// past the end.
inline std::vector<float> critical_values(const Table& table) {
    std::vector<float> values;
    const auto add = [&](double centre) {
        const float x = static_cast<float>(centre);
        for (const float y : {x, std::nextafter(x, 0.0f), std::nextafter(x, INFINITY)}) {
            values.push_back(y);
            values.push_back(-y);
        }
    };
    for (std::size_t code = 0; code < table.size(); ++code) {
        const double next = code + 1 < table.size() ? table.value(code + 1) : table.beyond();
        add(table.value(code));
        add((table.value(code) + next) / 2);
    }
    add(table.beyond());
    values.push_back(std::numeric_limits<float>::max());
    values.push_back(-std::numeric_limits<float>::max());
    values.push_back(INFINITY);
    values.push_back(-INFINITY);
    return values;
}

/// Floats of uniformly random bits: all exponents, some NaN and FP32 subnormals.
inline std::vector<float> random_bit_patterns(std::size_t count, std::uint32_t seed) {
    std::mt19937 generator(seed);
    std::vector<float> values(count);
    for (float& value : values) value = std::bit_cast<float>(static_cast<std::uint32_t>(generator()));
    return values;
}

}  // namespace halfscope::oracle
