// Where widgets say what they are and what they show, so that a test can click the real window and read the values drawn.
// Filled anew each frame while a driver listens (--drive); otherwise every call is a no-op. Draws nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gui/imgui_compat.h"

namespace halfscope {

class UiProbe {
  public:
    struct Entry {
        std::string id;      ///< "techniques/master_weights", "gradients/fc1.weight/flushed_percent"
        ImVec2 minimum, maximum;  ///< window pixels; equal where only a value was given
        std::string value;   ///< text as drawn; may be empty
    };

    void begin_frame(bool listening);
    bool listening() const { return listening_; }
    /// The rectangle of the last ImGui item, under this id.
    void item(std::string_view id, std::string_view value = {});
    void rectangle(std::string_view id, ImVec2 minimum, ImVec2 maximum, std::string_view value = {});
    /// A value drawn somewhere, without a rectangle of its own.
    void value(std::string_view id, std::string_view value);
    const Entry* find(std::string_view id) const;
    const std::vector<Entry>& entries() const { return entries_; }

  private:
    bool listening_ = false;
    std::vector<Entry> entries_;
};

}  // namespace halfscope
