// The dev script on made-up machines: PATH holds nothing but programs that this test writes, so nothing is
// installed and no network is used. HALFSCOPE_SOURCE_DIR is the root, given by CMake.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace halfscope {
namespace {

namespace fs = std::filesystem;

struct Outcome {
    int status = -1;
    std::string output;  // stdout and stderr together
};

// A folder of made-up programs that is all a run of ./dev can see.
class DevScript : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "halfscope-dev-XXXXXX").string();
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        // The one outside program that the script's own logic needs; the rest it calls are made up below.
        program("env", "exec /usr/bin/env \"$@\"");
    }
    void TearDown() override { fs::remove_all(folder_); }

    void program(const std::string& name, const std::string& body) {
        const fs::path path = folder_ / name;
        std::ofstream(path) << "#!/bin/bash\n" << body << "\n";
        fs::permissions(path, fs::perms::owner_all);
    }

    // Programs with which a machine counts as complete; libraries are then judged by `dpkg-query`.
    void complete_machine() {
        for (const char* name : {"g++", "cmake", "ninja", "pkg-config", "ccache", "xvfb-run", "xauth",
                                 "xdotool", "import", "xwininfo"}) {
            program(name, "exit 0");
        }
        program("dpkg-query", "printf installed");
    }

    Outcome dev(const std::string& arguments) const {
        const std::string command = "env -i PATH='" + folder_.string() + "' LOG='" + log().string() +
                                    "' /bin/bash '" HALFSCOPE_SOURCE_DIR "/dev' " + arguments +
                                    " 2>&1 </dev/null";
        FILE* pipe = popen(command.c_str(), "r");
        Outcome outcome;
        if (pipe == nullptr) return outcome;
        std::array<char, 4096> buffer{};
        while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
            outcome.output.append(buffer.data(), count);
        }
        const int status = pclose(pipe);
        outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        return outcome;
    }

    // What the made-up programs wrote to $LOG.
    std::string logged() const {
        std::ifstream stream(log());
        return std::string(std::istreambuf_iterator<char>(stream), {});
    }

    const fs::path& folder() const { return folder_; }

  private:
    fs::path log() const { return folder_ / "log"; }
    fs::path folder_;
};

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_F(DevScript, HelpListsEveryVerb) {
    const Outcome help = dev("help");
    EXPECT_EQ(help.status, 0);
    for (const char* verb : {"run", "test", "bench", "gpu", "gpu-pack", "format", "lint", "setup", "help"}) {
        EXPECT_TRUE(contains(help.output, std::string("\n  ") + verb + " ")) << verb << " in:\n"
                                                                             << help.output;
    }
    EXPECT_EQ(dev("").output, help.output);
}

TEST_F(DevScript, RefusesAnUnknownVerb) {
    const Outcome outcome = dev("dance");
    EXPECT_EQ(outcome.status, 2);
    EXPECT_TRUE(contains(outcome.output, "no verb 'dance'")) << outcome.output;
}

TEST_F(DevScript, InstallsNothingOnACompleteMachine) {
    complete_machine();
    program("id", "echo 0");
    program("apt-get", "echo \"apt-get $*\" >>\"$LOG\"");
    const Outcome outcome = dev("setup");
    EXPECT_EQ(outcome.status, 0) << outcome.output;
    EXPECT_EQ(logged(), "");
}

TEST_F(DevScript, InstallsWhatIsMissingAsRoot) {
    complete_machine();
    fs::remove(folder() / "cmake");
    fs::remove(folder() / "xauth");
    program("dpkg-query", "case \"${*: -1}\" in cmake|xauth) exit 1;; esac; printf installed");
    program("id", "echo 0");
    program("apt-get",
            "echo \"$DEBIAN_FRONTEND: $*\" >>\"$LOG\"\n"
            "case \"$*\" in *install*) for name in cmake xauth; do\n"
            "  printf '#!/bin/bash\\nexit 0\\n' >\"${LOG%/*}/$name\"; done;; esac\n"
            "case \"$*\" in *install*) /bin/chmod 700 \"${LOG%/*}\"/cmake \"${LOG%/*}\"/xauth;; esac");
    const Outcome outcome = dev("setup");
    EXPECT_EQ(outcome.status, 0) << outcome.output;
    const std::string log = logged();
    EXPECT_TRUE(contains(log, "update\n")) << log;
    EXPECT_TRUE(contains(log, "noninteractive: ")) << log;
    EXPECT_TRUE(contains(log, "install -y --no-install-recommends cmake xauth\n")) << log;
    EXPECT_EQ(log.find("update"), log.rfind("update")) << "apt-get update runs once:\n" << log;
}

