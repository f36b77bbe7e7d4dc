// How long frames take, for whoever hunts a slow one: written by the application, read by the driver and by
// tests/bench/window_load.py. Decides nothing.
#pragma once

#include <cstddef>
#include <vector>

namespace halfscope {

/// One frame, in ms.
struct FrameTime {
    double interval = 0;   ///< from the frame before it
    double build = 0;      ///< panels, layout and draw lists: the window's own work
    double build_cpu = 0;  ///< processor time of the same, free of what other threads take
    double total = 0;      ///< with drawing and showing
};

/// Median, 99th percentile and maximum, in ms.
struct TimeSpread {
    double median = 0, p99 = 0, maximum = 0;
};

class FrameTimes {
  public:
    void add(const FrameTime& frame);
    void clear() { *this = FrameTimes(); }
    /// Frames held: the last 4096.
    std::size_t count() const { return frames_.size(); }
    /// Of one part of all frames held; zeros where there is none.
    TimeSpread spread(double FrameTime::*part) const;

  private:
    static constexpr std::size_t kKept = 4096;
    std::vector<FrameTime> frames_;  // ring
    std::size_t next_ = 0;
};

/// Processor time of the calling thread, in ms; 0 where the system does not tell.
double thread_cpu_ms();

}  // namespace halfscope
