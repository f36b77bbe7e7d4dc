// One run of `halfscope-cli inspect`: every tensor of every file, counted and printed. Made by
// inspect_command.cpp from parsed options. It knows no command-line syntax, and does not count by itself
// (train/tensor_inspection.h).
#pragma once

#include <string>
#include <vector>

namespace halfscope {

enum class InspectFormat { text, json };

struct InspectOptions {
    std::vector<std::string> files;
    InspectFormat format = InspectFormat::text;
};

/// Prints to stdout. All headers are judged before anything is printed. Returns the exit code; throws
/// InputError.
int run_inspection(const InspectOptions& options);

}  // namespace halfscope
