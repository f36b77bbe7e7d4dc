#include "data/text_file.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "data/data_error.h"

namespace halfscope {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
    throw DataError("text file '" + path + "' " + reason);
}

/// Size of a regular file; refuses everything else by what it is.
std::uintmax_t regular_file_size(const std::string& path) {
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) {
        refuse(path, "does not exist; check the path");
    }
    if (error)
        refuse(path, "cannot be looked at (" + error.message() + "); check the path and its permissions");
    if (std::filesystem::is_directory(status)) refuse(path, "is a folder; give a text file in it");
    if (!std::filesystem::is_regular_file(status))
        refuse(path, "is not a regular file; give a plain text file");
    const std::uintmax_t bytes = std::filesystem::file_size(path, error);
    if (error) refuse(path, "cannot be measured (" + error.message() + "); check its permissions");
    return bytes;
}

void check_size(const std::string& path, std::uintmax_t bytes) {
    if (bytes == 0)
        refuse(path, "is empty; give at least " + std::to_string(kMinimumTextBytes) + " bytes of text");
    if (bytes < kMinimumTextBytes) {
        refuse(path, "has only " + std::to_string(bytes) + " bytes; give at least " +
                         std::to_string(kMinimumTextBytes) + " bytes of text");
    }
    if (bytes > kMaximumTextBytes) {
        refuse(path, "has " + std::to_string(bytes >> 20) + " MiB, more than the " +
                         std::to_string(kMaximumTextBytes >> 20) + " MiB that are read; give a part of it");
    }
}

bool is_control(char byte) {
    const auto code = static_cast<unsigned char>(byte);
    const bool white = code == '\t' || code == '\n' || code == '\r' || code == '\f';
    return (code < 0x20 && !white) || code == 0x7F;
}

}  // namespace

std::string read_text_file(const std::string& path) {
    const std::uintmax_t bytes = regular_file_size(path);
    check_size(path, bytes);
    std::ifstream file(path, std::ios::binary);
    if (!file) refuse(path, "cannot be opened; check its permissions");
    std::string text(static_cast<std::size_t>(bytes), '\0');
    file.read(text.data(), static_cast<std::streamsize>(bytes));
    if (file.gcount() != static_cast<std::streamsize>(bytes)) {
        refuse(path, "could not be read to its end; check the disk and try again");
    }
    const std::size_t zero = text.find('\0');
    if (zero != std::string::npos) {
        refuse(path, "is not text: byte " + std::to_string(zero) +
                         " is zero; give a plain text file (UTF-8, not UTF-16)");
    }
    const auto controls = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_control));
    if (controls * 10 > text.size() * 3) {
        refuse(path, "is not text: " + std::to_string(controls * 100 / text.size()) +
                         "% of its bytes are control codes; give a plain text file");
    }
    return text;
}

}  // namespace halfscope
