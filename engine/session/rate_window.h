// Sums over the last seconds of wall time, for rates and shares in the status bar. Used by Session alone,
// from one thread. It must not decide anything about training: wall time differs from run to run.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>

namespace halfscope {

using SteadyClock = std::chrono::steady_clock;

/// Milliseconds from `from` to `to`.
inline double elapsed_ms(SteadyClock::time_point from, SteadyClock::time_point to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
}

/// Pairs of durations (a whole and a part of it) that ended within the last `length`; the newest one always
/// stays.
class RateWindow {
  public:
    explicit RateWindow(SteadyClock::duration length) : length_(length) {}

    void add(SteadyClock::time_point end, double whole_ms, double part_ms) {
        samples_.push_back({end, whole_ms, part_ms});
        whole_ms_ += whole_ms;
        part_ms_ += part_ms;
        while (samples_.size() > 1 && samples_.front().end < end - length_) {
            whole_ms_ -= samples_.front().whole_ms;
            part_ms_ -= samples_.front().part_ms;
            samples_.pop_front();
        }
    }
    void clear() { *this = RateWindow(length_); }
    std::size_t size() const { return samples_.size(); }
    double mean_ms() const {
        return samples_.empty() ? 0.0 : whole_ms_ / static_cast<double>(samples_.size());
    }
    double per_second() const { return mean_ms() > 0.0 ? 1000.0 / mean_ms() : 0.0; }
    /// Share of the parts in the wholes, 0..100.
    double part_percent() const {
        return whole_ms_ > 0.0 ? 100.0 * std::max(0.0, part_ms_) / whole_ms_ : 0.0;
    }

  private:
    struct Sample {
        SteadyClock::time_point end;
        double whole_ms, part_ms;
    };
    SteadyClock::duration length_;
    std::deque<Sample> samples_;
    double whole_ms_ = 0.0, part_ms_ = 0.0;
};

}  // namespace halfscope