TEST_F(DevScript, NamesWhatToInstallWithoutRoot) {
    complete_machine();
    fs::remove(folder() / "ninja");
    program("dpkg-query", "exit 1");
    program("id", "echo 1000");
    program("apt-get", "echo \"apt-get $*\" >>\"$LOG\"");
    const Outcome outcome = dev("setup");
    EXPECT_EQ(outcome.status, 1) << outcome.output;
    EXPECT_TRUE(contains(outcome.output, "apt-get install --no-install-recommends ninja-build"))
        << outcome.output;
    EXPECT_TRUE(contains(outcome.output, "still missing: ninja-build")) << outcome.output;
    EXPECT_EQ(logged(), "");
}

TEST_F(DevScript, GoesOnWithoutRootWhereNothingRequiredIsMissing) {
    complete_machine();
    fs::remove(folder() / "ccache");
    program("dpkg-query", "case \"${*: -1}\" in ccache|fonts-*) exit 1;; esac; printf installed");
    program("id", "echo 1000");
    const Outcome outcome = dev("setup");
    EXPECT_EQ(outcome.status, 0) << outcome.output;
    EXPECT_TRUE(contains(outcome.output, "going on without: ccache fonts-inter")) << outcome.output;
}

TEST_F(DevScript, KnowsOtherDistributionsNames) {
    program("id", "echo 1000");
    for (const auto& [manager, expected] : {std::pair("dnf", "dnf install gcc-c++ cmake ninja-build"),
                                            std::pair("pacman", "pacman -S --needed gcc cmake ninja"),
                                            std::pair("zypper", "zypper install gcc-c++ cmake ninja")}) {
        program(manager, "exit 0");
        const Outcome outcome = dev("run");
        EXPECT_EQ(outcome.status, 1) << outcome.output;
        EXPECT_TRUE(contains(outcome.output, expected)) << outcome.output;
        fs::remove(folder() / manager);
    }
}

TEST_F(DevScript, GpuSaysWhichToolIsMissing) {
    for (const char* name : {"cmake", "g++", "nvcc"}) program(name, "exit 0");
    const Outcome outcome = dev("gpu");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_TRUE(contains(outcome.output, "ninja is missing on this machine")) << outcome.output;
}

TEST_F(DevScript, GpuBuildsForTheGpuThatTheDriverNames) {
    for (const char* name : {"g++", "ninja", "nvcc"}) program(name, "exit 0");
    program("cmake", "echo \"$*\" >>\"$LOG\"; [[ $1 == --preset ]]");  // the build fails: nothing is run
    const Outcome without = dev("gpu");
    EXPECT_EQ(without.status, 1);
    EXPECT_FALSE(contains(logged(), "CMAKE_CUDA_ARCHITECTURES")) << logged();
    program("nvidia-smi", "printf '9.0\\n8.9\\n'");
    dev("gpu");
    EXPECT_TRUE(contains(logged(), "CMAKE_CUDA_ARCHITECTURES=90\n")) << logged();
}

TEST_F(DevScript, GpuIgnoresADriverThatDoesNotWork) {
    for (const char* name : {"g++", "ninja", "nvcc"}) program(name, "exit 0");
    program("cmake", "echo \"$*\" >>\"$LOG\"; [[ $1 == --preset ]]");
    program("nvidia-smi", "echo 'NVIDIA-SMI has failed'; exit 9");
    dev("gpu");
    EXPECT_TRUE(contains(logged(), "--preset gpu")) << logged();
    EXPECT_FALSE(contains(logged(), "CMAKE_CUDA_ARCHITECTURES")) << logged();
}

}  // namespace
}  // namespace halfscope
