// Decodes one PNG or JPEG picture and resizes it, by stb_image and stb_image_resize. Called by image_folder.
// Nothing else of the engine includes stb; a build without it refuses. Must not hand stb what
// picture_header has not looked through: stb trusts what a file declares.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace halfscope {

inline constexpr int kMaximumPictureSide = 16384;
inline constexpr std::int64_t kMaximumPicturePixels = std::int64_t{1} << 26;
inline constexpr std::uint64_t kMaximumPictureBytes = std::uint64_t{256} << 20;

struct Picture {
    int width = 0, height = 0;
    bool is_grey = false;            ///< red, green and blue are equal everywhere
    bool had_transparency = false;   ///< the file has an alpha channel, which is dropped
    std::vector<unsigned char> rgb;  ///< [height, width, 3]
};

/// True for names that end in .png, .jpg or .jpeg, in small or capital letters.
bool has_picture_name(std::string_view name);

/// The picture in these bytes, 8 bits a channel. Throws DataError, one sentence that names the file `path`,
/// for what is neither PNG nor JPEG by its content, is cut off or damaged, has a side longer than
/// kMaximumPictureSide, more than `maximum_pixels`, or extents that its size cannot justify, and where this
/// build has no stb. Cameras' orientation tags are ignored.
Picture decode_picture(std::string_view bytes, const std::string& path,
                       std::int64_t maximum_pixels = kMaximumPicturePixels);

/// The picture as [side, side, 3]; proportions are not kept. `path` names it where memory is short.
std::vector<unsigned char> resize_picture(const Picture& picture, int side, const std::string& path);

}  // namespace halfscope
