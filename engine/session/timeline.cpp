// Bound of the memory a Timeline holds, for each of at most 4 lanes: 8 series of at most 16,384 x 32 + 4,096
// x 16 bytes (vector growth included); 7 kinds of at most 4,096 events; for each of at most 1,024 probed
// tensors at most 256 rows of 66 floats. A model of 100 probed tensors and 4 lanes stays below 60 MB however
// long it runs.
#include "session/timeline.h"

#include <algorithm>
#include <array>

#include "session/timeline_history.h"

namespace halfscope {
namespace {

constexpr std::size_t kWaterfallTensors = 1024;

/// The first of some events, which stand in the order of their steps, that is of `step` or later.
std::deque<Event>::const_iterator from_step(const std::deque<Event>& events, std::int64_t step) {
    return std::partition_point(events.begin(), events.end(),
                                [step](const Event& event) { return event.step < step; });
}

}  // namespace

const char* series_kind_name(SeriesKind kind) {
    switch (kind) {
        case SeriesKind::loss:
            return "loss";
        case SeriesKind::loss_scale:
            return "loss_scale";
        case SeriesKind::grad_norm:
            return "grad_norm";
        case SeriesKind::learning_rate:
            return "learning_rate";
        case SeriesKind::validation_loss:
            return "validation_loss";
        case SeriesKind::metric:
            return "metric";
        case SeriesKind::step_ms:
            return "step_ms";
        case SeriesKind::loss_difference:
            return "loss_difference";
    }
    return "?";
}

Timeline::LaneHistory& Timeline::history(int lane_id) {
    std::shared_ptr<LaneHistory>& place = lanes_[lane_id];
    if (!place) place = std::make_shared<LaneHistory>();
    return *place;
}

const Timeline::LaneHistory* Timeline::find(int lane_id) const {
    const auto place = lanes_.find(lane_id);
    return place == lanes_.end() ? nullptr : place->second.get();
}

void Timeline::clear() {
    const std::lock_guard lock(mutex_);
    lanes_.clear();
    last_step_ = -1;
}

void Timeline::record(int lane_id, const StepRecord& record) {
    const std::lock_guard lock(mutex_);
    LaneHistory& lane = history(lane_id);
    lane.of(SeriesKind::loss).append(record.step, record.loss);
    lane.of(SeriesKind::loss_scale).append(record.step, record.loss_scale);
    lane.of(SeriesKind::grad_norm).append(record.step, record.grad_norm);
    lane.of(SeriesKind::learning_rate).append(record.step, record.learning_rate);
    lane.of(SeriesKind::step_ms).append(record.step, record.step_ms);
    last_step_ = std::max(last_step_, record.step);
}

void Timeline::record_difference(int lane_id, std::int64_t step, double loss_difference) {
    const std::lock_guard lock(mutex_);
    history(lane_id).of(SeriesKind::loss_difference).append(step, loss_difference);
}

void Timeline::record_validation(int lane_id, std::int64_t step, const Metric& metric) {
    const std::lock_guard lock(mutex_);
    LaneHistory& lane = history(lane_id);
    lane.of(SeriesKind::validation_loss).append(step, metric.validation_loss);
    lane.of(SeriesKind::metric).append(step, metric.metric);
}

void Timeline::record_probes(int lane_id, std::int64_t step, const std::vector<Probe>& probes) {
    // Rows are computed before the lock: the window waits for the moves alone.
    std::vector<HistogramRow> rows;
    rows.reserve(probes.size());
    for (const Probe& probe : probes) rows.push_back(histogram_row(step, probe));
    const std::lock_guard lock(mutex_);
    LaneHistory& lane = history(lane_id);
    for (std::size_t index = 0; index < probes.size(); ++index) {
        const std::pair key{probes[index].tensor, probes[index].kind};
        const auto place = lane.waterfalls.find(key);
        if (place != lane.waterfalls.end()) {
            place->second.add(std::move(rows[index]));
        } else if (lane.waterfalls.size() < kWaterfallTensors) {
            lane.waterfalls[key].add(std::move(rows[index]));
        }
    }
}

void Timeline::record_event(int lane_id, const Event& event) {
    const std::lock_guard lock(mutex_);
    LaneHistory& lane = history(lane_id);
    std::deque<Event>& events = lane.events[static_cast<std::size_t>(event.kind)];
    ++lane.recorded[static_cast<std::size_t>(event.kind)];
    events.push_back(event);
    if (events.size() > kEventsOfAKind) events.pop_front();
}

void Timeline::remove_lane(int lane_id) {
    const std::lock_guard lock(mutex_);
    lanes_.erase(lane_id);
}

TimelineMark Timeline::mark(std::int64_t next_step) const {
    TimelineMark mark;
    mark.next_step = next_step;
    const std::lock_guard lock(mutex_);
    for (const auto& [id, lane] : lanes_) mark.events[id] = lane->recorded;
    return mark;
}

void Timeline::rewind(const TimelineMark& mark) {
    const std::lock_guard lock(mutex_);
    last_step_ = -1;
    for (auto place = lanes_.begin(); place != lanes_.end();) {
        const auto known = mark.events.find(place->first);
        if (known == mark.events.end()) {
            place = lanes_.erase(place);
            continue;
        }
        LaneHistory& lane = *place->second;
        for (Series& series : lane.series) series.rewind(mark.next_step);
        for (auto& [key, waterfall] : lane.waterfalls) waterfall.rewind(mark.next_step);
        for (std::size_t kind = 0; kind < lane.events.size(); ++kind) {
            while (lane.recorded[kind] > known->second[kind] && !lane.events[kind].empty()) {
                lane.events[kind].pop_back();
                --lane.recorded[kind];
            }
            lane.recorded[kind] = known->second[kind];
        }
        last_step_ = std::max(last_step_, lane.of(SeriesKind::loss).last_step());
        ++place;
    }
}

std::vector<SeriesPoint> Timeline::series(int lane_id, SeriesKind kind, std::int64_t first_step,
                                          std::int64_t last_step, std::size_t columns) const {
    const std::lock_guard lock(mutex_);
    const LaneHistory* lane = find(lane_id);
    if (!lane) return {};
    return lane->series[static_cast<std::size_t>(kind)].view(first_step, last_step, columns);
}

bool Timeline::has(int lane_id, SeriesKind kind) const {
    const std::lock_guard lock(mutex_);
    const LaneHistory* lane = find(lane_id);
    return lane && lane->series[static_cast<std::size_t>(kind)].last_step() >= 0;
}

std::int64_t Timeline::last_step() const {
    const std::lock_guard lock(mutex_);
    return last_step_;
}

std::vector<Event> Timeline::events(int lane_id, std::int64_t first_step, std::int64_t last_step) const {
    std::vector<Event> found;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, lane] : lanes_) {
            if (lane_id != -1 && id != lane_id) continue;
            for (const std::deque<Event>& of_a_kind : lane->events) {
                for (const Event& event : of_a_kind) {
                    if (event.step >= first_step && event.step <= last_step) found.push_back(event);
                }
            }
        }
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Event& a, const Event& b) { return a.step < b.step; });
    return found;
}

