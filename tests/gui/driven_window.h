// The real program halfscope in a real window on the test's display: questions go through --drive, clicks and
// keys through the X server (xdotool), as from a person. Used by the window tests.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/child_process.h"

namespace halfscope {

/// Whether there is a display and xdotool; tests skip with this reason where it is not empty.
std::string why_no_window();

#define NEEDS_A_WINDOW() \
    if (const std::string why = why_no_window(); !why.empty()) GTEST_SKIP() << why

/// Arguments for a spiral whose steps take no time, in a small window.
inline std::vector<std::string> small_spiral(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"--scenario", "spiral-mlp", "--set",
                                       "points=256", "--size",     "1280x800"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

class DrivenWindow {
  public:
    /// Starts halfscope with --drive and these arguments and waits for its first frames.
    /// Whether it starts as at its very first start, or as the window before it was left.
    enum class Looks { fresh, kept };
    explicit DrivenWindow(const std::vector<std::string>& arguments, Looks looks = Looks::fresh);

    /// One line to the driver, its answer. An answer with "error" fails the test.
    nlohmann::json ask(const std::string& line);
    /// The same where an error is an answer too.
    nlohmann::json try_ask(const std::string& line);

    nlohmann::json snapshot() { return ask("snapshot"); }
    nlohmann::json lane(const std::string& name);
    std::string value(const std::string& id);
    double number(const std::string& id);
    /// Waits until a drawn value is this text.
    void wait_value(const std::string& id, const std::string& text);
    void wait_frames(int count) { ask("wait_frames " + std::to_string(count)); }
    void wait_step(std::int64_t step) { ask("wait_step " + std::to_string(step)); }

    /// Left click in the middle of a control, scrolled into view before. 1: left, 2: middle, 3: right.
    void click(const std::string& id, int button = 1);
    void double_click(const std::string& id);
    void move_to(const std::string& id);
    /// Drags by pixels from the middle of a control.
    void drag(const std::string& id, int dx, int dy, int button = 1);
    void scroll(const std::string& id, int notches);
    /// An X key name: "space", "Right", "F1", "ctrl+plus".
    void key(const std::string& name);
    void type(const std::string& text);

    /// Ends it with `quit`; its exit code.
    int quit();
    ChildProcess& process() { return *process_; }

  private:
    struct Point {
        int x = 0, y = 0;
    };
    Point centre(const std::string& id);
    void xdotool(const std::string& arguments);

    std::unique_ptr<ChildProcess> process_;
    std::string window_id_;
};

}  // namespace halfscope
