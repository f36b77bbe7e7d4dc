// The functions of cuda_runtime.h: what is checked when they are called, and what is left to be done.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "cuda_runtime.h"
#include "device.h"

namespace {

using namespace simulated_gpu;

thread_local cudaError_t last_error = cudaSuccess;

cudaError_t said(cudaError_t status) {
    if (status != cudaSuccess) last_error = status;
    return status;
}

/// One call at a time.
struct Call {
    Device& device = Device::get();
    std::lock_guard<std::recursive_mutex> lock{device.mutex};
};

}  // namespace

namespace simulated_gpu {

cudaError_t launch(Stream* stream, Kernel kernel) {
    Call call;
    // CUDA C++ Programming Guide, "Compute Capabilities": what all devices from 7.5 on have.
    constexpr unsigned kMostBlocks = 0x7fffffff, kMostThreads = 1024;
    constexpr std::size_t kMostArgumentBytes = 4096;
    const auto is_flat = [](const dim3& extent) { return extent.y == 1 && extent.z == 1; };
    if (kernel.grid.x == 0 || kernel.grid.x > kMostBlocks || kernel.block.x == 0 ||
        kernel.block.x > kMostThreads || kernel.argument_bytes > kMostArgumentBytes ||
        !is_flat(kernel.grid) || !is_flat(kernel.block))
        return said(cudaErrorInvalidConfiguration);
    const auto shared = std::make_shared<const Kernel>(std::move(kernel));
    return said(call.device.enqueue(stream, [&device = call.device, shared] { device.run(*shared); }));
}

}  // namespace simulated_gpu

cudaError_t cudaGetDeviceCount(int* count) {
    if (!settings().has_device) return said(cudaErrorNoDevice);
    *count = 1;
    return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
    std::snprintf(properties->name, sizeof properties->name, "simulated on the host");
    return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
    *value = attribute == cudaDevAttrComputeCapabilityMajor ? settings().compute_capability : 0;
    return cudaSuccess;
}
cudaError_t cudaDeviceGetPCIBusId(char* address, int length, int) {
    std::snprintf(address, static_cast<std::size_t>(length), "0000:00:00.0");
    return cudaSuccess;
}
const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess:
            return "no error";
        case cudaErrorInvalidValue:
            return "invalid argument";
        case cudaErrorMemoryAllocation:
            return "out of memory";
        case cudaErrorInvalidConfiguration:
            return "invalid configuration argument";
        case cudaErrorInsufficientDriver:
            return "CUDA driver version is insufficient for CUDA runtime version";
        case cudaErrorNoDevice:
            return "no CUDA-capable device is detected";
        case cudaErrorIllegalAddress:
            return "an illegal memory access was encountered";
        case cudaErrorLaunchFailure:
            return "unspecified launch failure";
        case cudaErrorStreamCaptureUnsupported:
            return "operation not permitted when stream is capturing";
        case cudaErrorStreamCaptureInvalidated:
            return "operation failed due to a previous error during capture";
    }
    return "unrecognized error code";
}
cudaError_t cudaGetLastError() {
    Call call;
    if (call.device.status() != cudaSuccess) return call.device.status();
    return std::exchange(last_error, cudaSuccess);
}

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
    Call call;
    if (call.device.status() != cudaSuccess) return said(call.device.status());
    if (const cudaError_t status = call.device.forbid_during_capture(); status != cudaSuccess)
        return said(status);
    void* const place = call.device.memory().allocate(bytes);
    if (!place) return said(cudaErrorMemoryAllocation);
    *memory = place;
    return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
    Call call;
    if (!memory) return cudaSuccess;
    // Waits for all work, and so is a call that no capture allows.
    if (const cudaError_t status = call.device.synchronize_all(); status != cudaSuccess) return said(status);
    return said(call.device.memory().release(memory) ? cudaSuccess : cudaErrorInvalidValue);
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
    Call call;
    if (call.device.status() != cudaSuccess) return said(call.device.status());
    *free = call.device.memory().free_bytes();
    *total = call.device.memory().total_bytes();
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream) {
    Call call;
    if (!call.device.memory().holds(memory, bytes)) return said(cudaErrorInvalidValue);
    return said(call.device.enqueue(stream, [=] { std::memset(memory, value, bytes); }));
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    Call call;
    const Memory& memory = call.device.memory();
    const bool is_from_host = kind == cudaMemcpyHostToDevice, is_to_host = kind == cudaMemcpyDeviceToHost;
    if (memory.holds(from, bytes) == is_from_host || memory.holds(to, bytes) == is_to_host)
        return said(cudaErrorInvalidValue);
    if (!is_from_host || (stream && stream->capture))
        return said(call.device.enqueue(stream, [=] { std::memcpy(to, from, bytes); }));
    // From pageable memory: taken at once, and stored later.
    const auto* const begin = static_cast<const char*>(from);
    return said(call.device.enqueue(stream, [to, taken = std::vector<char>(begin, begin + bytes)] {
        std::memcpy(to, taken.data(), taken.size());
    }));
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    Call call;
    *stream = call.device.create_stream();
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    Call call;
    call.device.destroy(stream);
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    Call call;
    return said(call.device.synchronize(stream));
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
    *event = new Event;
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    Call call;
    return said(call.device.enqueue(stream, [event] { event->time = std::chrono::steady_clock::now(); }));
}
cudaError_t cudaEventSynchronize(cudaEvent_t) {
    Call call;
    return said(call.device.synchronize_all());
}
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
    *ms = std::chrono::duration<float, std::milli>(end->time - start->time).count();
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    Call call;
    if (call.device.status() != cudaSuccess) return said(call.device.status());
    if (stream->capture) return said(cudaErrorInvalidValue);
    stream->capture = std::make_unique<Graph>();
    stream->capture_status = settings().refuses_captures ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    Call call;
    if (!stream->capture) return said(cudaErrorInvalidValue);
    const auto captured = std::move(stream->capture);
    if (std::exchange(stream->capture_status, cudaSuccess) != cudaSuccess) {
        *graph = nullptr;
        return said(cudaErrorStreamCaptureInvalidated);
    }
    *graph = new Graph(*captured);
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
    *exec = new Graph(*graph);
    return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    Call call;
    for (const Work& work : exec->work)
        if (const cudaError_t status = call.device.enqueue(stream, work); status != cudaSuccess)
            return said(status);
    return said(call.device.status());
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    delete exec;
    return cudaSuccess;
}
