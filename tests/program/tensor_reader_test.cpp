// Tensor files read by a thread of its own: the counts are those of TensorInspection, values come on request,
// and what goes wrong is one sentence.
#include "program/tensor_reader.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

#include "data/safetensors.h"
#include "data/temporary_folder.h"
#include "support/array_samples.h"

namespace halfscope {
namespace {

using samples::bytes_of;
using samples::npy;

class TensorReaderTest : public TemporaryFolder {
  protected:
    std::string three_tensors() const {
        std::vector<float> small, large;
        for (int i = 0; i < 5000; ++i)
            small.push_back(std::ldexp(1.0f + static_cast<float>(i % 7) / 7, -i % 40));
        for (int i = 0; i < 3000; ++i) large.push_back(std::ldexp(1.25f, i % 20));
        write_safetensors(path("three.safetensors"),
                          {{"small", "F32", {50, 100}, small, {}},
                           {"steps", "I64", {2}, {}, {1, 2}},
                           {"large", "F32", {3000}, large, {}}},
                          {});
        return path("three.safetensors");
    }
    /// Waits until nothing goes on any more.
    static std::shared_ptr<const TensorReading> finished(const TensorReader& reader) {
        for (int tries = 0; tries < 5000 && reader.is_busy(); ++tries)
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        EXPECT_FALSE(reader.is_busy());
        return reader.reading();
    }
};

TEST_F(TensorReaderTest, CountsWhatAnInspectionCounts) {
    const std::string file = three_tensors();
    const TensorReader reader(file);
    const auto reading = finished(reader);
    ASSERT_TRUE(reading->is_complete) << reading->error;
    TensorInspection inspection(file);
    ASSERT_EQ(reading->tensors->size(), 3u);
    TensorCounts total;
    for (std::size_t i = 0; i < 3; ++i) {
        if (inspection.tensors()[i].type == ElementType::other) {
            EXPECT_FALSE(reading->counted[i]);
            continue;
        }
        const TensorCounts expected = inspection.count(i)->counts;
        ASSERT_TRUE(reading->counted[i]);
        EXPECT_EQ(reading->counted[i]->counts.fp16, expected.fp16);
        EXPECT_EQ(reading->counted[i]->counts.histogram, expected.histogram);
        total.merge(expected);
    }
    EXPECT_EQ(reading->total->counts.fp16, total.fp16);
    EXPECT_EQ(reading->progress, 1.0);
}

TEST_F(TensorReaderTest, KeepsTheValuesOfOneTensorAtATime) {
    TensorReader reader(three_tensors());
    const auto headings = finished(reader)->tensors;
    for (std::size_t i = 0; i < headings->size(); ++i) {
        reader.keep_values(i);
        const auto reading = finished(reader);
        ASSERT_EQ(reading->kept, i);
        if ((*headings)[i].type == ElementType::other) {
            EXPECT_EQ(reading->not_kept, "'steps' holds whole numbers, no floating-point numbers");
            EXPECT_FALSE(reading->values);
            continue;
        }
        EXPECT_EQ(reading->not_kept, "");
        EXPECT_EQ(reading->values->count(), (*headings)[i].count);
        EXPECT_EQ(reading->values_counts->fp16, reading->counted[i]->counts.fp16);
        EXPECT_EQ(reading->values_counts->histogram, reading->counted[i]->counts.histogram);
    }
}

TEST_F(TensorReaderTest, DoublesBeyondFp32KeepTheirClasses) {
    const std::string file =
        write("d.npy", npy("<f8", "(6,)", bytes_of<double>({1e300, -1e-300, 0.0, INFINITY, 2.0, 1e-9})));
    TensorReader reader(file);
    reader.keep_values(0);
    const auto reading = finished(reader);
    ASSERT_TRUE(reading->values);
    EXPECT_EQ(reading->values->lost_to_infinity, 1u);
    EXPECT_EQ(reading->values->lost_to_zero, 1u);
    EXPECT_EQ(reading->values->zeros, 1u);
    EXPECT_EQ(reading->values->infinities, 1u);
    const FormatClasses classes = classes_under(*reading->values, number_format(Format::fp16), 1.0f);
    EXPECT_EQ(classes.classes, reading->counted[0]->counts.fp16);
}

TEST_F(TensorReaderTest, WhatIsTooLargeIsCountedAndNotKept) {
    const std::string file = path("large.npy");
    const std::uint64_t count = kMostRetained + 1;
    std::ofstream(file, std::ios::binary) << npy("<f2", "(" + std::to_string(count) + ",)", "");
    std::filesystem::resize_file(file, std::filesystem::file_size(file) + 2 * count);  // zeros
    TensorReader reader(file);
    reader.keep_values(0);
    const auto reading = finished(reader);
    EXPECT_EQ(reading->not_kept,
              "'large' has 16777217 values; at most 16777216 are kept to be looked at in other formats");
    EXPECT_FALSE(reading->values);
    ASSERT_TRUE(reading->counted[0]);
    EXPECT_EQ(reading->counted[0]->counts.fp16.true_zero, count);
}

TEST_F(TensorReaderTest, CountingIsCancelledAndWhatWasCountedStays) {
    const std::string file = path("endless.npy");
    const std::uint64_t count = std::uint64_t{1} << 33;
    std::ofstream(file, std::ios::binary) << npy("<f2", "(" + std::to_string(count) + ",)", "");
    std::filesystem::resize_file(file,
                                 std::filesystem::file_size(file) + 2 * count);  // takes no room on disk
    TensorReader reader(file);
    while (!reader.reading()->tensors) std::this_thread::yield();
    EXPECT_TRUE(reader.is_busy());
    reader.cancel();
    const auto reading = finished(reader);
    EXPECT_TRUE(reading->is_cancelled);
    EXPECT_FALSE(reading->is_complete);
    EXPECT_EQ(reading->error, "");
    EXPECT_LT(reading->progress, 1.0);
    TensorReader abandoned(file);
    EXPECT_FALSE(abandoned.has_ended());
    abandoned.stop();
    for (int tries = 0; tries < 5000 && !abandoned.has_ended(); ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_TRUE(abandoned.has_ended());
    const TensorReader destroyed(file);  // at once
}

TEST_F(TensorReaderTest, BadFilesAreOneSentence) {
    TensorReader missing(path("nothing.npy"));
    EXPECT_NE(finished(missing)->error.find("nothing.npy"), std::string::npos);
    missing.keep_values(0);
    EXPECT_FALSE(finished(missing)->values);
    TensorReader pickled(write("model.pt", std::string("\x80\x02}q", 4)));
    EXPECT_NE(finished(pickled)->error.find("holds pickled Python objects"), std::string::npos);
    std::string cut = npy("<f4", "(1000,)", std::string(2000, 'x'));
    TensorReader damaged(write("cut.npy", cut));
    EXPECT_NE(finished(damaged)->error, "");
    EXPECT_FALSE(finished(damaged)->is_complete);
}

}  // namespace
}  // namespace halfscope
