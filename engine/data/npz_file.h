// Reads NumPy's .npz files: zip archives (read by libzip) whose entries are .npy files. Called by
// tensor_file.cpp, and by tests and fuzzing for archives in memory. Nothing else includes zip.h; a build
// without libzip refuses. Must not believe the sizes that an archive states: an entry is unpacked piece by
// piece, never further than one byte behind what its own .npy header asks for.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "data/tensor_file.h"

namespace halfscope {

/// Whether the bytes begin as zip archives do.
bool is_zip(std::string_view bytes);

/// Every entry is a tensor under its name without ".npy"; entries of another kind have the type `other`.
/// Throws DataError, one sentence that names the file and the entry, for a damaged archive, for two entries
/// of one name, for entries that are encrypted or packed by anything but deflate, for whatever
/// read_npy_header refuses, for archives of PyTorch's pickled objects, and where this build has no libzip.
std::unique_ptr<TensorFile> open_npz(const std::string& path);
/// The same of bytes that somebody else keeps; `file` stands for them in refusals.
std::unique_ptr<TensorFile> open_npz(std::string_view bytes, const std::string& file);

}  // namespace halfscope
