// gru-finetune without its whole schedule: where lanes start, what is pretrained when, what is kept, and what
// is done with a file that is not as it was written.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "backend/cpu_backend.h"
#include "data/safetensors.h"
#include "train/experiment.h"
#include "train/signature.h"
#include "train/weight_cache.h"

namespace halfscope {
namespace {

namespace fs = std::filesystem;

/// Sets a variable of the environment, or takes it away, and puts it back.
class ScopedVariable {
  public:
    ScopedVariable(const char* name, const std::optional<std::string>& value) : name_(name) {
        if (const char* before = std::getenv(name)) before_ = before;
        set(value);
    }
    ~ScopedVariable() { set(before_); }
    void set(const std::optional<std::string>& value) const {
        value ? setenv(name_, value->c_str(), 1) : unsetenv(name_);
    }

  private:
    const char* name_;
    std::optional<std::string> before_;
};

class GruFinetune : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "halfscope-cache-XXXXXX").string();
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        variable_.set(folder_.string());
        forget_kept_weights();
    }
    void TearDown() override {
        forget_kept_weights();
        fs::permissions(folder_ / "halfscope", fs::perms::owner_all, ignored_);
        fs::remove_all(folder_, ignored_);
    }

    static ScenarioSettings settings(std::uint64_t seed = 0) {
        ScenarioSettings settings;
        settings.parameters = {
            {"batch", 3}, {"time", 8}, {"hidden", 9}, {"embedding", 5}, {"pretrain_steps", 10}};
        settings.seed = seed;
        return settings;
    }

    /// Makes the workload and counts how many steps of pretraining that took.
    std::shared_ptr<const Workload> prepare(const ScenarioSettings& wanted, int threads = 1) {
        pretrained_steps_ = 0;
        Preparation preparation;
        preparation.threads = threads;
        preparation.report = [this](const LoadingProgress&) {
            ++pretrained_steps_;
            return true;
        };
        return find_scenario("gru-finetune").prepare(wanted, preparation);
    }
    /// The same after a new start of the program: with the disk alone.
    std::shared_ptr<const Workload> prepare_afresh(const ScenarioSettings& wanted, int threads = 1) {
        forget_kept_weights();
        return prepare(wanted, threads);
    }

    std::vector<fs::path> files() const {
        std::vector<fs::path> all;
        for (const auto& entry : fs::directory_iterator(folder_ / "halfscope")) all.push_back(entry.path());
        return all;
    }
    fs::path only_file() const {
        const std::vector<fs::path> all = files();
        EXPECT_EQ(all.size(), 1u);
        return all.empty() ? fs::path() : all.front();
    }

    static std::string signature(const Workload& workload) {
        Signature signature;
        for (const NamedValues& one : *workload.starting_weights()) signature.add(one.values);
        return signature.text();
    }
    static std::string read(const fs::path& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    static void write(const fs::path& path, const std::string& bytes) {
        std::ofstream(path, std::ios::binary) << bytes;
    }

    fs::path folder_;
    int pretrained_steps_ = 0;
    std::error_code ignored_;
    ScopedVariable variable_{"XDG_CACHE_HOME", std::nullopt};
};

// Where these bits are meant to change, raise kPretrainingVersion in gru_finetune.cpp: files of users hold
// the old ones.
TEST_F(GruFinetune, PretrainedBitsAreTheRecordedOnesForAnyNumberOfThreads) {
    EXPECT_EQ(signature(*prepare(settings())), "1f1855827e04447a");
    fs::remove(only_file());
    EXPECT_EQ(signature(*prepare_afresh(settings(), 3)), "1f1855827e04447a");
    EXPECT_EQ(pretrained_steps_, 10);
}

TEST_F(GruFinetune, EveryLaneStartsFromThePretrainedWeightsAlsoLaterOnes) {
    const auto workload = prepare(settings());
    const std::vector<NamedValues>& start = *workload->starting_weights();
    const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    Experiment experiment(*backend, workload,
                          {{"fp32", parse_techniques("fp32")}, {"mixed", parse_techniques("mixed")}});
    for (int step = 0; step < 3; ++step) experiment.step({});
    EXPECT_NE(experiment.lanes()[0].parameter("head.weight"), experiment.lanes()[1].parameter("head.weight"));
    Experiment again(*backend, workload, {{"fp32", parse_techniques("fp32")}});
    again.add_lane({"mixed", parse_techniques("mixed")}, nullptr);
    for (const Lane& lane : again.lanes()) {
        for (const NamedValues& one : start) EXPECT_EQ(lane.parameter(one.name), one.values) << one.name;
    }
    // Not from the network's own random values.
    Experiment random(*backend, find_scenario("gru-finetune").outline(settings()),
                      {{"fp32", parse_techniques("fp32")}});
    EXPECT_NE(random.lanes()[0].parameter("head.weight"), again.lanes()[0].parameter("head.weight"));
}

