// The tallies of one operation: for each of up to four outputs one a thread, so that threads count what they
// store without waiting for each other. Kept from one operation to the next, because they are large. Used by
// the CPU executor alone.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "backend/thread_pool.h"
#include "numerics/tensor_tally.h"

namespace halfscope {

class CpuTallies {
  public:
    explicit CpuTallies(const ThreadPool& pool)
        : pool_(pool), threads_(static_cast<std::size_t>(pool.threads())) {}

    /// The calling thread's; every thread names the same format. Inside a loop of the pool or outside all.
    TensorTally& of(int output, Format format, Subnormals subnormals) {
        Slot& slot =
            threads_[static_cast<std::size_t>(pool_.this_thread())][static_cast<std::size_t>(output)];
        if (!slot.tally) {
            slot.tally = std::make_unique<TensorTally>(format, subnormals);
        } else if (!slot.is_counting) {
            slot.tally->start(format, subnormals);
        }
        slot.is_counting = true;
        return *slot.tally;
    }

    /// Adds what all threads counted of an output and forgets it. Once the loop is over.
    void move_to(int output, TensorCounts& counts) {
        TensorTally* all = nullptr;
        for (auto& slots : threads_) {
            Slot& slot = slots[static_cast<std::size_t>(output)];
            if (!std::exchange(slot.is_counting, false)) continue;
            if (all) {
                all->take(*slot.tally);
            } else {
                all = slot.tally.get();
            }
        }
        if (all) all->add_to(counts);
    }

    /// Before an operation: forgets what one left that ended by an exception.
    void reset() {
        for (auto& slots : threads_)
            for (Slot& slot : slots) slot.is_counting = false;
    }

  private:
    struct Slot {
        std::unique_ptr<TensorTally> tally;
        bool is_counting = false;
    };
    const ThreadPool& pool_;
    std::vector<std::array<Slot, 4>> threads_;
};

}  // namespace halfscope
