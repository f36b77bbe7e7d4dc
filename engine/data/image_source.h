// Pictures from wherever somebody points to: an IDX file or a folder. Called by scenarios, and by whoever
// must tell a picture source from a text. Must not read more than it needs to tell.
#pragma once

#include <string>

#include "data/image_set.h"

namespace halfscope {

/// A folder, an IDX file or a gzipped file: what read_images() can be tried on. False also where nothing is
/// there.
bool looks_like_images(const std::string& path);

/// A folder through read_image_folder() with pictures of side x side pixels (labels_path must be empty then),
/// anything else through read_idx_images(). Throws DataError.
ImageSet read_images(const std::string& path, const std::string& labels_path, int side);

}  // namespace halfscope
