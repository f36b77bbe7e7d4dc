// Reads NumPy's .npy files (NEP 1, versions 1.0 to 3.0): a magic string, a header that is a Python dictionary
// with descr, fortran_order and shape, then the elements. Called by tensor_file.cpp, by npz_file.cpp for the
// entries of an archive, and by tests. Must not evaluate the dictionary as Python does, nor believe its
// numbers.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "data/tensor_file.h"

namespace halfscope {

inline constexpr std::string_view kNpyMagic = "\x93NUMPY";

/// A heading, and where the elements begin.
struct NpyHeader {
    TensorHeading heading;
    std::uint64_t data_offset = 0;
    std::uint64_t data_bytes = 0;
};

/// Reads the header from the beginning of a source, which then stands at the first element. Floating-point
/// numbers of 2, 4 and 8 bytes in either byte order are read; whole numbers, truth values, complex numbers,
/// text and dates are headings of the type `other`. `file` stands for the source in refusals ("npy file
/// 'x'"). Throws DataError, one sentence, for another magic, version or form of header, for a shape that
/// overflows, for arrays of objects, and for what is ambiguous: raw bytes (which bfloat16 of ml_dtypes
/// becomes), records, unknown types.
NpyHeader read_npy_header(ByteSource& source, const std::string& file);

/// The file as one tensor of that name; its size must be what the header asks for.
std::unique_ptr<TensorFile> open_npy(std::unique_ptr<SeekableSource> source, const std::string& file,
                                     const std::string& name);

}  // namespace halfscope
