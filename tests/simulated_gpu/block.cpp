#include "block.h"

#include <array>
#include <boost/context/fiber.hpp>
#include <boost/context/preallocated.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <numeric>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace simulated_gpu {
namespace {

using boost::context::fiber;

// AddressSanitizer is told of each change of stacks: before it is made, and after it, on the other stack.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kStackBytes = std::size_t{1} << 18;
void before_change(void** frames, const void* bottom, std::size_t size) {
    __sanitizer_start_switch_fiber(frames, bottom, size);
}
void after_change(void* frames, const void** bottom, std::size_t* size) {
    __sanitizer_finish_switch_fiber(frames, bottom, size);
}
#else
constexpr std::size_t kStackBytes = std::size_t{1} << 16;
void before_change(void**, const void*, std::size_t) {}
void after_change(void*, const void**, std::size_t*) {}
#endif

struct Warp {
    std::array<std::array<std::uint64_t, kLanes>, 2> values;  ///< by turn: the last one's may still be read
    WarpCall call;
    unsigned arrived, turn;
};

/// A stack, and the thread of the block that runs on it.
struct Carrier {
    fiber stack;
    const void* bottom = nullptr;
    std::size_t size = 0;
    bool is_idle = true;
    unsigned thread = 0;
    const unsigned* turn = nullptr;  ///< the thread waits for its change from `seen`
    unsigned seen = 0;
    bool may_go_on() const { return !is_idle && *turn != seen; }
};

/// 0 to count - 1 in some order: every `stride`-th, where the two have no common divisor.
struct Order {
    unsigned count, first, stride;
    Order(unsigned count_in, std::uint64_t disorder)
        : count(count_in),
          first(static_cast<unsigned>(disorder % count)),
          stride(static_cast<unsigned>(disorder / count % count) + 1) {
        while (std::gcd(stride, count) != 1) ++stride;
    }
    unsigned at(unsigned i) const { return (first + i * stride) % count; }
};

}  // namespace

class Fibers {
  public:
    Fibers() = default;
    ~Fibers();
    Fibers(const Fibers&) = delete;
    Fibers& operator=(const Fibers&) = delete;
    std::optional<Failure> run(const Kernel& kernel, unsigned block, std::uint64_t disorder);
    bool is_in_kernel() const { return running_ != nullptr; }

    // Called on the stack of the thread that runs.
    void sync_block();
    const std::uint64_t* meet(WarpCall call, unsigned mask, std::uint64_t mine);
    [[noreturn]] void fail(cudaError_t status, std::string what);

  private:
    std::unique_ptr<Carrier> make_carrier();
    void resume(Carrier& carrier);
    void back_to_scheduler();
    void run_new_threads();
    bool begin_thread();
    void end_thread();
    void wait_for_change(const unsigned& turn, unsigned seen);
    bool resume_waiting();
    bool resume_lanes(unsigned warp);
    void start_next();
    void abandon();

    std::vector<std::unique_ptr<Carrier>> carriers_;
    std::vector<Carrier*> carrier_of_;  ///< by thread; none: has not begun, or has ended
    std::vector<Warp> warps_;
    const Kernel* kernel_ = nullptr;
    std::optional<Order> warp_order_, lane_order_;
    bool is_in_turn_ = false;
    Carrier* running_ = nullptr;
    fiber scheduler_;
    const void* scheduler_bottom_ = nullptr;
    std::size_t scheduler_size_ = 0;
    unsigned begun_ = 0;  ///< places in the order; some of the last warp's have no thread
    unsigned alive_ = 0, arrived_ = 0, turn_ = 0;
    std::optional<Failure> failure_;
    bool is_ending_ = false;
};

