// Counting of many values at once: what TensorCounts::add would count of each, several times faster. Used by
// executors of the CPU while they store, and by tests; the device has its own loop over TensorCounts::add.
// Must not define a class or a boundary of its own: those are classes.h's and exponent_histogram.h's.
//
// Nothing here branches on a value but on what is rare. A chunk's exponents are counted by their bits
// (byte_counts.h). Mantissas at the edges that the histogram's bins keep are found by a flag and counted one
// by one, and so are FP32 subnormals. From these follow the histogram, the classes against FP16, and those
// against the tensor's own format where it is FP32, FP16 or BF16 and nothing but rounding to nearest
// happened.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "numerics/byte_counts.h"
#include "numerics/classes.h"
#include "numerics/format.h"
#include "numerics/lane_bits.h"
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
        counted_ = 0;
        fields_.clear();
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
            add_chunk(exact, stored);
            exact += kChunk;
            if (stored) stored += kChunk;
        }
        while (n > 0) {
            const std::size_t count = std::min(n, kChunk - waiting_);
            std::memcpy(place(), exact, count * sizeof(float));
            if (reads_stored_ && stored) std::memcpy(stored_ + waiting_, stored, count * sizeof(float));
            add_placed(count);
            exact += count;
            if (stored) stored += count;
            n -= count;
        }
    }

    /// Where the next values may be computed, up to room() of them, instead of being copied there by add().
    /// Where reads_stored() is false.
    float* place() { return exact_ + waiting_; }
    std::size_t room() const { return kChunk - waiting_; }
    /// Counts n values that lie at place(), sooner or later.
    void add_placed(std::size_t n) {
        waiting_ += n;
        if (waiting_ == kChunk) flush();
    }

    /// Adds what another tally of the same tensor counted so far; that one has to start anew.
    void take(TensorTally& other) {
        other.flush();
        fields_.take(other.fields_);
        counted_ += other.counted_;
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
        flush();
        ExponentHistogram::Prediction half;
        for (int number = first_bin(); number <= last_bin(); ++number) {
            ExponentHistogram::Bin bin = edges_.bins[number];
            const int exponent = kMinExponent + number;
            if (exponent >= kLowestNormal)
                bin.all = fields_.of(static_cast<std::uint32_t>(exponent - kLowestNormal + 1));
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
        fp16.nan = fields_.of(255) - infinities_;
        counts.fp16.add(fp16);
        counts.own.add(own_classes(fp16));
        if (has_numbers()) counts.note_extremes(float_of(least_ + 1u), float_of(most_));
    }

  private:
    using Lanes = ByteCounts::Lanes;
    using SignedLanes [[gnu::vector_size(ByteCounts::kVector)]] = std::int32_t;
    static constexpr std::size_t kChunk = 1024;
    static constexpr int kRows = 8, kRow = 4 * ByteCounts::kLanes;
    static constexpr int kBlocks = static_cast<int>(kChunk) / (kRows * kRow);
    /// A flag for each value of a chunk, by vectors.
    using Flags = LaneBits<Lanes>;
    static constexpr int kVectors = static_cast<int>(kChunk) / ByteCounts::kLanes;
    static constexpr int kFlagBits = std::numeric_limits<Flags>::digits;
    static constexpr int kWords = kVectors * kFlagBits / 64, kWordValues = static_cast<int>(kChunk) / kWords;
    static constexpr std::uint32_t kSign = 0x80000000u, kMagnitude = kSign - 1u;
    static constexpr std::uint32_t kInfinity = 0x7f800000u;
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

    /// What no exponent field was counted of, but for FP32 subnormals.
    std::uint64_t zeros() const { return counted_ - fields_.all() - subnormals_; }

    template <typename T>
    static auto largest(const T& lanes) {
        auto most = std::numeric_limits<std::remove_cvref_t<decltype(lanes[0])>>::min();
        for (int lane = 0; lane < ByteCounts::kLanes; ++lane) most = std::max(most, lanes[lane]);
        return most;
    }

    /// Counts kChunk values.
    void add_chunk(const float* exact, const float* stored) {
        // A row's values lie side by side in four vectors, and in the bytes of one.
        ByteCounts::Block fields[kBlocks];
        alignas(8) Flags edges[kVectors];
        Flags* flags = edges;
        // With the sign set, so that zero's negative is the least of all and no other has its sign set.
        SignedLanes nearest = SignedLanes{} + std::numeric_limits<std::int32_t>::min();
        Lanes most = {};
        const float* values = exact;
        for (int block = 0; block < kBlocks; ++block) {
            for (Lanes& row : fields[block].rows) {
                row = Lanes{};
                for (int byte = 0; byte < 32; byte += 8, values += ByteCounts::kLanes) {
                    Lanes x;
                    std::memcpy(&x, values, sizeof x);
                    x |= kSign;
                    const Lanes negative = -x;
                    const auto nearness = reinterpret_cast<SignedLanes>(negative);
                    nearest = nearness > nearest ? nearness : nearest;
                    most = x > most ? x : most;
                    row |= (byte < 24 ? x >> (23 - byte) : x << 1) & (255u << byte);
                    // A mantissa of 0, or one that rounding to FP16 may carry over (0x7fe000 and more); no
                    // zero.
                    *flags++ = lanes_at_most(negative & 0x807fffffu, 0x2000u);
                }
            }
            fields[block].transpose();
        }
        count_chunk(exact, fields, edges, kSign - static_cast<std::uint32_t>(largest(nearest)),
                    largest(most) & kMagnitude);
        if (reads_stored_) add_own(exact, stored);
    }

    /// `least` and `most`: of the values but zero; 0 where there are none.
    void count_chunk(const float* exact, const ByteCounts::Block (&fields)[kBlocks], Flags (&edges)[kVectors],
                     std::uint32_t least, std::uint32_t most) {
        counted_ += kChunk;
        if (most >= kInfinity) {
            fields_.add(fields, 255, 255);
            most = largest_finite(exact);
        }
        least_ = std::min(least_, least - 1u);
        most_ = std::max(most_, most);
        const std::uint32_t low = std::min(least, most) >> 23, high = most >> 23;
        fields_.add(fields, std::max(low, 1u), high);
        if (most > 0 && (low == 0 || high >= 254)) flag_extremes(exact, edges);
        count_edges(exact, edges);
    }

    /// Flags what the mantissa does not tell: an FP32 subnormal, or what BF16 rounds to infinity.
    static void flag_extremes(const float* exact, Flags (&edges)[kVectors]) {
        for (int i = 0; i < static_cast<int>(kChunk); ++i) {
            const std::uint32_t x = bits_of(exact[i]) & kMagnitude;
            Flags& flags = edges[i / ByteCounts::kLanes];
            if (x - 1u < 0x7fffffu || x >= kBf16Overflow)
                flags = static_cast<Flags>(flags | 1u << (i % ByteCounts::kLanes));
        }
    }
    static std::uint32_t largest_finite(const float* values) {
        std::uint32_t most = 0;
        for (std::size_t i = 0; i < kChunk; ++i) {
            const std::uint32_t x = bits_of(values[i]) & kMagnitude;
            if (x < kInfinity) most = std::max(most, x);
        }
        return most;
    }

    void count_edges(const float* exact, const Flags (&edges)[kVectors]) {
        static_assert(std::endian::native == std::endian::little);  // the flags are read as words
        // Words with a flag are few and lie anywhere: first where they are, without a branch on any of them.
        std::uint64_t words[kWords];
        int flagged[kWords], count = 0;
        std::memcpy(words, edges, sizeof words);
        for (int word = 0; word < kWords; ++word) {
            flagged[count] = word;
            count += words[word] != 0;
        }
        for (int i = 0; i < count; ++i) {
            const float* values = exact + static_cast<std::ptrdiff_t>(flagged[i]) * kWordValues;
            std::uint64_t word = words[flagged[i]];
            do {
                const int flag = std::countr_zero(word);
                count_edge(values[flag / kFlagBits * ByteCounts::kLanes + flag % kFlagBits]);
                word &= word - 1u;
            } while (word != 0);
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

    /// Counts what waits, padded to a whole chunk with zeros, which are taken back.
    void flush() {
        if (waiting_ == 0) return;
        std::fill(exact_ + waiting_, exact_ + kChunk, 0.0f);
        if (reads_stored_) std::fill(stored_ + waiting_, stored_ + kChunk, 0.0f);
        add_chunk(exact_, stored_);
        counted_ -= kChunk - waiting_;
        if (reads_stored_) own_.true_zero -= kChunk - waiting_;
        waiting_ = 0;
    }

    /// Classes by what was stored.
    void add_own(const float* exact, const float* stored) {
        const std::uint32_t min_normal = bits_of(format_info(own_format_).min_normal);
        std::uint32_t zero = 0, flushed = 0, subnormal = 0, inf = 0, incoming = 0, nan = 0;
        for (std::size_t i = 0; i < kChunk; ++i) {
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
        own_.normal += kChunk - (std::uint64_t{zero} + flushed + subnormal + inf + nan);
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
    ByteCounts fields_;  ///< by exponent field, but for field 0
    std::uint64_t counted_ = 0;
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
