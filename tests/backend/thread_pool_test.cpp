// The pool covers every index once, hands exceptions to the caller, and sleeps when nothing is to do.
#include "backend/thread_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "backend/relay.h"

namespace halfscope {
namespace {

class ThreadPoolWithThreads : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolWithThreads, testing::Values(1, 2, 3, 5));

TEST_P(ThreadPoolWithThreads, CoversEveryIndexOnce) {
    ThreadPool pool(GetParam());
    EXPECT_EQ(pool.threads(), GetParam());
    for (const int64_t count : {0, 1, 2, 7, 64, 1000, 4097}) {
        for (const int64_t grain : {1, 3, 16, 5000}) {
            std::vector<int> visits(static_cast<size_t>(count), 0);
            pool.parallel_for(count, grain, [&](int64_t begin, int64_t end) {
                for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
            });
            for (const int times : visits) ASSERT_EQ(times, 1) << count << " by " << grain;
        }
    }
}

TEST_P(ThreadPoolWithThreads, RangesAreMultiplesOfTheGrain) {
    ThreadPool pool(GetParam());
    constexpr int64_t kCount = 1003;
    constexpr int64_t kGrain = 16;
    std::atomic<int> misplaced{0};
    pool.parallel_for(kCount, kGrain, [&](int64_t begin, int64_t end) {
        const bool whole = (end - begin) % kGrain == 0 || end == kCount;
        if (begin % kGrain != 0 || !whole || begin >= end) misplaced.fetch_add(1);
    });
    EXPECT_EQ(misplaced.load(), 0);
}

TEST_P(ThreadPoolWithThreads, ManyShortJobsInARow) {
    ThreadPool pool(GetParam());
    std::vector<int64_t> cells(64, 0);
    constexpr int64_t kJobs = 5000;
    for (int64_t job = 0; job < kJobs; ++job) {
        pool.parallel_for(64, 4, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) cells[static_cast<size_t>(i)] += i;
        });
    }
    for (int64_t i = 0; i < 64; ++i) ASSERT_EQ(cells[static_cast<size_t>(i)], i * kJobs);
}

TEST_P(ThreadPoolWithThreads, AnExceptionReachesTheCallerAndThePoolLivesOn) {
    ThreadPool pool(GetParam());
    for (int round = 0; round < 50; ++round) {
        EXPECT_THROW(pool.parallel_for(1000, 1,
                                       [&](int64_t begin, int64_t end) {
                                           if (begin <= 500 && 500 < end) throw std::runtime_error("body");
                                       }),
                     std::runtime_error);
        std::atomic<int64_t> sum{0};
        pool.parallel_for(100, 1, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) sum.fetch_add(i);
        });
        ASSERT_EQ(sum.load(), 4950);
    }
}

TEST_P(ThreadPoolWithThreads, ALoopInsideABodyRunsInline) {
    ThreadPool pool(GetParam());
    std::vector<int> visits(32 * 32, 0);
    pool.parallel_for(32, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const auto thread = std::this_thread::get_id();
            pool.parallel_for(32, 1, [&](int64_t inner_begin, int64_t inner_end) {
                EXPECT_EQ(std::this_thread::get_id(), thread);
                for (int64_t j = inner_begin; j < inner_end; ++j) ++visits[static_cast<size_t>(i * 32 + j)];
            });
        }
    });
    for (const int times : visits) ASSERT_EQ(times, 1);
}

TEST_P(ThreadPoolWithThreads, ARelayRunsTheLegsOfEachRunnerInOrder) {
    ThreadPool pool(GetParam());
    for (const std::int64_t runners : {std::int64_t{1}, std::int64_t{2}, std::int64_t{17}, kMostRunners}) {
        for (int round = 0; round < 100; ++round) {
            // Not atomic: what a leg leaves, the next one has to see.
            std::vector<std::vector<std::int64_t>> legs(static_cast<std::size_t>(runners));
            relay(pool, runners, [&](std::int64_t runner, std::int64_t leg) {
                legs[static_cast<std::size_t>(runner)].push_back(leg);
            });
            std::vector<std::int64_t> all(static_cast<std::size_t>(pool.threads()));
            std::iota(all.begin(), all.end(), std::int64_t{0});
            for (const std::vector<std::int64_t>& of_one : legs) ASSERT_EQ(of_one, all);
        }
    }
}

