// A PNG that a test lets the window write, and its pixels. Removes the file in the end.
#pragma once

#include <stb/stb_image.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace halfscope {

struct PictureFile {
    explicit PictureFile(const std::string& name)
        : path((std::filesystem::temp_directory_path() /
                ("halfscope-" + std::to_string(getpid()) + "-" + name + ".png"))
                   .string()) {}
    ~PictureFile() { std::filesystem::remove(path); }
    /// Loads it; width 0 where it is no picture.
    void load() {
        int channels = 0;
        unsigned char* data = stbi_load(path.c_str(), &width, &height, &channels, 3);
        if (!data) return;
        pixels.assign(data, data + static_cast<std::ptrdiff_t>(width) * height * 3);
        stbi_image_free(data);
    }
    std::string path;
    int width = 0, height = 0;
    std::vector<unsigned char> pixels;
};

}  // namespace halfscope
