// Counting on the device: a block counts into shared memory and adds its sums to a TensorCounts in device
// memory when it is done. Every count is the one that TensorCounts::add would make, from the same classes and
// places.
#pragma once

#include <cstdint>

#include "numerics/tensor_counts.h"

namespace halfscope::cuda {

constexpr unsigned kAllLanes = 0xffffffffu;

__device__ inline void add_to(std::uint64_t& total, unsigned count) {
    if (count != 0)
        atomicAdd(reinterpret_cast<unsigned long long*>(&total), static_cast<unsigned long long>(count));
}

/// Lies in shared memory.
class BlockTally {
  public:
    /// All threads of the block.
    __device__ void start() {
        for (unsigned i = threadIdx.x; i < kExponentBins * 4; i += blockDim.x) (&bins_[0][0])[i] = 0;
        if (threadIdx.x < kClasses) own_[threadIdx.x] = fp16_[threadIdx.x] = 0;
        if (threadIdx.x == 0) {
            least_ = 0xffffffffu;
            most_ = 0;
        }
        __syncthreads();
    }

    /// All lanes of a warp together; `is_there`: whether this lane has a value.
    __device__ void add(bool is_there, float exact, float stored, Format format) {
        const unsigned there = __ballot_sync(kAllLanes, is_there);
        if (!is_there) return;
        const ExponentHistogram::Place place = ExponentHistogram::place_of(exact);
        const bool is_infinite = (bits_of(exact) & 0x7fffffffu) == 0x7f800000u;
        const auto own = static_cast<unsigned>(classify(exact, stored, format));
        const auto fp16 = static_cast<unsigned>(classify(exact, round_to_fp16(exact), Format::fp16));
        // Lanes that count the same count once.
        const unsigned key = (place.bin + 1u) | own << 9 | fp16 << 12 | (is_infinite ? 1u << 15 : 0u) |
                             (place.power_of_two ? 1u << 16 : 0u) | (place.top_of_normals ? 1u << 17 : 0u) |
                             (place.top_of_subnormals ? 1u << 18 : 0u);
        const unsigned same = __match_any_sync(there, key);
        if ((threadIdx.x & 31u) == static_cast<unsigned>(__ffs(static_cast<int>(same)) - 1)) {
            const auto count = static_cast<unsigned>(__popc(same));
            if (place.bin >= 0) {
                unsigned* const bin = bins_[place.bin];
                atomicAdd(&bin[0], count);
                if (place.power_of_two) atomicAdd(&bin[1], count);
                if (place.top_of_normals) atomicAdd(&bin[2], count);
                if (place.top_of_subnormals) atomicAdd(&bin[3], count);
            }
            constexpr auto kInf = static_cast<unsigned>(NumberClass::inf);
            atomicAdd(&own_[own], count);
            atomicAdd(&fp16_[fp16], count);
            if (is_infinite && own == kInf) atomicAdd(&own_[kIncoming], count);
            if (is_infinite && fp16 == kInf) atomicAdd(&fp16_[kIncoming], count);
        }
        const unsigned magnitude = bits_of(exact) & 0x7fffffffu;
        const bool is_finite = magnitude < 0x7f800000u;
        const unsigned least = smallest_of(there, is_finite && magnitude != 0 ? magnitude : 0xffffffffu);
        const unsigned most = largest_of(there, is_finite ? magnitude : 0u);
        if ((threadIdx.x & 31u) == static_cast<unsigned>(__ffs(static_cast<int>(there)) - 1)) {
            if (least < least_) atomicMin(&least_, least);
            if (most > most_) atomicMax(&most_, most);
        }
    }

    /// All threads of the block, after the last add().
    __device__ void finish(TensorCounts& counts) {
        __syncthreads();
        for (unsigned bin = threadIdx.x; bin < kExponentBins; bin += blockDim.x) {
            ExponentHistogram::Bin& total = counts.histogram.bins[bin];
            add_to(total.all, bins_[bin][0]);
            add_to(total.powers_of_two, bins_[bin][1]);
            add_to(total.top_of_normals, bins_[bin][2]);
            add_to(total.top_of_subnormals, bins_[bin][3]);
        }
        if (threadIdx.x != 0) return;
        add_classes(counts.own, own_);
        add_classes(counts.fp16, fp16_);
        if (most_ > 0) atomicMax(reinterpret_cast<unsigned*>(&counts.max_abs), most_);
        if (least_ != 0xffffffffu) lower(reinterpret_cast<unsigned*>(&counts.min_abs), least_);
    }

  private:
    static constexpr unsigned kClasses = 7, kIncoming = 6;

    __device__ static unsigned smallest_of(unsigned lanes, unsigned x) {
#if __CUDA_ARCH__ >= 800
        return __reduce_min_sync(lanes, x);
#else
        for (int distance = 16; distance > 0; distance /= 2) {
            const unsigned other = __shfl_xor_sync(lanes, x, distance);
            const bool is_there = lanes >> ((threadIdx.x & 31u) ^ distance) & 1u;
            if (is_there && other < x) x = other;
        }
        return x;
#endif
    }
    __device__ static unsigned largest_of(unsigned lanes, unsigned x) { return ~smallest_of(lanes, ~x); }

    __device__ static void add_classes(ClassCounts& total, const unsigned (&counts)[kClasses]) {
        add_to(total.true_zero, counts[static_cast<int>(NumberClass::true_zero)]);
        add_to(total.flushed, counts[static_cast<int>(NumberClass::flushed)]);
        add_to(total.subnormal, counts[static_cast<int>(NumberClass::subnormal)]);
        add_to(total.normal, counts[static_cast<int>(NumberClass::normal)]);
        add_to(total.inf, counts[static_cast<int>(NumberClass::inf)]);
        add_to(total.nan, counts[static_cast<int>(NumberClass::nan)]);
        add_to(total.inf_incoming, counts[kIncoming]);
    }

    /// The smaller of two magnitudes, where 0 stands for none yet.
    __device__ static void lower(unsigned* place, unsigned magnitude) {
        unsigned seen = *place;
        while (seen == 0 || magnitude < seen) {
            const unsigned before = atomicCAS(place, seen, magnitude);
            if (before == seen) return;
            seen = before;
        }
    }

    unsigned bins_[kExponentBins][4];
    unsigned own_[kClasses], fp16_[kClasses];
    unsigned least_, most_;
};

}  // namespace halfscope::cuda