TEST(ThreadPool, ARelayRefusesMoreRunnersThanItCanTake) {
    ThreadPool pool(2);
    EXPECT_THROW(relay(pool, kMostRunners + 1, [](std::int64_t, std::int64_t) {}), std::invalid_argument);
}

TEST_P(ThreadPoolWithThreads, OtherWorkIsAllDoneBehindARelay) {
    ThreadPool pool(GetParam());
    for (const std::int64_t pieces : {0, 1, 5, 400}) {
        for (int round = 0; round < 50; ++round) {
            std::vector<std::vector<std::int64_t>> legs(3);
            std::vector<std::atomic<int>> done(static_cast<std::size_t>(pieces));
            std::atomic<std::int64_t> next{0};
            const auto run = [&](std::int64_t runner, std::int64_t leg) {
                legs[static_cast<std::size_t>(runner)].push_back(leg);
            };
            relay(pool, 3, run, [&](std::int64_t leg) {
                EXPECT_TRUE(leg >= 0 && leg < pool.threads());
                const std::int64_t piece = next.fetch_add(1);
                if (piece >= pieces) return false;
                done[static_cast<std::size_t>(piece)].fetch_add(1);
                return true;
            });
            for (const std::atomic<int>& times : done) ASSERT_EQ(times.load(), 1);
            for (const std::vector<std::int64_t>& of_one : legs) {
                ASSERT_EQ(of_one.size(), static_cast<std::size_t>(pool.threads()));
                ASSERT_TRUE(std::is_sorted(of_one.begin(), of_one.end()));
            }
        }
    }
}

TEST_P(ThreadPoolWithThreads, AFallInARelayEndsIt) {
    ThreadPool pool(GetParam());
    for (int round = 0; round < 50; ++round) {
        const auto falls = [&](std::int64_t runner, std::int64_t leg) {
            if (runner == round % 9 && leg == round % pool.threads()) throw std::runtime_error("fell");
        };
        EXPECT_THROW(relay(pool, 9, falls), std::runtime_error);
        // Other work may fall, too.
        std::atomic<int> left{40};
        const auto run = [](std::int64_t, std::int64_t) {};
        const auto falls_meanwhile = [&](std::int64_t) {
            if (left.fetch_sub(1) == 1 + round % 40) throw std::runtime_error("fell");
            return left.load() > 0;
        };
        EXPECT_THROW(relay(pool, 9, run, falls_meanwhile), std::runtime_error);
    }
}

TEST(ThreadPool, FewerThanOneThreadMeansOne) {
    ThreadPool pool(0);
    EXPECT_EQ(pool.threads(), 1);
}

TEST(ThreadPool, SeveralThreadsTakePart) {
    ThreadPool pool(2);
    const auto caller = std::this_thread::get_id();
    std::atomic<bool> worker_came{false};
    // The caller's ranges wait for the worker, so this ends only if one comes.
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    pool.parallel_for(64, 1, [&](int64_t, int64_t) {
        if (std::this_thread::get_id() != caller) worker_came = true;
        while (!worker_came && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
    });
    EXPECT_TRUE(worker_came);
}

TEST(ThreadPool, AnIdlePoolUsesNoProcessorTime) {
    ThreadPool pool(3);
    pool.parallel_for(100, 1, [](int64_t, int64_t) {});
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the workers' spinning ends
    const std::clock_t before = std::clock();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const double used_ms = 1000.0 * static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
    EXPECT_LT(used_ms, 30.0);
}

TEST(ThreadPool, WakesAfterSleep) {
    ThreadPool pool(2);
    for (int round = 0; round < 20; ++round) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        std::atomic<int64_t> done{0};
        pool.parallel_for(64, 1, [&](int64_t begin, int64_t end) { done.fetch_add(end - begin); });
        ASSERT_EQ(done.load(), 64);
    }
}

}  // namespace
}  // namespace halfscope
