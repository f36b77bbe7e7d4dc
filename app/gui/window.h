// The native window: GLFW, an OpenGL 3.3 core context and Dear ImGui's backends. Owned by the application;
// draws nothing itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <imgui.h>

#include "gui/input_queue.h"
#include "program/exit_codes.h"

struct GLFWwindow;

namespace halfscope {

/// There is no display to open a window on; the message says what to do.
class NoDisplayError : public NoDeviceError {
  public:
    using NoDeviceError::NoDeviceError;
};

struct KeyPress {
    int key = 0;        ///< GLFW_KEY_*
    int modifiers = 0;  ///< GLFW_MOD_*
};

class Window {
  public:
    /// Width or height 0: the monitor's, at most 1920x1080. Throws NoDisplayError.
    Window(int width, int height);
    ~Window();
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;

    /// Starts ImGui's backends; an ImGui context must exist.
    void start_imgui();
    bool should_close() const;
    void close();
    /// Waits for an event, a wake() or the time to pass; 0 only polls.
    void wait_events(double seconds);
    /// Ends a wait from any thread.
    static void wake();
    /// Number of input events so far: drawing goes on for some frames after each.
    long input_events() const { return input_events_; }

    /// Hands ImGui and take_keys() the input that the next frame is to see; the rest waits for the frames
    /// after it.
    void deliver_input();
    bool has_input_waiting() const { return !queue_.empty(); }

    /// With `Mouse::away` the pointer counts as outside the window, wherever it stands.
    enum class Mouse { here, away };
    void begin_frame(Mouse mouse = Mouse::here);
    /// Renders ImGui's draw data to framebuffer 0; present() shows it.
    void render(unsigned int clear_color);
    void present();
    void rebuild_font_texture();

    void size(int& width, int& height) const;
    void framebuffer_size(int& width, int& height) const;
    float content_scale() const;
    void set_size(int width, int height);
    void set_title(const std::string& title);

    std::vector<KeyPress> take_keys();
    std::vector<std::string> take_dropped_files();
    /// What the drop callback does, for tests: no tool can drag files into Xvfb.
    void drop(std::vector<std::string> files);

  private:
    void install_callbacks();
    void receive(const InputEvent& event);

    GLFWwindow* window_ = nullptr;
    InputQueue queue_;
    DoubleClickPatience double_click_;
    std::optional<ImVec2> cursor_;  ///< as delivered; none before the pointer first moved
    bool buttons_down_[ImGuiMouseButton_COUNT] = {};
    long input_events_ = 0;
    bool imgui_started_ = false;
    std::vector<KeyPress> keys_;
    std::vector<std::string> dropped_;
};

}  // namespace halfscope
