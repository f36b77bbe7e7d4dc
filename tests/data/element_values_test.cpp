// Elements of tensors as FP32: every code of the small formats, both orders of bytes, and doubles that FP32
// does not hold.
#include "data/element_values.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "numerics/rounding.h"
#include "support/array_samples.h"

namespace halfscope {
namespace {

using samples::bytes_of;

std::vector<float> widened(ElementType type, std::endian order, const std::string& bytes, LostDoubles& lost) {
    std::vector<float> values(bytes.size() / element_bytes(type));
    widen_elements(type, order, bytes, values.data(), lost);
    return values;
}

void expect_same_bits(float read, float expected) {
    EXPECT_EQ(bits_of(read), bits_of(expected)) << read << " instead of " << expected;
}

TEST(ElementValues, EveryCodeOfTheSmallFormatsIsDecoded) {
    LostDoubles lost;
    for (const ElementType type :
         {ElementType::f16, ElementType::bf16, ElementType::e4m3, ElementType::e5m2}) {
        const Format format = element_format(type);
        ASSERT_EQ(element_bytes(type), static_cast<std::size_t>(format_bytes(format)));
        for (const std::endian order : {std::endian::little, std::endian::big}) {
            std::string bytes;
            const std::uint32_t codes = element_bytes(type) == 1 ? 256 : 65536;
            for (std::uint32_t code = 0; code < codes; ++code) {
                bytes += element_bytes(type) == 1
                             ? bytes_of<std::uint8_t>({static_cast<std::uint8_t>(code)}, order)
                             : bytes_of<std::uint16_t>({static_cast<std::uint16_t>(code)}, order);
            }
            const std::vector<float> values = widened(type, order, bytes, lost);
            ASSERT_EQ(values.size(), codes);
            for (std::uint32_t code = 0; code < codes; ++code)
                expect_same_bits(values[code], decode(format, code));
        }
    }
    EXPECT_EQ(lost, LostDoubles());
}

TEST(ElementValues, FloatsKeepTheirBits) {
    LostDoubles lost;
    const std::vector<float> values{1.5f, -0.0f, 0x1p-149f, std::numeric_limits<float>::infinity(),
                                    float_of(0x7f812345u)};
    for (const std::endian order : {std::endian::little, std::endian::big}) {
        const std::vector<float> read = widened(ElementType::f32, order, bytes_of(values, order), lost);
        ASSERT_EQ(read.size(), values.size());
        for (std::size_t i = 0; i < values.size(); ++i) expect_same_bits(read[i], values[i]);
    }
}

TEST(ElementValues, DoublesAreRoundedAndTheLostOnesCounted) {
    const double least_inf = 0x1p128 - 0x1p103;  // a tie, which goes to the even side
    const std::vector<double> values{1.0 / 3.0,
                                     std::nextafter(least_inf, 0.0),
                                     -least_inf,
                                     1e300,
                                     std::numeric_limits<double>::infinity(),
                                     0x1p-150,
                                     -std::nextafter(0x1p-150, 1.0),
                                     -5e-324,
                                     -0.0,
                                     std::numeric_limits<double>::quiet_NaN()};
    for (const std::endian order : {std::endian::little, std::endian::big}) {
        LostDoubles lost;
        const std::vector<float> read = widened(ElementType::f64, order, bytes_of(values, order), lost);
        EXPECT_EQ(read[0], 1.0f / 3.0f);
        EXPECT_EQ(read[1], std::numeric_limits<float>::max());
        EXPECT_EQ(read[2], -std::numeric_limits<float>::infinity());
        EXPECT_EQ(read[5], 0.0f);
        EXPECT_EQ(read[6], -0x1p-149f);
        EXPECT_EQ(lost, (LostDoubles{2, 2}));
    }
}

TEST(ElementValues, HalfElementsAreLeft) {
    LostDoubles lost;
    float value = 7.0f;
    widen_elements(ElementType::f32, std::endian::little, "abc", &value, lost);
    widen_elements(ElementType::other, std::endian::little, "abcdefgh", &value, lost);
    EXPECT_EQ(value, 7.0f);
    EXPECT_EQ(element_bytes(ElementType::other), 0u);
}

}  // namespace
}  // namespace halfscope
