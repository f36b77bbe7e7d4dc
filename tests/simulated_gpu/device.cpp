#include "device.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "backend/thread_pool.h"

namespace simulated_gpu {
namespace {

/// The bits of `x` mixed (the finalizer of MurmurHash3, Appleby).
std::uint64_t mixed(std::uint64_t x) {
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdull;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ull;
    return x ^ (x >> 33);
}

halfscope::ThreadPool& multiprocessors() {
    static halfscope::ThreadPool pool(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
    return pool;
}

}  // namespace

Settings& settings() {
    static Settings all = [] {
        const auto number = [](const char* name, long long otherwise) {
            const char* const text = std::getenv(name);
            return text ? std::atoll(text) : otherwise;
        };
        return Settings{.memory_bytes = static_cast<std::uint64_t>(number("HALFSCOPE_SIMULATED_GPU_MIB", 160))
                                        << 20,
                        .works_for = number("HALFSCOPE_SIMULATED_GPU_WORKS", -1)};
    }();
    return all;
}

Device::Device() = default;
Device& Device::get() {
    static Device device;
    return device;
}

Memory& Device::memory() {
    if (!memory_) memory_ = std::make_unique<Memory>(settings().memory_bytes);
    return *memory_;
}

Stream* Device::create_stream() { return streams_.emplace_back(std::make_unique<Stream>()).get(); }
void Device::destroy(Stream* stream) {
    synchronize(stream);
    std::erase_if(streams_, [&](const auto& one) { return one.get() == stream; });
}

cudaError_t Device::enqueue(Stream* stream, Work work) {
    if (status_ != cudaSuccess) return status_;
    Stream& to = stream ? *stream : default_stream_;
    if (to.capture_status != cudaSuccess) return to.capture_status;
    if (to.capture) {
        to.capture->work.push_back(std::move(work));
    } else {
        to.work.push_back(std::move(work));
    }
    return cudaSuccess;
}

void Device::do_all(Stream& stream) {
    if (stream.work.empty()) return;
    memory().open();
    for (; !stream.work.empty() && status_ == cudaSuccess; stream.work.pop_front()) {
        if (settings().works_for >= 0 && settings().works_for-- == 0) {
            fail({cudaErrorLaunchFailure, "it was told to fail"});
        } else {
            stream.work.front()();
        }
    }
    memory().close();
    stream.work.clear();
}

cudaError_t Device::synchronize(Stream* stream) {
    Stream& one = stream ? *stream : default_stream_;
    if (one.capture) return one.capture_status = cudaErrorStreamCaptureUnsupported;
    do_all(one);
    return status_;
}
cudaError_t Device::synchronize_all() {
    if (const cudaError_t status = forbid_during_capture(); status != cudaSuccess) return status;
    do_all(default_stream_);
    for (const auto& stream : streams_) do_all(*stream);
    return status_;
}

cudaError_t Device::forbid_during_capture() {
    cudaError_t status = cudaSuccess;
    for (const auto& stream : streams_)
        if (stream->capture) status = stream->capture_status = cudaErrorStreamCaptureUnsupported;
    return status;
}

void Device::run(const Kernel& kernel) {
    const std::uint64_t launch = mixed(++launches_);
    std::atomic<bool> has_failed{false};
    // A few blocks are done before other threads would have begun.
    const std::int64_t blocks = kernel.grid.x, grain = std::max<std::int64_t>(4, blocks / 64);
    multiprocessors().parallel_for(blocks, grain, [&](std::int64_t begin, std::int64_t end) {
        thread_local BlockRunner runner;
        for (std::int64_t i = begin; i < end && !has_failed; ++i) {
            // Blocks come from behind as often as not.
            const auto block = static_cast<unsigned>(launch % 2 == 0 ? i : blocks - 1 - i);
            const auto failure = runner.run(kernel, block, mixed(launch + static_cast<std::uint64_t>(block)));
            if (failure && !has_failed.exchange(true)) fail(*failure);
        }
    });
}

void Device::forget_failure() {
    status_ = cudaSuccess;
    default_stream_.work.clear();
    for (const auto& stream : streams_) stream->work.clear();
}

void Device::fail(const Failure& failure) {
    std::fprintf(stderr, "simulated GPU: %s\n", failure.what.c_str());
    status_ = failure.status;
}

}  // namespace simulated_gpu
