// The safetensors format: what is read, what is written, and everything that is refused.
#include "data/safetensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "data/data_error.h"

namespace halfscope {
namespace {

namespace fs = std::filesystem;

template <class Value>
std::string bytes_of(std::initializer_list<Value> values) {
    std::string bytes;
    for (const Value value : values) {
        char raw[sizeof value];
        std::memcpy(raw, &value, sizeof value);
        bytes.append(raw, sizeof value);
    }
    return bytes;
}

std::string file_of(const std::string& header, const std::string& data) {
    return bytes_of<std::uint64_t>({header.size()}) + header + data;
}

/// What parsing says, or nothing where it is content.
std::string complaint(const std::string& bytes) {
    try {
        parse_safetensors(bytes, "given.safetensors");
    } catch (const DataError& error) {
        return error.what();
    }
    return "";
}

/// A folder of its own that is removed at the end.
class TemporaryFolder {
  public:
    TemporaryFolder()
        : path_(fs::temp_directory_path() / ("halfscope-safetensors-" + std::to_string(getpid()))) {
        fs::create_directories(path_);
    }
    ~TemporaryFolder() { fs::remove_all(path_); }
    std::string file(const std::string& name) const { return (path_ / name).string(); }
    std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(path_), fs::directory_iterator()));
    }

  private:
    fs::path path_;
};

std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(Safetensors, EveryDtypeIsWidened) {
    const std::string data = bytes_of<double>({1.0 / 3.0, 1e300}) + bytes_of<std::int64_t>({-5000000000}) +
                             bytes_of<float>({1.5f, -0.0f}) + bytes_of<std::int32_t>({-7}) +
                             bytes_of<std::uint16_t>({0x0001, 0x7C00}) +
                             bytes_of<std::uint16_t>({0x3F80, 0x0001}) + bytes_of<std::uint8_t>({255, 0}) +
                             bytes_of<std::uint8_t>({2, 0});
    const SafetensorsFile file = parse_safetensors(file_of(R"({"__metadata__":{"made":"by hand"},
                    "f64":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},
                    "i64":{"dtype":"I64","shape":[1],"data_offsets":[16,24]},
                    "f32":{"dtype":"F32","shape":[2,1],"data_offsets":[24,32]},
                    "i32":{"dtype":"I32","shape":[],"data_offsets":[32,36]},
                    "f16":{"dtype":"F16","shape":[2],"data_offsets":[36,40]},
                    "bf16":{"data_offsets":[40,44],"shape":[2],"dtype":"BF16"},
                    "u8":{"dtype":"U8","shape":[1,2],"data_offsets":[44,46]},
                    "bool":{"dtype":"BOOL","shape":[2],"data_offsets":[46,48]},
                    "none":{"dtype":"F32","shape":[3,0],"data_offsets":[48,48]}}   )",
                                                           data),
                                                   "given");
    ASSERT_EQ(file.tensors.size(), 9u);
    EXPECT_EQ(file.metadata.at("made"), "by hand");
    EXPECT_EQ(file.tensors[0].name, "f64");
    // F64 is rounded to FP32: to nearest, and to infinity where it is too large.
    EXPECT_EQ(file.find("f64")->values,
              (std::vector<float>{1.0f / 3.0f, std::numeric_limits<float>::infinity()}));
    EXPECT_EQ(file.find("i64")->integers, std::vector<std::int64_t>{-5000000000});
    EXPECT_EQ(file.find("f32")->values, (std::vector<float>{1.5f, -0.0f}));
    EXPECT_TRUE(std::signbit(file.find("f32")->values[1]));
    EXPECT_EQ(file.find("f32")->shape, (std::vector<std::int64_t>{2, 1}));
    EXPECT_TRUE(file.find("f32")->is_float());
    EXPECT_EQ(file.find("i32")->integers, std::vector<std::int64_t>{-7});
    EXPECT_TRUE(file.find("i32")->shape.empty());
    EXPECT_FALSE(file.find("i32")->is_float());
    EXPECT_EQ(file.find("f16")->values,
              (std::vector<float>{std::ldexp(1.0f, -24), std::numeric_limits<float>::infinity()}));
    EXPECT_EQ(file.find("bf16")->values, (std::vector<float>{1.0f, std::ldexp(1.0f, -133)}));
    EXPECT_EQ(file.find("bf16")->dtype, "BF16");
    EXPECT_TRUE(file.find("bf16")->is_float());
    EXPECT_EQ(file.find("u8")->integers, (std::vector<std::int64_t>{255, 0}));
    EXPECT_EQ(file.find("bool")->integers, (std::vector<std::int64_t>{1, 0}));
    EXPECT_TRUE(file.find("none")->values.empty());
    EXPECT_EQ(file.find("absent"), nullptr);
}

