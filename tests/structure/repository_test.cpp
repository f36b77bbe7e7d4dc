// The house rules on the repository itself. HALFSCOPE_SOURCE_DIR is the root, given by CMake.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "house_rules.h"

namespace halfscope::structure {
namespace {

const std::string kRoot = HALFSCOPE_SOURCE_DIR;

std::vector<SourceFile> read_repository() {
    std::vector<SourceFile> files;
    for (const std::string& path : repository_files(kRoot)) {
        std::ifstream stream(std::filesystem::path(kRoot) / path, std::ios::binary);
        files.push_back({path, std::string(std::istreambuf_iterator<char>(stream), {})});
    }
    return files;
}

const std::vector<SourceFile>& repository() {
    static const std::vector<SourceFile> files = read_repository();
    return files;
}

// Adds one test failure for each finding, so that a breach reads "path:line: what is wrong".
void expect_none(const Findings& findings) {
    for (const std::string& finding : findings) ADD_FAILURE() << finding;
}

TEST(Repository, IsThere) {
    // Guards the tests below: a wrong root would make them pass on nothing.
    const auto has = [](std::string_view path) {
        const auto& files = repository();
        return std::any_of(files.begin(), files.end(),
                           [path](const SourceFile& file) { return file.path == path; });
    };
    EXPECT_TRUE(has("CMakeLists.txt"));
    EXPECT_TRUE(has("engine/numerics/format.h"));
    EXPECT_TRUE(has("tests/structure/house_rules.cpp"));
}

TEST(Repository, IncludesFollowTheDependencyRule) {
    for (const SourceFile& file : repository()) expect_none(check_dependencies(file));
}

TEST(Repository, PanelsSeeOnlyWhatTheyMay) {
    std::vector<std::string> panel_names;
    for (const SourceFile& file : repository()) {
        const std::filesystem::path path(file.path);
        if (path.parent_path() == "app/gui/panels" && path.extension() == ".cpp") {
            panel_names.push_back(path.stem().string());
        }
    }
    for (const SourceFile& file : repository()) expect_none(check_panel(file, panel_names));
}

TEST(Repository, FilesKeepTheNorms) {
    for (const SourceFile& file : repository()) expect_none(check_norms(file));
}

TEST(Repository, NamesNoMachine) {
    for (const SourceFile& file : repository()) expect_none(check_machine_paths(file));
}

TEST(Repository, HoldsNoLargeFile) {
    for (const SourceFile& file : repository()) expect_none(check_size(file.path, file.content.size()));
}

}  // namespace
}  // namespace halfscope::structure
