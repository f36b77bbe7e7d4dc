#include "support/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace halfscope {
namespace {

using Changes = std::vector<std::pair<std::string, std::optional<std::string>>>;

std::vector<std::string> changed_environment(const Changes& changes) {
    std::vector<std::string> variables;
    for (char** entry = environ; *entry; ++entry) {
        const std::string variable = *entry;
        const std::string name = variable.substr(0, variable.find('='));
        const bool changed = std::any_of(changes.begin(), changes.end(),
                                         [&name](const auto& change) { return change.first == name; });
        if (!changed) variables.push_back(variable);
    }
    for (const auto& [name, value] : changes) {
        if (value) variables.push_back(name + "=" + *value);
    }
    return variables;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> result;
    for (std::string& word : words) result.push_back(word.data());
    result.push_back(nullptr);
    return result;
}

std::array<int, 2> make_pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    return ends;
}

}  // namespace

ChildProcess::ChildProcess(const std::string& program, const std::vector<std::string>& arguments,
                           const Changes& environment) {
    // A child that died must not take the test along when it is written to.
    std::signal(SIGPIPE, SIG_IGN);
    const std::array<int, 2> in = make_pipe(), out = make_pipe(), err = make_pipe();
    std::vector<std::string> words{program}, variables = changed_environment(environment);
    words.insert(words.end(), arguments.begin(), arguments.end());
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    const int failure = posix_spawnp(&process_, program.c_str(), &actions, nullptr, pointers(words).data(),
                                     pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    for (const int end : {in[0], out[1], err[1]}) close(end);
    input_ = in[1], output_ = out[0], error_ = err[0];
    if (failure != 0) throw std::runtime_error("cannot start " + program);
}

ChildProcess::~ChildProcess() {
    if (!exit_code_) {
        send_signal(SIGKILL);
        wait(std::chrono::seconds(10));
    }
    for (const int end : {input_, output_, error_}) {
        if (end >= 0) close(end);
    }
}

void ChildProcess::write_line(const std::string& line) {
    const std::string text = line + "\n";
    if (write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        throw std::runtime_error("the program reads no more: " + errors());
    }
}

void ChildProcess::close_input() {
    if (input_ >= 0) close(input_);
    input_ = -1;
}

/// Appends what comes within the time; false where nothing came or the stream ended.
bool ChildProcess::fill(int pipe_end, std::string& text, std::chrono::milliseconds patience) {
    pollfd ready{pipe_end, POLLIN, 0};
    if (poll(&ready, 1, static_cast<int>(patience.count())) <= 0) return false;
    std::array<char, 65536> piece;
    const ssize_t count = read(pipe_end, piece.data(), piece.size());
    if (count > 0) text.append(piece.data(), static_cast<std::size_t>(count));
    return count > 0;
}

std::optional<std::string> ChildProcess::read_line(std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
        const std::size_t line_end = pending_.find('\n');
        if (line_end != std::string::npos) {
            const std::string line = pending_.substr(0, line_end);
            pending_.erase(0, line_end + 1);
            return line;
        }
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0 || !fill(output_, pending_, left)) return std::nullopt;
    }
}

void ChildProcess::send_signal(int number) {
    if (process_ > 0 && !exit_code_) kill(process_, number);
}

int ChildProcess::wait(std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!exit_code_) {
        int status = 0;
        if (waitpid(process_, &status, WNOHANG) == process_) {
            exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        } else if (std::chrono::steady_clock::now() > end) {
            return -1;
        } else {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
    return *exit_code_;
}

std::string ChildProcess::errors() {
    while (fill(error_, errors_, std::chrono::milliseconds(0))) {
    }
    return errors_;
}

}  // namespace halfscope
