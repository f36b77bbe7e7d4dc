// The threads of the CPU backend: one loop at a time, split over fixed workers and the calling thread. Called
// by cpu_* kernels and by data generators. It must not decide results: a body may depend on the index only,
// never on the split.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "backend/function_ref.h"

namespace halfscope {

/// Fixed workers that share index ranges with the calling thread. After a job workers spin for some tens of
/// microseconds, because the next operation follows at once while training, and then sleep: an idle pool uses
/// no processor time. Loops start from one thread at a time; a loop started inside a body runs inline.
class ThreadPool {
  public:
    /// `threads` is the total including the caller; values below 1 mean 1. Throws std::system_error where the
    /// system refuses a thread.
    explicit ThreadPool(int threads);
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    /// Total threads, the caller included.
    int threads() const { return static_cast<int>(workers_.size()) + 1; }
    /// 1 and above: the worker that calls; 0: any other thread.
    int this_thread() const;

    /// Calls body(begin, end) over disjoint ranges that cover [0, count); each begins at a multiple of
    /// `grain`, and all lengths but the last are multiples of it (below 1 means 1). Runs inline when count <=
    /// grain, with one thread, or inside another loop's body. Each thread begins with a share of its own, the
    /// same from loop to loop, whose data its cache may still hold, and then helps with the others' (affinity
    /// scheduling, Markatos and LeBlanc 1994): a thread the system has put aside delays the loop by one range
    /// at most. Of what nobody has begun the caller always takes the lowest indices (relay.h needs that). The
    /// first exception of a body ends the loop early and is thrown again here, when no body runs
    /// any more.
    void parallel_for(int64_t count, int64_t grain, FunctionRef<void(int64_t begin, int64_t end)> body);
    /// Waits for what another thread is about to do: spins, then yields.
    static void wait_until(FunctionRef<bool()> done);

  private:
    using Body = FunctionRef<void(int64_t begin, int64_t end)>;

    /// A thread's part of the job: ranges are taken from its front, by whoever comes.
    struct alignas(64) Share {
        std::atomic<int64_t> next{0};
        int64_t end = 0;
    };

    void work(int number);
    void run_ranges(int thread);
    void run_share(Share& share);
    bool join_job();
    void stop_workers();

    // The job: written by the caller while the gate is closed and empty, read by those who passed the gate.
    const Body* body_ = nullptr;
    int64_t count_ = 0;
    int64_t range_ = 0;
    std::exception_ptr error_;
    std::mutex error_mutex_;

    std::vector<Share> shares_;                   // by thread
    alignas(64) std::atomic<uint32_t> gate_{0};   // highest bit: a job is open; the rest: workers inside
    alignas(64) std::atomic<uint32_t> epoch_{0};  // counts jobs; idle workers wait for its change
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> workers_;
};

}  // namespace halfscope
