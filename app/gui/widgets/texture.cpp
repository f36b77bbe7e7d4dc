#include "gui/widgets/texture.h"

#include <GL/gl.h>
#ifndef GL_CLAMP_TO_EDGE
#define GL_CLAMP_TO_EDGE 0x812F  // OpenGL 1.2; some systems' gl.h stops at 1.1
#endif

#include "gui/imgui_compat.h"

namespace halfscope {
namespace {

// Frames that a picture survives without being drawn: a tab switched away and back is not uploaded anew.
constexpr std::int64_t kKeptFrames = 120;

void upload(unsigned int name, const PixelBlock& block, TextureCache::Filter filter) {
    GLint bound = 0;
    glGetIntegerv(GL_TEXTURE_BINDING_2D, &bound);
    glBindTexture(GL_TEXTURE_2D, name);
    const GLint mode = filter == TextureCache::Filter::nearest ? GL_NEAREST : GL_LINEAR;
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, mode);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, mode);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
    glPixelStorei(GL_UNPACK_ROW_LENGTH, 0);
    glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, block.width, block.height, 0, GL_RGBA, GL_UNSIGNED_BYTE,
                 block.pixels.data());
    glBindTexture(GL_TEXTURE_2D, static_cast<GLuint>(bound));
}

}  // namespace

TextureCache::~TextureCache() {
    for (const auto& [key, entry] : entries_) glDeleteTextures(1, &entry.name);
}

ImTextureID TextureCache::picture(std::string_view key, std::int64_t version,
                                  const std::function<PixelBlock()>& fill, Filter filter) {
    auto found = entries_.find(key);
    const bool is_new = found == entries_.end();
    if (is_new) found = entries_.emplace(std::string(key), Entry{}).first;
    Entry& entry = found->second;
    if (is_new) glGenTextures(1, &entry.name);
    if (is_new || entry.version != version) {
        const PixelBlock block = fill();
        if (block.pixels.size() ==
            static_cast<std::size_t>(block.width) * static_cast<std::size_t>(block.height)) {
            upload(entry.name, block, filter);
        }
        entry.version = version;
    }
    entry.last_used = frame_;
    return compat::texture_id(entry.name);
}

void TextureCache::end_frame() {
    ++frame_;
    for (auto entry = entries_.begin(); entry != entries_.end();) {
        if (frame_ - entry->second.last_used > kKeptFrames) {
            glDeleteTextures(1, &entry->second.name);
            entry = entries_.erase(entry);
        } else {
            ++entry;
        }
    }
}

}  // namespace halfscope
