#include "gui/driver.h"

#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

namespace halfscope {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kPatienceSeconds = 60;  // of a waiting command
constexpr const char* kHelp =
    "rect ID | ids [PREFIX] | value ID | values [PREFIX] | reveal ID | wait_frames N | wait_step N | "
    "wait_value ID TEXT | snapshot | events | frame_times | size W H | drop PATH | screenshot PATH | quit";

double now_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// JSON has no NaN and no infinities: the same words as in halfscope-cli's lines.
Json number(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    return value;
}

void answer(const Json& object) {
    std::printf("%s\n", object.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    std::fflush(stdout);
}

void refuse(const std::string& sentence) { answer({{"error", sentence}}); }

const char* state_name(RunState state) {
    constexpr const char* kNames[] = {"loading", "running", "paused", "failed"};
    return kNames[static_cast<int>(state)];
}

Json lane_object(const LaneSnapshot& lane) {
    Json techniques = Json::object();
    for (const TechniqueKey& key : technique_keys()) {
        techniques[key.name] = technique_value(lane.techniques, key.name);
    }
    return {{"id", lane.id},
            {"name", lane.name},
            {"techniques", techniques},
            {"techniques_step", lane.techniques_step},
            {"step", lane.last.step},
            {"loss", number(lane.last.loss)},
            {"loss_scale", number(lane.last.loss_scale)},
            {"skipped", lane.skipped},
            {"metric", number(lane.validation.metric)},
            {"validation_step", lane.validation_step},
            {"probe_step", lane.probe_step},
            {"bytes", lane.memory.total()},
            {"signature", lane.signature}};
}

Json snapshot_object(const Snapshot& snapshot) {
    Json lanes = Json::array();
    for (const LaneSnapshot& lane : snapshot.lanes) lanes.push_back(lane_object(lane));
    return {{"scenario", snapshot.scenario.name},
            {"state", state_name(snapshot.state)},
            {"run", snapshot.run},
            {"step", snapshot.next_step},
            {"seed", snapshot.settings.seed},
            {"text", snapshot.settings.text_path},
            {"images", snapshot.settings.images_path},
            {"parameters", snapshot.settings.parameters},
            {"lanes", lanes}};
}

Json events_array(const Timeline& timeline) {
    Json events = Json::array();
    for (const Event& event : timeline.events(-1, 0, timeline.last_step() + 1)) {
        events.push_back({{"step", event.step},
                          {"lane", event.lane},
                          {"event", event_kind_name(event.kind)},
                          {"detail", event.detail}});
    }
    return events;
}

template <class Map>
Json keys_with_prefix(const Map& map, const std::string& prefix) {
    Json keys = Json::array();
    for (const auto& [key, value] : map) {
        if (key.rfind(prefix, 0) == 0) keys.push_back(key);
    }
    return keys;
}

void answer_rectangle(const UiProbe& probe, const std::string& id) {
    const std::optional<UiProbe::Rectangle> found = probe.find_rectangle(id);
    if (!found) return refuse("nothing is drawn under '" + id + "'");
    answer({{"rect", {found->min.x, found->min.y, found->max.x, found->max.y}}, {"visible", found->visible}});
}

void answer_value(const UiProbe& probe, const std::string& id) {
    const std::optional<std::string> found = probe.find_value(id);
    if (!found) return refuse("no value is drawn under '" + id + "'");
    answer({{"value", *found}});
}

/// The frames since the last such question.
void answer_frame_times(FrameTimes& times) {
    Json parts = {{"frames", times.count()}};
    const std::pair<const char*, double FrameTime::*> kParts[] = {{"interval_ms", &FrameTime::interval},
                                                                  {"build_ms", &FrameTime::build},
                                                                  {"build_cpu_ms", &FrameTime::build_cpu},
                                                                  {"total_ms", &FrameTime::total}};
    for (const auto& [name, part] : kParts) {
        const TimeSpread spread = times.spread(part);
        parts[name] = {{"median", spread.median}, {"p99", spread.p99}, {"maximum", spread.maximum}};
    }
    answer(parts);
    times.clear();
}

/// What needs no waiting and no application. False: not one of these.
bool answer_question(const std::string& word, const std::string& rest, const PanelContext& context) {
    UiProbe& probe = context.ui.probe;
    if (word == "rect") {
        answer_rectangle(probe, rest);
    } else if (word == "value") {
        answer_value(probe, rest);
    } else if (word == "ids") {
        answer({{"ids", keys_with_prefix(probe.rectangles(), rest)}});
    } else if (word == "values") {
        Json values = Json::object();
        for (const auto& [key, value] : probe.values()) {
            if (key.rfind(rest, 0) == 0) values[key] = value;
        }
        answer({{"values", values}});
    } else if (word == "reveal") {
        probe.reveal(rest);
        answer({{"ok", true}});
    } else if (word == "snapshot") {
        answer(snapshot_object(context.snapshot));
    } else if (word == "events") {
        answer({{"events", events_array(context.timeline)}});
    } else if (word == "help") {
        answer({{"help", kHelp}});
    } else {
        return false;
    }
    return true;
}

/// Whether what a waiting command waits for has come; none: no waiting command, or not understood.
std::optional<bool> has_come(const std::string& word, const std::string& rest, const PanelContext& context,
                             std::int64_t frames) {
    std::istringstream words(rest);
    if (word == "wait_frames" || word == "wait_step") {
        std::int64_t wanted = 0;
        if (!(words >> wanted)) return std::nullopt;
        return word == "wait_frames" ? frames >= wanted : context.snapshot.next_step >= wanted;
    }
    if (word == "wait_value") {
        std::string id, text;
        words >> id;
        std::getline(words >> std::ws, text);
        return context.ui.probe.find_value(id) == text;
    }
    return std::nullopt;
}

}  // namespace

Driver::Driver(std::function<void()> wake)
    : wake_(std::move(wake)), reader_([this](const std::stop_token& stop) { read_lines(stop); }) {}

Driver::~Driver() = default;

void Driver::read_lines(const std::stop_token& stop) {
    std::string pending;
    while (!stop.stop_requested()) {
        // Never blocked for long in read(): the program must be able to end while stdin stays open.
        pollfd input{STDIN_FILENO, POLLIN, 0};
        if (poll(&input, 1, 100) <= 0) continue;
        char buffer[4096];
        const ssize_t count = read(STDIN_FILENO, buffer, sizeof buffer);
        if (count <= 0) break;
        pending.append(buffer, static_cast<std::size_t>(count));
        for (std::size_t end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
            const std::lock_guard lock(mutex_);
            lines_.push_back(pending.substr(0, end));
            pending.erase(0, end + 1);
        }
        wake_();
    }
    const std::lock_guard lock(mutex_);
    input_ended_ = true;
    wake_();
}

bool Driver::is_waiting() {
    const std::lock_guard lock(mutex_);
    return !lines_.empty();
}

bool Driver::is_finished() {
    const std::lock_guard lock(mutex_);
    return input_ended_ && lines_.empty();
}

bool Driver::obey(const std::string& line, const PanelContext& context, const DriverActions& actions) {
    const std::size_t space = line.find(' ');
    const std::string word = line.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (answer_question(word, rest, context)) return true;
    if (word == "size") {
        int width = 0, height = 0;
        if (std::sscanf(rest.c_str(), "%d %d", &width, &height) != 2) {
            refuse("size takes a width and a height in pixels");
        } else {
            actions.resize(width, height);
            answer({{"ok", true}});
        }
    } else if (word == "frame_times") {
        answer_frame_times(actions.frame_times);
    } else if (word == "drop") {
        actions.drop_file(rest);
        answer({{"ok", true}});
    } else if (word == "screenshot") {
        const bool written = actions.screenshot(rest);
        written ? answer({{"ok", true}}) : refuse("cannot write '" + rest + "'");
    } else if (word == "quit") {
        context.ui.requests.quit = true;
        answer({{"ok", true}});
    } else if (const std::optional<bool> come = has_come(word, rest, context, frames_waited_)) {
        if (waited_since_s_ < 0) waited_since_s_ = now_s();
        if (!*come && now_s() - waited_since_s_ < kPatienceSeconds) return false;
        *come ? answer({{"ok", true}}) : refuse("waited in vain: " + line);
    } else {
        refuse("not understood: '" + line + "'; " + kHelp);
    }
    return true;
}

void Driver::after_frame(const PanelContext& context, const DriverActions& actions) {
    ++frames_waited_;
    for (;;) {
        std::string line;
        {
            const std::lock_guard lock(mutex_);
            if (lines_.empty()) return;
            line = lines_.front();
        }
        if (!obey(line, context, actions)) return;
        frames_waited_ = 0;
        waited_since_s_ = -1;
        const std::lock_guard lock(mutex_);
        lines_.pop_front();
    }
}

}  // namespace halfscope
