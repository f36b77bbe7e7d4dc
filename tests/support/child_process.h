// A program started by a test, with pipes to its three standard streams. Used by tests of whole programs that
// talk to them while they run.
#pragma once

#include <sys/types.h>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace halfscope {

class ChildProcess {
  public:
    /// Starts it with the test's environment, changed by `environment` (name, value; no value: unset).
    ChildProcess(const std::string& program, const std::vector<std::string>& arguments,
                 const std::vector<std::pair<std::string, std::optional<std::string>>>& environment = {});
    /// Kills it where it still runs.
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    pid_t id() const { return process_; }
    void write_line(const std::string& line);
    void close_input();
    /// The next line of its stdout without the line break; none where the time passed or the stream ended.
    std::optional<std::string> read_line(std::chrono::milliseconds patience);
    void send_signal(int number);
    /// Waits for its end; the exit code, 128 + signal where one ended it, -1 where the time passed.
    int wait(std::chrono::milliseconds patience);
    /// What it wrote to stderr so far.
    std::string errors();

  private:
    bool fill(int pipe_end, std::string& text, std::chrono::milliseconds patience);

    pid_t process_ = -1;
    int input_ = -1, output_ = -1, error_ = -1;
    std::string pending_, errors_;
    std::optional<int> exit_code_;
};

}  // namespace halfscope
