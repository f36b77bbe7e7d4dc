// That a state says what it really takes: the menu's bound is the user's memory.
#include "session/state_ring.h"

#include <gtest/gtest.h>

#include <string>

#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 33)
#define HALFSCOPE_HAS_MALLINFO2
#include <malloc.h>
#endif
#endif

namespace halfscope {
namespace {

KeptState state_at(std::int64_t step, int buffers, std::size_t bytes) {
    KeptState state;
    state.step = step;
    KeptLane& lane = state.lanes.emplace_back();
    for (int i = 0; i < buffers; ++i)
        lane.record.buffers["layer" + std::to_string(i) + ".weight/moment1"] = std::string(bytes, 'x');
    return state;
}

#if defined(HALFSCOPE_HAS_MALLINFO2)
TEST(StateRing, TellsWhatItTakes) {
    for (const std::size_t bytes : {12u, 128u, 4096u}) {
        const std::size_t before = mallinfo2().uordblks;
        StateRing ring(std::uint64_t{1} << 30);
        for (int i = 0; i < 300; ++i) ring.add(state_at(i, 36, bytes));
        const std::size_t taken = mallinfo2().uordblks - before;
        if (taken == 0) GTEST_SKIP() << "the allocator does not tell (a sanitizer's)";
        EXPECT_NEAR(static_cast<double>(ring.bytes()), static_cast<double>(taken),
                    0.1 * static_cast<double>(taken))
            << "buffers of " << bytes << " bytes";
    }
}
#endif

TEST(StateRing, WhatIsDroppedIsTakenBack) {
    StateRing ring(std::uint64_t{1} << 30);
    for (int i = 0; i < 50; ++i) ring.add(state_at(i, 4, static_cast<std::size_t>(10 * i)));
    ring.set_most_bytes(ring.bytes() / 4);
    EXPECT_LE(ring.bytes(), ring.most_bytes());
    EXPECT_EQ(ring.first_step(), 0);
    EXPECT_EQ(ring.last_step(), 49);
    ring.forget_after(-1);
    EXPECT_TRUE(ring.empty());
    EXPECT_EQ(ring.bytes(), 0u);
}

}  // namespace
}  // namespace halfscope
