// Reads the tensors of a safetensors file one after the other, however large the file. Called by
// tensor_file.cpp, and by tests and fuzzing for files in memory. The header is judged by
// safetensors_header.h; what is small and wanted whole is read by safetensors.h.
#pragma once

#include <memory>
#include <string>

#include "data/safetensors_header.h"
#include "data/tensor_file.h"

namespace halfscope {

/// `file` stands for the source in refusals. Throws DataError as parse_safetensors does.
std::unique_ptr<TensorFile> open_safetensors(std::unique_ptr<SeekableSource> source, const std::string& file);

}  // namespace halfscope
