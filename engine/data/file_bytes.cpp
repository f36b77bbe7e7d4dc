#include "data/file_bytes.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "data/data_error.h"

namespace halfscope {
namespace {

[[noreturn]] void refuse(const std::string& path, const FileKind& kind, const std::string& reason) {
    throw DataError(kind.name + " '" + path + "' " + reason);
}

}  // namespace

std::uintmax_t regular_file_size(const std::string& path, const FileKind& kind) {
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) {
        refuse(path, kind, "does not exist; check the path");
    }
    if (error) {
        refuse(path, kind,
               "cannot be looked at (" + error.message() + "); check the path and its permissions");
    }
    if (std::filesystem::is_directory(status)) refuse(path, kind, "is a folder; " + kind.when_folder);
    if (!std::filesystem::is_regular_file(status)) {
        refuse(path, kind, "is not a regular file; give a plain " + kind.name);
    }
    const std::uintmax_t bytes = std::filesystem::file_size(path, error);
    if (error) refuse(path, kind, "cannot be measured (" + error.message() + "); check its permissions");
    return bytes;
}

std::string read_file_bytes(const std::string& path, const FileKind& kind, std::uintmax_t maximum_bytes) {
    const std::uintmax_t bytes = regular_file_size(path, kind);
    if (bytes > maximum_bytes) {
        refuse(path, kind,
               "has " + std::to_string(bytes >> 20) + " MiB, more than the " +
                   std::to_string(maximum_bytes >> 20) + " MiB that are read; " + kind.when_large);
    }
    std::ifstream file(path, std::ios::binary);
    if (!file) refuse(path, kind, "cannot be opened; check its permissions");
    std::string content(static_cast<std::size_t>(bytes), '\0');
    file.read(content.data(), static_cast<std::streamsize>(bytes));
    if (file.gcount() != static_cast<std::streamsize>(bytes)) {
        refuse(path, kind, "could not be read to its end; check the disk and try again");
    }
    return content;
}

}  // namespace halfscope
