// Power over the last seconds from a count of energy, for the status bar. Used by Session alone, from one
// thread.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "session/rate_window.h"

namespace halfscope {

/// What a device used in the last seconds; nothing where the machine does not tell, or not for long enough.
struct EnergyUse {
    std::optional<double> watts;
    std::optional<double> joules_per_step;  ///< of all lanes together; nothing while no step is done
};

class EnergyWindow {
  public:
    /// Counts of energy are refreshed some ten times a second: asking more often tells nothing new.
    bool is_due(SteadyClock::time_point now) const {
        return samples_.empty() || now - samples_.back().at >= std::chrono::milliseconds(200);
    }
    /// `joules` and `steps` since some fixed moment.
    void add(SteadyClock::time_point now, double joules, std::int64_t steps) {
        // Counting began anew: the driver was loaded again, or the run restarted.
        if (!samples_.empty() && (joules < samples_.back().joules || steps < samples_.back().steps))
            samples_.clear();
        samples_.push_back({now, joules, steps});
        while (samples_.size() > 2 && samples_[1].at <= now - std::chrono::seconds(2)) samples_.pop_front();
    }
    EnergyUse use() const {
        EnergyUse use;
        if (samples_.size() < 2) return use;
        const Sample &first = samples_.front(), &last = samples_.back();
        const double joules = last.joules - first.joules;
        use.watts = joules / (elapsed_ms(first.at, last.at) * 1e-3);
        if (last.steps > first.steps)
            use.joules_per_step = joules / static_cast<double>(last.steps - first.steps);
        return use;
    }

  private:
    struct Sample {
        SteadyClock::time_point at;
        double joules;
        std::int64_t steps;
    };
    std::deque<Sample> samples_;
};

}  // namespace halfscope
