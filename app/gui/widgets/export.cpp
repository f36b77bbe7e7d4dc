#include "gui/widgets/export.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <stb/stb_image_write.h>

namespace halfscope {
namespace {

namespace fs = std::filesystem;

std::string reason() { return errno != 0 ? std::strerror(errno) : "unknown reason"; }

void say_written(UiState& ui, const std::string& path) { ui.messages.note("wrote " + path); }
void say_failed(UiState& ui, const std::string& path, const std::string& why) {
    ui.messages.error("cannot write " + path + ": " + why + "; start Halfscope in a folder you may write to");
}

}  // namespace

std::string export_path(std::string_view name, std::int64_t step, std::string_view extension) {
    std::error_code failure;
    fs::path folder = fs::current_path(failure);
    if (failure) folder = ".";
    const std::string stem = "halfscope-" + std::string(name) + "-" + std::to_string(step);
    for (int copy = 1;; ++copy) {
        const std::string suffix = copy == 1 ? "" : "-" + std::to_string(copy);
        const fs::path path = folder / (stem + suffix + "." + std::string(extension));
        if (!fs::exists(path, failure)) return path.string();
    }
}

void export_text(UiState& ui, const std::string& path, std::string_view text) {
    errno = 0;
    FILE* file = std::fopen(path.c_str(), "wb");
    if (!file) return say_failed(ui, path, reason());
    const bool whole = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    const std::string why = reason();
    const bool closed = std::fclose(file) == 0;
    if (whole && closed) {
        say_written(ui, path);
    } else {
        say_failed(ui, path, whole ? reason() : why);
    }
}

void request_image(UiState& ui, ImVec2 min, ImVec2 max, std::string_view name, std::int64_t step) {
    ui.requests.images.push_back({min, max, export_path(name, step, "png")});
}

bool export_png(UiState& ui, const std::string& path, const PixelImage& image) {
    errno = 0;
    const int stride = image.width * 3;
    if (image.width <= 0 || image.height <= 0 ||
        stbi_write_png(path.c_str(), image.width, image.height, 3, image.rgb.data(), stride) == 0) {
        say_failed(ui, path, reason());
        return false;
    }
    say_written(ui, path);
    return true;
}

}  // namespace halfscope
