// The shares that every picture of classes draws and writes.
#include <gtest/gtest.h>

#include "gui/widgets/range_histogram.h"
#include "program/percent.h"

namespace halfscope {
namespace {

TEST(ClassShares, ATensorThatIsWhollyOfOneClassIsAHundredPercentOfIt) {
    for (const std::uint64_t count : {1u, 11u, 22u, 39u, 1024u, 4095u, 100'353u}) {
        ClassCounts counts;
        counts.true_zero = 5;
        counts.flushed = count;
        EXPECT_EQ(class_shares(counts, ShareOf::nonzero).flushed, 100.0) << count;
        counts.flushed = 0;
        counts.nan = count;
        EXPECT_EQ(percent_text(class_shares(counts, ShareOf::nonzero).nan), "100") << count;
    }
}

TEST(ClassShares, EveryShareIsOfItsDenominator) {
    ClassCounts counts;
    counts.true_zero = 20;
    counts.flushed = 10;
    counts.subnormal = 20;
    counts.normal = 30;
    counts.inf = 15;
    counts.nan = 5;
    const ClassShares nonzero = class_shares(counts, ShareOf::nonzero);
    EXPECT_EQ(nonzero.denominator, 80u);
    EXPECT_EQ(nonzero.true_zero, 20.0);
    EXPECT_EQ(nonzero.flushed, 12.5);
    EXPECT_EQ(nonzero.subnormal, 25.0);
    EXPECT_EQ(nonzero.normal, 37.5);
    EXPECT_EQ(nonzero.overflow, 18.75);
    EXPECT_EQ(nonzero.nan, 6.25);
    const ClassShares all = class_shares(counts, ShareOf::all);
    EXPECT_EQ(all.denominator, 100u);
    EXPECT_EQ(all.flushed, 10.0);
    EXPECT_EQ(all.nan, 5.0);
    EXPECT_EQ(class_shares({}, ShareOf::nonzero).flushed, 0.0);
}

}  // namespace
}  // namespace halfscope
