// npy files: what NumPy writes is read, in both byte orders, and everything else is refused with one
// sentence.
#include "data/npy_file.h"

#include <gtest/gtest.h>

#include "numerics/rounding.h"
#include "support/array_samples.h"
#include "temporary_folder.h"

namespace halfscope {
namespace {

using samples::bytes_of;
using samples::npy;
using samples::npy_around;
using samples::values_of;

std::unique_ptr<TensorFile> open(const std::string& bytes) {
    return open_npy(std::make_unique<MemorySource>(bytes), "given.npy", "given");
}
std::string says(const std::string& bytes) {
    return refusal_naming("npy file 'given.npy'", [&] {
        const auto file = open(bytes);
        return file->tensors().at(0).type == ElementType::other ? std::vector<float>() : values_of(*file);
    });
}

const std::vector<float> kValues{1.0f, -0.5f, 0x1p-24f, 65504.0f, 0.0f, -3.0f};

TEST(NpyFile, EveryFloatIsReadInBothOrders) {
    std::vector<double> doubles(kValues.begin(), kValues.end());
    std::vector<std::uint16_t> halves;
    for (const float value : kValues) halves.push_back(encode_fp16(value));
    for (const auto& [letter, order] :
         {std::pair("<", std::endian::little), std::pair(">", std::endian::big)}) {
        const std::string sign = letter;
        for (const std::string& bytes : {npy(sign + "f2", "(6,)", bytes_of(halves, order)),
                                         npy(sign + "f4", "(6,)", bytes_of(kValues, order)),
                                         npy(sign + "f8", "(6,)", bytes_of(doubles, order))}) {
            const auto file = open(bytes);
            EXPECT_EQ(values_of(*file), kValues);
            EXPECT_EQ(file->tensors()[0].dtype[0], letter[0]);
            EXPECT_EQ(file->tensors()[0].name, "given");
            EXPECT_EQ(values_of(*file), kValues);  // as often as one likes
        }
    }
}

TEST(NpyFile, EveryFormOfHeaderIsRead) {
    const std::string data = bytes_of(kValues);
    const std::vector<std::int64_t> shape{2, 3};
    for (const std::string& bytes :
         {npy("<f4", "(2, 3)", data), npy("<f4", "(2, 3)", data, "True"),
          npy_around("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", data),
          npy_around("{\"shape\":(2,3,),\"descr\":\"<f4\",\"fortran_order\":True}\n", data),
          npy_around(" { 'shape' : ( 2L , 3L ) , 'descr' : '<f4' , 'fortran_order' : False , } \n", data),
          npy_around("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", data, 2),
          npy_around("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", data, 3)}) {
        const auto file = open(bytes);
        EXPECT_EQ(file->tensors()[0].shape, shape);
        EXPECT_EQ(file->tensors()[0].count, 6u);
        EXPECT_EQ(values_of(*file), kValues);
    }
    EXPECT_EQ(values_of(*open(npy("<f4", "()", bytes_of<float>({3.0f})))), std::vector<float>{3.0f});
    EXPECT_TRUE(values_of(*open(npy("<f4", "(0, 4)", ""))).empty());
}

TEST(NpyFile, LargeOnesComeInPieces) {
    std::vector<float> values;
    for (int i = 0; i < 300000; ++i) values.push_back(static_cast<float>(i));
    EXPECT_EQ(values_of(*open(npy(">f4", "(300000,)", bytes_of(values, std::endian::big)))), values);
}

TEST(NpyFile, WhatIsNoFloatingPointNumberIsAHeading) {
    const std::vector<std::pair<std::string, std::string>> rows{
        {"<i8", "whole numbers"}, {"|u1", "whole numbers"}, {">i4", "whole numbers"},
        {"|b1", "truth values"},  {"<c8", "complex"},       {"<U2", "text"},
        {"|S8", "text"},          {"<M8[ns]", "dates"},     {"<m8", "dates"}};
    for (const auto& [descr, held] : rows) {
        const std::uint64_t bytes = descr == "|u1" || descr == "|b1" ? 1 : descr == ">i4" ? 4 : 8;
        const std::string array = npy(descr, "(2,)", std::string(2 * bytes, 'x'));
        const auto file = open(array);
        EXPECT_EQ(file->tensors()[0].type, ElementType::other);
        EXPECT_EQ(file->tensors()[0].count, 2u);
        EXPECT_EQ(file->tensors()[0].not_read.find(held), 0u) << descr;
        EXPECT_SAYS(says(npy(descr, "(3,)", std::string(2 * bytes, 'x'))), "it is cut off");
    }
}

TEST(NpyFile, PickledAndAmbiguousOnesAreRefused) {
    for (const char* descr : {"|O", "|O8", "O"}) {
        EXPECT_SAYS(says(npy(descr, "(1,)", "12345678")), "holds pickled Python objects");
        EXPECT_SAYS(says(npy(descr, "(1,)", "12345678")), "safetensors.torch.save_file");
    }
    for (const char* descr : {"|V2", "<V2", "|V1", "|V16"})
        EXPECT_SAYS(says(npy(descr, "(1,)", "12")), "may be bfloat16");
    for (const char* descr : {"bfloat16", "float8_e4m3fn"})
        EXPECT_SAYS(says(npy(descr, "(1,)", "12")), "save it as safetensors");
    EXPECT_SAYS(says(npy("<f16", "(1,)", std::string(16, 'x'))), "depends on the machine");
    EXPECT_SAYS(says(npy("<f1", "(1,)", "1")), "floating-point numbers of 1 bytes");
    EXPECT_SAYS(says(npy("|f4", "(1,)", "1234")), "leaves the order of bytes open");
    for (const char* descr :
         {"", "f4", "=f4", "<f", "<fx", "<f4x", "<q8", "<f99999999999999999999", "\x01\n"})
        EXPECT_SAYS(says(npy(descr, "(1,)", "1234")), "which is not read");
    EXPECT_SAYS(says(npy_around("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "1234")),
                "records of several fields (descr at offset 20)");
}

TEST(NpyFile, HeadersOfAnotherFormAreRefused) {
    const auto header = [](const std::string& text) { return says(npy_around(text, "1234")); };
    EXPECT_SAYS(header(""), "no '{' in its header, at offset 10");
    EXPECT_SAYS(header("[]"), "no '{'");
    EXPECT_SAYS(header("{"), "no text for a key");
    EXPECT_SAYS(header("{'descr"), "a text without an end");
    EXPECT_SAYS(header("{'de\\x73cr': '<f4'}"), "a backslash");
    EXPECT_SAYS(header("{'descr' '<f4'}"), "no ':'");
    EXPECT_SAYS(header("{'descr': 4}"), "no text for descr");
    EXPECT_SAYS(header("{'descr': '<f4' 'shape': (1,)}"), "no ','");
    EXPECT_SAYS(header("{'descr': '<f4', 'descr': '<f4'}"), "a second descr");
    EXPECT_SAYS(header("{'colour': 'red'}"), "the unknown key 'colour'");
    EXPECT_SAYS(header("{'fortran_order': 1}"), "neither True nor False");
    EXPECT_SAYS(header("{'shape': [1]}"), "no '('");
    EXPECT_SAYS(header("{'shape': (1 2)}"), "no ','");
    EXPECT_SAYS(header("{'shape': (-1,)}"), "no whole number");
    EXPECT_SAYS(header("{'shape': (1.5,)}"), "no ','");
    EXPECT_SAYS(header("{'shape': (9223372036854775808,)}"), "more than 2^63 - 1");
    EXPECT_SAYS(header("{'shape': (" + std::string(300, '9') + ",)}"), "more than 2^63 - 1");
    std::string axes = "1";
    for (int axis = 0; axis < 64; ++axis) axes += ", 1";
    EXPECT_SAYS(header("{'shape': (" + axes + ")}"), "more than 64 axes");
    const std::string most = "'descr': '<f4', 'fortran_order': False";
    EXPECT_SAYS(header("{" + most + "}"), "has no shape");
    EXPECT_SAYS(header("{'descr': '<f4', 'shape': (1,)}"), "has no fortran_order");
    EXPECT_SAYS(header("{'shape': (1,), 'fortran_order': True}"), "has no descr");
    EXPECT_SAYS(header("{" + most + ", 'shape': (1,)} x"), "something behind its dictionary");
    EXPECT_SAYS(header("{'a\nb': 1}"), "'a b'");
}

TEST(NpyFile, WrongBeginningsAreRefused) {
    EXPECT_SAYS(says(""), "begins with nothing instead of 93 4E 55 4D 50 59");
    EXPECT_SAYS(says("\x80\x04text"), "begins with 80 04 74 65 78 74");
    EXPECT_SAYS(says(std::string("\x93NUMPY\x04\x00", 8)), "the version 4.0 at offset 6");
    EXPECT_SAYS(says(std::string("\x93NUMPY\x01\x07", 8)), "the version 1.7");
    EXPECT_SAYS(says("\x93NUMPY\x02" + std::string(1, '\0') + "\xFF\xFF\xFF\xFF"),
                "a length of 4294967295 bytes at offset 8");
}

TEST(NpyFile, CutOffAndOverlongOnesAreRefused) {
    const std::string whole = npy("<f4", "(2, 3)", bytes_of(kValues));
    for (std::size_t length = 6; length < whole.size(); ++length)
        EXPECT_SAYS(says(whole.substr(0, length)), "ends at offset " + std::to_string(length));
    EXPECT_SAYS(says(whole.substr(0, whole.size() - 1)), "with 23 of the 24 bytes");
    EXPECT_SAYS(says(whole + "x"),
                "goes on behind its 24 bytes of data, at offset " + std::to_string(whole.size()));
}

TEST(NpyFile, AbsurdShapesAreRefusedUnread) {
    for (const char* shape :
         {"(9223372036854775807,)", "(4294967296, 4294967296)", "(2305843009213693952,)",
          "(0, 9223372036854775807, 9223372036854775807, 4)", "(3037000500, 3037000500)"}) {
        const std::string sentence = says(npy("<f4", shape, "1234"));
        if (std::string(shape).starts_with("(0")) {
            EXPECT_SAYS(sentence, "goes on behind its 0 bytes");  // nothing is nothing, whatever the rest
        } else {
            EXPECT_SAYS(sentence, "overflows 64 bits");
        }
    }
    EXPECT_SAYS(says(npy("<f4", "(2305843009213693951,)", "1234")),
                "with 4 of the 9223372036854775804 bytes");
}

}  // namespace
}  // namespace halfscope
