// What the window tells tests about itself: where each control stands and which values it draws. Widgets and
// panels register while they draw; the interface driver (driver.h) and the tests read. Off in ordinary use,
// where every call returns at once. It must not influence what is drawn, but for scrolling to a control that
// was asked for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <imgui.h>

namespace halfscope {

class UiProbe {
  public:
    /// A control's rectangle in window pixels, cut to what can be seen of it.
    struct Rectangle {
        ImVec2 min, max;
        bool visible = false;  ///< at least one pixel is inside its clip rectangle
    };

    void enable() { enabled_ = true; }
    bool enabled() const { return enabled_; }
    /// Forgets what the last frame registered; called before each frame is built.
    void begin_frame();

    /// Registers the last ImGui item under `id`, such as "techniques/master_weights".
    void item(std::string_view id);
    /// Registers any rectangle (a plot's area, a row drawn by hand).
    void rectangle(std::string_view id, ImVec2 min, ImVec2 max);
    /// Registers a drawn value: numbers with full precision, texts as they are.
    void value(std::string_view id, double number);
    void value(std::string_view id, std::string_view text);

    /// From the next frame on, item() scrolls `id` into view once.
    void reveal(std::string id) { reveal_ = std::move(id); }

    std::optional<Rectangle> find_rectangle(std::string_view id) const;
    std::optional<std::string> find_value(std::string_view id) const;
    const std::map<std::string, Rectangle, std::less<>>& rectangles() const { return rectangles_; }
    const std::map<std::string, std::string, std::less<>>& values() const { return values_; }

  private:
    bool enabled_ = false;
    std::string reveal_;
    std::map<std::string, Rectangle, std::less<>> rectangles_;
    std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace halfscope
