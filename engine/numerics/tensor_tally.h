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
#include <utility>

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
        waiting_ = 0;
        settle();
        std::fill_n(fields_, 256, 0u);
        for (int bin = first_bin(); bin <= last_bin(); ++bin) edges_.bins[bin] = {};
        subnormals_ = infinities_ = bf16_overflows_ = 0;
        least_ = kInfinity - 1u;
        most_ = 0;
        own_ = {};
    }

    /// Whether add() has to see the stored values.
    bool reads_stored() const { return reads_stored_; }

    /// Counts n values as computed in FP32; `stored` are the decoded values of what was stored, nullptr where
    /// reads_stored() is false. What is less than a chunk waits until there is a chunk of it.
    void add(const float* exact, const float* stored, std::size_t n) {
        for (; n >= kChunk; n -= kChunk) {
            add_chunk(exact, stored, kChunk);
            exact += kChunk;
            if (stored) stored += kChunk;
        }
        while (n > 0) {
            const std::size_t count = std::min(n, kChunk - waiting_);
            std::memcpy(exact_ + waiting_, exact, count * sizeof(float));
            if (reads_stored_ && stored) std::memcpy(stored_ + waiting_, stored, count * sizeof(float));
            waiting_ += count;
            if (waiting_ == kChunk) flush();
            exact += count;
            if (stored) stored += count;
            n -= count;
        }
    }

    /// Adds what another tally of the same tensor counted so far; that one has to start anew.
    void take(TensorTally& other) {
        other.settle();
        for (std::uint32_t field = 0; field < 256; ++field) fields_[field] += other.fields_[field];
        for (int bin = other.first_bin(); bin <= other.last_bin(); ++bin)
            edges_.bins[bin].add(other.edges_.bins[bin]);
        subnormals_ += other.subnormals_;
        infinities_ += other.infinities_;
        bf16_overflows_ += other.bf16_overflows_;
        least_ = std::min(least_, other.least_);
        most_ = std::max(most_, other.most_);
        own_.add(other.own_);
    }

    /// Adds what was counted so far.
    void add_to(TensorCounts& counts) {
        settle();
        ExponentHistogram::Prediction half;
        for (int number = first_bin(); number <= last_bin(); ++number) {
            ExponentHistogram::Bin bin = edges_.bins[number];
            const int exponent = kMinExponent + number;
            if (exponent >= kLowestNormal) bin.all = fields_[exponent - kLowestNormal + 1];
            half.add(bin, exponent, 0);
            counts.histogram.bins[number].add(bin);
        }
        ClassCounts fp16;
        fp16.true_zero = zeros();
        fp16.flushed = half.flushed;
        fp16.subnormal = half.subnormal;
        fp16.normal = half.normal;
        fp16.inf = half.inf + infinities_;
        fp16.inf_incoming = infinities_;
        fp16.nan = fields_[255] - infinities_;
        counts.fp16.add(fp16);
        counts.own.add(own_classes(fp16));
        if (has_numbers()) counts.note_extremes(float_of(least_ + 1u), float_of(most_));
    }

  private:
    static constexpr int kLanes = 16;
    static constexpr std::size_t kChunk = 1024, kTables = 4;
    /// Exponents counted by comparing (measured): beyond, a table is faster.
    static constexpr std::uint32_t kCompared = 48;
    static constexpr std::uint32_t kMagnitude = 0x7fffffffu, kInfinity = 0x7f800000u;
    static constexpr std::uint32_t kBf16Overflow = 0x7f7f8000u;  // half a unit above BF16's largest number

    static constexpr int kLowestNormal = -126;  // exponent of the smallest normal FP32 number, field 1

    /// Whether there was a finite value but zero.
    bool has_numbers() const { return least_ + 1u < kInfinity; }
    /// The histogram's bins between which all values lie; none where first > last.
    int first_bin() const {
        if (!has_numbers() || subnormals_ > 0) return has_numbers() ? 0 : kExponentBins;
        return static_cast<int>((least_ + 1u) >> 23) - 127 - kMinExponent;
    }
    int last_bin() const {
        const int field = static_cast<int>(most_ >> 23);
        return field == 0 ? kLowestNormal - kMinExponent - 1 : field - 127 - kMinExponent;
    }
    /// All that was counted is in fields_ then.
    void settle() {
        flush();
        empty_tables();
        empty_compared();
    }

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
        const std::size_t whole = (n + kBlock - 1) / kBlock * kBlock;
        std::fill(edges + n, edges + whole, std::uint8_t{0});
        std::fill(fields + n, fields + whole, std::uint8_t{255});  // no number's
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
        if (compared_ == kMostCompared) empty_compared();
        ++compared_;
        compared_low_ = std::min(compared_low_, low);
        compared_high_ = std::max(compared_high_, high);
        const std::size_t whole = (n + kBlock - 1) / kBlock * kBlock;
        Pairs found = {};
        for (std::uint32_t field = low; field <= high; ++field) found += compare(fields, whole, field);
        std::uint64_t left = n - sum(found);
        if (left > 0 && low > 0) {
            compared_low_ = 0;
            left -= sum(compare(fields, whole, 0));
        }
        fields_[255] += left;
    }
    void empty_tables() {
        if (tabled_ == 0) return;
        for (auto& table : tables_) {
            for (int field = 0; field < 256; ++field) fields_[field] += table[field];
            std::fill_n(table, 256, 0u);
        }
        tabled_ = 0;
    }
    // Half as wide as the widest vectors, whose comparisons cannot be added up (measured: twice as fast).
    using Bytes [[gnu::vector_size(32)]] = std::uint8_t;
    using Pairs [[gnu::vector_size(32)]] = std::uint16_t;
    static constexpr std::size_t kBlock = 2 * sizeof(Bytes);
    /// Chunks after which a sum of pairs might not fit any more.
    static constexpr std::uint32_t kMostCompared = 65535 / (kChunk / sizeof(Pairs) * 2);

    /// Adds to its sums how often `field` is among `fields`, and returns that, both in parts.
    Pairs compare(const std::uint8_t* fields, std::size_t n, std::uint32_t field) {
        // The usual length as a constant: its loop needs no counter.
        const Pairs found = n == kChunk ? occurrences(fields, kChunk, static_cast<std::uint8_t>(field))
                                        : occurrences(fields, n, static_cast<std::uint8_t>(field));
        Pairs sums;
        std::memcpy(&sums, compared_counts_[field], sizeof sums);
        sums += found;
        std::memcpy(compared_counts_[field], &sums, sizeof sums);
        return found;
    }
    [[gnu::always_inline]] static inline Pairs occurrences(const std::uint8_t* fields, std::size_t n,
                                                           std::uint8_t wanted) {
        const Bytes all_wanted = wanted - Bytes{};
        Bytes even = {}, odd = {};
#pragma GCC unroll 4
        for (std::size_t i = 0; i < n; i += kBlock) {
            Bytes first, second;
            std::memcpy(&first, fields + i, sizeof first);
            std::memcpy(&second, fields + i + sizeof first, sizeof second);
            even -= static_cast<Bytes>(first == all_wanted);  // all ones, -1, where equal
            odd -= static_cast<Bytes>(second == all_wanted);
        }
        even += odd;
        Pairs pairs;
        std::memcpy(&pairs, &even, sizeof pairs);
        return (pairs & 255) + (pairs >> 8);
    }
    static std::uint64_t sum(const Pairs& parts) {
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < sizeof(Pairs) / 2; ++i) total += parts[i];
        return total;
    }
    void empty_compared() {
        for (std::uint32_t field = compared_low_; field <= compared_high_; ++field) {
            for (std::uint16_t& part : compared_counts_[field]) fields_[field] += std::exchange(part, 0);
        }
        compared_ = 0;
        compared_low_ = 255;
        compared_high_ = 0;
    }

    /// `edges` is padded with zeros to whole blocks: most blocks are zero and told so at once.
    void count_edges(const float* exact, const std::uint8_t* edges, std::size_t n) {
        for (std::size_t first = 0; first < n; first += kBlock) {
            std::uint64_t words[kBlock / 8], any = 0;
            std::memcpy(words, edges + first, sizeof words);
            for (const std::uint64_t word : words) any |= word;
            if (any == 0) continue;
            for (std::size_t word = 0; word < kBlock / 8; ++word) {
                if (words[word] == 0) continue;
                for (std::size_t i = first + word * 8; i < first + word * 8 + 8; ++i)
                    if (edges[i] != 0) count_edge(exact[i]);
            }
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
    std::uint64_t fields_[256] = {};  ///< by exponent field, but for what stands in the two below
    std::uint32_t tables_[kTables][256] = {};
    std::uint32_t tabled_ = 0;                     ///< values counted in tables_
    std::uint16_t compared_counts_[256][16] = {};  ///< of fields_, in parts, what comparisons found
    std::uint32_t compared_ = 0, compared_low_ = 255, compared_high_ = 0;  ///< chunks, and the fields in them
    std::uint64_t subnormals_ = 0, infinities_ = 0, bf16_overflows_ = 0;
    ExponentHistogram edges_;               ///< FP32 subnormals in full, of other bins the edges alone
    std::uint32_t least_ = kInfinity - 1u;  ///< the smallest finite magnitude but zero, less one
    std::uint32_t most_ = 0;                ///< the largest finite magnitude
    std::size_t waiting_ = 0;
    alignas(64) float exact_[kChunk];
    alignas(64) float stored_[kChunk];
    ClassCounts own_;  ///< by stored values; for BF16 of FP32 subnormals alone
};

}  // namespace halfscope
