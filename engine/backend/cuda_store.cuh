// How the CUDA executor evaluates a formula for every element and stores it: an element or a pack a thread,
// one tensor a kernel or many small ones together. Orders and rounding are those of ops/executor.h.
#pragma once

#include <cstdint>

#include "backend/cuda_convert.cuh"
#include "backend/cuda_tally.cuh"

namespace halfscope::cuda {

constexpr int kThreads = 256;

/// The blocks that work on one tensor, and which of them this is.
struct Share {
    unsigned block, blocks;

    /// Rounds of a loop in which every thread takes part, whether there is something for it or not: what
    /// counts, counts by whole warps.
    __device__ std::int64_t rounds(std::int64_t items) const {
        const std::int64_t threads = static_cast<std::int64_t>(blocks) * blockDim.x;
        return (items + threads - 1) / threads;
    }
    __device__ std::int64_t element(std::int64_t round) const {
        return (round * blocks + block) * blockDim.x + threadIdx.x;
    }
};

/// What stored outputs are counted by; without counts it costs nothing.
template <int N, bool is_counted>
struct Tallies {
    struct OfThread {};
    __device__ void start(const Outputs<N>&) {}
    __device__ void add(OfThread&, const Outputs<N>&, int, bool, float, float) {}
    __device__ void finish(OfThread&, const Outputs<N>&) {}
};
template <int N>
struct Tallies<N, true> {
    BlockTally tally[N];
    struct OfThread {
        ThreadTally mine[N];
    };
    __device__ void start(const Outputs<N>& out) {
        for (int n = 0; n < N; ++n)
            if (out.view[n].counts) tally[n].start(out.view[n].format, out.view[n].subnormals);
    }
    __device__ void add(OfThread& thread, const Outputs<N>& out, int n, bool is_there, float exact,
                        float stored) {
        if (out.view[n].counts) tally[n].add(thread.mine[n], is_there, exact, stored);
    }
    __device__ void finish(OfThread& thread, const Outputs<N>& out) {
#pragma unroll
        for (int n = 0; n < N; ++n)
            if (out.view[n].counts) tally[n].finish(thread.mine[n], *out.view[n].counts);
    }
};

// --- Bodies: what is stored, by element or by pack ---

template <int N, class F, class In>
struct MapBody {
    F f;
    In in;
    HALFSCOPE_HD auto bind() const { return MapBody<N, decltype(bound(f)), In>{bound(f), in}; }
    HALFSCOPE_HD bool is_idle() const { return idle(f); }
    bool packable(std::int64_t cols) const { return in.packable(cols); }
    __device__ Values<N> operator()(const Element& e) const { return in.call(f, e); }
    __device__ void pack(Values<N>* results, const Element& first) const { in.call_pack(results, f, first); }
};
/// A formula with one result as one with Values.
template <class F>
struct Single {
    F f;
    HALFSCOPE_HD auto bind() const { return Single<decltype(bound(f))>{bound(f)}; }
    HALFSCOPE_HD bool is_idle() const { return idle(f); }
    template <class... X>
    __device__ Values<1> operator()(std::int64_t index, X... x) const {
        return {{f(index, x...)}};
    }
};

template <class Body>
concept HasPacks = requires(const Body& body) {
    body.packable(std::int64_t{});
};

/// Whether a thread may take a pack at a time.
template <int N, HasPacks Body>
bool packable(const Outputs<N>& out, const Body& body) {
    for (const TensorView& view : out.view)
        if (!is_packable(view)) return false;
    return body.packable(out.view[0].cols);
}

// --- Storing ---

/// out(e) = store(body(e)) for each element; `body` is bound and returns Values<N>. All threads of a block.
template <int N, bool is_counted, class Body>
__device__ inline void store_elements(const Outputs<N>& out, const Body& body, Share share) {
    __shared__ Tallies<N, is_counted> tallies;
    typename Tallies<N, is_counted>::OfThread thread;
    tallies.start(out);
    const std::int64_t cols = out.view[0].cols, elements = out.view[0].rows * cols;
    const std::int64_t last = share.rounds(elements);
    for (std::int64_t round = 0; round < last; ++round) {
        const std::int64_t index = share.element(round);
        const bool is_there = index < elements;
        Element e{};
        Values<N> results{};
        if (is_there) {
            e = element_of(index, cols);
            results = body(e);
        }
#pragma unroll
        for (int n = 0; n < N; ++n) {
            const float stored = is_there ? store(out.view[n], e.row, e.col, results.v[n]) : 0.0f;
            tallies.add(thread, out, n, is_there, results.v[n], stored);
        }
    }
    tallies.finish(thread, out);
}

/// The same without counting, a pack a thread. A pack is read before it is stored, so that outputs may be
/// inputs.
template <int N, class Body>
__device__ inline void store_packs(const Outputs<N>& out, const Body& body, Share share) {
    const std::int64_t cols = out.view[0].cols, elements = out.view[0].rows * cols;
    const std::int64_t last = share.rounds(elements / kPack);
    for (std::int64_t round = 0; round < last; ++round) {
        const std::int64_t first = share.element(round) * kPack;
        if (first + kPack > elements) continue;
        Values<N> results[kPack];
        body.pack(results, element_of(first, cols));
#pragma unroll
        for (int n = 0; n < N; ++n) {
            Pack pack;
#pragma unroll
            for (int i = 0; i < kPack; ++i) pack.v[i] = results[i].v[n];
            store_pack(out.view[n], first, pack);
        }
    }
    // What is less than a pack at the end.
    const std::int64_t index = elements / kPack * kPack + threadIdx.x;
    if (share.block != 0 || index >= elements) return;
    const Element e = element_of(index, cols);
    const Values<N> results = body(e);
#pragma unroll
    for (int n = 0; n < N; ++n) store(out.view[n], e.row, e.col, results.v[n]);
}

template <int N, bool is_counted, class Body>
__global__ void __launch_bounds__(kThreads) store_kernel(Outputs<N> out, Body body_of_any_step) {
    if (idle(body_of_any_step)) return;
    store_elements<N, is_counted>(out, bound(body_of_any_step), {blockIdx.x, gridDim.x});
}
template <int N, class Body>
__global__ void __launch_bounds__(kThreads) store_packs_kernel(Outputs<N> out, Body body_of_any_step) {
    if (idle(body_of_any_step)) return;
    store_packs(out, bound(body_of_any_step), {blockIdx.x, gridDim.x});
}

}  // namespace halfscope::cuda
