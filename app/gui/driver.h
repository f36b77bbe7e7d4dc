// `halfscope --drive`: obeys lines on stdin and answers each with one JSON object on stdout, so that tests
// and scripts can find controls, wait for steps and read what is drawn. It adds no other way to change a run
// than what a person has: clicks and keys come from the window system. Owned by the application.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gui/frame_times.h"
#include "gui/panels/panel.h"

namespace halfscope {

/// What the driver needs of the application, done at once.
struct DriverActions {
    std::function<void(int width, int height)> resize;
    std::function<void(const std::string& path)> drop_file;
    /// Writes a PNG of the frame drawn last; false where it could not be written.
    std::function<bool(const std::string& path)> screenshot;
    FrameTimes& frame_times;
};

class Driver {
  public:
    /// Starts reading stdin; `wake` is called from that thread when a line came.
    explicit Driver(std::function<void()> wake);
    ~Driver();
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    /// Obeys what can be obeyed after a frame was drawn; waiting commands stay for the next frame.
    void after_frame(const PanelContext& context, const DriverActions& actions);
    /// Whether a command waits, so that frames must go on.
    bool is_waiting();
    /// stdin was closed and everything is answered: the application ends.
    bool is_finished();

  private:
    void read_lines(const std::stop_token& stop);
    bool obey(const std::string& line, const PanelContext& context, const DriverActions& actions);

    std::function<void()> wake_;
    std::mutex mutex_;
    std::deque<std::string> lines_;
    bool input_ended_ = false;
    std::int64_t frames_waited_ = 0;
    double waited_since_s_ = -1;
    std::jthread reader_;
};

}  // namespace halfscope
