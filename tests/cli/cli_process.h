// Runs the real halfscope-cli as a process, for the tests in this folder. Output is read while it runs.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace halfscope {

struct CliResult {
    int exit_code = -1;  ///< 128 + signal where one ended the process
    std::string out, err;
};

/// Called with the process id and everything read from stdout so far, after each piece.
using OutputWatch = std::function<void(int process_id, const std::string& out)>;

/// Runs `halfscope-cli arguments...` with stdin empty and both outputs in pipes. The process is killed after
/// a minute.
CliResult run_cli(const std::vector<std::string>& arguments, const OutputWatch& watch = {});

/// Lines without their line breaks; a last line without one fails the test.
std::vector<std::string> whole_lines(const std::string& text);
/// Parses every line; what is no JSON object fails the test.
std::vector<nlohmann::json> json_lines(const std::string& text);

/// A train command on the smallest spiral, with more arguments behind.
std::vector<std::string> small_train(const std::vector<std::string>& more);

/// A file in the temporary folder, removed at the end.
class TemporaryFile {
  public:
    TemporaryFile(const std::string& name, const std::string& content);
    ~TemporaryFile();
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const std::string& path() const { return path_; }
    std::string read() const;

  private:
    std::string path_;
};

}  // namespace halfscope
