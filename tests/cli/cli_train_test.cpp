// train: the JSON lines and their schema, the table, signatures, interrupts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <map>
#include <set>

#include "cli/cli_process.h"

namespace halfscope {
namespace {

using nlohmann::json;

std::set<std::string> keys_of(const json& object) {
    std::set<std::string> keys;
    for (const auto& [key, value] : object.items()) keys.insert(key);
    return keys;
}

bool number_or_word(const json& value) {
    return value.is_number() || value == "nan" || value == "inf" || value == "-inf";
}

const std::map<std::string, std::set<std::string>> kKeys{
    {"run", {"type", "version", "scenario", "device", "seed", "lanes"}},
    {"step", {"type", "step", "lane", "loss", "loss_scale", "skipped", "grad_norm", "lr", "overflow_layer"}},
    {"probe",
     {"type",         "step",      "lane",    "tensor",    "kind",      "count",          "true_zero",
      "flushed",      "subnormal", "normal",  "inf",       "nan",       "against",        "scale",
      "inf_incoming", "min_abs",   "max_abs", "exponents", "swallowed", "relative_error", "cosine"}},
    {"event", {"type", "step", "lane", "event", "detail"}},
    {"summary", {"type", "lanes"}}};

std::string only_signature(const CliResult& result) {
    const std::vector<json> objects = json_lines(result.out);
    if (objects.empty() || objects.back().at("lanes").empty()) return "";
    return objects.back().at("lanes").at(0).at("signature");
}

void expect_probe(const json& probe) {
    std::uint64_t classes = 0, in_exponents = 0;
    for (const char* key : {"true_zero", "flushed", "subnormal", "normal", "inf", "nan"}) {
        classes += probe.at(key).get<std::uint64_t>();
    }
    EXPECT_EQ(classes, probe.at("count").get<std::uint64_t>()) << probe;
    EXPECT_LE(probe.at("inf_incoming").get<std::uint64_t>(), probe.at("inf").get<std::uint64_t>());
    int last_exponent = -1000;
    for (const json& pair : probe.at("exponents")) {
        EXPECT_GT(pair.at(0).get<int>(), last_exponent);
        last_exponent = pair.at(0);
        EXPECT_GT(pair.at(1).get<std::uint64_t>(), 0u);
        in_exponents += pair.at(1).get<std::uint64_t>();
    }
    // Every value is zero, finite (in the histogram), or came in as inf or NaN.
    EXPECT_EQ(in_exponents + probe.at("true_zero").get<std::uint64_t>() +
                  probe.at("inf_incoming").get<std::uint64_t>() + probe.at("nan").get<std::uint64_t>(),
              probe.at("count").get<std::uint64_t>())
        << probe;
    EXPECT_EQ(probe.at("swallowed").is_null(), probe.at("kind") != "update") << probe;
    EXPECT_TRUE(probe.at("kind") == "weight_gradient" || probe.at("relative_error").is_null());
    EXPECT_TRUE(number_or_word(probe.at("min_abs")) && number_or_word(probe.at("max_abs")));
}

TEST(CliTrain, JsonLinesKeepTheirSchema) {
    const CliResult result = run_cli(
        small_train({"--steps", "12", "--seed", "5", "--probe-every", "5", "--shadow-every", "10", "--json",
                     "-", "--lane", "single=fp32", "--lane", "half=mixed,loss_scaling=static,loss_scale=8"}));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");  // and no progress in a pipe
    const std::vector<json> objects = json_lines(result.out);
    ASSERT_GT(objects.size(), 26u);
    EXPECT_EQ(objects.front().at("type"), "run");
    EXPECT_EQ(objects.front().at("seed"), 5);
    EXPECT_EQ(objects.front().at("lanes").at(1).at("lane"), "half");
    EXPECT_EQ(objects.front().at("lanes").at(1).at("loss_scale"), 8);
    EXPECT_EQ(objects.front().at("lanes").at(1).at("loss_scaling"), "static");
    EXPECT_EQ(objects.front().at("lanes").at(0).at("storage"), "fp32");
    EXPECT_EQ(objects.back().at("type"), "summary");

    std::map<std::string, int> seen;
    std::map<std::pair<std::string, std::string>, int> probe_lines;  // (lane, against)
    std::set<int> probed, shadowed;
    int next_step = 0;
    for (const json& object : objects) {
        const std::string type = object.at("type");
        ++seen[type];
        ASSERT_TRUE(kKeys.contains(type)) << object;
        EXPECT_EQ(keys_of(object), kKeys.at(type)) << object;
        if (type == "step") {
            EXPECT_EQ(object.at("lane"), next_step % 2 == 0 ? "single" : "half");
            EXPECT_EQ(object.at("step"), next_step++ / 2);
            for (const char* key : {"loss", "loss_scale", "grad_norm", "lr"})
                EXPECT_TRUE(number_or_word(object.at(key)));
            EXPECT_TRUE(object.at("skipped").is_boolean());
        }
        if (type == "probe") {
            expect_probe(object);
            probed.insert(object.at("step").get<int>());
            if (!object.at("relative_error").is_null()) shadowed.insert(object.at("step").get<int>());
            ++probe_lines[{object.at("lane"), object.at("against")}];
        }
    }
    EXPECT_EQ(seen["run"], 1);
    EXPECT_EQ(seen["step"], 24);
    EXPECT_EQ(seen["summary"], 1);
    EXPECT_EQ(probed, (std::set<int>{0, 5, 10}));
    EXPECT_EQ(shadowed, (std::set<int>{0, 10}));
    EXPECT_GT((probe_lines[{"single", "fp32"}]), 0);
    EXPECT_EQ((probe_lines[{"single", "fp32"}]), (probe_lines[{"single", "fp16"}]));
    EXPECT_GT((probe_lines[{"half", "fp16"}]), 0);
}

TEST(CliTrain, TheSummarySaysHowItEnded) {
    const CliResult result = run_cli(small_train(
        {"--steps", "3", "--json", "-", "--probe-every", "0", "--shadow-every", "0", "--lane", "a=mixed"}));
    const std::vector<json> objects = json_lines(result.out);
    ASSERT_EQ(objects.size(), 5u);
    const json lane = objects.back().at("lanes").at(0);
    EXPECT_EQ(keys_of(lane),
              (std::set<std::string>{"lane", "steps", "skipped", "final_loss", "validation_loss",
                                     "metric_name", "metric", "steps_per_second", "bytes", "signature"}));
    EXPECT_EQ(lane.at("steps"), 3);
    EXPECT_EQ(lane.at("metric_name"), "accuracy");
    EXPECT_EQ(lane.at("final_loss"), objects.at(3).at("loss"));
    EXPECT_EQ(keys_of(lane.at("bytes")), (std::set<std::string>{"weights", "master_weights", "activations",
                                                                "gradients", "optimizer_state"}));
    EXPECT_EQ(lane.at("bytes").at("master_weights").get<double>(),
              2 * lane.at("bytes").at("weights").get<double>());
    const std::string signature = lane.at("signature");
    EXPECT_EQ(signature.size(), 16u);
    EXPECT_EQ(signature.find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(CliTrain, NanAndInfAreWords) {
    // Far too large a scale, and nobody looks: NaN goes into the weights.
    const CliResult result = run_cli(small_train(
        {"--steps", "4", "--json", "-", "--lane",
         "a=mixed,loss_scaling=static,loss_scale=16777216,on_nonfinite=apply", "--set", "lr=0.01"}));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    bool nan_loss = false, nan_event = false;
    for (const json& object : json_lines(result.out)) {
        if (object.at("type") == "step") nan_loss |= object.at("loss") == "nan";
        if (object.at("type") == "event") nan_event |= object.at("event") == "nan";
    }
    EXPECT_TRUE(nan_loss);
    EXPECT_TRUE(nan_event);
}

TEST(CliTrain, SkippedStepsAndBackoffsAreEvents) {
    const CliResult result = run_cli(small_train(
        {"--steps", "6", "--json", "-", "--probe-every", "0", "--lane", "a=mixed,loss_scale=16777216"}));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    int skipped = 0, skips = 0, backoffs = 0;
    bool layer_named = false;
    for (const json& object : json_lines(result.out)) {
        if (object.at("type") == "step" && object.at("skipped") == true) {
            ++skipped;
            layer_named |= object.at("overflow_layer").is_string();
        }
        if (object.at("type") != "event") continue;
        skips += object.at("event") == "skip";
        backoffs += object.at("event") == "backoff";
    }
    EXPECT_GT(skipped, 0);
    EXPECT_EQ(skips, skipped);
    EXPECT_EQ(backoffs, skipped);
    EXPECT_TRUE(layer_named);
}

TEST(CliTrain, TheSameSeedGivesTheSameSignature) {
    std::set<std::string> same, other;
    for (const char* threads : {"1", "2"}) {
        same.insert(only_signature(run_cli(small_train(
            {"--steps", "10", "--json", "-", "--seed", "3", "--threads", threads, "--lane", "a=mixed"}))));
    }
    // Probes and the shadow pass only look.
    same.insert(
        only_signature(run_cli(small_train({"--steps", "10", "--json", "-", "--seed", "3", "--probe-every",
                                            "0", "--shadow-every", "0", "--lane", "a=mixed"}))));
    EXPECT_EQ(same.size(), 1u);
    other.insert(only_signature(
        run_cli(small_train({"--steps", "10", "--json", "-", "--seed", "4", "--lane", "a=mixed"}))));
    EXPECT_NE(*same.begin(), *other.begin());
    EXPECT_EQ(same.begin()->size(), 16u);
}

TEST(CliTrain, AFileGetsTheLinesAndStdoutTheTable) {
    const TemporaryFile file("run.jsonl", "");
    const CliResult result = run_cli(small_train({"--steps", "5", "--json", file.path()}));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    const std::vector<json> objects = json_lines(file.read());
    EXPECT_EQ(objects.front().at("type"), "run");
    EXPECT_EQ(objects.back().at("type"), "summary");
    const std::vector<std::string> table = whole_lines(result.out);
    ASSERT_EQ(table.size(), 2u + objects.back().at("lanes").size());
    EXPECT_NE(table[0].find("5 of 5 steps"), std::string::npos) << table[0];
    for (std::size_t lane = 0; lane < objects.back().at("lanes").size(); ++lane) {
        const json& summary = objects.back().at("lanes").at(lane);
        EXPECT_NE(table[lane + 2].find(summary.at("signature").get<std::string>()), std::string::npos);
        EXPECT_NE(table[lane + 2].find(summary.at("lane").get<std::string>()), std::string::npos);
    }
}

TEST(CliTrain, WithoutStepsItRunsTheSchedule) {
    const CliResult result = run_cli(small_train({"--set", "steps=20", "--json", "-", "--lane", "a=mixed"}));
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(json_lines(result.out).back().at("lanes").at(0).at("steps"), 20);
}

TEST(CliTrain, AnInterruptEndsAfterTheStepWithWholeLines) {
    for (const int signal_number : {SIGINT, SIGTERM}) {
        bool sent = false;
        const CliResult result =
            run_cli(small_train({"--steps", "1000000000", "--json", "-", "--lane", "a=mixed"}),
                    [&](int process, const std::string& out) {
                        if (!sent && out.find("\"step\":5,") != std::string::npos) {
                            kill(process, signal_number);
                            sent = true;
                        }
                    });
        EXPECT_TRUE(sent);
        EXPECT_EQ(result.exit_code, 130);
        EXPECT_EQ(result.err, "");
        const std::vector<json> objects = json_lines(result.out);
        ASSERT_GT(objects.size(), 6u);
        EXPECT_EQ(objects.back().at("type"), "summary");
        std::int64_t steps = 0;
        for (const json& object : objects) steps += object.at("type") == "step";
        EXPECT_EQ(objects.back().at("lanes").at(0).at("steps"), steps);
    }
}

}  // namespace
}  // namespace halfscope