struct Refused {
    std::string bytes;
    std::vector<std::string> words;
};

void expect_refused(const std::vector<Refused>& table) {
    for (const Refused& row : table) {
        const std::string sentence = complaint(row.bytes);
        EXPECT_NE(sentence.find("given.safetensors"), std::string::npos) << row.bytes.substr(8, 100);
        EXPECT_LT(sentence.size(), 300u);
        for (const std::string& word : row.words)
            EXPECT_NE(sentence.find(word), std::string::npos) << sentence;
    }
}

TEST(Safetensors, BrokenFilesAreRefused) {
    expect_refused({
        {"", {"0 bytes"}},
        {"1234567", {"7 bytes"}},
        {file_of("{}", "").substr(0, 9), {"offset 9", "2 bytes"}},
        {bytes_of<std::uint64_t>({100'000'001}) + "{}", {"100000001", "offset 0"}},
        {bytes_of<std::uint64_t>({~std::uint64_t{0}}) + "{}", {"18446744073709551615"}},
        {file_of("", ""), {"JSON", "offset 8"}},
        {file_of("{", ""), {"JSON", "offset 9"}},
        {file_of("{}x", ""), {"JSON", "offset 10"}},
        {file_of("{\"\xFF\":1}", ""), {"JSON", "offset 10"}},
        {file_of("[]", ""), {"a list for a header"}},
        {file_of("3", ""), {"a number for a header"}},
        {file_of("null", ""), {"null for a header"}},
        {file_of("{}", "x"), {"1 bytes behind", "offset 0"}},
    });
}

TEST(Safetensors, HeadersOfAnotherFormAreRefused) {
    const auto tensor = [](const std::string& fields, const std::string& data = "") {
        return file_of("{\"a\":{" + fields + "}}", data);
    };
    expect_refused({
        {file_of(R"({"a":3})", ""), {"'a'", "instead of an object"}},
        {file_of(R"({"a":[]})", ""), {"'a'", "a list"}},
        {tensor(""), {"tensor 'a'", "no dtype"}},
        {tensor(R"("dtype":"F32","data_offsets":[0,0])"), {"'a'", "no shape"}},
        {tensor(R"("dtype":"F32","shape":[0])"), {"'a'", "no data_offsets"}},
        {tensor(R"("dtype":"F32","dtype":"F32")"), {"'a'", "two dtype"}},
        {tensor(R"("dtype":"F4")"), {"'a'", "'F4'"}},
        {tensor(R"("dtype":32)"), {"'a'", "a number for its dtype"}},
        {tensor(R"("shape":"x")"), {"'a'", "a text for its shape"}},
        {tensor(R"("shape":[1,-2])"), {"'a'", "a negative number"}},
        {tensor(R"("shape":[1.5])"), {"'a'", "not whole"}},
        {tensor(R"("shape":[1e400])"), {"JSON"}},
        {tensor(R"("shape":[18446744073709551615])"), {"'a'", "2^63"}},
        {tensor(R"("shape":[99999999999999999999])"), {"'a'", "too large"}},
        {tensor(R"("shape":[[1]])"), {"'a'", "a list for its shape"}},
        {tensor(R"("shape":[{}])"), {"'a'", "an object for its shape"}},
        {tensor(R"("data_offsets":[0])"), {"'a'", "no two data_offsets"}},
        {tensor(R"("data_offsets":[0,1,2])"), {"'a'", "more than two"}},
        {tensor(R"("colour":"red")"), {"'a'", "'colour'"}},
        {file_of(R"({"__metadata__":{"a":{}}})", ""), {"__metadata__", "an object"}},
        {file_of(R"({"__metadata__":{"a":1}})", ""), {"__metadata__", "a number"}},
        {file_of(R"({"__metadata__":{"a":"1","a":"2"}})", ""), {"'a'", "twice"}},
        {file_of(R"({"__metadata__":{},"__metadata__":{}})", ""), {"twice"}},
        {file_of(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{}})", ""), {"'a'", "twice"}},
    });
}

