#include "cli/cli_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

extern char** environ;

namespace halfscope {
namespace {

struct Pipe {
    int read_end = -1, write_end = -1;
    Pipe() {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) == 0) read_end = ends[0], write_end = ends[1];
    }
    ~Pipe() {
        if (read_end >= 0) close(read_end);
        close_write_end();
    }
    void close_write_end() {
        if (write_end >= 0) close(write_end);
        write_end = -1;
    }
};

pid_t start(const std::vector<std::string>& arguments, const Pipe& out, const Pipe& err) {
    std::vector<std::string> words{HALFSCOPE_CLI};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out.write_end, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err.write_end, STDERR_FILENO);
    pid_t process = -1;
    const int error = posix_spawn(&process, HALFSCOPE_CLI, &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    return error == 0 ? process : -1;
}

/// Appends what is there; false at the end of the pipe.
bool read_some(int pipe_end, std::string& text) {
    std::array<char, 65536> piece;
    const ssize_t count = read(pipe_end, piece.data(), piece.size());
    if (count > 0) text.append(piece.data(), static_cast<std::size_t>(count));
    return count > 0;
}

}  // namespace

CliResult run_cli(const std::vector<std::string>& arguments, const OutputWatch& watch) {
    Pipe out, err;
    const pid_t process = start(arguments, out, err);
    out.close_write_end();
    err.close_write_end();
    CliResult result;
    if (process < 0) {
        ADD_FAILURE() << "cannot start " << HALFSCOPE_CLI;
        return result;
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    std::array<pollfd, 2> pipes{pollfd{out.read_end, POLLIN, 0}, pollfd{err.read_end, POLLIN, 0}};
    while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
        poll(pipes.data(), pipes.size(), 1000);
        if (std::chrono::steady_clock::now() > end) {
            ADD_FAILURE() << "halfscope-cli took more than a minute";
            kill(process, SIGKILL);
            break;
        }
        if (pipes[0].revents != 0 && !read_some(out.read_end, result.out)) pipes[0].fd = -1;
        if (pipes[1].revents != 0 && !read_some(err.read_end, result.err)) pipes[1].fd = -1;
        if (watch && pipes[0].fd >= 0) watch(process, result.out);
    }
    int status = 0;
    waitpid(process, &status, 0);
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

std::vector<std::string> whole_lines(const std::string& text) {
    EXPECT_TRUE(text.empty() || text.back() == '\n') << "the last line is cut off";
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

std::vector<nlohmann::json> json_lines(const std::string& text) {
    std::vector<nlohmann::json> objects;
    for (const std::string& line : whole_lines(text)) {
        nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
        EXPECT_TRUE(object.is_object()) << line;
        objects.push_back(std::move(object));
    }
    return objects;
}

std::vector<std::string> small_train(const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"train", "--scenario", "spiral-mlp", "--set",   "points=64",
                                       "--set", "width=8",    "--set",      "layers=2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

TemporaryFile::TemporaryFile(const std::string& name, const std::string& content)
    : path_((std::filesystem::temp_directory_path() / ("halfscope-" + std::to_string(getpid()) + "-" + name))
                .string()) {
    std::ofstream(path_, std::ios::binary) << content;
}

TemporaryFile::~TemporaryFile() { std::remove(path_.c_str()); }

std::string TemporaryFile::read() const {
    std::ifstream file(path_, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace halfscope
