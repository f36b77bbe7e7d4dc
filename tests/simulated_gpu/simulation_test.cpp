// The simulated GPU itself: what its kernels may rely on, and that mistakes which a real GPU would let pass,
// or not always show, are seen here.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "cuda_runtime.h"
#include "device.h"

namespace simulated_gpu {
namespace {

constexpr unsigned kThreads = 96, kBlocks = 40;

class SimulatedGpu : public testing::Test {
  protected:
    void TearDown() override {
        Device::get().forget_failure();
        cudaGetLastError();
        for (void* memory : given_) EXPECT_EQ(cudaFree(memory), cudaSuccess);
        EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess);
    }

    template <class T>
    T* memory(std::size_t count) {
        void* place = nullptr;
        EXPECT_EQ(cudaMalloc(&place, count * sizeof(T)), cudaSuccess);
        given_.push_back(place);
        return static_cast<T*>(place);
    }
    template <class T>
    std::vector<T> values(const T* from, std::size_t count) {
        std::vector<T> all(count);
        EXPECT_EQ(cudaMemcpyAsync(all.data(), from, count * sizeof(T), cudaMemcpyDeviceToHost, stream_),
                  cudaSuccess);
        EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
        return all;
    }
    template <class... Parameters, class... Arguments>
    cudaError_t start(unsigned blocks, unsigned threads, void (*kernel)(Parameters...),
                      Arguments... arguments) {
        cudaLaunchConfig_t config;
        config.gridDim.x = blocks;
        config.blockDim.x = threads;
        config.stream = stream_;
        return cudaLaunchKernelEx(&config, kernel, arguments...);
    }

    cudaStream_t stream_ = [] {
        cudaStream_t stream = nullptr;
        cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
        return stream;
    }();