TEST(Safetensors, OffsetsMustFillTheData) {
    const auto two = [](const std::string& first, const std::string& second) {
        return file_of(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + first +
                           R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + second + "}}",
                       "wxyz");
    };
    EXPECT_EQ(complaint(two("[0,2]", "[2,4]")), "");
    EXPECT_EQ(complaint(two("[2,4]", "[0,2]")), "");
    const auto one = [](const std::string& shape, const std::string& offsets) {
        return file_of(R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}",
                       "wxyz");
    };
    EXPECT_EQ(complaint(one("[1]", "[0,4]")), "");
    expect_refused({
        {two("[0,2]", "[1,3]"), {"'b'", "overlap", "offset 1"}},
        {two("[0,2]", "[0,2]"), {"overlap", "offset 0"}},
        {two("[0,2]", "[3,5]"), {"'b'", "3 to 5", "outside"}},
        {one("[1]", "[4,0]"), {"'a'", "4 to 0", "outside"}},
        {one("[1]", "[18446744073709551612,18446744073709551615]"), {"'a'", "outside"}},
        {one("[2]", "[0,4]"), {"'a'", "4 bytes", "asks for 8"}},
        {one("[0]", "[4,4]"), {"'a'", "hole", "offset 0"}},
        {one("[0]", "[0,0]"), {"4 bytes behind", "offset 0"}},
        {one("[4611686018427387904,4]", "[0,4]"), {"'a'", "overflows"}},
        {one("[4611686018427387904,4611686018427387904,0]", "[0,0]"), {"'a'", "overflows"}},
        {one("[4294967296,1073741825]", "[0,4]"), {"'a'", "overflows"}},
    });
}

TEST(Safetensors, HostileHeadersCostNothing) {
    // A recursive parser would overflow its stack.
    for (const char* start : {"[", "{\"a\":", "{\"a\":{\"shape\":["}) {
        std::string header = start;
        header += std::string(5'000'000, '[');
        EXPECT_NE(complaint(file_of(header, "")), "");
    }
    const std::string long_name(2'000'000, 'n');
    expect_refused({{file_of("{\"" + long_name + "\":{\"dtype\":\"" + long_name + "\"}}", ""),
                     {"nnn...'", "not read"}}});
    std::string shape = "1";
    for (int axis = 0; axis < 64; ++axis) shape += ",1";
    expect_refused({{file_of(R"({"a":{"dtype":"U8","shape":[)" + shape + R"(],"data_offsets":[0,1]}})", "x"),
                     {"more than 64 axes"}}});
}

std::vector<StoredTensor> sample() {
    return {{"fc1.weight", "F32", {2, 2}, {1.0f, -0.0f, std::numeric_limits<float>::infinity(), 1e-45f}, {}},
            {"scalar", "F32", {}, {7.0f}, {}},
            {"y", "I64", {3}, {}, {-1, 0, std::numeric_limits<std::int64_t>::max()}},
            {"empty", "F32", {0, 4}, {}, {}}};
}

