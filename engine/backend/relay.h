// Chains of sums that several threads build up, each a leg of the way: every thread reads that part of the
// operands which it wrote last and its cache still holds, although each chain has to go through all of them
// in order. Called by the CPU backend's weight gradients. It must not decide results.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "backend/thread_pool.h"

namespace halfscope {

/// Runners that a relay has at most.
inline constexpr std::int64_t kMostRunners = 64;

/// Calls body(runner, leg) once for each of `runners` (at most kMostRunners) and each of as many legs as the
/// pool has threads: a runner's legs one after the other, ascending, and what one leaves the next one sees.
/// Each thread begins with the leg of its number. That takes as long as runners + legs - 1 calls one after
/// the other, so there should be many more runners than legs. The first exception of a body ends the relay
/// and is thrown again here.
template <class Body>
void relay(ThreadPool& pool, std::int64_t runners, Body body) {
    std::array<std::atomic<std::int64_t>, kMostRunners> arrived{};
    std::atomic<bool> failed{false};
    pool.parallel_for(runners * pool.threads(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t task = begin; task < end; ++task) {
            const std::int64_t leg = task / runners;
            std::atomic<std::int64_t>& runner = arrived[static_cast<std::size_t>(task % runners)];
            // Who runs an earlier leg never waits for a later one, so there is always somebody who goes on.
            ThreadPool::wait_until(
                [&] { return failed.load() || runner.load(std::memory_order_acquire) == leg; });
            if (failed.load()) return;
            try {
                body(task % runners, leg);
            } catch (...) {
                failed.store(true);
                throw;
            }
            runner.store(leg + 1, std::memory_order_release);
        }
    });
}

}  // namespace halfscope
