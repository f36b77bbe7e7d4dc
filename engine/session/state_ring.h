// Whole states of an experiment that a run can go back to, within a number of bytes: the newest ones close
// together, the older ones ever farther apart, and always the first. Filled and read by Session; knows no
// device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "session/alert_rules.h"
#include "session/checkpoint.h"
#include "session/timeline.h"
#include "train/lane_record.h"
#include "train/techniques.h"

namespace halfscope {

/// A lane as it was.
struct KeptLane {
    LaneProgress progress;  ///< its id too
    LaneSpec spec;
    LaneRecord record;
};

/// An experiment before one of its steps.
struct KeptState {
    std::int64_t step = 0;        ///< the next one
    std::size_t changes = 0;      ///< how many entries of the journal had been made
    std::vector<KeptLane> lanes;  ///< as Experiment::lanes()
    TimelineMark mark;
    std::vector<RaisedAlert> raised;  ///< alert rules whose conditions held

    std::uint64_t bytes() const;
};

class StateRing {
  public:
    explicit StateRing(std::uint64_t most_bytes) : most_bytes_(most_bytes) {}

    /// Steps ascend. Drops older ones where the bytes are exceeded; the first and the newest stay.
    void add(KeptState state);
    void clear();
    /// Forgets the states of later steps than this.
    void forget_after(std::int64_t step);
    /// 0: keeps nothing any more.
    void set_most_bytes(std::uint64_t most_bytes);

    /// The newest state of a step up to this one; null: there is none. Until the ring changes.
    const KeptState* before(std::int64_t step) const;
    bool empty() const { return states_.empty(); }
    std::int64_t first_step() const { return states_.empty() ? 0 : states_.front().step; }
    std::int64_t last_step() const { return states_.empty() ? -1 : states_.back().step; }
    std::size_t size() const { return states_.size(); }
    std::uint64_t bytes() const { return bytes_; }
    std::uint64_t most_bytes() const { return most_bytes_; }

  private:
    void shrink();
    void erase(std::size_t index);
    std::vector<KeptState> states_;
    std::uint64_t most_bytes_, bytes_ = 0;
};

}  // namespace halfscope
