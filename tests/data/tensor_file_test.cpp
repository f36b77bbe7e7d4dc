// Which reader a file gets, by what it holds, and what no reader takes.
#include "data/tensor_file.h"

#include <gtest/gtest.h>

#include <limits>

#include "support/array_samples.h"
#include "temporary_folder.h"

namespace halfscope {
namespace {

using samples::bytes_of;
using samples::npy;
using samples::values_of;

class TensorFiles : public TemporaryFolder {
  protected:
    std::string says(const std::string& name, const std::string& bytes) const {
        const std::string file = write(name, bytes);
        return refusal_naming(file, [&] { return open_tensor_file(file); });
    }
};

const std::string kHeader = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
std::string safetensors() {
    return bytes_of<std::uint64_t>({kHeader.size()}) + kHeader + bytes_of<float>({2.5f});
}

TEST_F(TensorFiles, ContentDecides) {
    for (const char* name : {"a.safetensors", "A.SAFETENSORS", "nameless", "weights.bin"})
        EXPECT_EQ(values_of(*open_tensor_file(write(name, safetensors()))), std::vector<float>{2.5f}) << name;
    for (const char* name : {"grad.npy", "grad.NPY", "nameless", "grad.pt"}) {
        const auto file = open_tensor_file(write(name, npy("<f4", "(1,)", bytes_of<float>({2.5f}))));
        EXPECT_EQ(values_of(*file), std::vector<float>{2.5f}) << name;
        EXPECT_EQ(file->tensors()[0].name, std::string(name).substr(0, std::string(name).find('.')));
    }
}

TEST_F(TensorFiles, PickledOnesAreRefusedWithWhatToDo) {
    for (const char* name : {"model.pt", "model.pth", "pytorch_model.bin", "a.pkl", "a.PICKLE", "a.ckpt"})
        for (const char* bytes : {"", "PK\x03\x04", "\x80\x02}q", "anything else"})
            EXPECT_SAYS(says(name, bytes), "holds pickled Python objects");
    for (const char protocol : {2, 3, 4, 5})
        EXPECT_SAYS(says("x", std::string("\x80") + protocol), "pickled");
    const std::string sentence = says("model.pt", "x");
    for (const char* word : {"save_file", "numpy.save", "not run"}) EXPECT_SAYS(sentence, word);
}

TEST_F(TensorFiles, WhatIsNoneOfThemIsRefused) {
    for (const std::string bytes : {"", "text", "\x89PNG\r\n", "\x80\x07"})
        EXPECT_SAYS(says("picture.png", bytes), "give a .npy, .npz or .safetensors file");
    EXPECT_SAYS(says("a.npy", "text"), "begins with 74 65 78 74");
    EXPECT_SAYS(says("a.safetensors", "text"), "has only 4 bytes");
#ifdef HALFSCOPE_HAS_LIBZIP
    EXPECT_SAYS(says("a.npz", "text"), "cannot be opened as a zip archive");
#endif
    EXPECT_SAYS(refusal_naming(path("lost.npy"), [&] { return open_tensor_file(path("lost.npy")); }),
                "does not exist");
    EXPECT_SAYS(refusal_naming(path(""), [&] { return open_tensor_file(path("")); }), "is a folder");
    EXPECT_SAYS(refusal_naming("/dev/zero", [&] { return open_tensor_file("/dev/zero"); }), "regular file");
}

TEST(CountElements, NeverOverflows) {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    std::uint64_t count = 0;
    EXPECT_TRUE(count_elements({}, 8, count));
    EXPECT_EQ(count, 1u);
    EXPECT_TRUE(count_elements({3, 0, most}, 8, count));
    EXPECT_EQ(count, 0u);
    EXPECT_TRUE(count_elements({most}, 1, count));
    EXPECT_TRUE(count_elements({most}, 0, count));
    EXPECT_FALSE(count_elements({most}, 2, count));
    EXPECT_FALSE(count_elements({most, 2}, 0, count));
    EXPECT_FALSE(count_elements({most, most, 0}, 4, count));
    EXPECT_FALSE(count_elements({std::int64_t{1} << 32, std::int64_t{1} << 32}, 1, count));
}

}  // namespace
}  // namespace halfscope
