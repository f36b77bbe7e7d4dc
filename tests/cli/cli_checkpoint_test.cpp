// train --checkpoint and --resume: a run in two processes is the run in one, and every contradiction is one
// line.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "cli/cli_process.h"

namespace halfscope {
namespace {

using nlohmann::json;
using Arguments = std::vector<std::string>;

Arguments train(const Arguments& more) {
    Arguments arguments{"train"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

/// The lines of that type, of steps from `first` on.
std::vector<json> lines_of(const std::string& out, const std::string& type, int first = 0) {
    std::vector<json> found;
    for (const json& line : json_lines(out)) {
        if (line.at("type") == type && (!line.contains("step") || line.at("step") >= first))
            found.push_back(line);
    }
    return found;
}

/// Everything in a summary but times.
json without_times(json summary) {
    for (json& lane : summary.at("lanes")) lane.erase("steps_per_second");
    return summary;
}

TEST(CliCheckpoint, TwoProcessesAreOneRun) {
    struct Run {
        std::string scenario;
        Arguments settings;
    };
    const std::vector<Run> runs{{"spiral-mlp", {"points=64", "width=8", "layers=2"}},
                                {"image-fit", {"size=16", "batch=64", "width=8"}},
                                {"char-gru", {"batch=4", "time=8", "hidden=8"}},
                                {"digits-cnn", {"size=8", "batch=4", "channels=4", "blocks=1"}}};
    for (const Run& run : runs) {
        SCOPED_TRACE(run.scenario);
        const TemporaryFile file(run.scenario + ".checkpoint", "");
        Arguments options{"--scenario", run.scenario, "--seed", "7", "--json", "-", "--probe-every", "4"};
        for (const std::string& setting : run.settings) options.insert(options.end(), {"--set", setting});
        options.insert(options.end(), {"--lane", "a=mixed,growth_interval=4", "--lane",
                                       "b=fp16-scaled,update_rounding=stochastic,growth_interval=3", "--lane",
                                       "c=mixed,scaler=logmax", "--lane",
                                       "d=bf16,master_weights=off,update_rounding=kahan"});
        Arguments all = options, part = options;
        all.insert(all.end(), {"--steps", "17"});
        part.insert(part.end(), {"--steps", "6", "--checkpoint", file.path()});
        const CliResult whole = run_cli(train(all));
        ASSERT_EQ(whole.exit_code, 0) << whole.err;
        const CliResult first = run_cli(train(part));
        ASSERT_EQ(first.exit_code, 0) << first.err;
        const CliResult second =
            run_cli({"train", "--resume", file.path(), "--steps", "17", "--json", "-", "--probe-every", "4"});
        ASSERT_EQ(second.exit_code, 0) << second.err;
        for (const char* type : {"run", "step", "probe", "event"})
            EXPECT_EQ(lines_of(second.out, type), lines_of(whole.out, type, 6)) << type;
        EXPECT_EQ(lines_of(second.out, "step").size(), 4u * 11u);
        EXPECT_EQ(without_times(json_lines(second.out).back()), without_times(json_lines(whole.out).back()));
    }
}

TEST(CliCheckpoint, WrittenEveryFewStepsAndAfterAnInterrupt) {
    const TemporaryFile file("every.checkpoint", "");
    bool sent = false;
    const CliResult result = run_cli(small_train({"--steps", "1000000000", "--json", "-", "--lane", "a=mixed",
                                                  "--checkpoint", file.path(), "--checkpoint-every", "3"}),
                                     [&](int process, const std::string& out) {
                                         if (!sent && out.find("\"step\":50,") != std::string::npos) {
                                             kill(process, SIGINT);
                                             sent = true;
                                         }
                                     });
    ASSERT_EQ(result.exit_code, 130);
    const int done = json_lines(result.out).back().at("lanes").at(0).at("steps");
    EXPECT_GE(done, 50);
    // As many steps as are done: nothing more to do, the same summary.
    const CliResult again =
        run_cli({"train", "--resume", file.path(), "--json", "-", "--steps", std::to_string(done)});
    ASSERT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(without_times(json_lines(again.out).back()), without_times(json_lines(result.out).back()));
    EXPECT_TRUE(lines_of(again.out, "step").empty());

    // A process that is killed leaves what it last wrote.
    bool killed = false;
    run_cli(small_train({"--steps", "1000000000", "--json", "-", "--lane", "a=mixed", "--checkpoint",
                         file.path(), "--checkpoint-every", "1"}),
            [&](int process, const std::string& out) {
                if (!killed && out.find("\"step\":20,") != std::string::npos) {
                    kill(process, SIGKILL);
                    killed = true;
                }
            });
    const CliResult after = run_cli({"train", "--resume", file.path(), "--json", "-", "--steps", "1000"});
    EXPECT_EQ(after.exit_code, 0) << after.err;
    EXPECT_GE(lines_of(after.out, "step").front().at("step"), 20);
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(file.path()).parent_path())) {
        // What a killed process was writing beside it.
        if (entry.path().string().starts_with(file.path() + ".")) std::filesystem::remove(entry.path());
    }
}

TEST(CliCheckpoint, BadOptionsAreOneLineAndTrainNothing) {
    const TemporaryFile file("good.checkpoint", ""), damaged("damaged.checkpoint", ""),
        recording("kept.jsonl", "precious\n");
    ASSERT_EQ(run_cli(small_train({"--steps", "4", "--seed", "2", "--lane", "a=mixed", "--lane", "b=fp32",
                                   "--checkpoint", file.path()}))
                  .exit_code,
              0);
    const std::string bytes = file.read();
    { std::ofstream(damaged.path(), std::ios::binary) << bytes.substr(0, bytes.size() / 2); }
    struct Row {
        Arguments arguments;
        std::vector<std::string> words;
    };
    const std::string resume = "--resume '" + file.path() + "'";
    const std::vector<Row> table{
        {{"--resume", "/nowhere/f"}, {"/nowhere/f", "does not exist"}},
        {{"--resume", damaged.path()}, {damaged.path(), "cut off"}},
        {{"--resume", recording.path()}, {recording.path(), "no checkpoint"}},
        {{"--resume", ""}, {"--resume", "empty"}},
        {{"--resume", file.path(), "--scenario", "char-gru"},
         {"--scenario char-gru", resume, "'spiral-mlp'"}},
        {{"--resume", file.path(), "--seed", "3"}, {"--seed 3", resume, "2"}},
        {{"--resume", file.path(), "--set", "width=9"}, {"--set width", resume, "width=8"}},
        {{"--resume", file.path(), "--lane", "a=mixed"}, {"--lane", resume, "'a', 'b'"}},
        {{"--resume", file.path(), "--lane", "a=fp16", "--lane", "b=fp32"},
         {"--lane a", resume, "techniques"}},
        {{"--resume", file.path(), "--lane", "c=fp16"}, {"--lane c", resume, "'a', 'b'"}},
        {{"--resume", file.path(), "--weights", "w.safetensors"}, {"--weights", resume}},
        {{"--resume", file.path(), "--steps", "3"}, {"--steps 3", "4 steps already"}},
        {{"--scenario", "spiral-mlp", "--checkpoint", "/nowhere/f"}, {"/nowhere/f", "No such file"}},
        {{"--scenario", "spiral-mlp", "--checkpoint", "/dev/null"}, {"/dev/null", "regular"}},
        {{"--scenario", "spiral-mlp", "--checkpoint-every", "5"}, {"--checkpoint-every", "--checkpoint"}},
        {{"--scenario", "spiral-mlp", "--checkpoint", file.path(), "--checkpoint-every", "0"},
         {"--checkpoint-every", "'0'"}},
        {{"--scenario", "spiral-mlp", "--checkpoint", "same", "--save", "same"}, {"'same'"}},
        {{"--scenario", "spiral-mlp", "--lane", "\xFF=fp32", "--checkpoint", damaged.path()}, {"UTF-8"}},
    };
    for (const Row& row : table) {
        Arguments arguments = row.arguments;
        arguments.insert(arguments.end(), {"--json", recording.path()});
        const CliResult result = run_cli(train(arguments));
        EXPECT_EQ(result.exit_code, 2) << row.words.front();
        EXPECT_EQ(result.out, "");
        const std::vector<std::string> lines = whole_lines(result.err);
        ASSERT_EQ(lines.size(), 1u) << result.err;
        for (const std::string& word : row.words)
            EXPECT_NE(lines[0].find(word), std::string::npos) << word << " in: " << lines[0];
        EXPECT_EQ(recording.read(), "precious\n");
    }
    EXPECT_EQ(file.read(), bytes);
    // What agrees may be given again.
    const CliResult agrees = run_cli(small_train(
        {"--resume", file.path(), "--steps", "5", "--seed", "2", "--lane", "b=fp32", "--lane", "a=mixed"}));
    EXPECT_EQ(agrees.exit_code, 0) << agrees.err;
}

TEST(CliCheckpoint, ATextThatChangedIsRefused) {
    const TemporaryFile text("text.txt", std::string(4000, 'a') + " some text of a few words ");
    const TemporaryFile file("text.checkpoint", "");
    ASSERT_EQ(run_cli({"train", "--scenario", "char-gru", "--text", text.path(), "--set", "hidden=8",
                       "--steps", "2", "--lane", "a=mixed", "--checkpoint", file.path()})
                  .exit_code,
              0);
    EXPECT_EQ(run_cli({"train", "--resume", file.path(), "--steps", "3"}).exit_code, 0);
    { std::ofstream(text.path(), std::ios::binary) << std::string(5000, 'b') + " another text altogether "; }
    const CliResult changed = run_cli({"train", "--resume", file.path(), "--steps", "3"});
    EXPECT_EQ(changed.exit_code, 2);
    EXPECT_EQ(whole_lines(changed.err).size(), 1u);
    std::filesystem::remove(text.path());
    const CliResult gone = run_cli({"train", "--resume", file.path(), "--steps", "3"});
    EXPECT_EQ(gone.exit_code, 2);
    EXPECT_NE(gone.err.find(text.path()), std::string::npos) << gone.err;
}

}  // namespace
}  // namespace halfscope
