// Folders of pictures: what is in them comes back, the note tells what was done, and every refusal names the
// folder or the picture.
#include "data/image_folder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "data/picture.h"
#include "support/file_samples.h"
#include "temporary_folder.h"

namespace halfscope {
namespace {

class ImageFolder : public TemporaryFolder {
  protected:
    std::string refusal(const std::string& culprit) const {
        return refusal_naming(culprit, [&] { return read_image_folder(folder_.string(), 4); });
    }
};

TEST(PictureName, IsJudgedByItsEnding) {
    for (const char* name : {"a.png", "b.JPG", "c.jpeg", "d.e.Png"}) EXPECT_TRUE(has_picture_name(name));
    for (const char* name : {"a.txt", ".png", "png", "a.png.part", "a.gif", ""}) {
        EXPECT_FALSE(has_picture_name(name)) << name;
    }
}

TEST_F(ImageFolder, SaysHowItMustLook) {
    EXPECT_SAYS(refusal(folder_.string()), "has 0 sub-folders with pictures; it must hold one sub-folder");
    write("cat/notes.txt", "x");
    EXPECT_SAYS(refusal(folder_.string()), "has 0 sub-folders with pictures");
    EXPECT_SAYS(refusal_naming(path("absent"), [&] { return read_image_folder(path("absent"), 4); }),
                "does not exist");
    const std::string file = write("file.txt", "x");
    EXPECT_SAYS(refusal_naming(file, [&] { return read_image_folder(file, 4); }), "is not a folder");
}

#ifdef HALFSCOPE_HAS_STB
using samples::jpeg;
using samples::plain;
using samples::png;

TEST_F(ImageFolder, ClassesAndPicturesAreSortedByName) {
    write("zebra/b.png", png(4, 4, 3, plain(4, 4, {255, 0, 51})));
    write("zebra/a.png", png(4, 4, 3, plain(4, 4, {0, 102, 0})));
    write("ant/c.PNG", png(4, 4, 3, plain(4, 4, {0, 0, 255})));
    const ImageSet set = read_image_folder(folder_.string(), 4);
    EXPECT_EQ(set.count, 3);
    EXPECT_EQ(set.channels, 3);
    EXPECT_EQ(set.height, 4);
    EXPECT_EQ(set.width, 4);
    EXPECT_EQ(set.class_names, (std::vector<std::string>{"ant", "zebra"}));
    EXPECT_EQ(set.labels, (std::vector<std::int32_t>{0, 1, 1}));
    EXPECT_EQ(set.note, "");
    ASSERT_EQ(set.pixels.size(), 3u * 3 * 16);
    // [count, channels, height, width]: whole planes of one value.
    const std::vector<float> planes{0, 0, 1, 0, 0.4f, 0, 1, 0, 0.2f};
    for (std::size_t i = 0; i < set.pixels.size(); ++i) EXPECT_EQ(set.pixels[i], planes[i / 16]) << i;
}

TEST_F(ImageFolder, RowsRunFromTheTopLeft) {
    write("a/x.png", png(2, 2, 1, {0, 51, 102, 255}));
    write("b/x.png", png(2, 2, 1, {255, 0, 0, 0}));
    EXPECT_EQ(read_image_folder(folder_.string(), 2).pixels,
              (std::vector<float>{0, 0.2f, 0.4f, 1, 1, 0, 0, 0}));
}

TEST_F(ImageFolder, IsGreyOnlyWhereAllPicturesAre) {
    write("a/grey.png", png(4, 4, 1, plain(4, 4, {51})));
    write("b/grey_as_rgb.png", png(4, 4, 3, plain(4, 4, {102, 102, 102})));
    const ImageSet grey = read_image_folder(folder_.string(), 4);
    EXPECT_EQ(grey.channels, 1);
    ASSERT_EQ(grey.pixels.size(), 2u * 16);
    EXPECT_EQ(grey.pixels[0], 0.2f);
    EXPECT_EQ(grey.pixels[16], 0.4f);
    write("b/red.png", png(4, 4, 3, plain(4, 4, {255, 0, 0})));
    const ImageSet colour = read_image_folder(folder_.string(), 4);
    EXPECT_EQ(colour.channels, 3);
    ASSERT_EQ(colour.pixels.size(), 3u * 3 * 16);
    for (std::size_t i = 0; i < 48; ++i) EXPECT_EQ(colour.pixels[i], 0.2f);  // grey in all three
}

TEST_F(ImageFolder, TellsWhatWasResized) {
    write("a/1.png", png(8, 8, 1, plain(8, 8, {51})));
    write("a/2.png", png(8, 8, 1, plain(8, 8, {51})));
    write("b/3.png", png(4, 4, 1, plain(4, 4, {51})));
    EXPECT_EQ(read_image_folder(folder_.string(), 4).note, "2 pictures of 8x8 were resized to 4x4");
    write("b/4.jpg", jpeg(40, 20, 1, plain(40, 20, {51})));
    const ImageSet set = read_image_folder(folder_.string(), 4);
    EXPECT_EQ(set.note,
              "3 pictures of 2 different sizes were resized to 4x4 without keeping their proportions");
    ASSERT_EQ(set.pixels.size(), 4u * 16);
    for (float pixel : set.pixels) EXPECT_NEAR(pixel, 0.2, 0.02);
}

TEST_F(ImageFolder, ResizingKeepsWhatIsWhere) {
    std::vector<unsigned char> halves;
    for (int i = 0; i < 32 * 32; ++i) halves.push_back(i % 32 < 16 ? 0 : 255);
    write("a/x.png", png(32, 32, 1, halves));
    write("b/x.png", png(2, 2, 1, {0, 255, 0, 255}));
    const ImageSet set = read_image_folder(folder_.string(), 8);
    for (std::size_t i = 0; i < 64; ++i) {
        EXPECT_LT(set.pixels[i], i % 8 < 3 ? 0.1f : 1.1f) << i;
        EXPECT_GT(set.pixels[i], i % 8 > 4 ? 0.9f : -1.0f) << i;
        EXPECT_GE(set.pixels[64 + i], i % 8 == 0 ? 0.0f : set.pixels[64 + i - 1] - 0.1f) << i;
    }
}

TEST_F(ImageFolder, LeavesOutWhatIsNoPicture) {
    for (const char* name : {"a", "b"}) {
        write(std::string(name) + "/x.png", png(4, 4, 1, plain(4, 4, {9})));
    }
    write("readme.txt", "x");
    write("a/labels.csv", "x");
    std::filesystem::create_directories(folder_ / "a/inner.png");  // a folder, whatever its name
    write("empty/notes.txt", "x");
    write(".hidden/x.png", "not looked at");
    const ImageSet set = read_image_folder(folder_.string(), 4);
    EXPECT_EQ(set.count, 2);
    EXPECT_EQ(set.class_names, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(set.note,
              "4 entries that are no PNG or JPEG file of a class were left out; 1 sub-folder without "
              "pictures was left out");
}

TEST_F(ImageFolder, TellsOfLostTransparency) {
    write("a/x.png", png(4, 4, 4, plain(4, 4, {51, 51, 51, 0})));
    write("b/x.png", png(4, 4, 2, plain(4, 4, {51, 128})));
    const ImageSet set = read_image_folder(folder_.string(), 4);
    EXPECT_EQ(set.note, "2 pictures lost transparency");
    for (float pixel : set.pixels) EXPECT_EQ(pixel, 0.2f);
}

TEST_F(ImageFolder, LinksThatFormALoopDoNotHoldItUp) {
    write("a/x.png", png(4, 4, 1, plain(4, 4, {9})));
    write("b/x.png", png(4, 4, 1, plain(4, 4, {9})));
    std::filesystem::create_directory_symlink(folder_, folder_ / "a/up");
    std::filesystem::create_symlink("self.png", folder_ / "a/self.png");
    std::filesystem::create_directory_symlink(folder_, folder_ / "around");  // a class without pictures
    EXPECT_EQ(read_image_folder(folder_.string(), 4).count, 2);
}

TEST_F(ImageFolder, ASpoiltPictureIsNamed) {
    write("a/x.png", png(4, 4, 1, plain(4, 4, {9})));
    const auto says = [&](const std::string& name, const std::string& bytes) {
        const std::string file = write("b/" + name, bytes);
        const std::string sentence = refusal(file);
        std::filesystem::remove(file);
        return sentence;
    };
    EXPECT_SAYS(says("text.png", "just text"), "is neither PNG nor JPEG by its content");
    EXPECT_SAYS(says("empty.jpg", ""), "is neither PNG nor JPEG by its content");
    EXPECT_SAYS(says("gif.png", "GIF89a" + std::string(100, 'x')), "is neither PNG nor JPEG");
    std::vector<unsigned char> noise;
    for (unsigned i = 0; i < 32 * 32 * 3; ++i) noise.push_back(static_cast<unsigned char>(i * i * 7 >> 3));
    const std::string whole = png(32, 32, 3, noise), photo = jpeg(32, 32, 3, noise);
    for (std::size_t length = 8; length < whole.size(); length += 13) {
        EXPECT_NE(says("cut.png", whole.substr(0, length)), "accepted") << length;
    }
    EXPECT_SAYS(says("cut.png", whole.substr(0, whole.size() - 1)), "is cut off after");
    for (std::size_t length = 3; length < photo.size(); length += 13) {
        EXPECT_NE(says("cut.jpg", photo.substr(0, length)), "accepted") << length;
    }
    EXPECT_SAYS(says("cut.jpg", photo.substr(0, photo.size() - 1)), "is cut off after");
    std::string damaged = whole;
    std::fill_n(damaged.begin() + 45, 200, '\xFF');
    const std::string sentence = says("damaged.png", damaged);
    EXPECT_TRUE(sentence.find("pixels that are damaged") != std::string::npos ||
                sentence.find("cannot be decoded (") != std::string::npos)
        << sentence;  // without zlib only stb looks at them
}

TEST_F(ImageFolder, TooMuchIsRefused) {
    write("a/x.png", png(4, 4, 1, plain(4, 4, {9})));
    write("b/x.png", png(4, 4, 1, plain(4, 4, {9})));
    const auto says = [&](int side) {
        return refusal_naming(folder_.string(), [&] { return read_image_folder(folder_.string(), side); });
    };
    EXPECT_SAYS(says(12000), "holds 2 pictures, too many for 1 GiB at 12000x12000");
    write("b/red.png", png(4, 4, 3, plain(4, 4, {255, 0, 0})));
    EXPECT_SAYS(says(8000), "holds 3 pictures, too many for 1 GiB at 8000x8000");
}

#else
TEST_F(ImageFolder, PicturesAreRefusedWithoutStb) {
    write("a/x.png", "x");
    write("b/x.png", "x");
    EXPECT_SAYS(refusal(path("a/x.png")), "no stb");
}
#endif

}  // namespace
}  // namespace halfscope
