#include "gui/frame_slice.h"

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#endif

namespace halfscope {

#ifdef __linux__
namespace {

/// The kernel's struct sched_attr in its first version; the C library has none before glibc 2.41.
struct SchedulingAttributes {
    std::uint32_t size = sizeof(SchedulingAttributes);
    std::uint32_t policy = 0;  // SCHED_OTHER
    std::uint64_t flags = 1;   // SCHED_FLAG_RESET_ON_FORK
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 0, deadline_ns = 0, period_ns = 0;
};

}  // namespace
#endif

void ask_for_whole_frames() {
#if defined(__linux__) && defined(SYS_sched_setattr)
    SchedulingAttributes attributes;
    errno = 0;
    attributes.nice = getpriority(PRIO_PROCESS, 0);
    if (errno != 0) return;
    attributes.runtime_ns = 8'000'000;
    // Where it is refused, frames are what they were.
    syscall(SYS_sched_setattr, 0, &attributes, 0u);
#endif
}

}  // namespace halfscope
