// Each house rule on made-up input: what is in order passes, and each kind of breach is found.
#include "house_rules.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace halfscope::structure {
namespace {

std::size_t findings_for(const std::string& path, const std::string& include_line) {
    return check_dependencies({path, "// A file.\n" + include_line + "\n"}).size();
}

TEST(IncludesOf, FindsQuotedAndBracketedOnesWithTheirLines) {
    const auto includes =
        includes_of("// #include \"no.h\"\n#include \"a/b.h\"\n\n  #  include <vector>\nint x;");
    ASSERT_EQ(includes.size(), 2u);
    EXPECT_EQ(includes[0].target, "a/b.h");
    EXPECT_EQ(includes[0].line, 2);
    EXPECT_TRUE(includes[0].is_quoted);
    EXPECT_EQ(includes[1].target, "vector");
    EXPECT_EQ(includes[1].line, 4);
    EXPECT_FALSE(includes[1].is_quoted);
}

TEST(IncludesOf, SurvivesTextWithoutAnEnd) {
    EXPECT_TRUE(includes_of("#include \"unclosed.h").empty());
    EXPECT_TRUE(includes_of("#include").empty());
    EXPECT_TRUE(includes_of("").empty());
}

TEST(Dependencies, EveryAllowedDirectionPasses) {
    const std::vector<std::pair<std::string, std::vector<std::string>>> allowed = {
        {"numerics", {"numerics"}},
        {"graph", {"graph", "numerics"}},
        {"ops", {"ops", "graph", "numerics"}},
        {"backend", {"backend", "ops", "graph", "numerics"}},
        {"models", {"models", "ops", "graph", "numerics"}},
        {"data", {"data", "numerics"}},
        {"train", {"train", "data", "models", "backend", "ops", "graph", "numerics"}},
        {"session", {"session", "train", "data", "models", "backend", "ops", "graph", "numerics"}}};
    const std::vector<std::string> all = {"numerics", "graph", "ops",   "backend",
                                          "models",   "data",  "train", "session"};
    for (const auto& [folder, targets] : allowed) {
        for (const std::string& target : all) {
            const bool is_allowed = std::find(targets.begin(), targets.end(), target) != targets.end();
            EXPECT_EQ(findings_for("engine/" + folder + "/x.cpp", "#include \"" + target + "/y.h\""),
                      is_allowed ? 0u : 1u)
                << folder << " -> " << target;
        }
    }
}

TEST(Dependencies, TheEngineKnowsNoWindowAndNoLibrary) {
    for (const char* target : {"<imgui.h>", "\"backends/imgui_impl_glfw.h\"", "<GLFW/glfw3.h>", "<GL/gl.h>",
                               "<fmt/core.h>", "<nlohmann/json.hpp>", "<CLI/CLI.hpp>", "\"gui/theme.h\"",
                               "\"cli/options.h\"", "\"app/gui/theme.h\""}) {
        EXPECT_EQ(findings_for("engine/session/x.cpp", std::string("#include ") + target), 1u) << target;
    }
    EXPECT_EQ(findings_for("engine/session/x.cpp", "#include <vector>"), 0u);
    EXPECT_EQ(findings_for("engine/session/x.cpp", "#include <sys/mman.h>"), 0u);
}

TEST(Dependencies, OnlyDataKnowsTheLibrariesOfReaders) {
    for (const char* target : {"<zlib.h>", "<zip.h>", "<stb/stb_image.h>", "<nlohmann/json.hpp>"}) {
        const std::string line = std::string("#include ") + target;
        EXPECT_EQ(findings_for("engine/data/x.cpp", line), 0u) << target;
        for (const char* folder : {"numerics", "ops", "train", "session"}) {
            EXPECT_EQ(findings_for(std::string("engine/") + folder + "/x.cpp", line), 1u) << folder << target;
        }
    }
    EXPECT_EQ(findings_for("engine/data/x.cpp", "#include <stb_image.h>"), 1u);
    EXPECT_EQ(findings_for("engine/data/x.cpp", "#include <zlib-ng.h>"), 1u);
    EXPECT_EQ(findings_for("engine/data/x.cpp", "#include <nlohmann/json_fwd.hpp>"), 1u);
}

TEST(Dependencies, QuotedIncludesNameTheirFolder) {
    EXPECT_EQ(findings_for("engine/ops/x.cpp", "#include \"tensor_view.h\""), 1u);
    EXPECT_EQ(findings_for("engine/ops/x.cpp", "#include \"../graph/node.h\""), 1u);
}

TEST(Dependencies, AnUnknownFolderOfTheEngineIsAFinding) {
    EXPECT_EQ(findings_for("engine/misc/x.cpp", "#include <vector>"), 1u);
}

TEST(Dependencies, CudaHeadersStayInTheirFiles) {
    for (const char* target : {"<cuda_runtime.h>", "<cublas_v2.h>", "<cub/cub.cuh>", "<cuda_fp16.h>"}) {
        const std::string line = std::string("#include ") + target;
        EXPECT_EQ(findings_for("engine/backend/cuda_backend.cu", line), 0u) << target;
        EXPECT_EQ(findings_for("engine/ops/softmax.cu", line), 0u) << target;
        EXPECT_EQ(findings_for("engine/ops/softmax.h", line), 1u) << target;
        EXPECT_EQ(findings_for("engine/backend/cpu_gemm.cpp", line), 1u) << target;
        EXPECT_EQ(findings_for("engine/numerics/format.h", line), 1u) << target;
        EXPECT_EQ(findings_for("app/gui/main.cpp", line), 1u) << target;
    }
}

TEST(Dependencies, TheTwoProgramsDoNotKnowEachOther) {
    EXPECT_EQ(findings_for("app/cli/main.cpp", "#include \"gui/theme.h\""), 1u);
    EXPECT_EQ(findings_for("app/cli/main.cpp", "#include <imgui.h>"), 1u);
    EXPECT_EQ(findings_for("app/gui/main.cpp", "#include \"cli/options.h\""), 1u);
    EXPECT_EQ(findings_for("app/gui/main.cpp", "#include \"session/session.h\""), 0u);
    EXPECT_EQ(findings_for("app/gui/main.cpp", "#include <imgui.h>"), 0u);
    EXPECT_EQ(findings_for("app/gui/main.cpp", "#include \"program/exit_codes.h\""), 0u);
    EXPECT_EQ(findings_for("app/program/exit_codes.cpp", "#include \"cli/train_run.h\""), 1u);
    EXPECT_EQ(findings_for("app/program/exit_codes.cpp", "#include \"gui/theme.h\""), 1u);
}

TEST(Panels, SeeNoBackendNoLaneAndNoOtherPanel) {
    const std::vector<std::string> panels = {"loss", "scale"};
    const auto count = [&](const std::string& include_line) {
        return check_panel({"app/gui/panels/loss.cpp", include_line + "\n"}, panels).size();
    };
    EXPECT_EQ(count("#include \"gui/panels/loss.h\""), 0u);
    EXPECT_EQ(count("#include \"gui/panels/panel.h\""), 0u);
    EXPECT_EQ(count("#include \"gui/widgets/scale.h\""), 0u);
    EXPECT_EQ(count("#include \"train/techniques.h\""), 0u);
    EXPECT_EQ(count("#include \"gui/panels/scale.h\""), 1u);
    EXPECT_EQ(count("#include \"scale.h\""), 1u);
    EXPECT_EQ(count("#include \"train/lane.h\""), 1u);
    EXPECT_EQ(count("#include \"backend/backend.h\""), 1u);
    EXPECT_TRUE(check_panel({"app/gui/window.cpp", "#include \"backend/backend.h\"\n"}, panels).empty());
}

TEST(Norms, HeadersOpenWithACommentAndHavePragmaOnce) {
    EXPECT_TRUE(check_norms({"engine/a.h", "// What it is.\n#pragma once\n"}).empty());
    EXPECT_EQ(check_norms({"engine/a.h", "#pragma once\n// Late.\n"}).size(), 1u);
    EXPECT_EQ(check_norms({"engine/a.h", "// What it is.\nint x;\n"}).size(), 1u);
    EXPECT_EQ(check_norms({"engine/a.cuh", ""}).size(), 2u);
    EXPECT_TRUE(check_norms({"engine/a.cpp", "int x;\n"}).empty());
}

TEST(Norms, FilesEndAtSixHundredLines) {
    std::string text;
    for (int line = 0; line < 600; ++line) text += "x\n";
    for (const char* path : {"engine/a.cpp", "tests/a.cpp", "dev", "CMakeLists.txt", "engine/a.cu"}) {
        EXPECT_TRUE(check_norms({path, text}).empty()) << path;
        EXPECT_EQ(check_norms({path, text + "x\n"}).size(), 1u) << path;
    }
    EXPECT_TRUE(check_norms({"README.md", text + "x\n"}).empty());
}

TEST(MachinePaths, AreFoundWithTheirLine) {
    const std::string path = std::string("/work") + "/main";
    const Findings findings = check_machine_paths({"README.md", "one\ntwo " + path + "\n"});
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_TRUE(findings[0].starts_with("README.md:2:")) << findings[0];
    EXPECT_TRUE(check_machine_paths({"README.md", "framework/mainline\n"}).empty());
    EXPECT_EQ(check_machine_paths({"dev", path}).size(), 1u);
}

TEST(Size, EndsAt300Kilobytes) {
    EXPECT_TRUE(check_size("a.png", 300 * 1024).empty());
    EXPECT_EQ(check_size("a.png", 300 * 1024 + 1).size(), 1u);
}

}  // namespace
}  // namespace halfscope::structure
