// Input on its way from the window system to ImGui, a frame's worth at a time. ImGui before 1.87 looks at the
// state of buttons and keys once a frame: what is pressed and released between two frames would be lost, and
// on a machine that trains on every core frames can be far apart. Since 1.87 ImGui has such a queue of its
// own, with the same rules (ImGuiIO::ConfigInputTrickleEventQueue). Filled and emptied by Window; knows
// neither GLFW nor ImGui.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <vector>

namespace halfscope {

struct InputEvent {
    enum class Kind { cursor, button, scroll, key, character };
    Kind kind = Kind::cursor;
    int code = 0;  ///< button, key, or Unicode code point; none for cursor and scroll
    int scancode = 0, action = 0, modifiers = 0;
    double x = 0, y = 0;  ///< cursor: position; scroll: offset
};

class InputQueue {
  public:
    void push(const InputEvent& event) { events_.push_back(event); }
    bool empty() const { return events_.empty(); }

    /// Removes and returns, in order, the longest run of events from the front of which one frame sees each:
    /// it ends before a second change of the same button or key, and where the order of unlike events would
    /// matter.
    std::vector<InputEvent> take_frame();

  private:
    std::deque<InputEvent> events_;
};

/// How far apart two clicks may be and still be one double click. ImGui takes both times from frames, and a
/// double click takes four of them at least (down, up, down, up): where frames are slow, be it a single one,
/// the clicks of a quick hand would be too far apart. What lies between frames because there was nothing to
/// draw is no slow frame: more of them than that follow every click.
class DoubleClickPatience {
  public:
    /// The limit in seconds for a frame that comes `frame_s` after the one before it.
    float next(float frame_s);

  private:
    static constexpr std::size_t kFrames = 5;
    std::array<float, kFrames> frames_s_{};  // ring
    std::size_t next_ = 0;
};

}  // namespace halfscope