  private:
    std::vector<void*> given_;
};

/// out[block * kThreads + t]: what thread t's right neighbour put into shared memory.
template <bool has_barrier>
void pass_to_the_left(unsigned* out) {
    __shared__ unsigned shared[kThreads];
    shared[threadIdx.x] = blockIdx.x * 1000 + threadIdx.x;
    if (has_barrier) __syncthreads();
    out[blockIdx.x * blockDim.x + threadIdx.x] = shared[(threadIdx.x + 1) % kThreads];
    if (has_barrier) __syncthreads();
}

std::vector<unsigned> passed_to_the_left() {
    std::vector<unsigned> expected;
    for (unsigned block = 0; block < kBlocks; ++block)
        for (unsigned thread = 0; thread < kThreads; ++thread)
            expected.push_back(block * 1000 + (thread + 1) % kThreads);
    return expected;
}

TEST_F(SimulatedGpu, ABarrierHoldsAllThreadsOfABlock) {
    auto* const out = memory<unsigned>(kBlocks * kThreads);
    ASSERT_EQ(start(kBlocks, kThreads, pass_to_the_left<true>, out), cudaSuccess);
    EXPECT_EQ(values(out, kBlocks * kThreads), passed_to_the_left());
}

TEST_F(SimulatedGpu, AMissingBarrierShows) {
    auto* const out = memory<unsigned>(kBlocks * kThreads);
    ASSERT_EQ(start(kBlocks, kThreads, pass_to_the_left<false>, out), cudaSuccess);
    EXPECT_NE(values(out, kBlocks * kThreads), passed_to_the_left());
}

/// The same three times over, with a barrier after writing but none after reading.
void pass_to_the_left_again(unsigned* out) {
    __shared__ unsigned shared[kThreads];
    for (unsigned round = 0; round < 3; ++round) {
        shared[threadIdx.x] = blockIdx.x * 1000 + threadIdx.x + round;
        __syncthreads();
        if (round == 0) out[blockIdx.x * blockDim.x + threadIdx.x] = shared[(threadIdx.x + 1) % kThreads];
    }
}

TEST_F(SimulatedGpu, AWarpThatRunsAheadShows) {
    auto* const out = memory<unsigned>(kBlocks * kThreads);
    ASSERT_EQ(start(kBlocks, kThreads, pass_to_the_left_again, out), cudaSuccess);
    EXPECT_NE(values(out, kBlocks * kThreads), passed_to_the_left());
}

struct WarpResults {
    unsigned down, crossed, ballot, sum, least;
    bool operator==(const WarpResults&) const = default;
};
void call_warps(WarpResults* out) {
    const unsigned mine = threadIdx.x * 7 % 31 + blockIdx.x;
    WarpResults results{};
    results.down = __shfl_down_sync(~0u, mine, 5);
    results.crossed = __shfl_xor_sync(~0u, mine, 3);
    results.ballot = __ballot_sync(~0u, mine % 3 == 0);
    results.sum = __reduce_add_sync(~0u, mine);
    results.least = __reduce_min_sync(~0u, mine);
    out[blockIdx.x * blockDim.x + threadIdx.x] = results;
}

TEST_F(SimulatedGpu, LanesOfAWarpExchangeValues) {
    auto* const out = memory<WarpResults>(kBlocks * kThreads);
    ASSERT_EQ(start(kBlocks, kThreads, call_warps, out), cudaSuccess);
    const std::vector<WarpResults> found = values(out, kBlocks * kThreads);
    const auto value_of = [](unsigned block, unsigned thread) { return thread * 7 % 31 + block; };
    for (unsigned block = 0; block < kBlocks; ++block) {
        for (unsigned thread = 0; thread < kThreads; ++thread) {
            const unsigned first = thread / 32 * 32, lane = thread % 32;
            WarpResults expected{};
            expected.down = value_of(block, lane + 5 < 32 ? thread + 5 : thread);
            expected.crossed = value_of(block, first + (lane ^ 3u));
            expected.least = ~0u;
            for (unsigned other = 0; other < 32; ++other) {
                const unsigned value = value_of(block, first + other);
                expected.ballot |= static_cast<unsigned>(value % 3 == 0) << other;
                expected.sum += value;
                expected.least = std::min(expected.least, value);
            }
            ASSERT_EQ(found[block * kThreads + thread], expected) << block << ", " << thread;
        }
    }
}

void add_up(unsigned* sum, unsigned* most, unsigned* least) {
    const unsigned mine = blockIdx.x * blockDim.x + threadIdx.x + 1;
    atomicAdd(sum, mine);
    atomicMax(most, mine);
    atomicMin(least, mine);
}

TEST_F(SimulatedGpu, AtomicsAreThoseOfAllBlocks) {
    auto* const numbers = memory<unsigned>(3);
    ASSERT_EQ(cudaMemsetAsync(numbers, 0, 2 * sizeof(unsigned), stream_), cudaSuccess);
    ASSERT_EQ(cudaMemsetAsync(numbers + 2, 0xff, sizeof(unsigned), stream_), cudaSuccess);
    ASSERT_EQ(start(kBlocks, kThreads, add_up, numbers, numbers + 1, numbers + 2), cudaSuccess);
    constexpr unsigned kAll = kBlocks * kThreads;
    EXPECT_EQ(values(numbers, 3), (std::vector<unsigned>{kAll * (kAll + 1) / 2, kAll, 1}));
}

void wait_for_nobody() {
    if (threadIdx.x < 16) __shfl_down_sync(~0u, 1u, 1);
}
void meet_in_different_calls() {
    if (threadIdx.x < 16) {
        __shfl_down_sync(~0u, 1u, 1);
    } else {
        __ballot_sync(~0u, true);
    }
}
void write_there(unsigned* place) { place[threadIdx.x] = 1; }

TEST_F(SimulatedGpu, KernelsThatWouldHangFail) {
    ASSERT_EQ(start(2, 32, wait_for_nobody), cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(stream_), cudaErrorLaunchFailure);
    Device::get().forget_failure();
    ASSERT_EQ(start(2, 32, meet_in_different_calls), cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(stream_), cudaErrorLaunchFailure);
}

TEST_F(SimulatedGpu, AFailureStays) {
    auto* const there = memory<unsigned>(1);
    auto* const nowhere = reinterpret_cast<unsigned*>(std::uintptr_t{64});
    ASSERT_EQ(start(2, 32, write_there, nowhere), cudaSuccess) << "is not seen at the start";
    EXPECT_EQ(cudaStreamSynchronize(stream_), cudaErrorIllegalAddress);
    EXPECT_EQ(cudaMemsetAsync(there, 0, sizeof *there, stream_), cudaErrorIllegalAddress);
    EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
    EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
}

TEST_F(SimulatedGpu, WhatWasGivenBackIsGone) {
    void* lost = nullptr;
    auto* const kept = memory<unsigned>(32);
    ASSERT_EQ(cudaMalloc(&lost, 32 * sizeof(unsigned)), cudaSuccess);
    ASSERT_EQ(start(1, 32, write_there, static_cast<unsigned*>(lost)), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(stream_), cudaSuccess) << "is there";
    ASSERT_EQ(cudaFree(lost), cudaSuccess);
    ASSERT_EQ(start(1, 32, write_there, kept), cudaSuccess);
    ASSERT_EQ(cudaStreamSynchronize(stream_), cudaSuccess) << "the others are there";
    ASSERT_EQ(start(1, 32, write_there, static_cast<unsigned*>(lost)), cudaSuccess);
#if defined(__SANITIZE_ADDRESS__)
    // Sees it first, and ends the program.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(cudaStreamSynchronize(stream_), "AddressSanitizer");
    Device::get().forget_failure();
#else
    EXPECT_EQ(cudaStreamSynchronize(stream_), cudaErrorIllegalAddress);
#endif
}

TEST_F(SimulatedGpu, LaunchesThatNoDeviceTakesAreRefused) {
    struct Large {
        unsigned char bytes[4097];
    };
    EXPECT_EQ(start(0, 32, wait_for_nobody), cudaErrorInvalidConfiguration);
    EXPECT_EQ(start(1, 1025, wait_for_nobody), cudaErrorInvalidConfiguration);
    EXPECT_EQ(start(
                  1, 32, +[](Large) {}, Large{}),
              cudaErrorInvalidConfiguration);
    EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidConfiguration);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST_F(SimulatedGpu, WorkWaitsUntilSomebodyWaitsForIt) {
    auto* const number = memory<unsigned>(1);
    unsigned back = 7, source = 5;
    ASSERT_EQ(cudaMemcpyAsync(number, &source, sizeof source, cudaMemcpyHostToDevice, stream_), cudaSuccess);
    source = 6;  // taken already
    ASSERT_EQ(cudaMemcpyAsync(&back, number, sizeof back, cudaMemcpyDeviceToHost, stream_), cudaSuccess);
    EXPECT_EQ(back, 7u);
    ASSERT_EQ(cudaStreamSynchronize(stream_), cudaSuccess);
    EXPECT_EQ(back, 5u);
}

void count_up(unsigned* number) { ++*number; }

TEST_F(SimulatedGpu, ACaptureRunsNothingAndItsGraphEverythingEachTime) {
    auto* const number = memory<unsigned>(1);
    ASSERT_EQ(cudaMemsetAsync(number, 0, sizeof *number, stream_), cudaSuccess);
    ASSERT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), cudaSuccess);
    for (int i = 0; i < 3; ++i) ASSERT_EQ(start(1, 1, count_up, number), cudaSuccess);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    ASSERT_EQ(cudaStreamEndCapture(stream_, &graph), cudaSuccess);
    ASSERT_EQ(cudaGraphInstantiateWithFlags(&exec, graph, 0), cudaSuccess);
    EXPECT_EQ(values(number, 1)[0], 0u);
    for (int i = 0; i < 2; ++i) ASSERT_EQ(cudaGraphLaunch(exec, stream_), cudaSuccess);
    EXPECT_EQ(values(number, 1)[0], 6u);
    cudaGraphDestroy(graph);
    cudaGraphExecDestroy(exec);
}