namespace {

thread_local Fibers* current = nullptr;

void on_bad_access(int number, siginfo_t* info, void*) {
    if (current == nullptr || !current->is_in_kernel()) {
        signal(number, SIG_DFL);  // not a kernel's: the access is made again, and ends the program
        return;
    }
    std::array<char, 80> text{};
    std::snprintf(text.data(), text.size(), "an access to address %p, where nothing is", info->si_addr);
    current->fail(cudaErrorIllegalAddress, text.data());
}

void watch_accesses() {
    static std::once_flag once;
    std::call_once(once, [] {
        struct sigaction action {};
        action.sa_sigaction = on_bad_access;
        action.sa_flags = SA_SIGINFO | SA_NODEFER;  // the handler does not return
        for (const int number : {SIGSEGV, SIGBUS}) sigaction(number, &action, nullptr);
    });
}

}  // namespace

/// Each stack is left by the way out; Boost's own way would be an exception.
Fibers::~Fibers() {
    is_ending_ = true;
    for (const auto& carrier : carriers_) resume(*carrier);
}

std::unique_ptr<Carrier> Fibers::make_carrier() {
    auto carrier = std::make_unique<Carrier>();
    boost::context::protected_fixedsize_stack allocator(kStackBytes);
    const boost::context::stack_context memory = allocator.allocate();
    // Not all at the same place of a page, which would be the same place of a cache.
    const std::size_t shift = carriers_.size() * 5 % 32 * 128;
    void* const top = static_cast<char*>(memory.sp) - shift;
    carrier->bottom = static_cast<const char*>(memory.sp) - memory.size;
    carrier->size = memory.size - shift;
    carrier->stack = fiber(std::allocator_arg, boost::context::preallocated(top, carrier->size, memory),
                           allocator, [this](fiber&& from) {
                               scheduler_ = std::move(from);
                               after_change(nullptr, &scheduler_bottom_, &scheduler_size_);
                               while (!is_ending_) run_new_threads();
                               before_change(nullptr, scheduler_bottom_, scheduler_size_);
                               return std::move(scheduler_);
                           });
    return carrier;
}

void Fibers::resume(Carrier& carrier) {
    running_ = &carrier;
    threadIdx = {carrier.thread, 0, 0};
    void* frames = nullptr;
    before_change(&frames, carrier.bottom, carrier.size);
    carrier.stack = std::move(carrier.stack).resume();
    after_change(frames, nullptr, nullptr);
    running_ = nullptr;
}

void Fibers::back_to_scheduler() {
    void* frames = nullptr;
    before_change(&frames, scheduler_bottom_, scheduler_size_);
    scheduler_ = std::move(scheduler_).resume();
    after_change(frames, &scheduler_bottom_, &scheduler_size_);
}

/// A thread that never waits needs no stack of its own: the next one begins where it ended.
void Fibers::run_new_threads() {
    running_->is_idle = false;
    while (begin_thread()) {
        kernel_->thread();
        end_thread();
    }
    running_->is_idle = true;
    back_to_scheduler();
}

bool Fibers::begin_thread() {
    while (begun_ < warp_order_->count * kLanes) {
        const unsigned place = begun_++;
        const unsigned thread = warp_order_->at(place / kLanes) * kLanes + lane_order_->at(place % kLanes);
        if (thread >= kernel_->block.x) continue;
        running_->thread = thread;
        carrier_of_[thread] = running_;
        threadIdx = {thread, 0, 0};
        return true;
    }
    return false;
}

void Fibers::end_thread() {
    carrier_of_[running_->thread] = nullptr;
    --alive_;
    if (alive_ > 0 && arrived_ == alive_) {
        arrived_ = 0;
        ++turn_;
    }
}

void Fibers::wait_for_change(const unsigned& turn, unsigned seen) {
    running_->turn = &turn;
    running_->seen = seen;
    back_to_scheduler();
}

void Fibers::sync_block() {
    const unsigned seen = turn_;
    if (++arrived_ < alive_) return wait_for_change(turn_, seen);
    arrived_ = 0;
    ++turn_;
}

