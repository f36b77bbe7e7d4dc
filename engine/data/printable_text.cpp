#include "data/printable_text.h"

#include <cstddef>

namespace halfscope {
namespace {

unsigned byte_at(std::string_view bytes, std::size_t index) {
    return static_cast<unsigned char>(bytes[index]);
}

/// Length of the valid multi-byte sequence at `start`, or 0.
std::size_t sequence_length(std::string_view bytes, std::size_t start) {
    const unsigned lead = byte_at(bytes, start);
    std::size_t length = 0;
    unsigned low = 0x80,
             high = 0xBF;  // bounds of the second byte: no overlong forms, surrogates, codes above 10FFFF
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
        if (lead == 0xC2) low = 0xA0;  // C1 control codes
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        if (lead == 0xE0) low = 0xA0;
        if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;
    }
    if (length == 0 || start + length > bytes.size()) return 0;
    const unsigned second = byte_at(bytes, start + 1);
    if (second < low || second > high) return 0;
    for (std::size_t index = start + 2; index < start + length; ++index) {
        if ((byte_at(bytes, index) & 0xC0u) != 0x80u) return 0;
    }
    return length;
}

}  // namespace

std::string printable_line(std::string_view bytes) {
    std::string line;
    for (std::size_t index = 0; index < bytes.size();) {
        const unsigned byte = byte_at(bytes, index);
        const std::size_t length = byte < 0x80 ? 1 : sequence_length(bytes, index);
        const bool white = byte >= 0x09 && byte <= 0x0D;
        if (white) {
            line += ' ';
        } else if (length == 0 || byte < 0x20 || byte == 0x7F) {
            line += kReplacementCharacter;
        } else {
            line += bytes.substr(index, length);
        }
        index += length == 0 ? 1 : length;
    }
    return line;
}

std::string short_line(std::string_view text, std::size_t most_bytes) {
    if (text.size() <= most_bytes) return printable_line(text);
    std::size_t end = most_bytes;
    while (end > 0 && (byte_at(text, end) & 0xC0u) == 0x80u) --end;
    return printable_line(text.substr(0, end)) + "...";
}

std::string short_name(std::string_view name) { return short_line(name, 80); }

std::string quoted_name(std::string_view name) { return "'" + short_name(name) + "'"; }

}  // namespace halfscope
