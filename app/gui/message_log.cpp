#include "gui/message_log.h"

#include <algorithm>

namespace halfscope {
namespace {
constexpr std::size_t kKept = 500;
}

void MessageLog::add(Message::Kind kind, std::string text) {
    if (!entries_.empty() && entries_.back().kind == kind && entries_.back().text == text) {
        Entry& last = entries_.back();
        ++last.repeats;
        last.shown_at_s = now_s_;
        last.dismissed = false;
        return;
    }
    entries_.push_back({kind, std::move(text), now_s_});
    if (entries_.size() > kKept) entries_.pop_front();
}

void MessageLog::take(const std::vector<Message>& messages) {
    for (const Message& message : messages) {
        if (message.number <= last_number_) continue;
        last_number_ = message.number;
        add(message.kind, message.text);
    }
}

float MessageLog::opacity(const Entry& entry) const {
    if (entry.dismissed) return 0.0f;
    if (entry.kind == Message::Kind::error) return 1.0f;
    const double left_s = entry.shown_at_s + kNoteSeconds - now_s_;
    return static_cast<float>(std::clamp(left_s / kFadeSeconds, 0.0, 1.0));
}

bool MessageLog::is_animating() const {
    return std::any_of(entries_.begin(), entries_.end(), [this](const Entry& entry) {
        return entry.kind == Message::Kind::note && opacity(entry) > 0.0f;
    });
}

}  // namespace halfscope
