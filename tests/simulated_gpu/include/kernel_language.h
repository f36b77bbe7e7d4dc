// The words that CUDA kernels are written in, for a compiler of the host: marks that mean nothing here,
// indices, and what the threads of a block or a warp do together. Included by this folder's cuda_runtime.h.
// Names and meanings are those of the CUDA C++ Programming Guide.
#pragma once

#include <math.h>

#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__
#define __grid_constant__
#define __launch_bounds__(...)
// A block's threads are fibers of one thread of the host. What a block finds there is what the last one left.
#define __shared__ static thread_local

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};
// Moves whatever lies in memory.
struct __attribute__((may_alias, aligned(16))) uint4 {
    unsigned x, y, z, w;
};

inline constinit thread_local uint3 threadIdx{}, blockIdx{};
inline constinit thread_local dim3 blockDim{}, gridDim{};

namespace simulated_gpu {

constexpr unsigned kLanes = 32;

enum class WarpCall : std::uint8_t { shuffle_down, shuffle_xor, ballot, reduce_add, reduce_min };

/// Returns when all threads of the block that have not ended are here.
void sync_block();
/// Returns when all lanes of the warp are here, with what each of them brought. A failed kernel where they
/// came with another call, or not at all.
const std::uint64_t* meet(WarpCall call, unsigned mask, std::uint64_t mine);

inline unsigned lane() { return threadIdx.x % kLanes; }

/// The value that the lane `from` brought.
template <class T>
T shuffled(WarpCall call, unsigned mask, T mine, unsigned from) {
    static_assert(sizeof(T) <= sizeof(std::uint64_t));
    std::uint64_t bits = 0;
    std::memcpy(&bits, &mine, sizeof mine);
    const std::uint64_t* const all = meet(call, mask, bits);
    T result;
    std::memcpy(&result, &all[from], sizeof result);
    return result;
}

}  // namespace simulated_gpu

inline void __syncthreads() { simulated_gpu::sync_block(); }

template <class T>
T __shfl_down_sync(unsigned mask, T mine, unsigned delta) {
    const unsigned lane = simulated_gpu::lane();
    const unsigned from = lane + delta < simulated_gpu::kLanes ? lane + delta : lane;
    return simulated_gpu::shuffled(simulated_gpu::WarpCall::shuffle_down, mask, mine, from);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T mine, unsigned lane_mask) {
    return simulated_gpu::shuffled(simulated_gpu::WarpCall::shuffle_xor, mask, mine,
                                   simulated_gpu::lane() ^ lane_mask);
}
inline unsigned __ballot_sync(unsigned mask, bool predicate) {
    const std::uint64_t* const all = simulated_gpu::meet(simulated_gpu::WarpCall::ballot, mask, predicate);
    unsigned bits = 0;
    for (unsigned i = 0; i < simulated_gpu::kLanes; ++i) bits |= static_cast<unsigned>(all[i]) << i;
    return bits;
}
inline unsigned __reduce_add_sync(unsigned mask, unsigned value) {
    const std::uint64_t* const all = simulated_gpu::meet(simulated_gpu::WarpCall::reduce_add, mask, value);
    unsigned sum = 0;
    for (unsigned i = 0; i < simulated_gpu::kLanes; ++i) sum += static_cast<unsigned>(all[i]);
    return sum;
}
inline unsigned __reduce_min_sync(unsigned mask, unsigned value) {
    const std::uint64_t* const all = simulated_gpu::meet(simulated_gpu::WarpCall::reduce_min, mask, value);
    std::uint64_t least = all[0];
    for (unsigned i = 1; i < simulated_gpu::kLanes; ++i) least = all[i] < least ? all[i] : least;
    return static_cast<unsigned>(least);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline float __fsqrt_rn(float x) { return __builtin_sqrtf(x); }

// Blocks run on several threads of the host. Each returns what was there before.
inline unsigned atomicAdd(unsigned* place, unsigned value) {
    return __atomic_fetch_add(place, value, __ATOMIC_RELAXED);
}
inline unsigned long long atomicAdd(unsigned long long* place, unsigned long long value) {
    return __atomic_fetch_add(place, value, __ATOMIC_RELAXED);
}
inline unsigned atomicCAS(unsigned* place, unsigned expected, unsigned value) {
    __atomic_compare_exchange_n(place, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}
inline unsigned atomicMax(unsigned* place, unsigned value) {
    unsigned seen = __atomic_load_n(place, __ATOMIC_RELAXED);
    while (seen < value && atomicCAS(place, seen, value) != seen)
        seen = __atomic_load_n(place, __ATOMIC_RELAXED);
    return seen;
}
inline unsigned atomicMin(unsigned* place, unsigned value) {
    unsigned seen = __atomic_load_n(place, __ATOMIC_RELAXED);
    while (seen > value && atomicCAS(place, seen, value) != seen)
        seen = __atomic_load_n(place, __ATOMIC_RELAXED);
    return seen;
}
