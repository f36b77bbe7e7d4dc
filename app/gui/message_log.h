// What the window has to say in words: notes, which fade, and errors, which stay until dismissed; all of them
// remain in the log. Filled by the trainer's messages and by the window itself; drawn by overlays.h.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "session/snapshot.h"

namespace halfscope {

class MessageLog {
  public:
    struct Entry {
        Message::Kind kind = Message::Kind::note;
        std::string text;
        double shown_at_s = 0;   ///< seconds of the window's clock
        bool dismissed = false;  ///< errors: by the user
        int repeats = 1;         ///< the same text again and again is one entry
    };

    /// Seconds a note stays on the screen, and the fading at the end of that.
    static constexpr double kNoteSeconds = 6.0, kFadeSeconds = 1.0;

    void set_clock(double now_s) { now_s_ = now_s; }
    void note(std::string text) { add(Message::Kind::note, std::move(text)); }
    void error(std::string text) { add(Message::Kind::error, std::move(text)); }
    /// Takes over the messages of a snapshot that were not seen yet.
    void take(const std::vector<Message>& messages);

    const std::deque<Entry>& entries() const { return entries_; }
    std::deque<Entry>& entries() { return entries_; }
    /// 1: fully shown; falls to 0 while a note fades; errors stay at 1 until dismissed.
    float opacity(const Entry& entry) const;
    /// Whether something on the screen changes with time alone.
    bool is_animating() const;

  private:
    void add(Message::Kind kind, std::string text);
    std::deque<Entry> entries_;  // oldest first, at most kKept
    std::int64_t last_number_ = 0;
    double now_s_ = 0;
};

}  // namespace halfscope
