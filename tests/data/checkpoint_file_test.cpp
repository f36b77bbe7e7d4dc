// The file of a checkpoint: out and in, its checksum, and the sentence for every way to be none.
#include "data/checkpoint_file.h"

#include <algorithm>

#include "data/byte_stream.h"
#include "data/checksum.h"
#include "temporary_folder.h"

namespace halfscope {
namespace {

using CheckpointFiles = TemporaryFolder;

CheckpointFile sample() {
    CheckpointFile file;
    file.name = "sample";
    file.groups["one"] = {{"key", "text with \"quotes\" and \xC3\xA9"}, {"empty", ""}};
    file.groups["two"] = {};
    file.sections = {{"a", std::string("\0\1\2", 3)}, {"b", ""}, {"c/d", std::string(1000, 'x')}};
    return file;
}

/// A file around a description and data, with the right lengths and checksum.
std::string around(const std::string& description, const std::string& data) {
    ByteWriter behind;
    behind.put(static_cast<std::uint64_t>(description.size()));
    behind.put(static_cast<std::uint64_t>(data.size()));
    const std::string checked = behind.bytes() + description + data;
    ByteWriter header;
    header.put(kCheckpointVersion);
    header.put(crc32_of(checked));
    return "\x89HSCP\r\n\x1a" + header.bytes() + checked;
}

TEST(Checksum, IsThatOfZlib) {
    EXPECT_EQ(crc32_of("123456789"), 0xCBF43926u);
    EXPECT_EQ(crc32_by_table("123456789"), 0xCBF43926u);
    EXPECT_EQ(crc32_of("6789", crc32_of("12345")), 0xCBF43926u);
    std::string all;
    for (int i = 0; i < 5000; ++i) all += static_cast<char>(i * i >> 3);
    EXPECT_EQ(crc32_of(all), crc32_by_table(all));
    EXPECT_EQ(crc32_of(""), 0u);
}

TEST_F(CheckpointFiles, GoOutAndIn) {
    const CheckpointFile file = sample();
    const std::string there = path("f.checkpoint");
    EXPECT_FALSE(looks_like_checkpoint(there));
    write_checkpoint_file(there, file);
    EXPECT_TRUE(looks_like_checkpoint(there));
    const CheckpointFile read = read_checkpoint_file(there);
    EXPECT_EQ(read.name, there);
    EXPECT_EQ(read.groups, file.groups);
    EXPECT_EQ(read.sections, file.sections);
    // Nothing temporary is left, and another one replaces it.
    write_checkpoint_file(there, {there, {}, {}});
    EXPECT_TRUE(read_checkpoint_file(there).sections.empty());
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
    EXPECT_SAYS(refusal_naming("/nowhere/f", [&] { write_checkpoint_file("/nowhere/f", file); }),
                "No such file");
    CheckpointFile bad = file;
    bad.name = path("g");
    bad.groups["one"]["key"] = "\xFF";
    EXPECT_SAYS(refusal_naming(path("g"), [&] { write_checkpoint_file(path("g"), bad); }), "UTF-8");
    EXPECT_FALSE(std::filesystem::exists(path("g")));
    EXPECT_SAYS(refusal_naming("none", [&] { read_checkpoint_file(path("none")); }), "does not exist");
    EXPECT_SAYS(refusal_naming(folder_.string(), [&] { read_checkpoint_file(folder_.string()); }), "folder");
}

TEST(CheckpointBytes, WhatIsDamagedIsRefused) {
    const std::string bytes = checkpoint_bytes(sample());
    EXPECT_EQ(parse_checkpoint(bytes, "x").sections, sample().sections);
    const auto refusal_of = [](const std::string& content) {
        return refusal_naming("checkpoint 'x' ", [&] { return parse_checkpoint(content, "x"); });
    };
    for (std::size_t length = 0; length < bytes.size(); ++length)
        EXPECT_SAYS(refusal_of(bytes.substr(0, length)), length == 0 ? "no checkpoint" : "cut off");
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
        EXPECT_SAYS(refusal_of(damaged), "x");
        if (at >= 32) EXPECT_SAYS(refusal_of(damaged), "checksum");
    }
    EXPECT_SAYS(refusal_of(bytes + "y"), "1 bytes behind its end");
    std::string newer = bytes;
    newer[8] = 9;
    EXPECT_SAYS(refusal_of(newer),
                "version 9; this program reads version " + std::to_string(kCheckpointVersion));
    std::string huge = bytes;
    std::fill(huge.begin() + 16, huge.begin() + 32, '\xFF');
    EXPECT_SAYS(refusal_of(huge), "too large");
}

TEST(CheckpointBytes, OnlyTheFormIsTaken) {
    const auto refusal_of = [](const std::string& description, const std::string& data) {
        return refusal_naming("checkpoint 'x' ",
                              [&] { return parse_checkpoint(around(description, data), "x"); });
    };
    EXPECT_EQ(refusal_of(R"({"a":{"k":"v"},"sections":{"s":2}})", "xy"), "accepted");
    EXPECT_EQ(refusal_of("{}", ""), "accepted");
    EXPECT_SAYS(refusal_of("", ""), "no valid JSON");
    EXPECT_SAYS(refusal_of("{", ""), "no valid JSON in its description, at offset 33");
    EXPECT_SAYS(refusal_of("{} {}", ""), "no valid JSON");
    EXPECT_SAYS(refusal_of("3", ""), "wrong kind");
    EXPECT_SAYS(refusal_of(R"({"a":"b"})", ""), "wrong kind for 'a'");
    EXPECT_SAYS(refusal_of(R"({"a":{"k":3}})", ""), "wrong kind for 'k'");
    EXPECT_SAYS(refusal_of(R"({"a":{"k":{}}})", ""), "wrong kind for 'k'");
    EXPECT_SAYS(refusal_of(R"({"sections":{"s":"2"}})", ""), "wrong kind for 's'");
    EXPECT_SAYS(refusal_of(R"({"sections":{"s":-2}})", ""), "wrong kind for 's'");
    EXPECT_SAYS(refusal_of(std::string(1000, '['), ""), "wrong kind");
    EXPECT_SAYS(refusal_of(R"({"a":{},"a":{}})", ""), "group 'a' twice");
    EXPECT_SAYS(refusal_of(R"({"a":{"k":"1","k":"2"}})", ""), "key 'k' twice");
    EXPECT_SAYS(refusal_of(R"({"sections":{"s":1,"s":1}})", "xy"), "section 's' twice");
    EXPECT_SAYS(refusal_of(R"({"sections":{},"sections":{}})", ""), "'sections' twice");
    EXPECT_SAYS(refusal_of(R"({"sections":{"s":3}})", "xy"), "more than it has");
    EXPECT_SAYS(refusal_of(R"({"sections":{"s":18446744073709551615}})", "xy"), "more than it has");
    EXPECT_SAYS(refusal_of(R"({"sections":{"s":1}})", "xy"), "1 bytes that no section names");
    EXPECT_EQ(refusal_of(R"({"sections":{"a\nb":3}})", "xy").find('\n'), std::string::npos);
}

}  // namespace
}  // namespace halfscope
