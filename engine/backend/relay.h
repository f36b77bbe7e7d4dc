// Chains of sums that several threads build up, each a leg of the way: every thread reads that part of the
// operands which it wrote last and its cache still holds, although each chain has to go through all of them
// in order. Called by cpu_gemm.cpp, for weight gradients. It must not decide results.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <stdexcept>

#include "backend/thread_pool.h"

namespace halfscope {

/// Runners that a relay has at most.
inline constexpr std::int64_t kMostRunners = 64;

/// Calls body(runner, leg) once for each of `runners` (at most kMostRunners) and each of as many legs as the
/// pool has threads: a runner's legs one after the other, ascending, and what one leaves the next one sees.
/// Few runners are shared out so that each thread begins with the leg of its number. That takes as long as
/// runners + legs - 1 calls one after the other, and a thread that the system has put aside delays all that
/// come behind it. The first exception of a body ends the relay and is thrown again here. Throws
/// std::invalid_argument where there are more runners.
template <class Body>
void relay(ThreadPool& pool, std::int64_t runners, Body body) {
    if (runners > kMostRunners) throw std::invalid_argument("relay: too many runners");
    std::array<std::atomic<std::int64_t>, kMostRunners> arrived{};
    std::atomic<bool> failed{false};
    pool.parallel_for(runners * pool.threads(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t task = begin; task < end; ++task) {
            const std::int64_t leg = task / runners;
            std::atomic<std::int64_t>& runner = arrived[static_cast<std::size_t>(task % runners)];
            // Nobody waits for ever: of what nobody has begun the caller takes the earliest (thread_pool.h),
            // and the leg before that has been begun.
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
