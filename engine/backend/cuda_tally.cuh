// Counting on the device: threads count classes in registers and exponents in shared memory, and a block adds
// its sums to a TensorCounts in device memory when it is done. Every count is the one that TensorCounts::add
// would make. What FP16 would make of the values follows from their exponents
// (ExponentHistogram::Prediction), so that it need not be looked at value by value.
#pragma once

#include <cstdint>

#include "numerics/tensor_counts.h"

namespace halfscope::cuda {

constexpr unsigned kAllLanes = 0xffffffffu;

__device__ inline void add_to(std::uint64_t& total, std::uint64_t count) {
    if (count != 0)
        atomicAdd(reinterpret_cast<unsigned long long*>(&total), static_cast<unsigned long long>(count));
}

/// The sum over a warp's lanes, in every lane.
__device__ inline unsigned sum_of_lanes(unsigned x) {
#if __CUDA_ARCH__ >= 800
    return __reduce_add_sync(kAllLanes, x);
#else
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(kAllLanes, x, distance);
    return x;
#endif
}
__device__ inline unsigned smallest_of_lanes(unsigned x) {
#if __CUDA_ARCH__ >= 800
    return __reduce_min_sync(kAllLanes, x);
#else
    for (int distance = 16; distance > 0; distance /= 2) {
        const unsigned other = __shfl_xor_sync(kAllLanes, x, distance);
        if (other < x) x = other;
    }
    return x;
#endif
}

/// What one thread has counted and not yet added to its block's, in fields of eight bits.
struct ThreadTally {
    unsigned long long near = 0;  ///< of the eight bins from near_bin: most of a tensor's values
    int near_bin = -1;            ///< -1: none yet
    unsigned long long own = 0;   ///< by class
    unsigned odd = 0;             ///< values with no exponent: zeros, infinities, NaNs
    unsigned pending = 0;
    unsigned least = 0xffffffffu, most = 0;  ///< magnitudes
};

/// Lies in shared memory.
class BlockTally {
  public:
    /// All threads of the block. `format`, `subnormals`: what values are stored in.
    __device__ void start(Format format, Subnormals subnormals) {
        for (unsigned i = threadIdx.x; i < kCopies * kExponentBins; i += blockDim.x) (&all_[0][0])[i] = 0;
        for (unsigned i = threadIdx.x; i < kExponentBins; i += blockDim.x) marks_[i] = {};
        if (threadIdx.x < kClasses) own_[threadIdx.x] = fp16_[threadIdx.x] = 0;
        if (threadIdx.x == 0) {
            is_fp16_ = format == Format::fp16 && subnormals == Subnormals::keep;
            format_ = format;
            least_ = 0xffffffffu;
            most_ = own_incoming_ = zeros_ = infinities_ = nans_ = 0;
        }
        __syncthreads();
    }

    /// All lanes of a warp together; `is_there`: whether this lane has a value.
    __device__ void add(ThreadTally& mine, bool is_there, float exact, float stored) {
        if (is_there) count(mine, exact, stored);
        if (++mine.pending == kMostPending) settle(mine);
    }

    /// All threads of the block, after the last add().
    __device__ void finish(ThreadTally& mine, TensorCounts& counts) {
        settle(mine);
        const unsigned least = smallest_of_lanes(mine.least), most = ~smallest_of_lanes(~mine.most);
        if (threadIdx.x % 32 == 0) {
            atomicMin(&least_, least);
            atomicMax(&most_, most);
        }
        __syncthreads();
        ExponentHistogram::Prediction fp16;
        for (unsigned bin = threadIdx.x; bin < kExponentBins; bin += blockDim.x) {
            ExponentHistogram::Bin sums;
            for (unsigned copy = 0; copy < kCopies; ++copy) sums.all += all_[copy][bin];
            if (sums.all == 0) continue;
            sums.powers_of_two = marks_[bin].powers_of_two;
            sums.top_of_normals = marks_[bin].top_of_normals;
            sums.top_of_subnormals = marks_[bin].top_of_subnormals;
            fp16.add(sums, kMinExponent + static_cast<int>(bin), 0);
            ExponentHistogram::Bin& total = counts.histogram.bins[bin];
            add_to(total.all, sums.all);
            add_to(total.powers_of_two, sums.powers_of_two);
            add_to(total.top_of_normals, sums.top_of_normals);
            add_to(total.top_of_subnormals, sums.top_of_subnormals);
        }
        add_lanes(fp16_[index_of(NumberClass::flushed)], static_cast<unsigned>(fp16.flushed));
        add_lanes(fp16_[index_of(NumberClass::subnormal)], static_cast<unsigned>(fp16.subnormal));
        add_lanes(fp16_[index_of(NumberClass::normal)], static_cast<unsigned>(fp16.normal));
        add_lanes(fp16_[index_of(NumberClass::inf)], static_cast<unsigned>(fp16.inf));
        __syncthreads();
        if (threadIdx.x != 0) return;
        fp16_[index_of(NumberClass::true_zero)] = zeros_;
        fp16_[index_of(NumberClass::inf)] += infinities_;
        fp16_[index_of(NumberClass::nan)] = nans_;
        add_classes(counts.fp16, fp16_, infinities_);
        add_classes(counts.own, is_fp16_ ? fp16_ : own_, is_fp16_ ? infinities_ : own_incoming_);
        if (most_ > 0) atomicMax(reinterpret_cast<unsigned*>(&counts.max_abs), most_);
        if (least_ != 0xffffffffu) lower(reinterpret_cast<unsigned*>(&counts.min_abs), least_);
    }

