#include "data/checksum.h"

#include <array>

#ifdef HALFSCOPE_HAS_ZLIB
#include <zlib.h>
#endif

namespace halfscope {
namespace {

constexpr std::array<std::uint32_t, 256> make_table() {
    constexpr std::uint32_t kPolynomial = 0xEDB88320u;  // reflected
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t rest = byte;
        for (int bit = 0; bit < 8; ++bit) rest = (rest & 1u) != 0 ? rest >> 1 ^ kPolynomial : rest >> 1;
        table[byte] = rest;
    }
    return table;
}

}  // namespace

std::uint32_t crc32_by_table(std::string_view bytes, std::uint32_t before) {
    static constexpr std::array<std::uint32_t, 256> kTable = make_table();
    std::uint32_t rest = ~before;
    for (const char byte : bytes)
        rest = rest >> 8 ^ kTable[(rest ^ static_cast<unsigned char>(byte)) & 0xFFu];
    return ~rest;
}

std::uint32_t crc32_of(std::string_view bytes, std::uint32_t before) {
#ifdef HALFSCOPE_HAS_ZLIB
    return static_cast<std::uint32_t>(
        crc32_z(before, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
#else
    return crc32_by_table(bytes, before);
#endif
}

}  // namespace halfscope