TEST(Safetensors, WhatIsWrittenIsRead) {
    const TemporaryFolder folder;
    const std::string path = folder.file("out.safetensors");
    write_safetensors(path, sample(), {{"scenario", "spiral-mlp"}});
    const SafetensorsFile file = read_safetensors(path);
    EXPECT_EQ(file.metadata.at("scenario"), "spiral-mlp");
    ASSERT_EQ(file.tensors.size(), 4u);
    for (const StoredTensor& written : sample()) {
        const StoredTensor* read = file.find(written.name);
        ASSERT_NE(read, nullptr);
        EXPECT_EQ(read->dtype, written.dtype);
        EXPECT_EQ(read->shape, written.shape);
        EXPECT_EQ(read->values, written.values);
        EXPECT_EQ(read->integers, written.integers);
    }
    const std::string bytes = content(path);
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    EXPECT_EQ(length % 8, 0u);  // so that the data are aligned
    EXPECT_EQ(folder.files(), 1u);
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    const mode_t mask = umask(0);
    umask(mask);
    EXPECT_EQ(status.st_mode & 0777, 0666u & ~mask);
    // An existing file is replaced; a link to it stays a link.
    const std::string link = folder.file("link.safetensors");
    fs::create_symlink("out.safetensors", link);
    write_safetensors(link, {sample()[1]}, {});
    EXPECT_TRUE(fs::is_symlink(link));
    EXPECT_EQ(read_safetensors(path).tensors.size(), 1u);
}

TEST(Safetensors, WhatCannotBeWrittenIsSaid) {
    const TemporaryFolder folder;
    const auto refused = [](const std::string& path, const std::vector<std::string>& names) {
        std::vector<std::string> sentences;
        try {
            check_safetensors_target(path, names);
        } catch (const DataError& error) {
            sentences.emplace_back(error.what());
        }
        try {
            write_safetensors(path, {{names.at(0), "F32", {1}, {1.0f}, {}}}, {});
        } catch (const DataError& error) {
            sentences.emplace_back(error.what());
        }
        EXPECT_EQ(sentences.size(), 2u) << path;
        for (const std::string& sentence : sentences)
            EXPECT_NE(sentence.find(path), std::string::npos) << sentence;
    };
    refused("/nowhere/out.safetensors", {"a"});
    refused(folder.file(""), {"a"});
    refused("/dev/null", {"a"});
    refused("", {"a"});
    refused(folder.file("names.safetensors"), {"\xFF"});
    EXPECT_EQ(folder.files(), 0u);
    check_safetensors_target(folder.file("fine.safetensors"), {"a", "b/c"});
    EXPECT_EQ(folder.files(), 0u);
    const std::string path = folder.file("wrong.safetensors");
    EXPECT_THROW(write_safetensors(path, {{"a", "F16", {1}, {1.0f}, {}}}, {}), std::invalid_argument);
    EXPECT_THROW(write_safetensors(path, {{"a", "F32", {2}, {1.0f}, {}}}, {}), std::invalid_argument);
    EXPECT_THROW(write_safetensors(path, {sample()[0], sample()[0]}, {}), std::invalid_argument);
    EXPECT_EQ(folder.files(), 0u);
}

TEST(Safetensors, PathsThatCannotBeRead) {
    const TemporaryFolder folder;
    const std::string cut = folder.file("cut.safetensors");
    std::ofstream(cut, std::ios::binary) << file_of("{}", "").substr(0, 9);
    for (const std::string& path :
         {std::string("/nowhere/in.safetensors"), folder.file(""), std::string("/dev/null"), cut}) {
        try {
            read_safetensors(path);
            ADD_FAILURE() << path;
        } catch (const DataError& error) {
            EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
        }
    }
    // A header that the file is too short for is refused before its length is believed.
    const std::string sparse = folder.file("sparse.safetensors");
    std::ofstream(sparse, std::ios::binary) << bytes_of<std::uint64_t>({2}) << "{}";
    fs::resize_file(sparse, std::uintmax_t{3} << 30);
    EXPECT_THROW(read_safetensors(sparse), DataError);
    fs::resize_file(sparse, std::uintmax_t{5} << 30);
    EXPECT_THROW(read_safetensors(sparse), DataError);
}

}  // namespace
}  // namespace halfscope
