// A folder that a test fills with files and that is gone afterwards; and what a reader says when it refuses.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "data/data_error.h"

namespace halfscope {

class TemporaryFolder : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "halfscope-data-XXXXXX").string();
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::string path(const std::string& name) const { return (folder_ / name).string(); }
    /// Writes a file, and the folders above it where they are missing.
    std::string write(const std::string& name, const std::string& bytes) const {
        const std::filesystem::path file = folder_ / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << bytes;
        return file.string();
    }

    std::filesystem::path folder_;
};

/// The sentence of the DataError that `read` throws; it must name `file`.
template <class Read>
std::string refusal_naming(const std::string& file, const Read& read) {
    try {
        (void)read();
    } catch (const DataError& error) {
        const std::string sentence = error.what();
        EXPECT_NE(sentence.find(file), std::string::npos) << sentence;
        EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
        return sentence;
    }
    return "accepted";
}

#define EXPECT_SAYS(sentence, part)                                        \
    do {                                                                   \
        const std::string said = (sentence);                               \
        EXPECT_NE(said.find(part), std::string::npos) << "said: " << said; \
    } while (false)

}  // namespace halfscope