TEST_F(SimulatedGpu, ACaptureIsLostToCallsItForbids) {
    auto* const number = memory<unsigned>(1);
    const auto lost_to = [&](auto call) {
        ASSERT_EQ(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), cudaSuccess);
        EXPECT_EQ(call(), cudaErrorStreamCaptureUnsupported);
        EXPECT_NE(start(1, 1, count_up, number), cudaSuccess);
        cudaGraph_t graph = nullptr;
        EXPECT_EQ(cudaStreamEndCapture(stream_, &graph), cudaErrorStreamCaptureInvalidated);
        EXPECT_EQ(graph, nullptr);
        EXPECT_EQ(cudaStreamSynchronize(stream_), cudaSuccess) << "the stream is as before";
    };
    void* other = nullptr;
    lost_to([&] { return cudaMalloc(&other, 16); });
    lost_to([&] { return cudaFree(number); });
    lost_to([&] { return cudaStreamSynchronize(stream_); });
}

TEST_F(SimulatedGpu, CopiesBeyondAnAllocationAreRefused) {
    auto* const numbers = memory<unsigned>(4);
    unsigned back[5] = {};
    EXPECT_EQ(cudaMemcpyAsync(back, numbers, sizeof back, cudaMemcpyDeviceToHost, stream_),
              cudaErrorInvalidValue);
    EXPECT_EQ(cudaMemcpyAsync(back, numbers, 16, cudaMemcpyHostToDevice, stream_), cudaErrorInvalidValue);
    EXPECT_EQ(cudaMemsetAsync(numbers + 1, 0, 16, stream_), cudaErrorInvalidValue);
}

TEST_F(SimulatedGpu, MemoryIsGivenTakenBackAndRunsOut) {
    std::size_t before = 0, after = 0, total = 0;
    ASSERT_EQ(cudaMemGetInfo(&before, &total), cudaSuccess);
    void *first = nullptr, *second = nullptr;
    ASSERT_EQ(cudaMalloc(&first, 1000), cudaSuccess);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 256, 0u);
    EXPECT_EQ(cudaMalloc(&second, before), cudaErrorMemoryAllocation);
    EXPECT_EQ(cudaFree(first), cudaSuccess);
    EXPECT_EQ(cudaFree(first), cudaErrorInvalidValue);
    ASSERT_EQ(cudaMemGetInfo(&after, &total), cudaSuccess);
    EXPECT_EQ(after, before);
}

void write_behind(unsigned char* bytes) { bytes[100] = 1; }

TEST_F(SimulatedGpu, MistakesEndTheProgram) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");  // blocks run on several threads
    auto* const bytes = memory<unsigned char>(100);
    volatile const unsigned char* const of_the_host = bytes;
    EXPECT_DEATH((void)*of_the_host, "") << "the host cannot read what the device has";
    EXPECT_DEATH(
        {
            start(1, 1, write_behind, bytes);
            cudaFree(bytes);
        },
        "behind an allocation|AddressSanitizer");
}

}  // namespace
}  // namespace simulated_gpu
