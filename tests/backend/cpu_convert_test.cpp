// Bulk conversions have the bits of numerics/rounding.h, for every code and every kind of float.
#include "backend/cpu_convert.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace halfscope {
namespace {

constexpr Format kFormats[] = {Format::fp32, Format::tf32, Format::fp16,
                               Format::bf16, Format::e4m3, Format::e5m2};
constexpr Subnormals kSubnormals[] = {Subnormals::keep, Subnormals::flush};

/// Random bit patterns of all exponents, the neighbourhood of every FP16 and BF16 code and of the midpoints
/// between them, and NaN with payloads of both kinds.
std::vector<float> interesting_floats() {
    std::vector<float> values;
    std::mt19937 generator(7);
    for (int i = 0; i < 200000; ++i)
        values.push_back(std::bit_cast<float>(static_cast<uint32_t>(generator())));
    const auto add_around = [&](float centre) {
        const uint32_t bits = std::bit_cast<uint32_t>(centre);
        for (const uint32_t offset : {0u, 1u, 0xffffffffu, 0x800u, 0x801u, 0x7ffu, 0x1000u, 0x1001u, 0xfffu,
                                      0x7fffu, 0x8000u, 0x8001u}) {
            values.push_back(std::bit_cast<float>(bits + offset));
        }
    };
    for (uint32_t code = 0; code < 0x10000u; code += 3) {
        add_around(decode_fp16(static_cast<uint16_t>(code)));
        add_around(std::bit_cast<float>(code << 16));
    }
    for (uint32_t payload = 1; payload < 0x800000u; payload = payload * 2 + 1) {
        values.push_back(std::bit_cast<float>(0x7f800000u | payload));
        values.push_back(std::bit_cast<float>(0xff800000u | payload));
    }
    return values;
}

template <typename Code>
void expect_narrow_as_encode(Format format, Subnormals subnormals, const std::vector<float>& values) {
    std::vector<Code> codes(values.size());
    narrow(format, values.data(), codes.data(), static_cast<int64_t>(values.size()), subnormals);
    for (size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ(codes[i], static_cast<Code>(encode(format, values[i], subnormals)))
            << format_info(format).name << " of bits " << std::hex << std::bit_cast<uint32_t>(values[i]);
    }
}

TEST(CpuConvert, NarrowHasTheBitsOfEncode) {
    const std::vector<float> values = interesting_floats();
    for (const Subnormals subnormals : kSubnormals) {
        expect_narrow_as_encode<uint16_t>(Format::fp16, subnormals, values);
        expect_narrow_as_encode<uint16_t>(Format::bf16, subnormals, values);
        expect_narrow_as_encode<uint8_t>(Format::e4m3, subnormals, values);
        expect_narrow_as_encode<uint8_t>(Format::e5m2, subnormals, values);
        expect_narrow_as_encode<uint32_t>(Format::tf32, subnormals, values);
    }
}

TEST(CpuConvert, NarrowToFp32IsACopy) {
    const std::vector<float> values = interesting_floats();
    for (const Subnormals subnormals : kSubnormals) {
        std::vector<float> copy(values.size());
        narrow(Format::fp32, values.data(), copy.data(), static_cast<int64_t>(values.size()), subnormals);
        EXPECT_EQ(0, std::memcmp(copy.data(), values.data(), values.size() * sizeof(float)));
    }
}

template <typename Code>
void expect_widen_as_decode(Format format) {
    std::vector<Code> codes;
    for (uint32_t code = 0; code < (1u << (8 * sizeof(Code))); ++code)
        codes.push_back(static_cast<Code>(code));
    std::vector<float> values(codes.size());
    widen(format, codes.data(), values.data(), static_cast<int64_t>(codes.size()));
    for (size_t i = 0; i < codes.size(); ++i) {
        ASSERT_EQ(std::bit_cast<uint32_t>(values[i]), std::bit_cast<uint32_t>(decode(format, codes[i])))
            << format_info(format).name << " code " << std::hex << i;
    }
}

TEST(CpuConvert, WidenHasTheBitsOfDecodeForEveryCode) {
    expect_widen_as_decode<uint16_t>(Format::fp16);
    expect_widen_as_decode<uint16_t>(Format::bf16);
    expect_widen_as_decode<uint8_t>(Format::e4m3);
    expect_widen_as_decode<uint8_t>(Format::e5m2);
}

TEST(CpuConvert, WidenOfFp32IsACopy) {
    const std::vector<float> values = interesting_floats();
    for (const Format format : {Format::fp32, Format::tf32}) {
        std::vector<float> copy(values.size());
        widen(format, values.data(), copy.data(), static_cast<int64_t>(values.size()));
        EXPECT_EQ(0, std::memcmp(copy.data(), values.data(), values.size() * sizeof(float)));
    }
}

TEST(CpuConvert, RoundInPlaceHasTheBitsOfRoundTo) {
    const std::vector<float> values = interesting_floats();
    for (const Format format : kFormats) {
        for (const Subnormals subnormals : kSubnormals) {
            std::vector<float> rounded = values;
            round_in_place(format, rounded.data(), static_cast<int64_t>(rounded.size()), subnormals);
            for (size_t i = 0; i < values.size(); ++i) {
                ASSERT_EQ(std::bit_cast<uint32_t>(rounded[i]),
                          std::bit_cast<uint32_t>(round_to(format, values[i], subnormals)))
                    << format_info(format).name << " of bits " << std::hex
                    << std::bit_cast<uint32_t>(values[i]);
            }
        }
    }
}

TEST(CpuConvert, EveryLengthLeavesItsNeighboursAlone) {
    constexpr size_t kMost = 70;
    std::vector<float> values(kMost);
    for (size_t i = 0; i < kMost; ++i) values[i] = 0.1f * static_cast<float>(i + 1);
    for (size_t n = 0; n < kMost; ++n) {
        std::vector<uint16_t> codes(kMost, 0xabcd);
        narrow(Format::fp16, values.data(), codes.data(), static_cast<int64_t>(n), Subnormals::keep);
        std::vector<float> back(kMost, -7.0f);
        widen(Format::fp16, codes.data(), back.data(), static_cast<int64_t>(n));
        std::vector<float> rounded = values;
        round_in_place(Format::fp16, rounded.data(), static_cast<int64_t>(n), Subnormals::keep);
        for (size_t i = 0; i < kMost; ++i) {
            ASSERT_EQ(codes[i], i < n ? encode_fp16(values[i]) : 0xabcd) << "length " << n;
            ASSERT_EQ(back[i], i < n ? round_to_fp16(values[i]) : -7.0f) << "length " << n;
            ASSERT_EQ(rounded[i], i < n ? round_to_fp16(values[i]) : values[i]) << "length " << n;
        }
    }
}

TEST(CpuConvert, NarrowRowsAddsTheBiasAndHasTheBitsOfNarrow) {
    constexpr int64_t kRows = 3, kColumns = 37, kInPitch = 48, kCodePitch = 41;
    std::mt19937 generator(11);
    const auto number = [&] { return static_cast<float>(generator()) * 0x1p-32f - 0.5f; };
    std::vector<float> in(kRows * kInPitch), bias(kColumns);
    for (float& x : in) x = number() * 0x1p-12f;
    for (float& x : bias) x = number();
    for (const Format format : kFormats) {
        for (const Subnormals subnormals : kSubnormals) {
            const float* const biases[] = {nullptr, bias.data()};
            for (const float* added : biases) {
                const auto bytes = static_cast<size_t>(format_info(format).bytes);
                std::vector<unsigned char> codes(kRows * kCodePitch * bytes, 0xa5), expected = codes;
                narrow_rows(format, in.data(), kInPitch, added, codes.data(), kCodePitch, kRows, kColumns,
                            subnormals);
                std::vector<unsigned char> with_sums(codes.size(), 0xa5);
                std::vector<float> sums(kRows * kColumns), expected_sums;
                narrow_rows(format, in.data(), kInPitch, added, with_sums.data(), kCodePitch, kRows, kColumns,
                            subnormals, sums.data());
                for (int64_t r = 0; r < kRows; ++r) {
                    std::vector<float> row(in.begin() + r * kInPitch, in.begin() + r * kInPitch + kColumns);
                    for (size_t c = 0; added && c < row.size(); ++c) row[c] += added[c];
                    narrow(format, row.data(), expected.data() + static_cast<size_t>(r * kCodePitch) * bytes,
                           kColumns, subnormals);
                    expected_sums.insert(expected_sums.end(), row.begin(), row.end());
                }
                const std::string what =
                    std::string(format_info(format).name) + (added ? " with" : " without") + " a bias";
                EXPECT_EQ(codes, expected) << what;
                EXPECT_EQ(with_sums, expected) << what;
                EXPECT_EQ(sums, expected_sums) << what;
            }
        }
    }
}

}  // namespace
}  // namespace halfscope