const std::uint64_t* Fibers::meet(WarpCall call, unsigned mask, std::uint64_t mine) {
    if (mask != ~0u) fail(cudaErrorLaunchFailure, "a call of part of a warp, which is not simulated");
    const unsigned thread = running_->thread;
    Warp& warp = warps_[thread / kLanes];
    if (warp.arrived > 0 && warp.call != call)
        fail(cudaErrorLaunchFailure, "lanes of one warp that met in different calls");
    warp.call = call;
    const unsigned seen = warp.turn;
    auto& values = warp.values[seen % 2];
    values[thread % kLanes] = mine;
    if (++warp.arrived < kLanes) {
        wait_for_change(warp.turn, seen);
    } else {
        warp.arrived = 0;
        ++warp.turn;
    }
    return values.data();
}

void Fibers::fail(cudaError_t status, std::string what) {
    failure_ = Failure{status, std::move(what)};
    back_to_scheduler();
    std::abort();  // nobody resumes a thread of a block that failed
}

/// Threads stopped in the middle are never unwound: one may stand in a signal handler.
void Fibers::abandon() {
    static std::mutex mutex;
    static auto* const abandoned = new std::vector<std::unique_ptr<Carrier>>;
    const std::lock_guard lock(mutex);
    for (auto& carrier : carriers_) abandoned->push_back(std::move(carrier));
    carriers_.clear();
}

/// Threads that waited and can go on, by warps; whether there were any.
bool Fibers::resume_waiting() {
    bool has_moved = false;
    for (unsigned i = 0; i < warp_order_->count; ++i) {
        while (!failure_ && resume_lanes(warp_order_->at(i))) {
            has_moved = true;
            if (is_in_turn_) break;
        }
    }
    return has_moved;
}

/// Each lane once.
bool Fibers::resume_lanes(unsigned warp) {
    bool has_moved = false;
    for (unsigned i = 0; i < kLanes && !failure_; ++i) {
        const unsigned thread = warp * kLanes + lane_order_->at(i);
        if (thread >= carrier_of_.size() || !carrier_of_[thread] || !carrier_of_[thread]->may_go_on())
            continue;
        resume(*carrier_of_[thread]);
        has_moved = true;
    }
    return has_moved;
}

void Fibers::start_next() {
    for (const auto& carrier : carriers_)
        if (carrier->is_idle) return resume(*carrier);
    resume(*carriers_.emplace_back(make_carrier()));
}

std::optional<Failure> Fibers::run(const Kernel& kernel, unsigned block, std::uint64_t disorder) {
    kernel_ = &kernel;
    warps_.assign((kernel.block.x + kLanes - 1) / kLanes, Warp{});
    warp_order_.emplace(static_cast<unsigned>(warps_.size()), disorder);
    lane_order_.emplace(kLanes, disorder >> 16);
    carrier_of_.assign(kernel.block.x, nullptr);
    // Mostly one warp goes on as far as it comes, far ahead of the others; else all go on in turn.
    is_in_turn_ = disorder >> 62 == 0;
    failure_.reset();
    alive_ = kernel.block.x;
    begun_ = arrived_ = 0;
    current = this;
    blockIdx = {block, 0, 0};
    blockDim = kernel.block;
    gridDim = kernel.grid;
    while (alive_ > 0 && !failure_) {
        const bool is_next_due = begun_ < warp_order_->count * kLanes;
        if (!(is_in_turn_ && is_next_due) && resume_waiting()) continue;
        if (is_next_due) {
            start_next();
        } else {
            failure_ = Failure{cudaErrorLaunchFailure, "threads that wait for others, which never come"};
        }
    }
    current = nullptr;
    if (failure_) abandon();
    return failure_;
}

void sync_block() { current->sync_block(); }
const std::uint64_t* meet(WarpCall call, unsigned mask, std::uint64_t mine) {
    return current->meet(call, mask, mine);
}

BlockRunner::BlockRunner() : fibers_(std::make_unique<Fibers>()) { watch_accesses(); }
BlockRunner::~BlockRunner() = default;
std::optional<Failure> BlockRunner::run(const Kernel& kernel, unsigned block, std::uint64_t disorder) {
    return fibers_->run(kernel, block, disorder);
}

}  // namespace simulated_gpu