TEST_F(GruFinetune, ARoundedLaneStartsFromTheRoundedWeights) {
    const auto workload = prepare(settings());
    const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    const Lane lane(*backend, workload, "lane", parse_techniques("fp16-scaled"));
    for (const NamedValues& one : *workload->starting_weights()) {
        const std::vector<float> rounded = lane.parameter(one.name);
        for (std::size_t i = 0; i < rounded.size(); ++i) {
            EXPECT_NEAR(rounded[i], one.values[i], 0.0005f * std::abs(one.values[i]) + 1e-7f);
        }
    }
}

TEST_F(GruFinetune, PretrainsOnceForSettingsThatLeaveItAlone) {
    const auto first = prepare(settings());
    EXPECT_EQ(pretrained_steps_, 10);
    ScenarioSettings other = settings();
    other.parameters["batch"] = 7;
    other.parameters["time"] = 16;
    other.parameters["lr"] = 1e-3;
    other.parameters["steps"] = 50;
    other.parameters["micro_batches"] = 3;
    const auto second = prepare(other);
    EXPECT_EQ(pretrained_steps_, 0);
    EXPECT_EQ(second->starting_weights(), first->starting_weights());  // the same memory
    EXPECT_EQ(second->optimizer(0).learning_rate, 1e-3f);
    EXPECT_EQ(second->optimizer(49).learning_rate, 1e-3f);
    EXPECT_EQ(files().size(), 1u);
    // Nor do they change what is pretrained.
    forget_kept_weights();
    fs::remove(only_file());
    EXPECT_EQ(signature(*prepare(other)), signature(*first));
    EXPECT_EQ(pretrained_steps_, 10);
}

TEST_F(GruFinetune, PretrainsAnewForWhatDecidesItsBits) {
    const std::string before = signature(*prepare(settings()));
    std::vector<ScenarioSettings> others{settings(1), settings(), settings(), settings()};
    others[1].parameters["hidden"] = 10;
    others[2].parameters["embedding"] = 6;
    others[3].parameters["pretrain_steps"] = 11;
    for (const ScenarioSettings& other : others) {
        EXPECT_NE(signature(*prepare(other)), before);
        EXPECT_GE(pretrained_steps_, 10);
    }
    EXPECT_EQ(files().size(), 5u);
    EXPECT_EQ(signature(*prepare(settings())), before);
    EXPECT_EQ(pretrained_steps_, 0);
}

TEST_F(GruFinetune, AnotherStartOfTheProgramFindsTheSameBitsOnDisk) {
    const auto made = prepare(settings());
    const auto found = prepare_afresh(settings());
    EXPECT_EQ(pretrained_steps_, 0);
    EXPECT_EQ(found->note(), "");
    EXPECT_EQ(only_file().extension(), ".safetensors");
    ASSERT_EQ(found->starting_weights()->size(), made->starting_weights()->size());
    for (std::size_t i = 0; i < made->starting_weights()->size(); ++i) {
        const NamedValues &a = (*made->starting_weights())[i], &b = (*found->starting_weights())[i];
        EXPECT_EQ(a.name, b.name);
        EXPECT_EQ(a.shape, b.shape);
        EXPECT_EQ(a.values, b.values);
    }
    EXPECT_EQ(signature(*made), signature(*found));
}

TEST_F(GruFinetune, TheOldestFilesGoWhereThereAreTooMany) {
    prepare(settings());
    const fs::path first = only_file();
    for (int i = 0; i < 40; ++i) {
        const fs::path other = first.parent_path() / ("other-" + std::to_string(i) + ".safetensors");
        write(other, "x");
        fs::last_write_time(other, fs::last_write_time(first) - std::chrono::hours(1 + i));
    }
    write(first.parent_path() / "notes.txt", "not ours");
    prepare_afresh(settings(1));
    EXPECT_EQ(files().size(), 33u);
    EXPECT_TRUE(fs::exists(first));
    EXPECT_TRUE(fs::exists(first.parent_path() / "other-29.safetensors"));
    EXPECT_FALSE(fs::exists(first.parent_path() / "other-30.safetensors"));
    EXPECT_TRUE(fs::exists(first.parent_path() / "notes.txt"));
}

