// Reads pictures and labels from IDX files, the format of MNIST and its relatives. Called by scenarios. Must
// not trust what a file declares: extents are checked against its real size before memory is taken.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "data/image_set.h"

namespace halfscope {

/// An IDX file may unpack to this many bytes of pictures, which then are kMaximumImageFloats pixels.
inline constexpr std::uint64_t kMaximumIdxBytes = static_cast<std::uint64_t>(kMaximumImageFloats);

/// The grey pictures of an IDX file of unsigned bytes (count x height x width, magic 0x00000803) with the
/// labels of another (magic 0x00000801), both gzipped or not, whatever they are called. Classes are 0 up to
/// the largest label. Where `labels_path` is empty the labels are looked for beside the pictures, under their
/// name with "labels" for "images" and "idx1" for "idx3", with or without ".gz". Throws DataError, one
/// sentence that names the file, for whatever is not two such files that belong together.
ImageSet read_idx_images(const std::string& images_path, const std::string& labels_path);

/// The content of a file and the name under which refusals speak of it.
struct NamedBytes {
    const std::string& path;
    std::string_view bytes;
};

/// What read_idx_images does once the files are read.
ImageSet parse_idx_images(const NamedBytes& images, const NamedBytes& labels);

}  // namespace halfscope
