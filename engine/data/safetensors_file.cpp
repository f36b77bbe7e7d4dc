#include "data/safetensors_file.h"

#include <utility>

#include "data/data_error.h"
#include "data/printable_text.h"

namespace halfscope {
namespace {

/// What the dtypes hold that are no floating-point numbers of their own.
const char* name_of_type(SafetensorsType type) {
    switch (type) {
        case SafetensorsType::boolean:
            return "truth values";
        case SafetensorsType::c64:
            return "complex numbers";
        case SafetensorsType::e8m0:
            return "shared exponents";
        default:
            return "whole numbers";
    }
}

class StreamedSafetensors final : public TensorFile {
  public:
    StreamedSafetensors(std::unique_ptr<SeekableSource> source, std::string file)
        : source_(std::move(source)), file_(std::move(file)) {
        SafetensorsLayout layout = read_safetensors_layout(*source_, file_);
        tensors_.reserve(layout.header.tensors.size());
        for (SafetensorsEntry& entry : layout.header.tensors) {
            TensorHeading& heading = tensors_.emplace_back();
            heading.name = std::move(entry.name);
            heading.dtype = safetensors_type_name(entry.type);
            heading.shape = std::move(entry.shape);
            heading.type = safetensors_element_type(entry.type);
            if (heading.type == ElementType::other) heading.not_read = name_of_type(entry.type);
            // The header's check found shape and bytes to agree, so this product does not overflow.
            heading.count = 1;
            for (const std::int64_t extent : heading.shape)
                heading.count *= static_cast<std::uint64_t>(extent);
            ranges_.push_back({layout.data_offset + entry.begin, entry.end - entry.begin});
        }
    }

    void read(std::size_t index, const TakePiece& take) override {
        const Range& range = ranges_.at(index);
        source_->seek(range.begin);
        const std::uint64_t there = read_pieces(*source_, range.bytes, take);
        if (there < range.bytes) {
            refuse_safetensors(file_, "ends at offset " + std::to_string(range.begin + there) +
                                          ", inside tensor " + quoted_name(tensors_[index].name) +
                                          "; it is cut off");
        }
    }

  private:
    struct Range {
        std::uint64_t begin = 0, bytes = 0;  ///< in the file
    };

    std::unique_ptr<SeekableSource> source_;
    std::string file_;
    std::vector<Range> ranges_;
};

}  // namespace

std::unique_ptr<TensorFile> open_safetensors(std::unique_ptr<SeekableSource> source,
                                             const std::string& file) {
    return std::make_unique<StreamedSafetensors>(std::move(source), file);
}

}  // namespace halfscope