  private:
    static constexpr unsigned kClasses = 6, kFieldBits = 8, kField = 0xffu, kMostPending = 255;
    static constexpr int kNear = 8;
    /// Of the bins, by lane: threads have like exponents, and their counts would wait for each other.
    static constexpr unsigned kCopies = 4;
    static constexpr unsigned kZero = 0, kInfinity = 1, kNan = 2;
    struct Marks {
        unsigned powers_of_two, top_of_normals, top_of_subnormals;
    };

    __device__ static constexpr unsigned index_of(NumberClass c) { return static_cast<unsigned>(c); }

    __device__ void count(ThreadTally& mine, float exact, float stored) {
        const unsigned magnitude = bits_of(exact) & 0x7fffffffu;
        const ExponentHistogram::Place place = ExponentHistogram::place_of(exact);
        if (place.bin >= 0) {
            if (mine.near_bin < 0) mine.near_bin = place.bin < kNear - 3 ? 0 : place.bin - (kNear - 3);
            const int near = place.bin - mine.near_bin;
            if (near >= 0 && near < kNear) {
                mine.near += 1ull << (static_cast<unsigned>(near) * kFieldBits);
            } else {
                atomicAdd(&all_[threadIdx.x % kCopies][place.bin], 1u);
            }
            // Numbers that were rounded before are often powers of two; else these are rare.
            if (place.power_of_two) atomicAdd(&marks_[place.bin].powers_of_two, 1u);
            if (place.top_of_normals) atomicAdd(&marks_[place.bin].top_of_normals, 1u);
            if (place.top_of_subnormals) atomicAdd(&marks_[place.bin].top_of_subnormals, 1u);
        } else {
            const unsigned kind = magnitude == 0 ? kZero : magnitude == 0x7f800000u ? kInfinity : kNan;
            mine.odd += 1u << (kind * kFieldBits);
        }
        if (magnitude < 0x7f800000u) {
            if (magnitude != 0 && magnitude < mine.least) mine.least = magnitude;
            if (magnitude > mine.most) mine.most = magnitude;
        }
        if (is_fp16_) return;
        const NumberClass own = classify(exact, stored, format_);
        mine.own += 1ull << (index_of(own) * kFieldBits);
        if (own == NumberClass::inf && magnitude == 0x7f800000u) atomicAdd(&own_incoming_, 1u);
    }

    /// Adds the thread's fields to the block's counts. All lanes of a warp together.
    __device__ void settle(ThreadTally& mine) {
        for (int i = 0; mine.near != 0; ++i, mine.near >>= kFieldBits) {
            const unsigned count = static_cast<unsigned>(mine.near) & kField;
            if (count != 0) atomicAdd(&all_[threadIdx.x % kCopies][mine.near_bin + i], count);
        }
        add_lanes(zeros_, mine.odd >> (kZero * kFieldBits) & kField);
        add_lanes(infinities_, mine.odd >> (kInfinity * kFieldBits) & kField);
        add_lanes(nans_, mine.odd >> (kNan * kFieldBits) & kField);
        if (!is_fp16_)
            for (unsigned c = 0; c < kClasses; ++c)
                add_lanes(own_[c], static_cast<unsigned>(mine.own >> (c * kFieldBits)) & kField);
        mine.own = 0;
        mine.odd = mine.pending = 0;
    }
    __device__ static void add_lanes(unsigned& total, unsigned count) {
        const unsigned sum = sum_of_lanes(count);
        if (threadIdx.x % 32 == 0 && sum != 0) atomicAdd(&total, sum);
    }

    __device__ static void add_classes(ClassCounts& total, const unsigned (&counts)[kClasses],
                                       unsigned incoming) {
        add_to(total.true_zero, counts[index_of(NumberClass::true_zero)]);
        add_to(total.flushed, counts[index_of(NumberClass::flushed)]);
        add_to(total.subnormal, counts[index_of(NumberClass::subnormal)]);
        add_to(total.normal, counts[index_of(NumberClass::normal)]);
        add_to(total.inf, counts[index_of(NumberClass::inf)]);
        add_to(total.nan, counts[index_of(NumberClass::nan)]);
        add_to(total.inf_incoming, incoming);
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

    unsigned all_[kCopies][kExponentBins];
    Marks marks_[kExponentBins];
    unsigned own_[kClasses], fp16_[kClasses];
    unsigned own_incoming_, zeros_, infinities_, nans_;
    unsigned least_, most_;
    Format format_;
    bool is_fp16_;
};

}  // namespace halfscope::cuda
