#include "gui/input_queue.h"

#include <algorithm>
#include <numeric>

namespace halfscope {
namespace {

using Kind = InputEvent::Kind;

bool holds(const std::vector<InputEvent>& taken, Kind kind) {
    return std::any_of(taken.begin(), taken.end(), [=](const InputEvent& e) { return e.kind == kind; });
}

bool holds(const std::vector<InputEvent>& taken, Kind kind, int code) {
    return std::any_of(taken.begin(), taken.end(),
                       [=](const InputEvent& e) { return e.kind == kind && e.code == code; });
}

/// Whether a frame that sees `taken` cannot see `next` as well.
bool must_wait(const std::vector<InputEvent>& taken, const InputEvent& next) {
    const bool clicked = holds(taken, Kind::button), scrolled = holds(taken, Kind::scroll);
    const bool keyed = holds(taken, Kind::key), typed = holds(taken, Kind::character);
    switch (next.kind) {
        case Kind::cursor:
            return clicked || scrolled || keyed || typed;
        case Kind::button:
            return scrolled || holds(taken, Kind::button, next.code);
        case Kind::scroll:
            return clicked || holds(taken, Kind::cursor);
        case Kind::key:
            return clicked || typed || holds(taken, Kind::key, next.code);
        case Kind::character:
            return clicked || keyed || scrolled;
    }
    return false;
}

}  // namespace

std::vector<InputEvent> InputQueue::take_frame() {
    std::vector<InputEvent> taken;
    while (!events_.empty() && !must_wait(taken, events_.front())) {
        taken.push_back(events_.front());
        events_.pop_front();
    }
    return taken;
}

float DoubleClickPatience::next(float frame_s) {
    constexpr float kDoubleClick_s = 0.3f;  // ImGui's own
    frames_s_[next_] = frame_s;
    next_ = (next_ + 1) % kFrames;
    return std::max(kDoubleClick_s, std::accumulate(frames_s_.begin(), frames_s_.end(), 0.0f));
}

}  // namespace halfscope
