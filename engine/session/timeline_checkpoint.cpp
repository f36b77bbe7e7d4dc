// A timeline in a checkpoint: each series and each lane's events are one section of bytes.
#include <algorithm>
#include <cmath>

#include "session/timeline.h"
#include "session/timeline_history.h"
#include "train/experiment.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

constexpr std::size_t kBucketBytes = 32, kRecentBytes = 12, kEventBytes = 17;
constexpr std::int64_t kMaximumStride = std::int64_t{1} << 40;
constexpr int kLanes = static_cast<int>(kMaximumLanes);

std::string section_name(int lane_id, const std::string& part) {
    return "timeline/" + std::to_string(lane_id) + "/" + part;
}

void put_event(ByteWriter& bytes, const Event& event) {
    bytes.put(event.step);
    bytes.put(static_cast<std::uint8_t>(event.kind));
    bytes.put_text(event.lane);
    bytes.put_text(event.detail);
}

Event take_event(ByteReader& bytes) {
    Event event;
    event.step = bytes.take<std::int64_t>();
    const auto kind = bytes.take<std::uint8_t>();
    event.lane = bytes.take_text();
    event.detail = bytes.take_text();
    if (kind >= kEventKindCount || event.step < 0) {
        bytes.fail();
        return {};
    }
    event.kind = static_cast<EventKind>(kind);
    return event;
}

}  // namespace

void Series::put(ByteWriter& bytes) const {
    bytes.put(stride_);
    bytes.put(static_cast<std::uint64_t>(buckets_.size()));
    for (const SeriesPoint& point : buckets_) {
        bytes.put(point.first_step);
        bytes.put(point.last_step);
        bytes.put(point.minimum);
        bytes.put(point.maximum);
        bytes.put(point.last);
        bytes.put(point.nonfinite);
    }
    bytes.put(static_cast<std::uint64_t>(recent_.size()));
    for (std::size_t age = 0; age < recent_.size(); ++age) {
        bytes.put(recent(age).first);
        bytes.put(recent(age).second);
    }
}

bool Series::take(ByteReader& bytes) {
    clear();
    stride_ = bytes.take<std::int64_t>();
    const auto buckets = bytes.take<std::uint64_t>();
    bool valid = stride_ > 0 && stride_ <= kMaximumStride && (stride_ & (stride_ - 1)) == 0 &&
                 buckets <= capacity_ && buckets <= bytes.room_for(kBucketBytes);
    for (std::uint64_t index = 0; valid && index < buckets; ++index) {
        SeriesPoint point;
        point.first_step = bytes.take<std::int64_t>();
        point.last_step = bytes.take<std::int64_t>();
        point.minimum = bytes.take<float>();
        point.maximum = bytes.take<float>();
        point.last = bytes.take<float>();
        point.nonfinite = bytes.take<std::uint32_t>();
        const bool is_later =
            buckets_.empty() || (buckets_.back().last_step < point.first_step &&
                                 buckets_.back().first_step / stride_ < point.first_step / stride_);
        valid = is_later && point.first_step >= 0 && point.first_step <= point.last_step &&
                point.first_step / stride_ == point.last_step / stride_;
        buckets_.push_back(point);
    }
    const auto recents = bytes.take<std::uint64_t>();
    valid = valid && recents <= recent_capacity_ && recents <= bytes.room_for(kRecentBytes) &&
            (recents == 0) == (buckets_.empty() || recent_capacity_ == 0);
    for (std::uint64_t index = 0; valid && index < recents; ++index) {
        const auto step = bytes.take<std::int64_t>();
        const auto value = bytes.take<float>();
        valid =
            step >= first_step() && step <= last_step() && (recent_.empty() || recent_.back().first <= step);
        recent_.emplace_back(step, value);
    }
    valid = valid && (recent_.empty() || recent_.back().first == last_step());
    if (!valid || bytes.failed()) {
        clear();
        return false;
    }
    return true;
}

void Timeline::store(CheckpointFile& file) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, lane] : lanes_) {
        for (int kind = 0; kind < kSeriesKindCount; ++kind) {
            ByteWriter bytes;
            lane->series[static_cast<std::size_t>(kind)].put(bytes);
            file.sections[section_name(id, series_kind_name(static_cast<SeriesKind>(kind)))] = bytes.bytes();
        }
        ByteWriter bytes;
        std::uint64_t count = 0;
        for (const std::deque<Event>& events : lane->events) count += events.size();
        bytes.put(count);
        for (const std::deque<Event>& events : lane->events) {
            for (const Event& event : events) put_event(bytes, event);
        }
        file.sections[section_name(id, "events")] = bytes.bytes();
    }
}

void Timeline::restore(const CheckpointFile& file, std::int64_t next_step) {
    const auto refuse = [&](const std::string& section) {
        throw InputError("checkpoint '" + file.name + "' has no valid history in '" + section + "'");
    };
    std::map<int, std::shared_ptr<LaneHistory>> lanes;
    std::int64_t last = -1;
    for (int id = -1; id < kLanes; ++id) {
        const auto events = file.sections.find(section_name(id, "events"));
        if (events == file.sections.end()) continue;
        const auto lane = lanes[id] = std::make_shared<LaneHistory>();
        ByteReader reader(events->second);
        const auto count = reader.take<std::uint64_t>();
        if (count > reader.room_for(kEventBytes)) refuse(events->first);
        for (std::uint64_t index = 0; index < count && !reader.failed(); ++index) {
            Event event = take_event(reader);
            std::deque<Event>& of_a_kind = lane->events[static_cast<std::size_t>(event.kind)];
            if (event.step > next_step || of_a_kind.size() == kEventsOfAKind) reader.fail();
            ++lane->recorded[static_cast<std::size_t>(event.kind)];
            of_a_kind.push_back(std::move(event));
        }
        if (!reader.complete()) refuse(events->first);
        for (int kind = 0; kind < kSeriesKindCount; ++kind) {
            const std::string name = section_name(id, series_kind_name(static_cast<SeriesKind>(kind)));
            const auto section = file.sections.find(name);
            if (section == file.sections.end()) refuse(name);
            ByteReader bytes(section->second);
            Series& series = lane->series[static_cast<std::size_t>(kind)];
            if (!series.take(bytes) || !bytes.complete() || series.last_step() >= next_step) refuse(name);
        }
        last = std::max(last, lane->of(SeriesKind::loss).last_step());
    }
    const std::lock_guard lock(mutex_);
    lanes_.swap(lanes);
    last_step_ = last;
}

void Timeline::swap(Timeline& other) {
    if (this == &other) return;
    const std::scoped_lock lock(mutex_, other.mutex_);
    lanes_.swap(other.lanes_);
    std::swap(last_step_, other.last_step_);
}

}  // namespace halfscope
