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
/// Few runners are shared out so that each thread begins with the leg of its number. Instead of waiting for a
/// runner a thread does other work: meanwhile(leg) does a piece of it and returns whether there was one left;
/// behind a leg's last runner all that is left is done. Without other work a relay takes as long as runners +
/// legs - 1 calls one after the other, and a thread that the system has put aside delays all that come behind
/// it. The first exception of either ends the relay and is thrown again here. Throws std::invalid_argument
/// where there are more runners.
template <class Body, class Meanwhile>
void relay(ThreadPool& pool, std::int64_t runners, Body body, Meanwhile meanwhile) {
    if (runners > kMostRunners) throw std::invalid_argument("relay: too many runners");
    std::array<std::atomic<std::int64_t>, kMostRunners> arrived{};
    std::atomic<bool> failed{false};
    const auto run = [&](std::int64_t number, std::int64_t leg) {
        std::atomic<std::int64_t>& runner = arrived[static_cast<std::size_t>(number)];
        const auto is_here = [&] { return failed.load() || runner.load(std::memory_order_acquire) == leg; };
        while (!is_here() && meanwhile(leg)) {
        }
        // Nobody waits for ever: of what nobody has begun the caller takes the earliest (thread_pool.h),
        // and the leg before that has been begun.
        ThreadPool::wait_until(is_here);
        if (failed.load()) return;
        body(number, leg);
        runner.store(leg + 1, std::memory_order_release);
        while (number + 1 == runners && !failed.load() && meanwhile(leg)) {
        }
    };
    pool.parallel_for(runners * pool.threads(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t task = begin; task < end && !failed.load(); ++task) {
            try {
                run(task % runners, task / runners);
            } catch (...) {
                failed.store(true);
                throw;
            }
        }
    });
}

/// The same without other work.
template <class Body>
void relay(ThreadPool& pool, std::int64_t runners, Body body) {
    relay(pool, runners, body, [](std::int64_t) { return false; });
}

}  // namespace halfscope
