// FP16 conversion against the processor's own (F16C), bit for bit, NaN payloads included.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "numerics/rounding.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace halfscope {
namespace {

#if defined(__x86_64__)

// Compiled for F16C whatever the rest of the build is tuned for; called only where the processor has it.
__attribute__((target("f16c,avx"))) void hardware_encode(const float* in, std::uint16_t* codes,
                                                         std::size_t n) {
    for (std::size_t i = 0; i < n; i += 8) {
        const __m128i packed = _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + i), packed);
    }
}

__attribute__((target("f16c,avx"))) void hardware_decode(const std::uint16_t* codes, float* out,
                                                         std::size_t n) {
    for (std::size_t i = 0; i < n; i += 8) {
        const __m128i packed = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i));
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(packed));
    }
}

class HardwareFp16 : public testing::Test {
  protected:
    void SetUp() override {
        if (!__builtin_cpu_supports("f16c")) GTEST_SKIP() << "this processor has no F16C";
    }
};

constexpr std::size_t kBatch = 4096;  // a multiple of 8

/// Differences between ours and the processor's over the values that next() gives, `count` of them.
template <class Next>
std::uint64_t count_differences(std::uint64_t count, Next next) {
    std::vector<float> values(kBatch);
    std::vector<std::uint16_t> codes(kBatch);
    std::vector<float> back(kBatch);
    std::uint64_t differences = 0;
    for (std::uint64_t done = 0; done < count; done += kBatch) {
        for (float& value : values) value = next();
        hardware_encode(values.data(), codes.data(), kBatch);
        hardware_decode(codes.data(), back.data(), kBatch);
        for (std::size_t i = 0; i < kBatch; ++i) {
            differences += encode_fp16(values[i]) != codes[i];
            differences += bits_of(round_to_fp16(values[i])) != bits_of(back[i]);
        }
    }
    return differences;
}

TEST_F(HardwareFp16, DecodesEveryCodeAlike) {
    std::vector<std::uint16_t> codes(0x10000);
    for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint16_t>(i);
    std::vector<float> values(codes.size());
    hardware_decode(codes.data(), values.data(), codes.size());
    for (std::size_t i = 0; i < codes.size(); ++i) {
        ASSERT_EQ(bits_of(decode_fp16(codes[i])), bits_of(values[i])) << "code " << i;
    }
}

TEST_F(HardwareFp16, EncodesEveryThirtySeventhFloatAlike) {
    constexpr std::uint32_t kStride = 37;  // odd: walks through all low bits
    constexpr std::uint64_t kCount = (std::uint64_t{1} << 32) / kStride + 1;
    static_assert(kCount > 100'000'000);
    std::uint32_t bits = 0;
    const auto next = [&bits] { return float_of(bits += kStride); };
    EXPECT_EQ(count_differences(kCount, next), 0u);
}

TEST_F(HardwareFp16, EncodesTheNeighbourhoodOfEveryBoundaryAlike) {
    // 16 floats to either side of every code's value and of every midpoint: the midpoint adds the first
    // dropped bit.
    std::uint64_t position = 0;
    const auto next = [&position] {
        const std::uint32_t code = static_cast<std::uint32_t>(position >> 6) & 0xffffu;
        const bool is_midpoint = (position >> 5) & 1u;
        const std::uint32_t offset = static_cast<std::uint32_t>(position & 31u) - 16u;
        ++position;
        const float value = decode_fp16(static_cast<std::uint16_t>(code));
        const float half_ulp =
            (code & 0x8000u) ? -ulp(Format::fp16, value) / 2 : ulp(Format::fp16, value) / 2;
        return float_of(bits_of(is_midpoint ? value + half_ulp : value) + offset);
    };
    EXPECT_EQ(count_differences(std::uint64_t{0x10000} << 6, next), 0u);
}

#else

TEST(HardwareFp16, IsPresent) { GTEST_SKIP() << "F16C is an extension of x86-64"; }

#endif

}  // namespace
}  // namespace halfscope
