// Formulas of one 16-bit value by table: all 65536 results, computed once by the formula itself. Used by
// cpu_formulas.h, where looking a result up is cheaper than computing it.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <vector>

#include "backend/cpu_convert.h"

namespace halfscope {

/// Codes of a 16-bit format to codes of a 16-bit format.
using CodeTable = std::vector<std::uint16_t>;

/// store(f(load(code))) for every code, made at the first call for these formats. Both must be of 16 bits.
/// Any thread may call; the table lives as long as the program.
template <class F>
const CodeTable& code_table(F f, Format from, Format to, Subnormals subnormals) {
    struct Entry {
        std::once_flag made;
        CodeTable table;
    };
    static std::array<Entry, 8> entries;
    const std::size_t index = (from == Format::bf16 ? 1u : 0u) + (to == Format::bf16 ? 2u : 0u) +
                              (subnormals == Subnormals::flush ? 4u : 0u);
    Entry& entry = entries[index];
    std::call_once(entry.made, [&] {
        constexpr std::int64_t kCodes = 65536;
        entry.table.resize(kCodes);
        for (std::int64_t code = 0; code < kCodes; ++code)
            entry.table[static_cast<std::size_t>(code)] = static_cast<std::uint16_t>(code);
        std::vector<float> values(kCodes);
        widen(from, entry.table.data(), values.data(), kCodes);
        for (float& value : values) value = f(0, value);
        narrow(to, values.data(), entry.table.data(), kCodes, subnormals);
    });
    return entry.table;
}

/// out[i] = table[in[i]]; may work in place. Four codes at a time, because a core stores one word a cycle.
inline void look_up(const CodeTable& table, const std::uint16_t* in, std::uint16_t* out, std::int64_t count) {
    const std::uint16_t* const results = table.data();
    std::int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
        std::uint64_t codes = 0;
        std::memcpy(&codes, in + i, sizeof codes);
        std::uint64_t found = 0;
        for (int part = 0; part < 64; part += 16)
            found |= std::uint64_t{results[codes >> part & 0xffffu]} << part;
        std::memcpy(out + i, &found, sizeof found);
    }
    for (; i < count; ++i) out[i] = results[in[i]];
}

}  // namespace halfscope
