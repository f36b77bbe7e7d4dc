#include "data/text_file.h"

#include <algorithm>

#include "data/data_error.h"
#include "data/file_bytes.h"

namespace halfscope {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
    throw DataError("text file '" + path + "' " + reason);
}

bool is_control(char byte) {
    const auto code = static_cast<unsigned char>(byte);
    const bool white = code == '\t' || code == '\n' || code == '\r' || code == '\f';
    return (code < 0x20 && !white) || code == 0x7F;
}

}  // namespace

std::string read_text_file(const std::string& path) {
    const FileKind kind{"text file", "give a text file in it", "give a part of it"};
    std::string text = read_file_bytes(path, kind, kMaximumTextBytes);
    check_text(text, path);
    return text;
}

void check_text(std::string_view bytes, const std::string& path) {
    if (bytes.empty())
        refuse(path, "is empty; give at least " + std::to_string(kMinimumTextBytes) + " bytes of text");
    if (bytes.size() < kMinimumTextBytes) {
        refuse(path, "has only " + std::to_string(bytes.size()) + " bytes; give at least " +
                         std::to_string(kMinimumTextBytes) + " bytes of text");
    }
    const std::size_t zero = bytes.find('\0');
    if (zero != std::string_view::npos) {
        refuse(path, "is not text: byte " + std::to_string(zero) +
                         " is zero; give a plain text file (UTF-8, not UTF-16)");
    }
    const auto controls = static_cast<std::size_t>(std::count_if(bytes.begin(), bytes.end(), is_control));
    if (controls * 10 > bytes.size() * 3) {
        refuse(path, "is not text: " + std::to_string(controls * 100 / bytes.size()) +
                         "% of its bytes are control codes; give a plain text file");
    }
}

}  // namespace halfscope
