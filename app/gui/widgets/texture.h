// Pictures that panels draw: uploaded to OpenGL once for each version of their content, released when no
// longer drawn. Owned by the Workbench; panels ask by key. It must not know what a picture means.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <imgui.h>

namespace halfscope {

/// Pixels as ImU32 colours (IM_COL32), rows from the top.
struct PixelBlock {
    int width = 0, height = 0;
    std::vector<ImU32> pixels;  ///< height x width
};

class TextureCache {
  public:
    /// How enlarged pixels look: as squares, or interpolated.
    enum class Filter : std::uint8_t { nearest, linear };

    TextureCache() = default;
    ~TextureCache();
    TextureCache(const TextureCache&) = delete;
    TextureCache& operator=(const TextureCache&) = delete;

    /// The texture of `key` ("model_view/2/0"); `fill` is called where `version` is not the one uploaded.
    ImTextureID picture(std::string_view key, std::int64_t version, const std::function<PixelBlock()>& fill,
                        Filter filter = Filter::nearest);
    /// Releases what was not asked for during the last frames. Called once after each frame.
    void end_frame();

  private:
    struct Entry {
        unsigned int name = 0;
        std::int64_t version = 0;
        std::int64_t last_used = 0;
    };
    std::map<std::string, Entry, std::less<>> entries_;
    std::int64_t frame_ = 0;
};

}  // namespace halfscope