std::vector<Event> Timeline::events(int lane_id, std::int64_t first_step, std::int64_t last_step,
                                    std::size_t columns) const {
    const auto count = static_cast<std::int64_t>(std::max<std::size_t>(columns, 1));
    const std::int64_t width = (last_step - first_step) / count + 1;  // steps a column covers
    if (width == 1) return events(lane_id, first_step, last_step);
    std::vector<Event> found;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, lane] : lanes_) {
            if (lane_id != -1 && id != lane_id) continue;
            for (const std::deque<Event>& of_a_kind : lane->events) {
                for (auto event = from_step(of_a_kind, first_step);
                     event != of_a_kind.end() && event->step <= last_step;) {
                    const std::int64_t column = (event->step - first_step) / width;
                    event = from_step(of_a_kind, std::min(first_step + (column + 1) * width, last_step + 1));
                    found.push_back(*std::prev(event));
                }
            }
        }
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Event& a, const Event& b) { return a.step < b.step; });
    return found;
}

std::vector<Event> Timeline::newest_events(int lane_id, EventKind kind, std::int64_t first_step,
                                           std::int64_t last_step, std::size_t most) const {
    std::vector<Event> found;
    const std::lock_guard lock(mutex_);
    const LaneHistory* lane = find(lane_id);
    if (!lane) return found;
    const std::deque<Event>& events = lane->events[static_cast<std::size_t>(kind)];
    for (auto event = events.rbegin(); event != events.rend() && found.size() < most; ++event) {
        if (event->step < first_step) break;
        if (event->step <= last_step) found.push_back(*event);
    }
    return found;
}

std::vector<HistogramRow> Timeline::waterfall(int lane_id, std::string_view tensor, ProbeKind kind) const {
    const std::lock_guard lock(mutex_);
    const LaneHistory* lane = find(lane_id);
    if (!lane) return {};
    const auto place = lane->waterfalls.find({std::string(tensor), kind});
    return place == lane->waterfalls.end() ? std::vector<HistogramRow>{} : place->second.rows;
}

std::size_t Timeline::bytes() const {
    const std::lock_guard lock(mutex_);
    std::size_t sum = 0;
    for (const auto& [id, lane] : lanes_) {
        sum += sizeof(LaneHistory);
        for (const Series& series : lane->series) sum += series.bytes();
        for (const std::deque<Event>& events : lane->events) {
            for (const Event& event : events)
                sum += sizeof(Event) + event.lane.capacity() + event.detail.capacity();
        }
        for (const auto& [key, waterfall] : lane->waterfalls) {
            sum += sizeof(Waterfall) + sizeof(key) + key.first.capacity();
            for (const HistogramRow& row : waterfall.rows)
                sum += sizeof(row) + (row.share.capacity() + row.unscaled.capacity()) * sizeof(float);
        }
    }
    return sum;
}

}  // namespace halfscope
