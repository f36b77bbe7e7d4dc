#include "gui/frame_times.h"

#include <algorithm>
#include <cmath>
#include <ctime>

namespace halfscope {

void FrameTimes::add(const FrameTime& frame) {
    if (frames_.size() < kKept) {
        frames_.push_back(frame);
        return;
    }
    frames_[next_] = frame;
    next_ = (next_ + 1) % kKept;
}

TimeSpread FrameTimes::spread(double FrameTime::*part) const {
    if (frames_.empty()) return {};
    std::vector<double> values;
    values.reserve(frames_.size());
    for (const FrameTime& frame : frames_) values.push_back(frame.*part);
    std::sort(values.begin(), values.end());
    const auto at = [&values](double share) {
        return values[static_cast<std::size_t>(std::lround(share * static_cast<double>(values.size() - 1)))];
    };
    return {at(0.5), at(0.99), values.back()};
}

double thread_cpu_ms() {
#ifdef CLOCK_THREAD_CPUTIME_ID
    timespec now{};
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0)
        return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
#endif
    return 0.0;
}

}  // namespace halfscope
