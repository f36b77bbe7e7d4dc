// What the fuzz targets share. Each target is one file with one function, which libFuzzer calls without end
// and run_seeds.cpp calls for the seeds alone. Must not print: a million inputs would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "data/data_error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace halfscope::fuzz {

inline std::string_view view_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Ends the program where a promise is broken, so that both drivers see it.
inline void expect(bool is_kept) {
    if (!is_kept) std::abort();
}

/// Runs a reader: the one thing it may throw is a DataError that names one of its files.
template <class Read>
void read_or_refuse(std::string_view name_part, const Read& read) {
    try {
        read();
    } catch (const DataError& error) {
        const std::string_view sentence = error.what();
        expect(sentence.find(name_part) != std::string_view::npos);
        expect(sentence.find('\n') == std::string_view::npos);
    }
}

}  // namespace halfscope::fuzz
