// The progress bar of a run on a terminal: one line on stderr, redrawn ten times a second. Used by the train
// command. It writes nothing where stderr is no terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace halfscope {

class Progress {
  public:
    explicit Progress(std::int64_t steps = 1);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// Draws where it is time to; `details` is what stands behind the bar ("fp32 0.12, mixed 0.12").
    void show(std::int64_t done, const std::string& details);
    /// The same for what is not counted in steps.
    void show_part(double fraction, const std::string& text);
    /// Takes the line away again.
    void clear();
    /// Whether show() would draw now; details need not be put together otherwise.
    bool due() const;

  private:
    void draw(double fraction, const std::string& text);

    std::int64_t steps_;
    bool terminal_;
    bool drawn_ = false;
    std::chrono::steady_clock::time_point start_, last_{};
};

}  // namespace halfscope
