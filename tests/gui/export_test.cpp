// CSV and PNG files: what is in them, and what is said where they cannot be written.
#include "gui/widgets/export.h"

#include <gtest/gtest.h>
#include <stb/stb_image.h>

#include <cmath>
#include <filesystem>
#include <fstream>

namespace halfscope {
namespace {

std::string temporary(const char* name) {
    return (std::filesystem::temp_directory_path() / ("halfscope-export-test-" + std::string(name))).string();
}

TEST(Export, NumbersAreFullAndNonFiniteOnesAreWords) {
    EXPECT_EQ(csv_number(0.1), "0.1");
    EXPECT_EQ(std::stod(csv_number(1.0 / 3)), std::stod("0.333333333"));
    EXPECT_EQ(csv_number(std::nan("")), "nan");
    EXPECT_EQ(csv_number(-INFINITY), "-inf");
}

TEST(Export, TextCellsFollowRfc4180) {
    EXPECT_EQ(csv_text("mixed"), "mixed");
    EXPECT_EQ(csv_text("a,b"), "\"a,b\"");
    EXPECT_EQ(csv_text("say \"x\""), "\"say \"\"x\"\"\"");
}

TEST(Export, APngHoldsThePixels) {
    UiState ui;
    const std::string path = temporary("pixels.png");
    const PixelImage image{2, 2, {255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7}};
    ASSERT_TRUE(export_png(ui, path, image));
    EXPECT_EQ(ui.messages.entries().back().text, "wrote " + path);
    int width = 0, height = 0, channels = 0;
    unsigned char* pixels = stbi_load(path.c_str(), &width, &height, &channels, 3);
    ASSERT_NE(pixels, nullptr);
    EXPECT_EQ(std::vector<unsigned char>(pixels, pixels + 12), image.rgb);
    stbi_image_free(pixels);
    std::filesystem::remove(path);
}

TEST(Export, AFileThatCannotBeWrittenIsAnErrorInWords) {
    UiState ui;
    const std::string path = temporary("no-such-folder") + "/curve.csv";
    export_text(ui, path, "x");
    EXPECT_EQ(ui.messages.entries().back().kind, Message::Kind::error);
    EXPECT_NE(ui.messages.entries().back().text.find(path), std::string::npos);
    EXPECT_FALSE(export_png(ui, path, {1, 1, {1, 2, 3}}));
    EXPECT_EQ(ui.messages.entries().back().kind, Message::Kind::error);
}

TEST(Export, NamesDoNotOverwriteEarlierFiles) {
    const std::string first = export_path("export-test", 7, "csv");
    std::ofstream(first) << "x";
    const std::string second = export_path("export-test", 7, "csv");
    EXPECT_NE(first, second);
    EXPECT_FALSE(std::filesystem::exists(second));
    std::filesystem::remove(first);
}

}  // namespace
}  // namespace halfscope
