// What an ablation's table says, cell by cell.
#include "program/ablation_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

namespace halfscope {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

AblationRun run_of(std::uint64_t seed, double loss, double accuracy) {
    AblationRun run;
    run.seed = seed;
    run.final_loss = loss;
    run.validation = {loss * 2, accuracy};
    run.flushed = 25;
    run.nonzero = 100;
    run.swallowed = 1;
    run.updates = 8;
    run.skipped = static_cast<std::int64_t>(seed);
    run.step_ms = 2.5;
    run.bytes = 3 << 20;
    run.signature = "00ff";
    return run;
}

AblationResults sample() {
    AblationResults results;
    results.scenario = "spiral-mlp";
    results.metric_name = "accuracy";
    results.factors = {{"storage", {"fp16", "fp32"}}, {"accumulate", {"fp16"}}};
    results.seeds = {0, 1, 2};
    results.steps = 100;
    AblationRow trained;
    trained.values = {"fp16", "fp16"};
    for (const auto& [seed, loss] : {std::pair(0, 0.5), std::pair(1, 0.6), std::pair(2, kNaN)})
        trained.runs.push_back(
            std::make_shared<const AblationRun>(run_of(static_cast<std::uint64_t>(seed), loss, 0.25 * seed)));
    AblationRow refused;
    refused.values = {"fp32", "fp16"};
    refused.refusal = "accumulate=fp16 needs storage=fp16.";
    results.rows = {trained, refused};
    return results;
}

std::vector<std::vector<std::string>> cells(const std::string& csv) {
    std::vector<std::vector<std::string>> rows;
    std::istringstream lines(csv);
    for (std::string line; std::getline(lines, line);) {
        std::vector<std::string> row;
        std::istringstream parts(line + ",");
        for (std::string cell; std::getline(parts, cell, ',');) row.push_back(cell);
        rows.push_back(row);
    }
    return rows;
}

TEST(AblationTable, ASpreadHasTwoDigitsAndItsMeanGoesAsFar) {
    EXPECT_EQ(spread_text({0.51234, 0.00412, 3, 0}), "0.5123 ± 0.0041");
    EXPECT_EQ(spread_text({98.125, 1.26, 3, 0}), "98.1 ± 1.3");
    EXPECT_EQ(spread_text({1234.5, 250.0, 3, 0}), "1234 ± 250");
    EXPECT_EQ(spread_text({0.25, 0.01, 2, 0}, 100), "25.0 ± 1.0");
    EXPECT_EQ(spread_text({4, 0, 3, 0}), "4 ± 0");
    EXPECT_EQ(spread_text({0.123456, kNaN, 1, 0}), "0.1235");
    EXPECT_EQ(spread_text({1.234e-9, 2e-10, 2, 0}), "1.2e-09 ± 2e-10");
    EXPECT_EQ(spread_text({0.75123, 1.2e-6, 2, 0}), "0.7512 ± 1.2e-06");
}

TEST(AblationTable, WhatIsNotFiniteIsSaid) {
    EXPECT_EQ(spread_text({0.55, 0.0707, 2, 1}), "0.550 ± 0.071 (1 of 3 not finite)");
    EXPECT_EQ(spread_text({kNaN, kNaN, 0, 3}), "NaN or inf (3 of 3)");
    EXPECT_EQ(spread_text({kNaN, kNaN, 0, 0}), "-");
}

TEST(AblationTable, MarkdownHasARowForEachCombinationAndTheReasonsBelow) {
    const std::string text = ablation_markdown(sample(), "mixed");
    EXPECT_NE(text.find("spiral-mlp, mixed, 100 steps from scratch, seeds 0, 1, 2. Mean ± sample"),
              std::string::npos);
    EXPECT_NE(text.find("| storage | accumulate | final loss | accuracy (%) | flushed (%) | swallowed (%) | "
                        "skipped (steps) | time (ms/step) | memory (MiB) | seeds |\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("| fp16 | fp16 | 0.550 ± 0.071 (1 of 3 not finite) | 25 ± 25 | 25 ± 0 | 12.5 ± 0 | "
                        "1.0 ± 1.0 | 2.5 ± 0 | 3 ± 0 | 3 |\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("| fp32 | fp16 | - | - | - | - | - | - | - | refused |\n"), std::string::npos)
        << text;
    EXPECT_NE(text.find("- storage=fp32, accumulate=fp16 is refused: accumulate=fp16 needs storage=fp16."),
              std::string::npos);
}

TEST(AblationTable, CsvHasAColumnForEveryMeasuresMeanSpreadAndNumber) {
    const auto rows = cells(ablation_csv(sample()));
    ASSERT_EQ(rows.size(), 3u);
    for (const auto& row : rows) EXPECT_EQ(row.size(), 2u + 3u + 3u * 7u);
    EXPECT_EQ(rows[0][5], "final_loss_mean");
    EXPECT_EQ(rows[0][8], "accuracy_mean");
    EXPECT_EQ(rows[1][5], "0.55");
    EXPECT_EQ(std::stod(rows[1][6]), std::stod("0.0707106781"));
    EXPECT_EQ(rows[1][7], "2") << "of three";
    EXPECT_EQ(rows[1][8], "0.25") << "as it is, not in percent";
    EXPECT_EQ(rows[2][4], "accumulate=fp16 needs storage=fp16.");
    EXPECT_EQ(rows[2][5], "");
}

TEST(AblationTable, RunsAreLinesOfTheirOwn) {
    AblationResults results = sample();
    AblationRun failed;
    failed.seed = 9;
    failed.problem = "no, it did not";
    results.rows[0].runs.push_back(std::make_shared<const AblationRun>(failed));
    const std::string csv = ablation_runs_csv(results);
    const auto rows = cells(csv);
    ASSERT_EQ(rows.size(), 5u);
    EXPECT_EQ(rows[1].size(), rows[0].size());
    EXPECT_EQ(rows[3][3], "nan");
    EXPECT_EQ(rows[2][4], "1.2") << "validation loss";
    EXPECT_EQ(rows[1][8], "25") << "percent";
    // The sentence has a comma and is quoted: one cell.
    EXPECT_NE(csv.find(",9," + std::string(13, ',') + "\"no, it did not\"\n"), std::string::npos) << csv;
    EXPECT_EQ(row_state_text(results, results.rows[0]), "4 of 3, 1 failed");
}

}  // namespace
}  // namespace halfscope
