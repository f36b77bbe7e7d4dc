#include "session/thread_priority.h"

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace halfscope {

void lower_thread_priority() {
#ifdef __linux__
    constexpr int kNicer = 5;
    const auto thread = static_cast<id_t>(syscall(SYS_gettid));
    errno = 0;
    const int now = getpriority(PRIO_PROCESS, thread);
    if (errno == 0) setpriority(PRIO_PROCESS, thread, now + kNicer);
#endif
}

}  // namespace halfscope
