#include "data/image_source.h"

#include <array>
#include <filesystem>
#include <fstream>

#include "data/data_error.h"
#include "data/idx_file.h"
#include "data/image_folder.h"

namespace halfscope {
namespace {

bool is_folder(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::is_directory(path, ignored);
}

}  // namespace

bool looks_like_images(const std::string& path) {
    if (is_folder(path)) return true;
    std::array<unsigned char, 4> start{};
    std::ifstream file(path, std::ios::binary);
    if (!file.read(reinterpret_cast<char*>(start.data()), start.size())) return false;
    const bool is_gzip = start[0] == 0x1f && start[1] == 0x8b;
    const bool is_idx = start[0] == 0 && start[1] == 0 && start[2] == 8 && (start[3] == 1 || start[3] == 3);
    return is_gzip || is_idx;
}

ImageSet read_images(const std::string& path, const std::string& labels_path, int side) {
    if (!is_folder(path)) return read_idx_images(path, labels_path);
    if (!labels_path.empty()) {
        throw DataError("labels '" + labels_path + "' cannot be used with the folder '" + path +
                        "', whose sub-folders are the classes; leave them out.");
    }
    return read_image_folder(path, side);
}

}  // namespace halfscope
