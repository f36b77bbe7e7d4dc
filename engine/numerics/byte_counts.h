// How often each byte occurs among many, without a table and without a branch on any of them: the bytes are
// turned into bit planes, and the bytes of one value are where the right planes are set and the others are
// not. Used by tensor_tally.h to count exponents. Must not know what the bytes mean.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace halfscope {

class ByteCounts {
  public:
    /// Of the widest vectors there are: GCC takes wider ones apart, value by value.
#if defined(__AVX512F__)
    static constexpr int kVector = 64;
#elif defined(__AVX2__)
    static constexpr int kVector = 32;
#else
    static constexpr int kVector = 16;
#endif
    /// Four bytes each.
    using Lanes [[gnu::vector_size(kVector)]] = std::uint32_t;
    static constexpr int kLanes = kVector / 4;

    /// Eight rows of bytes. After transpose(), row b holds their bits b: in each of its bytes those of the
    /// bytes that had lain in the same place of row 0, row 1 and so on, from the lowest bit up.
    struct Block {
        Lanes rows[8];

        void transpose() {
            swap_bits(4, 0x0f0f0f0fu);
            swap_bits(2, 0x33333333u);
            swap_bits(1, 0x55555555u);
        }

      private:
        /// Of rows `distance` apart: the upper bits of the one against the lower bits of the other.
        void swap_bits(int distance, std::uint32_t lower) {
            for (int row = 0; row < 8; ++row) {
                if ((row & distance) != 0) continue;
                const Lanes differ = ((rows[row] >> distance) ^ rows[row + distance]) & lower;
                rows[row] ^= differ << distance;
                rows[row + distance] ^= differ;
            }
        }
    };

    /// Forgets everything.
    void clear() {
        for (std::uint32_t value = low_; value <= high_; ++value)
            std::fill_n(parts_[value], kWords, std::uint64_t{0});
        low_ = 255;
        high_ = 0;
    }

    /// Counts those of the bytes that are low to high; none where low > high. `blocks` are transposed ones.
    template <int N>
    void add(const Block (&blocks)[N], std::uint32_t low, std::uint32_t high) {
        low_ = std::min(low_, low);
        high_ = std::max(high_, high);
        // By the lower three bits once, by the upper five for each eight values.
        alignas(64) Lanes ends[8][N], starts[N];
        for (int value = 0; value < 8; ++value)
            for (int n = 0; n < N; ++n) ends[value][n] = blocks[n].rows[0] ^ unset(value, 0);
        for (int value = 0; value < 8; ++value)
            for (int n = 0; n < N; ++n)
                ends[value][n] &=
                    (blocks[n].rows[1] ^ unset(value, 1)) & (blocks[n].rows[2] ^ unset(value, 2));
        for (std::uint32_t value = low; value <= high;) {
            const std::uint32_t last = std::min(high, value | 7u);
            for (int n = 0; n < N; ++n) {
                const Lanes(&rows)[8] = blocks[n].rows;
                starts[n] = (rows[3] ^ unset(value, 3)) & (rows[4] ^ unset(value, 4)) &
                            (rows[5] ^ unset(value, 5)) & (rows[6] ^ unset(value, 6)) &
                            (rows[7] ^ unset(value, 7));
            }
            for (; value <= last; ++value) count(starts, ends[value & 7u], parts_[value]);
        }
    }

    void take(const ByteCounts& other) {
        for (std::uint32_t value = other.low_; value <= other.high_; ++value)
            for (int word = 0; word < kWords; ++word) parts_[value][word] += other.parts_[value][word];
        low_ = std::min(low_, other.low_);
        high_ = std::max(high_, other.high_);
    }

    /// Bytes counted, of whatever value.
    std::uint64_t all() const {
        std::uint64_t total = 0;
        for (std::uint32_t value = low_; value <= high_; ++value) total += of(value);
        return total;
    }

    std::uint64_t of(std::uint32_t value) const {
        std::uint64_t total = 0;
        for (const std::uint64_t part : parts_[value]) total += part;
        return total;
    }

  private:
    static constexpr int kWords = kVector / 8;

    /// All ones where bit `bit` of the value is not set.
    static std::uint32_t unset(std::uint32_t value, int bit) { return ((value >> bit) & 1u) - 1u; }

    /// One word beside the other, so that this vectorises where there is such an instruction.
    template <int N>
    static void count(const Lanes (&starts)[N], const Lanes (&ends)[N], std::uint64_t* parts) {
        using Words [[gnu::vector_size(kVector)]] = std::uint64_t;
        alignas(64) std::uint64_t words[N][kWords];
        for (int n = 0; n < N; ++n) {
            const auto both = reinterpret_cast<Words>(starts[n] & ends[n]);
            for (int word = 0; word < kWords; ++word) words[n][word] = both[word];
        }
        for (int word = 0; word < kWords; ++word) {
            std::uint64_t sum = 0;
            for (int n = 0; n < N; ++n) sum += static_cast<std::uint64_t>(std::popcount(words[n][word]));
            parts[word] += sum;
        }
    }

    alignas(64) std::uint64_t parts_[256][kWords] = {};  ///< by value, in parts to be added up
    std::uint32_t low_ = 255, high_ = 0;                 ///< values that were counted lie between
};

}  // namespace halfscope
