// Reads a folder of pictures with one sub-folder a class. Called by scenarios. Must not walk deeper than
// that: so links that form a loop cannot hold it up.
#pragma once

#include <cstdint>
#include <string>

#include "data/image_set.h"

namespace halfscope {

inline constexpr std::int64_t kMaximumFolderPictures = 200000;

/// The PNG and JPEG files in the sub-folders of `folder`, resized to side x side (side >= 1), classes and
/// pictures sorted by name: grey where all of them are, else RGB. Hidden sub-folders are passed over; the
/// note counts whatever else was left out, resized or lost its transparency. Throws DataError, one sentence
/// that names the folder or the picture, for a folder that cannot be read or has fewer than two classes with
/// pictures, for more than kMaximumFolderPictures pictures or kMaximumImageFloats pixels, for a picture that
/// cannot be decoded, and where this build has no stb.
ImageSet read_image_folder(const std::string& folder, int side);

}  // namespace halfscope
