// halfscope-cli and a scenario that pretrains: who waits for it, who does not, and Ctrl-C meanwhile.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "cli/cli_process.h"
#include "support/child_process.h"

namespace halfscope {
namespace {

using std::chrono::milliseconds;

std::vector<std::string> pretrained(const char* steps, const std::vector<std::string>& more) {
    std::vector<std::string> words{"train", "--scenario",  "gru-finetune", "--set", "hidden=8",
                                   "--set", "embedding=4", "--steps",      "2",     "--set"};
    words.push_back(std::string("pretrain_steps=") + steps);
    words.insert(words.end(), more.begin(), more.end());
    return words;
}
// Longer than the tests wait: seconds in a small network, hours in the largest.
const std::vector<std::string> kHours{"train",         "--scenario", "gru-finetune",
                                      "--set",         "hidden=512", "--set",
                                      "embedding=256", "--set",      "pretrain_steps=10000"};

std::vector<std::string> with_more(std::vector<std::string> words, const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

TEST(CliPretraining, ShowsNothingWhereStderrIsNoTerminal) {
    const CliResult result = run_cli(pretrained("10", {}));
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.err, "");
    EXPECT_EQ(result.out.compare(0, 13, "gru-finetune,"), 0) << result.out;
}

TEST(CliPretraining, AnInterruptEndsItAtOnce) {
    for (const int signal_number : {SIGINT, SIGTERM}) {
        ChildProcess program(HALFSCOPE_CLI, kHours);
        std::this_thread::sleep_for(milliseconds(1000));  // well into pretraining
        program.send_signal(signal_number);
        EXPECT_EQ(program.wait(milliseconds(20000)), 130);
        EXPECT_EQ(program.errors(), "");
    }
}

TEST(CliPretraining, WeightsFromAFileTakeItsPlace) {
    const TemporaryFile file("pretrained.safetensors", "");
    ASSERT_EQ(run_cli(pretrained("10", {"--lane", "a=fp32", "--save", file.path()})).exit_code, 0);
    const CliResult result = run_cli(pretrained("10000", {"--weights", file.path(), "--json", "-"}));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(json_lines(result.out).back().at("lanes").at(0).at("steps"), 2);
}

TEST(CliPretraining, AMistakeInSaveDoesNotWaitForIt) {
    const CliResult result = run_cli(with_more(kHours, {"--save", "/nowhere/at/all"}));
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_NE(result.err.find("/nowhere/at/all"), std::string::npos) << result.err;
}

TEST(CliPretraining, IsKeptForTheNextRunWithTheSameOutcome) {
    const TemporaryFile mark("cache", "");
    const std::string folder = mark.path() + "-folder";
    std::vector<std::string> lines;
    for (int round = 0; round < 2; ++round) {
        ChildProcess program(HALFSCOPE_CLI, pretrained("10", {"--json", "-", "--lane", "a=mixed"}),
                             {{"XDG_CACHE_HOME", folder}});
        std::string last;
        while (const auto line = program.read_line(milliseconds(20000))) last = *line;
        EXPECT_EQ(program.wait(milliseconds(20000)), 0);
        EXPECT_EQ(program.errors(), "");
        lines.push_back(nlohmann::json::parse(last).at("lanes").at(0).at("signature"));
        EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder + "/halfscope"), {}), 1);
    }
    EXPECT_EQ(lines[0], lines[1]);
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace halfscope
