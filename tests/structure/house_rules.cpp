#include "house_rules.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

namespace halfscope::structure {
namespace {

constexpr int kMaxLines = 600;
constexpr std::uintmax_t kMaxBytes = 300 * 1024;

using Folders = std::set<std::string, std::less<>>;

// What each folder of the engine may include besides itself (the dependency rule of the design).
const std::map<std::string, Folders, std::less<>>& engine_rule() {
    static const std::map<std::string, Folders, std::less<>> rule = {
        {"numerics", {}},
        {"graph", {"numerics"}},
        {"ops", {"numerics", "graph"}},
        {"backend", {"numerics", "graph", "ops"}},
        {"models", {"numerics", "graph", "ops"}},
        {"data", {"numerics"}},
        {"train", {"numerics", "graph", "ops", "backend", "models", "data"}},
        {"session", {"numerics", "graph", "ops", "backend", "models", "data", "train"}},
    };
    return rule;
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [text](std::string_view prefix) { return text.starts_with(prefix); });
}

// The first component of a path that has at least two, else nothing.
std::string_view first_folder(std::string_view path) {
    const std::size_t slash = path.find('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string_view stem(std::string_view path) {
    const std::string_view name = file_name(path);
    return name.substr(0, name.rfind('.'));
}

bool is_foreign_library(std::string_view target) {
    return starts_with_any(target, {"imgui", "backends/imgui", "GLFW/", "GL/", "EGL/", "fmt/", "nlohmann/",
                                    "CLI/", "toml++/", "stb", "sqlite3", "zlib", "zip.h", "benchmark/"});
}

bool is_cuda_header(std::string_view target) {
    return starts_with_any(target, {"cuda", "cublas", "curand", "cufft", "cudnn", "cub/", "thrust/", "nvml",
                                    "nvrtc", "nvToolsExt", "cooperative_groups", "mma.h", "vector_types.h"});
}

bool may_see_cuda(std::string_view path) {
    const bool is_cuda_backend = path.starts_with("engine/backend/") && file_name(path).starts_with("cuda_");
    const bool is_op_kernel = path.starts_with("engine/ops/") && path.ends_with(".cu");
    return is_cuda_backend || is_op_kernel;
}

std::string at(const SourceFile& file, int line, const std::string& what) {
    return file.path + ":" + std::to_string(line) + ": " + what;
}

// Readers of files may use the libraries that unpack and decode them; engine/data builds without most of
// them, too.
bool is_library_of_readers(std::string_view folder, std::string_view target) {
    return folder == "data" && (target == "zlib.h" || target == "zip.h" || target == "nlohmann/json.hpp" ||
                                target.starts_with("stb/"));
}

// One include of a file in engine/<folder>/; empty where it is in order.
std::string engine_finding(std::string_view folder, const Include& include) {
    const auto rule = engine_rule().find(folder);
    if (rule == engine_rule().end()) return "no dependency rule for engine/" + std::string(folder);
    const std::string_view target_folder = first_folder(include.target);
    if (starts_with_any(include.target, {"app/", "gui/", "cli/", "engine/"})) {
        return "the engine must not include " + include.target;
    }
    if (is_foreign_library(include.target) && !is_library_of_readers(folder, include.target))
        return "the engine uses the standard library only: " + include.target;
    if (engine_rule().contains(target_folder)) {
        if (target_folder == folder || rule->second.contains(target_folder)) return "";
        return std::string(folder) + " must not include " + include.target;
    }
    return include.is_quoted ? "an include names its folder, as in \"numerics/format.h\": " + include.target
                             : "";
}

bool is_text(std::string_view path) {
    constexpr std::array<std::string_view, 17> endings = {
        ".h",    ".cpp",  ".cu",   ".cuh",        ".cmake",        ".txt",       ".json", ".md", ".toml",
        ".glsl", ".vert", ".frag", ".clang-tidy", ".clang-format", ".gitignore", "dev",   "run"};
    return file_name(path) == "LICENSE" ||
           std::any_of(endings.begin(), endings.end(),
                       [path](std::string_view end) { return path.ends_with(end); });
}

int count_lines(std::string_view content) {
    return static_cast<int>(std::count(content.begin(), content.end(), '\n'));
}

// The output of `git ls-files`, or nothing where there is no git, no repository, or git refuses.
std::vector<std::string> tracked_files(const std::string& root) {
    if (!std::filesystem::exists(std::filesystem::path(root) / ".git")) return {};
    const std::string command = "git -C '" + root + "' ls-files -z 2>/dev/null";
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    std::vector<std::string> files;
    std::string name;
    for (int c = pipe ? std::fgetc(pipe.get()) : EOF; c != EOF; c = std::fgetc(pipe.get())) {
        if (c != '\0') {
            name.push_back(static_cast<char>(c));
        } else {
            files.push_back(std::move(name));
            name.clear();
        }
    }
    return files;
}

}  // namespace

std::vector<Include> includes_of(std::string_view content) {
    std::vector<Include> includes;
    int line_number = 0;
    while (!content.empty()) {
        const std::size_t end = std::min(content.find('\n'), content.size());
        std::string_view line = content.substr(0, end);
        content.remove_prefix(std::min(end + 1, content.size()));
        ++line_number;
        const auto skip_spaces = [&line] {
            line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        };
        skip_spaces();
        if (!line.starts_with('#')) continue;
        line.remove_prefix(1);
        skip_spaces();
        if (!line.starts_with("include")) continue;
        line.remove_prefix(std::string_view("include").size());
        skip_spaces();
        if (line.empty() || (line[0] != '"' && line[0] != '<')) continue;
        const bool is_quoted = line[0] == '"';
        const std::size_t close = line.find(is_quoted ? '"' : '>', 1);
        if (close == std::string_view::npos) continue;
        includes.push_back({line_number, std::string(line.substr(1, close - 1)), is_quoted});
    }
    return includes;
}

Findings check_dependencies(const SourceFile& file) {
    Findings findings;
    const std::string_view path = file.path;
    const bool is_engine = path.starts_with("engine/");
    if (!is_engine && !path.starts_with("app/")) return findings;
    const std::string_view folder = first_folder(path.substr(path.find('/') + 1));
    for (const Include& include : includes_of(file.content)) {
        if (is_cuda_header(include.target) && !may_see_cuda(path)) {
            findings.push_back(
                at(file, include.line, "CUDA stays in backend/cuda_* and ops/*.cu: " + include.target));
            continue;
        }
        if (is_engine) {
            const std::string finding = engine_finding(folder, include);
            if (!finding.empty()) findings.push_back(at(file, include.line, finding));
        } else if (folder == "cli" &&
                   (include.target.starts_with("gui/") || include.target.starts_with("imgui"))) {
            findings.push_back(at(file, include.line, "the command line knows no window: " + include.target));
        } else if (folder == "gui" && include.target.starts_with("cli/")) {
            findings.push_back(
                at(file, include.line, "the window does not use the command line: " + include.target));
        } else if (folder == "program" && starts_with_any(include.target, {"gui/", "imgui", "cli/"})) {
            findings.push_back(
                at(file, include.line, "what programs share knows none of them: " + include.target));
        }
    }
    return findings;
}

Findings check_panel(const SourceFile& file, const std::vector<std::string>& panel_names) {
    Findings findings;
    constexpr std::string_view panels = "gui/panels/";
    if (!file.path.starts_with("app/gui/panels/")) return findings;
    for (const Include& include : includes_of(file.content)) {
        const std::string_view target = include.target;
        const std::string_view target_stem = stem(target);
        const bool is_beside = target.find('/') == std::string_view::npos && include.is_quoted;
        const bool is_panel =
            (target.starts_with(panels) || is_beside) &&
            std::find(panel_names.begin(), panel_names.end(), target_stem) != panel_names.end();
        if (target.starts_with("backend/") || target == "train/lane.h") {
            findings.push_back(at(file, include.line, "a panel must not see " + include.target));
        } else if (is_panel && target_stem != stem(file.path)) {
            findings.push_back(
                at(file, include.line, "a panel must not see another panel: " + include.target));
        }
    }
    return findings;
}

Findings check_norms(const SourceFile& file) {
    Findings findings;
    const std::string_view path = file.path;
    const bool is_header = path.ends_with(".h") || path.ends_with(".cuh");
    const bool is_code = is_header || path == "dev" || path.ends_with(".cpp") || path.ends_with(".cu") ||
                         path.ends_with(".cmake") || path.ends_with("CMakeLists.txt");
    const int lines = count_lines(file.content);
    if (is_code && lines > kMaxLines) {
        findings.push_back(at(file, lines, "more than " + std::to_string(kMaxLines) + " lines"));
    }
    if (!is_header) return findings;
    if (file.content.find("#pragma once\n") == std::string::npos)
        findings.push_back(at(file, 1, "no #pragma once"));
    if (!starts_with_any(file.content, {"//", "/*"})) {
        findings.push_back(
            at(file, 1, "a header opens with a comment: what it is, who calls it, what it must not do"));
    }
    return findings;
}

Findings check_machine_paths(const SourceFile& file) {
    Findings findings;
    if (!is_text(file.path)) return findings;
    // Put together from halves, so that this file does not contain what it looks for.
    const std::array<std::string, 3> paths = {std::string("/work") + "/", std::string("/tmp") + "/brief",
                                              std::string("/root") + "/"};
    for (const std::string& forbidden : paths) {
        const std::size_t position = file.content.find(forbidden);
        if (position == std::string::npos) continue;
        const int line = 1 + count_lines(std::string_view(file.content).substr(0, position));
        findings.push_back(at(file, line, "a path of one machine: " + forbidden));
    }
    return findings;
}

Findings check_size(std::string_view path, std::uintmax_t bytes) {
    if (bytes <= kMaxBytes) return {};
    return {std::string(path) + ":1: " + std::to_string(bytes) + " bytes, more than 300 KB"};
}

std::vector<std::string> repository_files(const std::string& root) {
    namespace fs = std::filesystem;
    std::vector<std::string> files = tracked_files(root);
    if (!files.empty()) {
        // Deleted files stay in the index until the next commit.
        std::erase_if(
            files, [&root](const std::string& name) { return !fs::is_regular_file(fs::path(root) / name); });
        return files;
    }
    const Folders skipped = {"build", ".git", ".deps", ".cache"};
    for (auto entry = fs::recursive_directory_iterator(root); entry != fs::recursive_directory_iterator();
         ++entry) {
        if (entry->is_directory() && entry.depth() == 0 &&
            skipped.contains(entry->path().filename().string())) {
            entry.disable_recursion_pending();
        } else if (entry->is_regular_file()) {
            files.push_back(entry->path().lexically_relative(root).generic_string());
        }
    }
    return files;
}

}  // namespace halfscope::structure
