#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>

#include "device.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(place, bytes)
#define ASAN_UNPOISON_MEMORY_REGION(place, bytes)
#endif

namespace simulated_gpu {
namespace {

constexpr std::uint64_t kPage = 4096, kFenceBytes = 256;
/// More than memory, so that an address comes back late: who still uses one that was given back, shows.
constexpr std::uint64_t kAddresses = std::uint64_t{64} << 30;
constexpr unsigned char kFence = 0xfb, kUnwritten = 0xd7;
constexpr std::uint64_t kMostFilled = std::uint64_t{1} << 20;  // more would take most of the tests' time

std::uint64_t rounded_up(std::uint64_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }
/// Whole pages, of which at least a fence is left behind the allocation.
std::uint64_t taken_by(std::uint64_t bytes) { return rounded_up(bytes + kFenceBytes); }

}  // namespace

Memory::Memory(std::uint64_t bytes) : bytes_(rounded_up(bytes)) {
    void* const place =
        mmap(nullptr, kAddresses, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) throw std::bad_alloc();
    begin_ = static_cast<char*>(place);
}
Memory::~Memory() { munmap(begin_, kAddresses); }

/// What is given; what was given back stays closed.
void Memory::open() {
    for (auto first = allocations_.begin(); first != allocations_.end();) {
        const std::uint64_t begin = first->first;
        std::uint64_t end = begin;
        for (; first != allocations_.end() && first->first == end; ++first) end += taken_by(first->second);
        mprotect(begin_ + begin, end - begin, PROT_READ | PROT_WRITE);
    }
}
void Memory::close() { mprotect(begin_, kAddresses, PROT_NONE); }

/// The first gap behind the last allocation, or from the beginning again; kAddresses: there is none.
std::uint64_t Memory::gap_of(std::uint64_t bytes) const {
    for (std::uint64_t offset : {next_, std::uint64_t{0}}) {
        for (auto after = allocations_.lower_bound(offset);; ++after) {
            const std::uint64_t end = after == allocations_.end() ? kAddresses : after->first;
            if (end - offset >= bytes) return offset;
            if (after == allocations_.end()) break;
            offset = end + taken_by(after->second);
        }
    }
    return kAddresses;
}

void* Memory::allocate(std::uint64_t bytes) {
    ++requests_;
    if (bytes > bytes_ || used_ + taken_by(bytes) > bytes_) return nullptr;
    const std::uint64_t offset = gap_of(taken_by(bytes));
    if (offset == kAddresses) return nullptr;
    allocations_[offset] = bytes;
    next_ = offset + taken_by(bytes);
    used_ += taken_by(bytes);
    char* const place = begin_ + offset;
    open();
    ASAN_UNPOISON_MEMORY_REGION(place, taken_by(bytes));
    std::memset(place, kUnwritten, std::min(bytes, kMostFilled));
    std::memset(place + bytes, kFence, taken_by(bytes) - bytes);
    ASAN_POISON_MEMORY_REGION(place + bytes, taken_by(bytes) - bytes);
    close();
    return place;
}

bool Memory::release(void* memory) {
    const auto found = allocations_.find(static_cast<std::uint64_t>(static_cast<char*>(memory) - begin_));
    if (found == allocations_.end()) return false;
    const std::uint64_t bytes = found->second, taken = taken_by(bytes);
    const auto* const place = static_cast<unsigned char*>(memory);
    open();
    ASAN_UNPOISON_MEMORY_REGION(place, taken);
    for (std::uint64_t i = bytes; i < taken; ++i) {
        if (place[i] == kFence) continue;
        std::fprintf(stderr, "simulated GPU: somebody wrote %llu bytes behind an allocation of %llu\n",
                     static_cast<unsigned long long>(i - bytes), static_cast<unsigned long long>(bytes));
        std::abort();
    }
    close();
    ASAN_POISON_MEMORY_REGION(place, taken);
    madvise(memory, taken, MADV_DONTNEED);
    used_ -= taken;
    allocations_.erase(found);
    return true;
}

bool Memory::holds(const void* data, std::uint64_t bytes) const {
    const auto* const place = static_cast<const char*>(data);
    if (place < begin_ || place >= begin_ + kAddresses) return false;
    const auto offset = static_cast<std::uint64_t>(place - begin_);
    const auto after = allocations_.upper_bound(offset);
    if (after == allocations_.begin()) return false;
    const auto& [begin, size] = *std::prev(after);
    return offset + bytes <= begin + size;
}

std::uint64_t Memory::requested_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& [begin, size] : allocations_) bytes += size;
    return bytes;
}

}  // namespace simulated_gpu
