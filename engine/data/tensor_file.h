// A file of tensors that is never read whole: first what its header says of each, then the bytes of one
// tensor after the other, in pieces. Opened by train/tensor_inspection.h; implemented by npy_file.h,
// npz_file.h and safetensors_file.h. A file comes from anybody: everything is checked before memory is asked
// for, what is kept is bounded by the headers, and nothing in a file is ever run.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/byte_source.h"
#include "data/element_values.h"

namespace halfscope {

inline constexpr std::size_t kMaximumTensorAxes = 64;

/// What a header says of one tensor.
struct TensorHeading {
    std::string name;   ///< as the file has it: any bytes
    std::string dtype;  ///< as the format spells it: "F32", "<f4"
    std::vector<std::int64_t> shape;
    std::uint64_t count = 0;  ///< elements
    ElementType type = ElementType::other;
    std::endian order = std::endian::little;
    std::string not_read;  ///< where type is `other`: what it holds instead ("whole numbers")
};

class TensorFile {
  public:
    TensorFile() = default;
    virtual ~TensorFile() = default;
    TensorFile(const TensorFile&) = delete;
    TensorFile& operator=(const TensorFile&) = delete;

    /// In the order of the file.
    const std::vector<TensorHeading>& tensors() const { return tensors_; }

    /// Hands over all elements of a tensor whose type is not `other`, as they lie in the file. Throws
    /// DataError, one sentence that names the file and the offset or tensor, where they are cut off or
    /// damaged.
    virtual void read(std::size_t index, const TakePiece& take) = 0;

  protected:
    std::vector<TensorHeading> tensors_;
};

/// Opens a .npy, .npz or .safetensors file by what it holds. Throws DataError, one sentence that names the
/// file, the offset or the key, and what to do, for whatever is none of them, damaged, cut off or ambiguous,
/// and for pickled Python objects (.pt, .pth, .bin of PyTorch, arrays of objects), which are programs.
std::unique_ptr<TensorFile> open_tensor_file(const std::string& path);

/// Whether the name ends as those of files do that open_tensor_file() reads, or refuses because pickle wrote
/// them.
bool is_tensor_file_name(const std::string& path);

/// Throws DataError: "KIND 'FILE' holds pickled Python objects ..." and how to save the tensors instead.
[[noreturn]] void refuse_pickled(const std::string& kind, const std::string& file);

/// Elements of that shape, where they and their bytes can be counted in 64 bits; false where not.
bool count_elements(const std::vector<std::int64_t>& shape, std::uint64_t bytes_each, std::uint64_t& count);

}  // namespace halfscope
