// Shares as they are written: nothing and everything are said of nothing and everything alone.
#include <gtest/gtest.h>

#include "program/percent.h"

namespace halfscope {
namespace {

TEST(Percent, AllOfAnyCountIsAHundred) {
    for (std::uint64_t whole = 1; whole <= 200'000; ++whole) {
        ASSERT_EQ(percent_of(whole, whole), 100.0) << whole;
        ASSERT_EQ(percent_text(percent_of(whole, whole)), "100") << whole;
        ASSERT_NE(percent_text(percent_of(whole - 1, whole)), "100") << whole;
    }
    EXPECT_EQ(percent_of(0, 0), 0.0);
    EXPECT_EQ(percent_of(11, 22), 50.0);
}

TEST(Percent, WhatIsNotQuiteNothingOrEverythingDoesNotLookLikeIt) {
    EXPECT_EQ(percent_text(0), "0");
    EXPECT_EQ(percent_text(percent_of(1, 100'000)), "<0.1");
    EXPECT_EQ(percent_text(0.1), "0.1");
    EXPECT_EQ(percent_text(31.24), "31.2");
    EXPECT_EQ(percent_text(percent_of(99'999, 100'000)), ">99.9");
    EXPECT_EQ(percent_text(100), "100");
}

}  // namespace
}  // namespace halfscope
