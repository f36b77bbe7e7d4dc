// IDX files: what is written comes back, gzipped or not, and every refusal names the file and says what to
// do.
#include "data/idx_file.h"

#include <gtest/gtest.h>

#include "support/file_samples.h"
#include "temporary_folder.h"

namespace halfscope {
namespace {

using samples::big_endian;
using samples::idx;
using samples::idx_images;
using samples::idx_labels;

class IdxFile : public TemporaryFolder {
  protected:
    /// What reading these two files says; the sentence must name the file with that suffix.
    std::string says(const std::string& images, const std::string& labels, const std::string& culprit) const {
        const std::string images_path = write("a-images", images), labels_path = write("a-labels", labels);
        return refusal_naming(culprit == "images" ? images_path : labels_path,
                              [&] { return read_idx_images(images_path, labels_path); });
    }
    std::string images_say(const std::string& images) const { return says(images, idx_labels(3), "images"); }
    std::string labels_say(const std::string& labels) const {
        return says(idx_images(3, 2, 4), labels, "labels");
    }
};

TEST_F(IdxFile, IsReadByteByByte) {
    const ImageSet set = read_idx_images(write("i", idx_images(3, 2, 4)), write("l", idx_labels(3)));
    EXPECT_EQ(set.count, 3);
    EXPECT_EQ(set.channels, 1);
    EXPECT_EQ(set.height, 2);
    EXPECT_EQ(set.width, 4);
    EXPECT_EQ(set.note, "");
    ASSERT_EQ(set.pixels.size(), 24u);
    for (std::size_t i = 0; i < 24; ++i) EXPECT_EQ(set.pixels[i], static_cast<float>(i) / 255.0f);
    EXPECT_EQ(set.labels, (std::vector<std::int32_t>{0, 1, 2}));
    EXPECT_EQ(set.class_names, (std::vector<std::string>{"0", "1", "2"}));
}

TEST_F(IdxFile, TakesAllLabelsThatAByteHolds) {
    const ImageSet set = read_idx_images(write("i", idx_images(256, 1, 1)), write("l", idx_labels(256)));
    EXPECT_EQ(set.class_names.size(), 256u);
    EXPECT_EQ(set.labels.back(), 255);
    EXPECT_EQ(set.pixels.back(), 1.0f);
}

TEST_F(IdxFile, FindsItsLabelsByName) {
    for (const auto& [images, labels] :
         {std::pair("a/train-images-idx3-ubyte", "a/train-labels-idx1-ubyte"),
          std::pair("b/t10k-images.idx3-ubyte", "b/t10k-labels.idx1-ubyte"),
          std::pair("c/train-images-idx3-ubyte", "c/train-labels.idx1-ubyte"),
          std::pair("d/train-images.idx3-ubyte", "d/train-labels-idx1-ubyte"),
          std::pair("e/images", "e/labels"),
          // Names do not tell what is gzipped: these are not.
          std::pair("f/train-images-idx3-ubyte.gz", "f/train-labels-idx1-ubyte"),
          std::pair("g/train-images-idx3-ubyte", "g/train-labels-idx1-ubyte.gz"),
          std::pair("images/train-images-idx3-ubyte", "images/train-labels-idx1-ubyte")}) {
        const std::string path = write(images, idx_images(3, 2, 4));
        write(labels, idx_labels(3));
        EXPECT_EQ(read_idx_images(path, "").labels.size(), 3u) << images;
    }
}

TEST_F(IdxFile, SaysWhereItLookedForLabels) {
    const std::string alone = write("train-images-idx3-ubyte", idx_images(1, 1, 1));
    const std::string sentence = refusal_naming(alone, [&] { return read_idx_images(alone, ""); });
    EXPECT_SAYS(sentence, "train-labels-idx1-ubyte");
    EXPECT_SAYS(sentence, "--labels");
    const std::string nameless = write("digits", idx_images(1, 1, 1));
    EXPECT_SAYS(refusal_naming(nameless, [&] { return read_idx_images(nameless, ""); }), "--labels");
}

TEST_F(IdxFile, AbsentOnesAreRefused) {
    const std::string images = write("images", idx_images(1, 1, 1)), lost = path("lost");
    EXPECT_SAYS(refusal_naming(lost, [&] { return read_idx_images(lost, images); }), "does not exist");
    EXPECT_SAYS(refusal_naming(lost, [&] { return read_idx_images(images, lost); }), "does not exist");
    EXPECT_SAYS(refusal_naming(path(""), [&] { return read_idx_images(path(""), images); }), "is a folder");
}

TEST_F(IdxFile, WrongHeadersAreRefused) {
    EXPECT_SAYS(images_say(""), "has only 0 bytes and no header");
    EXPECT_SAYS(images_say("ab"), "has only 2 bytes and no header");
    EXPECT_SAYS(images_say("\x89PNG and so on and on"), "begins with 0x89504E47 instead of 0x00000803;");
    EXPECT_SAYS(images_say(idx(0xD03, {3, 2, 4}, 96)), "unsigned bytes");  // IDX of floats
    EXPECT_SAYS(images_say(idx_labels(30)), "mixed up");
    EXPECT_SAYS(labels_say(idx_images(3, 2, 4)), "mixed up");
    EXPECT_SAYS(images_say(idx_images(3, 2, 4).substr(0, 15)), "after 15 of 16 bytes");
    EXPECT_SAYS(labels_say(idx_labels(3).substr(0, 7)), "after 7 of 8 bytes");
}

TEST_F(IdxFile, CutOffAndOverlongOnesAreRefused) {
    const std::string whole = idx_images(3, 2, 4);
    EXPECT_SAYS(images_say(whole.substr(0, 39)), "ends after 39 of the 40 bytes");
    EXPECT_SAYS(images_say(whole.substr(0, 39)), "3 x 2 x 4 pictures");
    EXPECT_SAYS(images_say(whole + "x"), "goes on behind the 40 bytes");
    EXPECT_SAYS(labels_say(idx_labels(3).substr(0, 10)), "ends after 10 of the 11 bytes");
    EXPECT_SAYS(labels_say(idx_labels(3) + "x"), "goes on behind the 11 bytes");
}

TEST_F(IdxFile, AbsurdExtentsAreRefusedUnread) {
    for (const std::vector<std::uint32_t>& extents :
         {std::vector<std::uint32_t>{0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF},
          // The product is 2^64 and would wrap around to zero.
          std::vector<std::uint32_t>{0x80000000, 0x80000000, 4},
          std::vector<std::uint32_t>{1, 1, (1u << 28) + 1}}) {
        EXPECT_SAYS(images_say(idx(0x803, extents, 8)), "more than the 256 MiB");
    }
    EXPECT_SAYS(images_say(idx(0x803, {1, 1, 1u << 28}, 8)), "ends after 24 of the 268435472 bytes");
    EXPECT_SAYS(images_say(idx(0x803, {0, 28, 28}, 0)), "is empty (0 x 28 x 28 pictures)");
    EXPECT_SAYS(images_say(idx(0x803, {3, 0, 28}, 0)), "is empty");
    EXPECT_SAYS(labels_say(idx_labels(0)), "is empty (0 labels)");
}

TEST_F(IdxFile, LabelsOfOtherPicturesAreRefused) {
    const std::string sentence = labels_say(idx_labels(4));
    EXPECT_SAYS(sentence, "has 4 labels");
    EXPECT_SAYS(sentence, "a-images' has 3 pictures");
}

TEST_F(IdxFile, TooLargeAFileIsRefusedUnread) {
    const std::string file = write("large", "x");
    std::filesystem::resize_file(file, kMaximumIdxBytes + (std::uint64_t{2} << 20));  // takes no space
    EXPECT_SAYS(refusal_naming(file, [&] { return read_idx_images(file, file); }), "more than the 257 MiB");
}

#ifdef HALFSCOPE_HAS_ZLIB
using samples::packed;

TEST_F(IdxFile, GzippedAndPlainAreEqual) {
    const std::string images = idx_images(300, 28, 28), labels = idx_labels(300);  // several chunks
    const ImageSet plain = read_idx_images(write("i", images), write("l", labels));
    const ImageSet unpacked = read_idx_images(write("i.gz", packed(images)), write("l.gz", packed(labels)));
    EXPECT_EQ(plain.pixels, unpacked.pixels);
    EXPECT_EQ(plain.labels, unpacked.labels);
    EXPECT_EQ(plain.class_names, unpacked.class_names);
    EXPECT_EQ(plain.width, unpacked.width);
}

TEST_F(IdxFile, GzipMembersAreJoined) {
    const std::string images = idx_images(3, 2, 4);
    const std::string members = packed(images.substr(0, 10)) + packed(images.substr(10));
    EXPECT_EQ(read_idx_images(write("i", members), write("l", idx_labels(3))).pixels.size(), 24u);
}

TEST_F(IdxFile, DamagedGzipIsRefused) {
    const std::string whole = packed(idx_images(3, 2, 4));
    for (std::size_t length = 2; length < whole.size(); ++length) {
        EXPECT_SAYS(images_say(whole.substr(0, length)), "ends too early, after " + std::to_string(length));
    }
    EXPECT_SAYS(images_say(whole + "garbage"),
                "goes on behind its end at byte " + std::to_string(whole.size()));
    std::string damaged = whole;
    damaged[whole.size() - 6] ^= 1;  // the checksum
    EXPECT_SAYS(images_say(damaged), "is damaged near byte");
    EXPECT_SAYS(images_say(packed(idx_images(3, 2, 4) + "x")), "goes on behind the 40 bytes");
    EXPECT_SAYS(images_say(packed(idx_images(3, 2, 4).substr(0, 30))), "ends after 30 of the 40 bytes");
    EXPECT_SAYS(images_say(packed("")), "has only 0 bytes");
}

TEST_F(IdxFile, AGzipBombIsNotUnpacked) {
    // 64 MiB of zeroes behind a small file's header: reading stops one byte behind what the header declares.
    const std::string bomb = packed(idx_images(3, 2, 4) + std::string(std::size_t{64} << 20, '\0'));
    EXPECT_LT(bomb.size(), 100000u);
    EXPECT_SAYS(images_say(bomb), "goes on behind the 40 bytes");
    // A header that declares too much is refused before anything behind it is unpacked.
    EXPECT_SAYS(images_say(packed(idx(0x803, {1u << 20, 1024, 1024}, 1u << 16))), "more than the 256 MiB");
}
#else
TEST_F(IdxFile, GzipIsRefusedWithoutZlib) { EXPECT_SAYS(images_say("\x1F\x8B and so on"), "no zlib"); }
#endif

}  // namespace
}  // namespace halfscope
