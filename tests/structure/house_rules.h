// The house rules as functions: who may include whom, and the norms of files. Called by house_rules_test.cpp
// on made-up input (each rule can fail) and by repository_test.cpp on the repository. Must not include
// anything of the engine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace halfscope::structure {

/// One #include line.
struct Include {
    int line = 0;            // counted from 1
    std::string target;      // what stands between the quotes or brackets
    bool is_quoted = false;  // "..." rather than <...>
};

/// One file of the repository, as the rules see it.
struct SourceFile {
    std::string path;  // relative to the root, with '/'
    std::string content;
};

/// Every broken rule is one line of text: "path:line: what is wrong".
using Findings = std::vector<std::string>;

/// The #include lines of a source text, those in line comments left out.
std::vector<Include> includes_of(std::string_view content);

/// The dependency rule: numerics <- graph <- ops <- {backend, models}; {backend, models, data} <- train <-
/// session <- app. Also: nothing in engine/ includes a window or a third-party library; CUDA headers only in
/// engine/backend/cuda_* and in the .cu files of engine/ops; cli/ and gui/ do not know each other. Files
/// outside engine/ and app/ have no findings.
Findings check_dependencies(const SourceFile& file);

/// Panels (app/gui/panels/) see neither backend/ nor train/lane.h nor another panel. `panel_names` holds the
/// stems of all panels, i.e. of the .cpp files in that folder.
Findings check_panel(const SourceFile& file, const std::vector<std::string>& panel_names);

/// Headers have #pragma once and open with a comment; sources, scripts and CMake files have at most 600
/// lines.
Findings check_norms(const SourceFile& file);

/// No path of a particular machine in any text file.
Findings check_machine_paths(const SourceFile& file);

/// No file above 300 KB.
Findings check_size(std::string_view path, std::uintmax_t bytes);

/// The files that git tracks below `root`; where git cannot say, all files but build/, .git/, .deps/ and
/// .cache/.
std::vector<std::string> repository_files(const std::string& root);

}  // namespace halfscope::structure
