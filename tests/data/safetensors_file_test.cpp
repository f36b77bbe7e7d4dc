// Safetensors read tensor by tensor: the same values as read whole, the 8-bit formats, and what is not
// counted.
#include "data/safetensors_file.h"

#include <gtest/gtest.h>

#include <cmath>

#include "data/safetensors.h"
#include "support/array_samples.h"
#include "temporary_folder.h"

namespace halfscope {
namespace {

using samples::bytes_of;
using samples::values_of;

class StreamedSafetensors : public TemporaryFolder {
  protected:
    static std::string file_of(const std::string& header, const std::string& data) {
        return bytes_of<std::uint64_t>({header.size()}) + header + data;
    }
    static std::unique_ptr<TensorFile> open(const std::string& bytes) {
        return open_safetensors(std::make_unique<MemorySource>(bytes), "given.safetensors");
    }
};

TEST_F(StreamedSafetensors, AreThoseReadWhole) {
    const std::string bytes = file_of(R"({"b":{"dtype":"F64","shape":[2],"data_offsets":[8,24]},
        "a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},
        "e4":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[24,27]},
        "e5":{"dtype":"F8_E5M2","shape":[3],"data_offsets":[27,30]},
        "h":{"dtype":"F16","shape":[],"data_offsets":[30,32]},
        "none":{"dtype":"BF16","shape":[0,9],"data_offsets":[32,32]}})",
                                      bytes_of<float>({1.5f, -2e-9f}) + bytes_of<double>({1e-50, 0.25}) +
                                          "\x08\x7E\xFF" + "\x01\x7C\x7B" + bytes_of<std::uint16_t>({1}));
    const SafetensorsFile whole = parse_safetensors(bytes, "given.safetensors");
    const std::unique_ptr<TensorFile> streamed = open(bytes);
    ASSERT_EQ(streamed->tensors().size(), whole.tensors.size());
    for (std::size_t i = whole.tensors.size(); i-- > 0;) {  // in any order
        const TensorHeading& heading = streamed->tensors()[i];
        EXPECT_EQ(heading.name, whole.tensors[i].name);
        EXPECT_EQ(heading.dtype, whole.tensors[i].dtype);
        EXPECT_EQ(heading.shape, whole.tensors[i].shape);
        const std::vector<float> values = values_of(*streamed, i);
        EXPECT_EQ(bytes_of(values), bytes_of(whole.tensors[i].values)) << heading.name;
        EXPECT_EQ(heading.count, values.size());
    }
    EXPECT_TRUE(whole.find("e4")->is_float());
    EXPECT_EQ(whole.find("e4")->values[0], 0x1p-6f);
    EXPECT_EQ(whole.find("e4")->values[1], 448.0f);
    EXPECT_TRUE(std::isnan(whole.find("e4")->values[2]));
    EXPECT_EQ(whole.find("e5")->values[0], 0x1p-16f);
    EXPECT_TRUE(std::isinf(whole.find("e5")->values[1]));
    EXPECT_EQ(whole.find("e5")->values[2], 57344.0f);
}

TEST_F(StreamedSafetensors, WhatIsNoFloatingPointNumberIsAHeading) {
    const std::string bytes = file_of(R"({"u":{"dtype":"U64","shape":[1],"data_offsets":[0,8]},
        "c":{"dtype":"C64","shape":[1],"data_offsets":[8,16]},"t":{"dtype":"BOOL","shape":[1],"data_offsets":[16,17]},
        "s":{"dtype":"F8_E8M0","shape":[1],"data_offsets":[17,18]}})",
                                      std::string(18, '\0'));
    const std::vector<TensorHeading> tensors = open(bytes)->tensors();
    ASSERT_EQ(tensors.size(), 4u);
    const std::vector<std::string> held{"whole numbers", "complex numbers", "truth values",
                                        "shared exponents"};
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        EXPECT_EQ(tensors[i].type, ElementType::other);
        EXPECT_EQ(tensors[i].not_read, held[i]);
    }
    // There is no room for them where a file is read whole.
    EXPECT_SAYS(refusal_naming("given", [&] { return parse_safetensors(bytes, "given"); }),
                "tensor 'u' has the dtype 'U64', which is not read");
}

TEST_F(StreamedSafetensors, AFileThatShrinksIsRefused) {
    const std::string header = R"({"a":{"dtype":"F32","shape":[262144],"data_offsets":[0,1048576]}})";
    const std::string file = write("a.safetensors", file_of(header, std::string(1048576, 'x')));
    const auto tensors =
        open_safetensors(std::make_unique<FileSource>(file, FileKind{"safetensors file", "", ""}), file);
    EXPECT_EQ(values_of(*tensors).size(), 262144u);
    std::filesystem::resize_file(file, 500000);
    EXPECT_SAYS(refusal_naming(file, [&] { return values_of(*tensors); }), "could not be read beyond offset");
}

TEST_F(StreamedSafetensors, ReadingStopsWhereNoMoreIsWanted) {
    const std::string bytes = file_of(R"({"a":{"dtype":"F32","shape":[262144],"data_offsets":[0,1048576]}})",
                                      std::string(1048576, 'x'));
    int pieces = 0;
    open(bytes)->read(0, [&pieces](std::string_view) { return ++pieces < 2; });
    EXPECT_EQ(pieces, 2);
}

}  // namespace
}  // namespace halfscope
