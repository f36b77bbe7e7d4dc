#include "backend/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace halfscope {
namespace {

constexpr uint32_t kOpen = 0x80000000u;
// Long enough to bridge the gap between two operations of a training step, short enough to be invisible in an
// idle app.
constexpr std::chrono::microseconds kSpinTime{50};
// Ranges for each thread: enough to even out a busy neighbour, few enough to keep the counter cheap.
constexpr int64_t kRangesPerThread = 8;

thread_local bool inside_body = false;
thread_local const ThreadPool* pool_of_worker = nullptr;
thread_local int number_of_worker = 0;

void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
    _mm_pause();
#else
    std::this_thread::yield();
#endif
}

/// Spins until `done()` or until the spin time is over; returns whether it was done.
template <typename Predicate>
bool spin_until(Predicate done) {
    const auto deadline = std::chrono::steady_clock::now() + kSpinTime;
    do {
        for (int i = 0; i < 32; ++i) {
            if (done()) return true;
            pause_briefly();
        }
    } while (std::chrono::steady_clock::now() < deadline);
    return false;
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
    const int worker_count = std::max(threads, 1) - 1;
    shares_ = std::vector<Share>(static_cast<size_t>(worker_count) + 1);
    workers_.reserve(static_cast<size_t>(worker_count));
    try {
        for (int i = 0; i < worker_count; ++i) workers_.emplace_back([this, i] { work(i + 1); });
    } catch (const std::system_error&) {
        stop_workers();
        throw;
    }
}

ThreadPool::~ThreadPool() { stop_workers(); }

void ThreadPool::stop_workers() {
    stopping_.store(true);
    epoch_.fetch_add(1);
    epoch_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
}

void ThreadPool::parallel_for(int64_t count, int64_t grain,
                              FunctionRef<void(int64_t begin, int64_t end)> body) {
    if (count <= 0) return;
    grain = std::max<int64_t>(grain, 1);
    if (count <= grain || workers_.empty() || inside_body) {
        body(0, count);
        return;
    }
    const int64_t grains = (count + grain - 1) / grain;
    body_ = &body;
    count_ = count;
    range_ = grain * std::max<int64_t>(1, grains / (threads() * kRangesPerThread));
    const int64_t ranges = (count + range_ - 1) / range_;
    for (int i = 0; i < threads(); ++i) {
        Share& share = shares_[static_cast<size_t>(i)];
        share.next.store(ranges * i / threads() * range_, std::memory_order_relaxed);
        share.end = std::min(count, ranges * (i + 1) / threads() * range_);
    }
    error_ = nullptr;
    gate_.store(kOpen, std::memory_order_release);
    epoch_.fetch_add(1, std::memory_order_release);
    epoch_.notify_all();

    run_ranges(0);

    // Nobody may enter any more; whoever has not entered yet is not waited for.
    gate_.fetch_and(~kOpen, std::memory_order_acq_rel);
    wait_until([this] { return gate_.load(std::memory_order_acquire) == 0; });
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void ThreadPool::wait_until(FunctionRef<bool()> done) {
    while (!spin_until(done)) std::this_thread::yield();
}

void ThreadPool::run_ranges(int thread) {
    inside_body = true;
    try {
        for (int i = 0; i < threads(); ++i) run_share(shares_[static_cast<size_t>((thread + i) % threads())]);
    } catch (...) {
        for (Share& share : shares_) share.next.store(share.end, std::memory_order_relaxed);
        const std::lock_guard<std::mutex> lock(error_mutex_);
        if (!error_) error_ = std::current_exception();
    }
    inside_body = false;
}

void ThreadPool::run_share(Share& share) {
    for (;;) {
        const int64_t begin = share.next.fetch_add(range_, std::memory_order_relaxed);
        if (begin >= share.end) return;
        (*body_)(begin, std::min(begin + range_, share.end));
    }
}

bool ThreadPool::join_job() {
    uint32_t gate = gate_.load(std::memory_order_relaxed);
    while (gate & kOpen) {
        if (gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire)) return true;
    }
    return false;
}

int ThreadPool::this_thread() const { return pool_of_worker == this ? number_of_worker : 0; }

void ThreadPool::work(int number) {
    pool_of_worker = this;
    number_of_worker = number;
    uint32_t seen = 0;
    for (;;) {
        const auto changed = [&] { return epoch_.load(std::memory_order_acquire) != seen; };
        if (!spin_until(changed)) epoch_.wait(seen, std::memory_order_acquire);
        seen = epoch_.load(std::memory_order_acquire);
        if (stopping_.load()) return;
        if (!join_job()) continue;
        run_ranges(number);
        gate_.fetch_sub(1, std::memory_order_release);
    }
}

}  // namespace halfscope
