// Work on several small tensors as one kernel: a launch costs more than such a tensor's work. Used by the
// CUDA executor alone, for calls of which none reads what another one stores.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "backend/cuda_kernels.cuh"
#include "backend/cuda_launch.h"
#include "ops/formulas.h"
#include "ops/optimizer_update.h"

namespace halfscope {
namespace cuda {

// --- Kinds of work: run() is called by all threads of each block ---

template <int N, bool is_counted, class Body>
struct StoreJob {
    Outputs<N> out;
    Body body;
    __device__ void run(Share share) const {
        if (!idle(body)) store_elements<N, is_counted>(out, bound(body), share);
    }
};
template <class F, class In>
struct CountJob {
    UpdateCounts* counts;
    Format format;
    std::int64_t rows, cols;
    F formula;
    In in;
    __device__ void run(Share share) const {
        if (!idle(formula)) count_updates(counts, format, rows, cols, bound(formula), in, share);
    }
};

/// Updates, of which none reads what another one stores.
template <class Body>
inline constexpr bool kIsUpdate = false;
template <int N, int kMoments, MomentForm kMomentForm, WeightForm kForm, class In>
inline constexpr bool kIsUpdate<MapBody<N, ParameterUpdate<kMoments, kMomentForm, kForm>, In>> = true;

template <class Body>
inline constexpr bool kIsCopy = false;
template <class In>
inline constexpr bool kIsCopy<MapBody<1, Single<Identity>, In>> = true;

/// Jobs as they travel in a kernel's arguments, of which every device takes 4 KiB. Bytes, since formulas have
/// no value to begin with.
template <class Job>
struct Jobs {
    static_assert(std::is_trivially_copyable_v<Job>);
    struct Place {
        Job job;
        unsigned first_block;
    };
    static constexpr std::size_t kMost = 4000 / sizeof(Place);
    alignas(Place) unsigned char bytes[kMost * sizeof(Place)];
    int count = 0;
    HALFSCOPE_HD const Place& place(int i) const { return reinterpret_cast<const Place*>(bytes)[i]; }
};

template <class Job>
__global__ void __launch_bounds__(kThreads) together_kernel(const __grid_constant__ Jobs<Job> jobs) {
    int i = 0;
    while (i + 1 < jobs.count && blockIdx.x >= jobs.place(i + 1).first_block) ++i;
    const unsigned begin = jobs.place(i).first_block;
    const unsigned end = i + 1 < jobs.count ? jobs.place(i + 1).first_block : gridDim.x;
    jobs.place(i).job.run({blockIdx.x - begin, end - begin});
}

}  // namespace cuda

/// Work collected: a kernel for each run of one kind, in the order it came.
class CudaTogether {
  public:
    template <class Job>
    void add(const Job& job, unsigned blocks) {
        auto* last = collected_.empty() ? nullptr : dynamic_cast<Collected<Job>*>(collected_.back().get());
        if (last == nullptr || last->is_full()) {
            collected_.push_back(std::make_unique<Collected<Job>>());
            last = static_cast<Collected<Job>*>(collected_.back().get());
        }
        last->add(job, blocks);
    }
    void launch(cudaStream_t stream) {
        const auto work = std::exchange(collected_, {});
        for (const auto& one : work) one->launch(stream);
    }
    /// Where what was collected is not to be done any more.
    void forget() { collected_.clear(); }

  private:
    struct AnyCollected {
        virtual ~AnyCollected() = default;
        virtual void launch(cudaStream_t stream) const = 0;
    };
    template <class Job>
    struct Collected final : AnyCollected {
        cuda::Jobs<Job> jobs;
        unsigned blocks = 0;
        bool is_full() const { return static_cast<std::size_t>(jobs.count) == jobs.kMost; }
        void add(const Job& job, unsigned more) {
            const typename cuda::Jobs<Job>::Place place{job, blocks};
            std::memcpy(jobs.bytes + static_cast<std::size_t>(jobs.count++) * sizeof place, &place,
                        sizeof place);
            blocks += more;
        }
        void launch(cudaStream_t stream) const override {
            halfscope::launch("work on several tensors", {blocks, cuda::kThreads, stream},
                              cuda::together_kernel<Job>, jobs);
        }
    };

    std::vector<std::unique_ptr<AnyCollected>> collected_;
};

}  // namespace halfscope
