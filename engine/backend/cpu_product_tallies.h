// Counting of a product's elements on the threads that compute them. Used by cpu_executor.cpp and
// cpu_convolution.cpp alone, for one product each.
#pragma once

#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "numerics/tensor_tally.h"
#include "ops/tensor_view.h"

namespace halfscope {

class ProductTallies {
  public:
    explicit ProductTallies(const TensorView& out) : format_(out.format), subnormals_(out.subnormals) {}

    TensorTally& of_this_thread() {
        const std::thread::id self = std::this_thread::get_id();
        const std::lock_guard lock(mutex_);
        for (const auto& [thread, tally] : tallies_)
            if (thread == self) return *tally;
        tallies_.emplace_back(self, std::make_unique<TensorTally>(format_, subnormals_));
        return *tallies_.back().second;
    }

    /// Once the product is done.
    void add_to(TensorCounts& counts) {
        for (const auto& [thread, tally] : tallies_) tally->add_to(counts);
    }

  private:
    Format format_;
    Subnormals subnormals_;
    std::mutex mutex_;
    std::vector<std::pair<std::thread::id, std::unique_ptr<TensorTally>>> tallies_;
};

}  // namespace halfscope
