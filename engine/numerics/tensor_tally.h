// Counting of many values at once: what TensorCounts::add would count of each, several times faster. Used by
// executors of the CPU while they store, and by tests; the device has its own loop over TensorCounts::add.
// Must not define a class or a boundary of its own: those are classes.h's and exponent_histogram.h's.
//
// Nothing here branches on a value but on what is rare. A chunk's exponents are counted one after the other,
// each by comparing it with all values; where they spread too far, by a table. Mantissas at the edges that
// the histogram's bins keep are found by a flag and counted one by one, and so are FP32 subnormals. From
// these follow the histogram, the classes against FP16, and those against the tensor's own format where it is
// FP32, FP16 or BF16 and nothing but rounding to nearest happened.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "numerics/classes.h"
#include "numerics/format.h"
#include "numerics/tensor_counts.h"

namespace halfscope {

class TensorTally {
  public:
    /// `own`: the format the values are stored in, rounded to nearest, `subnormals` kept or flushed.
    TensorTally(Format own, Subnormals subnormals) { start(own, subnormals); }

    /// Forgets everything and counts another tensor.
    void start(Format own, Subnormals subnormals) {
        own_format_ = own;
        reads_stored_ = own != Format::fp32 &&
                        (subnormals == Subnormals::flush || (own != Format::fp16 && own != Format::bf16));
        std::fill_n(fields_, 256, 0u);
        for (auto& table : tables_) std::fill_n(table, 256, 0u);
        tabled_ = 0;
        subnormals_ = infinities_ = bf16_overflows_ = 0;
        edges_ = {};
        least_ = kInfinity - 1u;
        most_ = 0;
        waiting_ = 0;
        own_ = {};
    }

    /// Whether add() has to see the stored values.
    bool reads_stored() const { return reads_stored_; }

    /// Counts n values as computed in FP32; `stored` are the decoded values of what was stored, nullptr where
    /// reads_stored() is false. Short spans wait until there is a chunk of them.
    void add(const float* exact, const float* stored, std::size_t n) {
        while (n > 0) {
            const std::size_t count = std::min(n, kChunk - waiting_);
            if (count == kChunk) {
                add_chunk(exact, stored, count);
            } else {
                std::memcpy(exact_ + waiting_, exact, count * sizeof(float));
                if (reads_stored_ && stored) std::memcpy(stored_ + waiting_, stored, count * sizeof(float));
                waiting_ += count;
                if (waiting_ == kChunk) flush();
            }
            exact += count;
            if (stored) stored += count;
            n -= count;
        }
    }

    /// Adds what was counted so far.
    void add_to(TensorCounts& counts) {
        flush();
        empty_tables();
        TensorCounts mine;
        mine.histogram = edges_;
        for (std::uint32_t field = 1; field < 255; ++field)
            mine.histogram.bins[static_cast<int>(field) - 127 - kMinExponent].all = fields_[field];
        const ExponentHistogram::Prediction half = mine.histogram.predict(0);
        const std::uint64_t incoming = infinities_;
        mine.fp16.true_zero = zeros();
        mine.fp16.flushed = half.flushed;
        mine.fp16.subnormal = half.subnormal;
        mine.fp16.normal = half.normal;
        mine.fp16.inf = half.inf + incoming;
        mine.fp16.inf_incoming = incoming;
        mine.fp16.nan = fields_[255] - incoming;
        mine.own = own_classes(mine.fp16);
        if (least_ + 1u < kInfinity) mine.note_extremes(float_of(least_ + 1u), float_of(most_));
        counts.merge(mine);
    }

  private:
    static constexpr int kLanes = 16;
    static constexpr std::size_t kChunk = 1024, kTables = 4;
    /// Exponents counted by comparing (measured): beyond, a table is faster.
    static constexpr std::uint32_t kCompared = 24;
    static constexpr std::uint32_t kMagnitude = 0x7fffffffu, kInfinity = 0x7f800000u;
    static constexpr std::uint32_t kBf16Overflow = 0x7f7f8000u;  // half a unit above BF16's largest number

    std::uint64_t zeros() const { return fields_[0] - subnormals_; }

