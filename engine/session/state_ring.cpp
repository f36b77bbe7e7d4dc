#include "session/state_ring.h"

#include <algorithm>
#include <string>
#include <utility>

namespace halfscope {
namespace {

// What an allocator keeps beside each piece of memory, and a std::map beside each entry, roughly: of a small
// network a fifth of all.
constexpr std::uint64_t kAllocation = 2 * sizeof(void*), kMapNode = 4 * sizeof(void*) + kAllocation;

/// What a string takes beyond itself.
std::uint64_t heap_bytes(const std::string& text) {
    return text.capacity() > std::string().capacity() ? text.capacity() + 1 + kAllocation : 0;
}

}  // namespace

std::uint64_t KeptState::bytes() const {
    std::uint64_t sum = sizeof(KeptState) + kAllocation;
    for (const KeptLane& lane : lanes) {
        sum += sizeof(KeptLane);
        for (const auto& buffer : lane.record.buffers)
            sum += sizeof buffer + kMapNode + heap_bytes(buffer.first) + heap_bytes(buffer.second);
    }
    return sum;
}

void StateRing::add(KeptState state) {
    bytes_ += state.bytes();
    states_.push_back(std::move(state));
    shrink();
}

void StateRing::clear() {
    states_.clear();
    bytes_ = 0;
}

void StateRing::erase(std::size_t index) {
    bytes_ -= states_[index].bytes();
    states_.erase(states_.begin() + static_cast<std::ptrdiff_t>(index));
}

void StateRing::forget_after(std::int64_t step) {
    while (!states_.empty() && states_.back().step > step) erase(states_.size() - 1);
}

void StateRing::set_most_bytes(std::uint64_t most_bytes) {
    most_bytes_ = most_bytes;
    most_bytes_ == 0 ? clear() : shrink();
}

/// Drops the state whose gap, against its age, is smallest: so that gaps grow with age.
void StateRing::shrink() {
    while (bytes_ > most_bytes_ && states_.size() > 2) {
        std::size_t victim = 1;
        double least = 0;
        for (std::size_t index = 1; index + 1 < states_.size(); ++index) {
            const auto gap = static_cast<double>(states_[index + 1].step - states_[index - 1].step);
            const auto age = static_cast<double>(states_.back().step - states_[index].step);
            if (index == 1 || gap / age < least) {
                least = gap / age;
                victim = index;
            }
        }
        erase(victim);
    }
}

const KeptState* StateRing::before(std::int64_t step) const {
    const auto later = std::partition_point(states_.begin(), states_.end(),
                                            [step](const KeptState& state) { return state.step <= step; });
    return later == states_.begin() ? nullptr : &*std::prev(later);
}

}  // namespace halfscope
