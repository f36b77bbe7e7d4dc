// The history of an experiment: bounded in memory, decimated without losing extremes. Written by the trainer
// thread, read by the window and by exports; every call locks for microseconds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/byte_stream.h"
#include "data/checkpoint_file.h"
#include "session/histogram_row.h"
#include "train/lane.h"

namespace halfscope {

/// One drawn column of a series: the extremes and the last value of the steps in it.
struct SeriesPoint {
    std::int64_t first_step = 0, last_step = 0;
    float minimum = 0, maximum = 0;  ///< over finite values; NaN where there was none
    float last = 0;                  ///< the last value, may be NaN or inf
    std::uint32_t nonfinite = 0;     ///< how many values were NaN or inf
};

/// A step-indexed series of at most `capacity` buckets; when full, neighbours are merged (stride doubles).
/// The newest `recent` values are kept besides at full resolution.
class Series {
  public:
    explicit Series(std::size_t capacity = 8192, std::size_t recent = 4096);
    /// Steps ascend; a value for a step before the last one is ignored (histories start anew at a restart).
    void append(std::int64_t step, double value);
    void clear();
    /// Forgets what was appended for steps from `next_step` on. A merged bucket that reaches over it keeps
    /// what the recent values tell of its earlier steps; where they do not reach back so far, it goes whole.
    void rewind(std::int64_t next_step);
    /// Points of [first_step, last_step], merged to at most `columns`; full resolution where the recent
    /// values cover it. A bucket that lies partly in the range is returned whole, so that no extreme is lost.
    std::vector<SeriesPoint> view(std::int64_t first_step, std::int64_t last_step, std::size_t columns) const;
    std::int64_t first_step() const;  ///< 0 where empty
    std::int64_t last_step() const;   ///< -1 where empty
    std::size_t bytes() const;
    /// As bytes for a checkpoint, and back. take() returns false, and leaves the series empty, where they are
    /// none that append() could have made.
    void put(ByteWriter& bytes) const;
    bool take(ByteReader& bytes);

  private:
    void merge_neighbours();
    std::vector<SeriesPoint> points_between(std::int64_t first_step, std::int64_t last_step) const;
    const std::pair<std::int64_t, float>& recent(std::size_t age_order) const;
    void append_bucket(std::int64_t step, float kept);
    std::size_t capacity_, recent_capacity_;
    std::int64_t stride_ = 1;
    std::vector<SeriesPoint> buckets_;
    std::vector<std::pair<std::int64_t, float>> recent_;  // ring
    std::size_t recent_begin_ = 0;
};

enum class SeriesKind : std::uint8_t {
    loss,
    loss_scale,
    grad_norm,
    learning_rate,
    validation_loss,
    metric,
    step_ms,
    loss_difference  ///< minus the loss of the experiment's first lane at the same step
};
inline constexpr int kSeriesKindCount = 8;
const char* series_kind_name(SeriesKind kind);

/// A moment of a Timeline, to go back to.
struct TimelineMark {
    std::int64_t next_step = 0;
    /// Events recorded so far, by lane and kind.
    std::map<int, std::array<std::uint64_t, kEventKindCount>> events;
};

class Timeline {
  public:
    void clear();
    void record(int lane_id, const StepRecord& record);
    /// Recorded as a series of its own: differences of decimated series would not have its extremes.
    void record_difference(int lane_id, std::int64_t step, double loss_difference);
    void record_validation(int lane_id, std::int64_t step, const Metric& metric);
    void record_probes(int lane_id, std::int64_t step, const std::vector<Probe>& probes);
    /// lane_id -1: an event of the experiment, kept until clear().
    void record_event(int lane_id, const Event& event);
    /// Forgets everything about a lane; its id may be given to another one.
    void remove_lane(int lane_id);
    /// This moment, where `next_step` is the next to be recorded.
    TimelineMark mark(std::int64_t next_step) const;
    /// Forgets what was recorded since; lanes that were not there then go. What a removed lane left does not
    /// come back.
    void rewind(const TimelineMark& mark);

    std::vector<SeriesPoint> series(int lane_id, SeriesKind kind, std::int64_t first_step,
                                    std::int64_t last_step, std::size_t columns) const;
    bool has(int lane_id, SeriesKind kind) const;
    std::int64_t last_step() const;  ///< of all lanes; -1 where empty
    /// Events of one lane (or of all, lane_id = -1) in [first_step, last_step], oldest first; the newest 4096
    /// of each kind are kept.
    std::vector<Event> events(int lane_id, std::int64_t first_step, std::int64_t last_step) const;
    /// The same for a plot of so many columns. Where steps share a column it has the newest event of each
    /// kind and lane alone: work for what can be drawn, however many there are.
    std::vector<Event> events(int lane_id, std::int64_t first_step, std::int64_t last_step,
                              std::size_t columns) const;
    /// At most `most` events of one kind of one lane in [first_step, last_step], newest first.
    std::vector<Event> newest_events(int lane_id, EventKind kind, std::int64_t first_step,
                                     std::int64_t last_step, std::size_t most) const;
    /// Exponent histograms of one tensor over time, bounded; oldest first.
    std::vector<HistogramRow> waterfall(int lane_id, std::string_view tensor, ProbeKind kind) const;
    /// Bytes held now; bounded (stated in timeline.cpp).
    std::size_t bytes() const;

    /// Adds the series and events to a checkpoint as sections "timeline/LANE/NAME"; histograms over time are
    /// left out. Lane -1 is the experiment itself.
    void store(CheckpointFile& file) const;
    /// Becomes what a checkpoint holds. Throws InputError, naming the file, and changes nothing, where that
    /// is no timeline of so many steps.
    void restore(const CheckpointFile& file, std::int64_t next_step);
    /// Becomes the other one, which becomes this one.
    void swap(Timeline& other);

  private:
    struct LaneHistory;
    LaneHistory& history(int lane_id);
    const LaneHistory* find(int lane_id) const;
    mutable std::mutex mutex_;
    std::map<int, std::shared_ptr<LaneHistory>> lanes_;  // -1: the experiment's own events
    std::int64_t last_step_ = -1;
};

}  // namespace halfscope
