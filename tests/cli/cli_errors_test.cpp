// Every bad input: one clear line on stderr, nothing on stdout, and the exit code of its kind.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>

#include "cli/cli_process.h"

namespace halfscope {
namespace {

struct BadInput {
    std::vector<std::string> arguments;
    std::vector<std::string> words;  ///< that the line must hold
    int exit_code = 2;
};

void expect_one_line(const BadInput& bad) {
    std::string typed;
    for (const std::string& argument : bad.arguments) typed += " " + argument;
    SCOPED_TRACE("halfscope-cli" + typed);
    const CliResult result = run_cli(bad.arguments);
    EXPECT_EQ(result.exit_code, bad.exit_code);
    EXPECT_EQ(result.out, "");
    const std::vector<std::string> lines = whole_lines(result.err);
    ASSERT_EQ(lines.size(), 1u) << result.err;
    EXPECT_EQ(lines[0].rfind("halfscope-cli: ", 0), 0u);
    for (const std::string& word : bad.words) EXPECT_NE(lines[0].find(word), std::string::npos) << lines[0];
}

TEST(CliErrors, CommandsAndOptions) {
    const std::vector<BadInput> table{
        {{}, {"command", "list", "train", "grads", "inspect"}},
        {{"trein"}, {"trein", "did you mean 'train'"}},
        {{"grad"}, {"grad", "did you mean 'grads'"}},
        {{"inspct"}, {"inspct", "did you mean 'inspect'"}},
        {{"--versoin"}, {"--versoin", "did you mean '--version'"}},
        {{"list", "--jsn"}, {"--jsn", "did you mean '--json'"}},
        {{"list", "extra"}, {"extra"}},
        {{"inspect"}, {"FILE is missing", ".safetensors", "--help"}},
        {{"inspect", ""}, {"FILE: the value is empty"}},
        {{"inspect", "--jsno", "a.npy"}, {"--jsno", "did you mean '--json'"}},
        {{"inspect", "--FILE", "a.npy"}, {"unknown option '--FILE'"}},
        {{"train"}, {"--scenario"}},
        {{"train", "--scenario"}, {"--scenario"}},
        {{"train", "--scenario", ""}, {"--scenario", "empty"}},
        {small_train({"--stpes", "3"}), {"--stpes", "did you mean '--steps'"}},
        {small_train({"--check-point", "f"}), {"--check-point", "did you mean '--checkpoint'"}},
        {small_train({"extra"}), {"extra"}},
        {small_train({"-x"}), {"-x"}},
        {small_train({"--steps"}), {"--steps"}},
        {small_train({"--steps", "1", "--steps", "2"}), {"--steps"}},
    };
    for (const BadInput& bad : table) expect_one_line(bad);
}

TEST(CliErrors, Numbers) {
    std::vector<BadInput> table;
    for (const char* option : {"--steps", "--threads"}) {
        for (const char* text :
             {"0", "-1", "1.5", "nan", "inf", "abc", "1e3", "", " 3", "99999999999999999999"}) {
            const bool empty = *text == '\0';
            table.push_back(
                {small_train({option, text}), {option, empty ? "empty" : std::string("'") + text + "'"}});
        }
    }
    for (const char* option : {"--probe-every", "--shadow-every", "--seed"}) {
        for (const char* text : {"-1", "nan", "1.5", "99999999999999999999999"}) {
            table.push_back({small_train({option, text}), {option, std::string("'") + text + "'"}});
        }
    }
    for (const BadInput& bad : table) expect_one_line(bad);
}

TEST(CliErrors, ScenariosAndSettings) {
    std::vector<BadInput> table{
        {{"train", "--scenario", "spiral-mpl"}, {"spiral-mpl", "did you mean 'spiral-mlp'"}},
        {{"train", "--scenario", "zzzzzzzz"}, {"zzzzzzzz"}},
        {small_train({"--set", "widh=8"}), {"widh'", "did you mean 'width'"}},
        {small_train({"--set", "width"}), {"width", "key=value"}},
        {small_train({"--set", "=3"}), {"key=value"}},
        {small_train({"--text", "/nowhere"}), {"--text", "spiral-mlp"}},
    };
    for (const char* value : {"0", "-4", "nan", "inf", "-inf", "", "abc", "1e30", "3.5", "8x"}) {
        table.push_back({small_train({"--set", std::string("width=") + value}), {"width"}});
    }
    for (const char* value : {"0", "-1", "nan", "inf", "abc", "1e30"}) {
        table.push_back({small_train({"--set", std::string("lr=") + value}), {"lr"}});
    }
    for (const BadInput& bad : table) expect_one_line(bad);
}

TEST(CliErrors, Lanes) {
    const std::vector<BadInput> table{
        {small_train({"--lane", "a=mixd"}), {"mixd", "did you mean 'mixed'"}},
        {small_train({"--lane", "mixed"}), {"mixed=mixed"}},
        {small_train({"--lane", "=mixed"}), {"NAME=PRESET"}},
        {small_train({"--lane", "a="}), {"NAME=PRESET"}},
        {small_train({"--lane", "a=mixed,storge=fp16"}), {"storge", "did you mean 'storage'"}},
        {small_train({"--lane", "a=mixed,storage=fp61"}), {"fp61"}},
        {small_train({"--lane", "a=mixed,storage"}), {"storage"}},
        {small_train({"--lane", "a=mixed,loss_scale=nan"}), {"loss_scale"}},
        {small_train({"--lane", "a=mixed,loss_scale=0"}), {"loss_scale"}},
        {small_train({"--lane", "a=mixed,loss_scale=-8"}), {"loss_scale"}},
        {small_train({"--lane", "a=mixed,growth_interval=0"}), {"growth_interval"}},
        {small_train({"--lane", "a=fp32,accumulate=fp16"}), {"accumulate"}},
        {small_train({"--lane", "a=mixed", "--lane", "a=fp16"}), {"'a'", "twice"}},
        {small_train({"--lane", "a=fp16", "--lane", "b=fp16", "--lane", "c=fp16", "--lane", "d=fp16",
                      "--lane", "e=fp16"}),
         {"--lane", "4"}},
    };
    for (const BadInput& bad : table) expect_one_line(bad);
}

TEST(CliErrors, Devices) {
    expect_one_line({small_train({"--device", "gpu"}), {"--device", "gpu"}});
    expect_one_line({small_train({"--device", "cudo"}), {"did you mean 'cuda'"}});
    expect_one_line({small_train({"--device", "cuda"}), {"cuda"}, 3});
}

TEST(CliErrors, Files) {
    const TemporaryFile empty("empty.txt", ""), shorter("short.txt", "too short"),
        binary("binary.bin", std::string(4096, '\0') + "x");
    const std::string folder = std::filesystem::temp_directory_path().string();
    const auto text = [](const std::string& path) {
        return std::vector<std::string>{"train", "--scenario", "char-gru", "--steps", "1", "--text", path};
    };
    const std::vector<BadInput> table{
        {text("/nowhere/text.txt"), {"/nowhere/text.txt"}},
        {text(empty.path()), {empty.path()}},
        {text(shorter.path()), {shorter.path()}},
        {text(binary.path()), {binary.path()}},
        {text(folder), {folder}},
        {text("/nowhere/two\nlines"), {"/nowhere/two lines"}},
        {small_train({"--steps", "1", "--json", "/nowhere/out.jsonl"}),
         {"/nowhere/out.jsonl", "No such file"}},
        {small_train({"--steps", "1", "--json", folder}), {folder}},
    };
    for (const BadInput& bad : table) expect_one_line(bad);
}

/// Bytes free according to the system; all there can be where it does not say.
std::uint64_t free_bytes() {
    std::ifstream file("/proc/meminfo");
    for (std::string word; file >> word;) {
        std::uint64_t kibibytes = 0;
        if (word == "MemAvailable:" && file >> kibibytes) return kibibytes * 1024;
    }
    return std::numeric_limits<std::uint64_t>::max();
}

TEST(CliErrors, SizesThatDoNotFitMemory) {
    if (free_bytes() > std::uint64_t{900} << 30)
        GTEST_SKIP() << "the largest built-in setting (965 GiB) may fit here";
    BadInput bad{{"train", "--scenario", "digits-cnn", "--steps", "1"}, {"GiB", "reduce"}};
    for (const char* setting : {"size=64", "batch=1024", "channels=128", "blocks=8"}) {
        bad.arguments.insert(bad.arguments.end(), {"--set", setting});
    }
    expect_one_line(bad);
}

TEST(CliErrors, ABadInputDoesNotEmptyAnEarlierRecording) {
    const TemporaryFile recording("earlier.jsonl", "precious\n");
    EXPECT_EQ(run_cli(small_train({"--json", recording.path(), "--lane", "a=mixd"})).exit_code, 2);
    EXPECT_EQ(run_cli(small_train({"--json", recording.path(), "--device", "cuda"})).exit_code, 3);
    EXPECT_EQ(recording.read(), "precious\n");
}

}  // namespace
}  // namespace halfscope
