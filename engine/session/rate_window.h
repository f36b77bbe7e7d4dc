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

/// What looking at training took of a step: its parts in ms, or their shares in percent.
struct ObservationCost {
    double probes = 0;      ///< counting values, assembling records
    double shadow = 0;      ///< shadow passes and comparisons with them
    double validation = 0;  ///< metrics on held-out data
    double views = 0;       ///< pictures, maps and texts of what the models do

    ObservationCost& add(const ObservationCost& other, double factor) {
        probes += factor * other.probes;
        shadow += factor * other.shadow;
        validation += factor * other.validation;
        views += factor * other.views;
        return *this;
    }
};

/// Durations (a whole and parts of it) that ended within the last `length`; the newest one always stays.
class RateWindow {
  public:
    explicit RateWindow(SteadyClock::duration length) : length_(length) {}

    void add(SteadyClock::time_point end, double whole_ms, const ObservationCost& parts_ms = {}) {
        samples_.push_back({end, whole_ms, parts_ms});
        whole_ms_ += whole_ms;
        parts_ms_.add(parts_ms, 1.0);
        while (samples_.size() > 1 && samples_.front().end < end - length_) {
            whole_ms_ -= samples_.front().whole_ms;
            parts_ms_.add(samples_.front().parts_ms, -1.0);
            samples_.pop_front();
        }
    }
    void clear() { *this = RateWindow(length_); }
    std::size_t size() const { return samples_.size(); }
    double mean_ms() const {
        return samples_.empty() ? 0.0 : whole_ms_ / static_cast<double>(samples_.size());
    }
    double per_second() const { return mean_ms() > 0.0 ? 1000.0 / mean_ms() : 0.0; }
    /// Shares of the parts in the wholes, 0..100.
    ObservationCost percent() const {
        if (!(whole_ms_ > 0.0)) return {};
        ObservationCost share;
        share.add(parts_ms_, 100.0 / whole_ms_);
        // What was added and taken away again may leave a trace below zero.
        for (double* part : {&share.probes, &share.shadow, &share.validation, &share.views})
            *part = std::max(*part, 0.0);
        return share;
    }

  private:
    struct Sample {
        SteadyClock::time_point end;
        double whole_ms;
        ObservationCost parts_ms;
    };
    SteadyClock::duration length_;
    std::deque<Sample> samples_;
    double whole_ms_ = 0.0;
    ObservationCost parts_ms_;
};

}  // namespace halfscope