TEST_F(GruFinetune, ADamagedFileIsSaidAndMadeAnew) {
    const std::string good = signature(*prepare(settings()));
    const fs::path path = only_file();
    const std::string bytes = read(path);
    std::string flipped = bytes, other_key = bytes;
    flipped[flipped.size() - 5] ^= 1;
    const std::size_t seed = other_key.find("seed 0");
    ASSERT_NE(seed, std::string::npos);
    other_key[seed + 5] = '1';
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "safetensors"},
        {"no safetensors at all", "safetensors"},
        {bytes.substr(0, bytes.size() / 2), "safetensors"},
        {flipped, "are damaged"},
        {other_key, "are other ones"},
        {bytes + std::string(1 << 20, 'x'), "are too long"}};
    for (const auto& [content, reason] : cases) {
        SCOPED_TRACE(reason);
        write(path, content);
        const auto workload = prepare_afresh(settings());
        EXPECT_EQ(pretrained_steps_, 10);
        EXPECT_EQ(signature(*workload), good);
        EXPECT_NE(workload->note().find(path.string()), std::string::npos) << workload->note();
        EXPECT_NE(workload->note().find(reason), std::string::npos) << workload->note();
        EXPECT_NE(workload->note().find("made anew"), std::string::npos) << workload->note();
        EXPECT_EQ(read(path), bytes);
        EXPECT_EQ(prepare_afresh(settings())->note(), "");
    }
}

TEST_F(GruFinetune, WhatIsNoRegularFileIsLeftAlone) {
    const std::string good = signature(*prepare(settings()));
    const fs::path path = only_file();
    fs::remove(path);
    fs::create_directory(path);
    auto workload = prepare_afresh(settings());
    EXPECT_EQ(signature(*workload), good);
    EXPECT_NE(workload->note().find("not kept for the next time"), std::string::npos) << workload->note();
    EXPECT_TRUE(fs::is_directory(path));
    fs::remove(path);
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    EXPECT_EQ(signature(*prepare_afresh(settings())), good);
    EXPECT_TRUE(fs::is_fifo(path));
    fs::remove(path);
    fs::create_symlink(folder_ / "nowhere", path);
    EXPECT_EQ(signature(*prepare_afresh(settings())), good);
}

TEST_F(GruFinetune, WithoutAFolderThereIsNoFileAndNoNote) {
    const ScopedVariable home("HOME", folder_.string());
    for (const auto& [cache, expected] : std::vector<std::pair<std::optional<std::string>, std::string>>{
             {folder_.string(), folder_.string() + "/halfscope"},
             {"relative", folder_.string() + "/.cache/halfscope"},
             {"", folder_.string() + "/.cache/halfscope"},
             {std::nullopt, folder_.string() + "/.cache/halfscope"}}) {
        variable_.set(cache);
        EXPECT_EQ(weight_cache_folder(), expected);
    }
    home.set(std::nullopt);
    EXPECT_EQ(weight_cache_folder(), "");
    variable_.set("/dev/null");
    for (int round = 0; round < 2; ++round) {
        EXPECT_EQ(prepare_afresh(settings())->note(), "");
        EXPECT_EQ(pretrained_steps_, 10);
    }
    variable_.set(std::nullopt);
    EXPECT_EQ(prepare_afresh(settings())->note(), "");
    EXPECT_EQ(pretrained_steps_, 10);
    EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(GruFinetune, TellsHowFarItIsAndStopsWhereItIsToldTo) {
    std::vector<LoadingProgress> seen;
    Preparation preparation;
    preparation.threads = 1;
    preparation.report = [&](const LoadingProgress& progress) {
        seen.push_back(progress);
        return seen.size() < 4;
    };
    try {
        find_scenario("gru-finetune").prepare(settings(), preparation);
        FAIL() << "it went on";
    } catch (const CancelledError& error) {
        EXPECT_STREQ(error.what(), "cancelled while pretraining in FP32: step 3 of 10");
    }
    ASSERT_EQ(seen.size(), 4u);
    EXPECT_EQ(seen[0].fraction, 0);
    EXPECT_EQ(seen[0].text, "pretraining in FP32: step 0 of 10");
    EXPECT_DOUBLE_EQ(seen[3].fraction, 0.3);
    // Half a pretraining is kept nowhere.
    EXPECT_TRUE(files().empty());
    prepare(settings());
    EXPECT_EQ(pretrained_steps_, 10);
}

TEST_F(GruFinetune, AnOutlinePretrainsNothingAndIsTheSameOtherwise) {
    const auto outline = find_scenario("gru-finetune").outline(settings());
    EXPECT_EQ(outline->starting_weights(), nullptr);
    EXPECT_FALSE(fs::exists(folder_ / "halfscope"));
    const auto whole = prepare(settings());
    EXPECT_EQ(outline->settings().parameters, whole->settings().parameters);
    EXPECT_EQ(outline->training_batch(5).tensors[0].tokens, whole->training_batch(5).tensors[0].tokens);
    EXPECT_EQ(outline->training_graph().parameter_count(), whole->training_graph().parameter_count());
}

}  // namespace
}  // namespace halfscope
