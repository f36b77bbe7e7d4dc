// Bytes counted by their bit planes, against counting them one by one.
#include "numerics/byte_counts.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

namespace halfscope {
namespace {

constexpr int kBlocks = 2;
constexpr std::size_t kBytes = kBlocks * sizeof(ByteCounts::Block);

struct Bytes {
    std::vector<unsigned char> values = std::vector<unsigned char>(kBytes);
    std::uint64_t counts[256] = {};

    explicit Bytes(std::mt19937& generator, int low, int high) {
        std::uniform_int_distribution<int> byte(low, high);
        for (unsigned char& value : values) {
            value = static_cast<unsigned char>(byte(generator));
            ++counts[value];
        }
    }
    void add_to(ByteCounts& counts_of, std::uint32_t low, std::uint32_t high) const {
        ByteCounts::Block blocks[kBlocks];
        std::memcpy(blocks, values.data(), kBytes);
        for (ByteCounts::Block& block : blocks) block.transpose();
        counts_of.add(blocks, low, high);
    }
};

TEST(ByteCounts, TransposingMakesPlanesOfTheBits) {
    std::mt19937 generator(1);
    const Bytes bytes(generator, 0, 255);
    ByteCounts::Block block;
    std::memcpy(&block, bytes.values.data(), sizeof block);
    block.transpose();
    unsigned char planes[8][sizeof block / 8];
    std::memcpy(planes, &block, sizeof block);
    for (std::size_t place = 0; place < sizeof planes[0]; ++place) {
        for (unsigned row = 0; row < 8; ++row) {
            for (unsigned bit = 0; bit < 8; ++bit)
                ASSERT_EQ(planes[bit][place] >> row & 1,
                          bytes.values[row * sizeof planes[0] + place] >> bit & 1)
                    << "byte " << place << " of row " << row << ", bit " << bit;
        }
    }
}

TEST(ByteCounts, EveryWindowIsCountedAndNothingElse) {
    std::mt19937 generator(2);
    const auto counted = std::make_unique<ByteCounts>();
    for (const auto& [from, to] : {std::pair{0, 255}, {100, 131}, {7, 8}, {255, 255}, {0, 0}}) {
        const Bytes bytes(generator, from, to);
        for (std::uint32_t low = 0; low < 256; low += 3) {
            for (const std::uint32_t high : {low, low | 7u, std::min(low + 30, 255u), 255u}) {
                counted->clear();
                bytes.add_to(*counted, low, high);
                std::uint64_t all = 0;
                for (std::uint32_t value = 0; value < 256; ++value) {
                    const std::uint64_t expected = value >= low && value <= high ? bytes.counts[value] : 0;
                    ASSERT_EQ(counted->of(value), expected) << value << " in " << low << " to " << high;
                    all += expected;
                }
                ASSERT_EQ(counted->all(), all);
            }
        }
    }
}

TEST(ByteCounts, AddsUpOverBlocksAndOverParts) {
    std::mt19937 generator(3);
    const auto whole = std::make_unique<ByteCounts>(), part = std::make_unique<ByteCounts>();
    std::uint64_t expected[256] = {};
    for (int i = 0; i < 20; ++i) {
        const Bytes bytes(generator, 10 * i, 10 * i + 40);
        bytes.add_to(i % 2 == 0 ? *whole : *part, 0, 255);
        for (int value = 0; value < 256; ++value) expected[value] += bytes.counts[value];
    }
    whole->take(*part);
    for (std::uint32_t value = 0; value < 256; ++value) EXPECT_EQ(whole->of(value), expected[value]) << value;
    whole->clear();
    EXPECT_EQ(whole->all(), 0u);
    whole->take(*part);
    EXPECT_EQ(whole->all(), part->all());
}

}  // namespace
}  // namespace halfscope