    /// A multiple of kLanes, at most kChunk.
    void add_chunk(const float* exact, const float* stored, std::size_t n) {
        alignas(64) std::uint8_t fields[kChunk], edges[kChunk];
        // Compare results are numbers here, and each loop does one thing: so all of them vectorise.
        std::uint32_t least = ~0u, most = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const std::uint32_t x = bits_of(exact[i]) & kMagnitude;
            least = std::min(least, x - 1u);  // zeros are the largest then
            most = std::max(most, x);
            fields[i] = static_cast<std::uint8_t>(x >> 23);
            edges[i] = static_cast<std::uint8_t>(is_at_edge(exact[i]));
        }
        if (most >= kInfinity) most = largest_finite(exact, n);
        const std::uint32_t low = std::min(least + 1u, most) >> 23, high = most >> 23;
        if (low == 0 || high >= 254)
            for (std::size_t i = 0; i < n; ++i) edges[i] |= static_cast<std::uint8_t>(is_extreme(exact[i]));
        least_ = std::min(least_, least);
        most_ = std::max(most_, most);
        count_fields(fields, n, low, high);
        count_edges(exact, edges, n);
        if (reads_stored_) add_own(exact, stored, n);
    }

    /// Whether a mantissa is 0 or one that rounding to FP16 may carry over (0x7fe000 and more). Not for
    /// zeros.
    static std::uint32_t is_at_edge(float value) {
        // One less: both are the largest mantissas then, and a zero is negative.
        const std::uint32_t below = (bits_of(value) & kMagnitude) - 1u;
        return static_cast<std::int32_t>(below & 0x807fffffu) >= 0x7fdfff;
    }
    /// Beyond what the mantissa tells: an FP32 subnormal, or what BF16 rounds to infinity.
    static std::uint32_t is_extreme(float value) {
        const std::uint32_t x = bits_of(value) & kMagnitude;
        return (x < 0x800000u) | (x >= kBf16Overflow);
    }
    static std::uint32_t largest_finite(const float* values, std::size_t n) {
        std::uint32_t most = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const std::uint32_t x = bits_of(values[i]) & kMagnitude;
            if (x < kInfinity) most = std::max(most, x);
        }
        return most;
    }

    /// `low` and `high`: the smallest and the largest exponent field of the finite values but zero.
    void count_fields(const std::uint8_t* fields, std::size_t n, std::uint32_t low, std::uint32_t high) {
        if (high - low >= kCompared) {
            // Taking turns: equal neighbours would wait for each other.
            for (std::size_t i = 0; i < n; i += kTables)
                for (std::size_t table = 0; table < kTables; ++table) ++tables_[table][fields[i + table]];
            tabled_ += static_cast<std::uint32_t>(n);
            if (tabled_ >= 1u << 31) empty_tables();
            return;
        }
        std::uint64_t left = n;
        for (std::uint32_t field = low; field <= high; ++field) left -= count_field(fields, n, field);
        if (left > 0 && low > 0) left -= count_field(fields, n, 0);
        if (left > 0) count_field(fields, n, 255);
    }
    void empty_tables() {
        if (tabled_ == 0) return;
        for (auto& table : tables_) {
            for (int field = 0; field < 256; ++field) fields_[field] += table[field];
            std::fill_n(table, 256, 0u);
        }
        tabled_ = 0;
    }
    std::uint64_t count_field(const std::uint8_t* fields, std::size_t n, std::uint32_t field) {
        // Half as wide as the widest vectors, whose comparisons cannot be added up (measured: twice as fast).
        using Bytes [[gnu::vector_size(32)]] = std::uint8_t;
        constexpr std::size_t kWide = sizeof(Bytes);
        // A byte of the folded sums counts one in eight values.
        static_assert(kChunk / 8 <= 255);
        const auto wanted = static_cast<std::uint8_t>(field);
        const Bytes all_wanted = wanted - Bytes{};
        Bytes even = {}, odd = {};
        std::size_t i = 0;
        for (; i + 2 * kWide <= n; i += 2 * kWide) {
            Bytes first, second;
            std::memcpy(&first, fields + i, kWide);
            std::memcpy(&second, fields + i + kWide, kWide);
            even -= static_cast<Bytes>(first == all_wanted);  // all ones, -1, where equal
            odd -= static_cast<Bytes>(second == all_wanted);
        }
        even += odd;
        std::uint64_t words[kWide / 8], sums = 0;
        std::memcpy(words, &even, kWide);
        for (const std::uint64_t word : words) sums += word;
        constexpr std::uint64_t kEvenBytes = 0x00ff00ff00ff00ffu;
        sums = (sums & kEvenBytes) + (sums >> 8 & kEvenBytes);
        std::uint64_t total = sums * 0x0001000100010001u >> 48;
        for (; i < n; ++i) total += fields[i] == wanted;
        fields_[field] += total;
        return total;
    }

    void count_edges(const float* exact, const std::uint8_t* edges, std::size_t n) {
        for (std::size_t first = 0; first < n; first += 8) {
            std::uint64_t any = 0;
            std::memcpy(&any, edges + first, sizeof any);
            if (any == 0) continue;
            for (std::size_t i = first; i < first + 8; ++i)
                if (edges[i] != 0) count_edge(exact[i]);
        }
    }
    void count_edge(float value) {
        const std::uint32_t x = bits_of(value) & kMagnitude, mantissa = x & 0x7fffffu, field = x >> 23;
        infinities_ += x == kInfinity;
        if (x >= kInfinity || x == 0) return;
        if (field == 0) {
            ++subnormals_;
            edges_.add(value);
            if (own_format_ == Format::bf16 && !reads_stored_)
                count_value(own_, value, round_to(Format::bf16, value), Format::bf16);
        } else {
            bf16_overflows_ += x >= kBf16Overflow;
            ExponentHistogram::Bin& bin = edges_.bins[static_cast<int>(field) - 127 - kMinExponent];
            bin.powers_of_two += mantissa == 0;
            bin.top_of_normals += mantissa >= 0x7ff000u;
            bin.top_of_subnormals += mantissa >= 0x7fe000u;
        }
    }

    /// Counts what waits, padded to whole lanes with zeros, which are taken back.
    void flush() {
        if (waiting_ == 0) return;
        const std::size_t whole = (waiting_ + kLanes - 1) / kLanes * kLanes, padding = whole - waiting_;
        std::fill(exact_ + waiting_, exact_ + whole, 0.0f);
        std::fill(stored_ + waiting_, stored_ + whole, 0.0f);
        add_chunk(exact_, stored_, whole);
        fields_[0] -= padding;
        if (reads_stored_) own_.true_zero -= padding;
        waiting_ = 0;
    }

    /// Classes by what was stored.
    void add_own(const float* exact, const float* stored, std::size_t n) {
        const std::uint32_t min_normal = bits_of(format_info(own_format_).min_normal);
        std::uint32_t zero = 0, flushed = 0, subnormal = 0, inf = 0, incoming = 0, nan = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const std::uint32_t x = bits_of(exact[i]) & kMagnitude, q = bits_of(stored[i]) & kMagnitude;
            zero += (x == 0) & (q < kInfinity);
            flushed += (x != 0) & (q == 0);
            subnormal += (x != 0) & (q != 0) & (q < min_normal);
            inf += q == kInfinity;
            incoming += (q == kInfinity) & (x == kInfinity);
            nan += q > kInfinity;
        }
        own_.true_zero += zero;
        own_.flushed += flushed;
        own_.subnormal += subnormal;
        own_.inf += inf;
        own_.inf_incoming += incoming;
        own_.nan += nan;
        own_.normal += n - (std::uint64_t{zero} + flushed + subnormal + inf + nan);
    }

    /// The classes against the tensor's own format.
    ClassCounts own_classes(const ClassCounts& fp16) const {
        if (reads_stored_) return own_;
        if (own_format_ == Format::fp16) return fp16;
        // FP32 and BF16 share exponents; what lies at the edges of BF16 stands in own_.
        ClassCounts own = own_;
        own.true_zero += zeros();
        own.inf += infinities_;
        own.inf_incoming += infinities_;
        own.nan += fp16.nan;
        const std::uint64_t normal = fp16.count() - zeros() - infinities_ - fp16.nan - subnormals_;
        if (own_format_ == Format::bf16) {
            own.inf += bf16_overflows_;
            own.normal += normal - bf16_overflows_;
        } else {
            own.subnormal += subnormals_;
            own.normal += normal;
        }
        return own;
    }

    Format own_format_;
    bool reads_stored_;
    std::uint64_t fields_[256];  ///< by exponent field, but for what stands in tables_
    std::uint32_t tables_[kTables][256];
    std::uint32_t tabled_;  ///< values counted in tables_
    std::uint64_t subnormals_, infinities_, bf16_overflows_;
    ExponentHistogram edges_;  ///< FP32 subnormals in full, of other bins the edges alone
    std::uint32_t least_;      ///< the smallest finite magnitude but zero, less one
    std::uint32_t most_;       ///< the largest finite magnitude
    std::size_t waiting_;
    alignas(64) float exact_[kChunk];
    alignas(64) float stored_[kChunk];
    ClassCounts own_;  ///< by stored values; for BF16 of FP32 subnormals alone
};

}  // namespace halfscope
