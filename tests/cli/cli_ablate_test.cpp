// ablate: its runs are those of train, its table is their mean and spread, and what makes no plan is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <map>
#include <sstream>

#include "cli/cli_process.h"

namespace halfscope {
namespace {

std::vector<std::string> small_ablate(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = small_train(more);
    arguments.front() = "ablate";
    return arguments;
}

using Table = std::vector<std::map<std::string, std::string>>;

/// Lines of CSV by the titles of their columns; the test's own cells have no commas.
Table table_of(const std::string& csv) {
    Table table;
    std::vector<std::string> titles;
    std::istringstream lines(csv);
    for (std::string line; std::getline(lines, line);) {
        std::vector<std::string> cells;
        std::istringstream parts(line + ",");
        for (std::string cell; std::getline(parts, cell, ',');) cells.push_back(cell);
        if (titles.empty()) {
            titles = cells;
            continue;
        }
        EXPECT_EQ(cells.size(), titles.size()) << line;
        auto& row = table.emplace_back();
        for (std::size_t index = 0; index < std::min(cells.size(), titles.size()); ++index)
            row[titles[index]] = cells[index];
    }
    return table;
}

TEST(CliAblate, ItsRunsAreThoseOfTrainAndItsTableTheirMean) {
    TemporaryFile csv("ablate.csv", ""), runs("ablate-runs.csv", "");
    const CliResult result = run_cli(
        small_ablate({"--lane", "m=mixed", "--vary", "master_weights=on,off", "--vary", "storage=fp16,bf16",
                      "--seeds", "0,7", "--steps", "40", "--csv", csv.path(), "--runs", runs.path()}));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    EXPECT_NE(result.out.find("spiral-mlp, mixed, 40 steps from scratch, seeds 0, 7"), std::string::npos);
    const Table each = table_of(runs.read()), means = table_of(csv.read());
    ASSERT_EQ(each.size(), 8u);
    ASSERT_EQ(means.size(), 4u);
    for (std::size_t index = 0; index < each.size(); ++index) {
        const auto& run = each[index];
        const CliResult train = run_cli(small_train(
            {"--steps", "40", "--seed", run.at("seed"), "--json", "-", "--lane",
             "x=mixed,master_weights=" + run.at("master_weights") + ",storage=" + run.at("storage")}));
        const std::vector<nlohmann::json> lines = json_lines(train.out);
        const nlohmann::json lane = lines.back().at("lanes").at(0);
        EXPECT_EQ(run.at("signature"), lane.at("signature"));
        EXPECT_NEAR(std::stod(run.at("accuracy")), lane.at("metric").get<double>(), 1e-8);
        EXPECT_EQ(run.at("skipped_steps"), std::to_string(lane.at("skipped").get<int>()));
        double sum = 0;
        for (const auto& line : lines)
            if (line.at("type") == "step" && line.at("step") >= 30) sum += line.at("loss").get<double>();
        EXPECT_NEAR(std::stod(run.at("final_loss")), sum / 10, 1e-8);
    }
    for (std::size_t index = 0; index < means.size(); ++index) {
        const double a = std::stod(each[2 * index].at("final_loss")),
                     b = std::stod(each[2 * index + 1].at("final_loss"));
        EXPECT_EQ(each[2 * index].at("storage"), means[index].at("storage"));
        EXPECT_NEAR(std::stod(means[index].at("final_loss_mean")), (a + b) / 2, 1e-8);
        EXPECT_NEAR(std::stod(means[index].at("final_loss_sd")), std::abs(a - b) / std::sqrt(2.0), 1e-8);
        EXPECT_EQ(means[index].at("final_loss_n"), "2");
    }
}

TEST(CliAblate, ARefusedCombinationIsARowWithItsReason) {
    const CliResult result = run_cli(small_ablate(
        {"--vary", "storage=fp16,fp32", "--vary", "accumulate=fp32,fp16", "--seeds", "0", "--steps", "2"}));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.out.find("| fp32 | fp16 | - | - | - | - | - | - | - | refused |"), std::string::npos)
        << result.out;
    EXPECT_NE(result.out.find("storage=fp32, accumulate=fp16 is refused: "), std::string::npos);
}

TEST(CliAblate, WhatMakesNoPlanIsOneLine) {
    const auto refused = [](const std::vector<std::string>& more, const char* words) {
        const CliResult result = run_cli(small_ablate(more));
        EXPECT_EQ(result.exit_code, 2) << words;
        EXPECT_EQ(result.out, "");
        EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1);
        EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
    };
    refused({}, "--vary is missing");
    refused({"--vary", "master_weights"}, "key=value,value");
    refused({"--vary", "master_weight=on,off"}, "did you mean 'master_weights'");
    refused({"--vary", "master_weights=on,of"}, "master_weights");
    refused({"--vary", "master_weights=on,on"}, "twice");
    refused({"--vary", "master_weights=on,"}, "master_weights");
    refused({"--vary", "master_weights=on,off", "--seed", "3"}, "--seeds");
    refused({"--vary", "master_weights=on,off", "--seeds", "1,x"}, "--seeds");
    refused({"--vary", "master_weights=on,off", "--seeds", "1,1"}, "seed is given twice");
    refused({"--vary", "master_weights=on,off", "--steps", "0"}, "--steps");
    refused({"--vary", "master_weights=on,off", "--lane", "a=fp16", "--lane", "b=bf16"}, "give one");
    refused({"--vary", "master_weights=on,off", "--csv", "-", "--runs", "-"}, "two outputs");
    refused({"--vary", "master_weights=on,off", "--csv", "/nowhere/a.csv"}, "/nowhere/a.csv");
}

TEST(CliAblate, InterruptedItWritesWhatIsDone) {
    bool is_sent = false;
    TemporaryFile runs("ablate-interrupted.csv", "");
    const CliResult result = run_cli(small_ablate({"--vary", "master_weights=on,off", "--steps", "1000000",
                                                   "--runs", runs.path(), "--csv", "-", "--threads", "1"}),
                                     [&](int process_id, const std::string&) {
                                         if (!is_sent) kill(process_id, SIGINT);
                                         is_sent = true;
                                     });
    EXPECT_EQ(result.exit_code, 130) << result.err;
    const Table means = table_of(result.out);
    ASSERT_EQ(means.size(), 2u);
    EXPECT_EQ(means[0].at("seeds"), "0") << "no run was whole";
    EXPECT_EQ(whole_lines(runs.read()).size(), 1u);
}

}  // namespace
}  // namespace halfscope
