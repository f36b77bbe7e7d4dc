#include "gui/widgets/heat_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "gui/gl_functions.h"
#include "gui/theme.h"
#include "shaders.h"

namespace halfscope {
namespace {

constexpr int kStops = 9;                  // of viridis
constexpr std::int64_t kKeptFrames = 120;  // as TextureCache
constexpr const char* kSwitch = "HALFSCOPE_SHADERS";

std::array<float, 3> channels(ImU32 colour) {
    const ImVec4 vector = ImGui::ColorConvertU32ToFloat4(colour);
    return {vector.x, vector.y, vector.z};
}

ImU32 heat_colour(float share, HeatColours colours) {
    return viridis(colours.lowest + (1.0f - colours.lowest) * heat_light(share));
}

void upload(unsigned int name, const HeatBlock& block) {
    glBindTexture(GL_TEXTURE_2D, name);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
    glPixelStorei(GL_UNPACK_ROW_LENGTH, 0);
    glTexImage2D(GL_TEXTURE_2D, 0, GL_R32F, block.width, block.height, 0, GL_RED, GL_FLOAT,
                 block.shares.data());
    glBindTexture(GL_TEXTURE_2D, 0);
}

}  // namespace

float heat_light(float share) {
    return std::clamp(1.0f + std::log10(share / kHeatBrightest) / kHeatDecades, 0.0f, 1.0f);
}

/// The program and what it needs to run.
struct HeatMaps::Shader {
    GlFunctions gl;
    unsigned int program = 0, corners = 0;
    int area = -1, nothing = -1, lowest = -1;

    ~Shader() {
        if (program) gl.delete_program(program);
        if (corners) gl.delete_vertex_arrays(1, &corners);
    }
    /// Why it cannot be had; empty: it can.
    std::string build();
    unsigned int compile(unsigned int kind, const char* source, std::string& reason) const;
    void run(const Map& map) const;
};

unsigned int HeatMaps::Shader::compile(unsigned int kind, const char* source, std::string& reason) const {
    const unsigned int shader = gl.create_shader(kind);
    gl.shader_source(shader, 1, &source, nullptr);
    gl.compile_shader(shader);
    int is_compiled = 0;
    gl.get_shader(shader, GL_COMPILE_STATUS, &is_compiled);
    if (!is_compiled) {
        char log[256] = "";
        gl.get_shader_log(shader, sizeof log, nullptr, log);
        reason = log;
    }
    return shader;
}

std::string HeatMaps::Shader::build() {
    const char* choice = std::getenv(kSwitch);
    if (choice && std::string_view(choice) == "off") return std::string(kSwitch) + " is off";
    if (!gl.load()) return "the driver lacks functions of OpenGL 3.3";
    std::string reason;
    const unsigned int vertex = compile(GL_VERTEX_SHADER, shaders::heat_map_vert, reason);
    const unsigned int fragment = compile(GL_FRAGMENT_SHADER, shaders::heat_map_frag, reason);
    program = gl.create_program();
    gl.attach_shader(program, vertex);
    gl.attach_shader(program, fragment);
    gl.link_program(program);
    gl.delete_shader(vertex);
    gl.delete_shader(fragment);
    int is_linked = 0;
    gl.get_program(program, GL_LINK_STATUS, &is_linked);
    if (!is_linked) return reason.empty() ? "the driver does not link the shader" : reason;
    area = gl.uniform_location(program, "area");
    nothing = gl.uniform_location(program, "nothing");
    lowest = gl.uniform_location(program, "lowest");
    gl.generate_vertex_arrays(1, &corners);
    int used = 0;
    glGetIntegerv(GL_CURRENT_PROGRAM, &used);
    gl.use_program(program);
    std::array<float, 3 * kStops> stops{};
    for (int stop = 0; stop < kStops; ++stop) {
        const auto colour = channels(viridis(static_cast<float>(stop) / (kStops - 1)));
        std::copy(colour.begin(), colour.end(), stops.begin() + 3 * stop);
    }
    gl.uniform_3fv(gl.uniform_location(program, "stops"), kStops, stops.data());
    gl.uniform_1f(gl.uniform_location(program, "brightest"), kHeatBrightest);
    gl.uniform_1f(gl.uniform_location(program, "decades"), kHeatDecades);
    gl.uniform_1i(gl.uniform_location(program, "shares"), 0);
    gl.use_program(static_cast<unsigned int>(used));
    return {};
}

void HeatMaps::Shader::run(const Map& map) const {
    const ImDrawData& frame = *ImGui::GetDrawData();
    const auto clip_x = [&](float x) { return 2 * (x - frame.DisplayPos.x) / frame.DisplaySize.x - 1; };
    const auto clip_y = [&](float y) { return 1 - 2 * (y - frame.DisplayPos.y) / frame.DisplaySize.y; };
    gl.use_program(program);
    gl.uniform_4f(area, clip_x(map.min.x), clip_y(map.max.y), clip_x(map.max.x), clip_y(map.min.y));
    const auto colour = channels(map.colours.nothing);
    gl.uniform_3fv(nothing, 1, colour.data());
    gl.uniform_1f(lowest, map.colours.lowest);
    gl.active_texture(GL_TEXTURE0);
    glBindTexture(GL_TEXTURE_2D, map.texture);
    gl.bind_vertex_array(corners);
    glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
}

HeatMaps::HeatMaps() = default;

HeatMaps::~HeatMaps() {
    for (const auto& [key, map] : maps_) glDeleteTextures(1, &map.texture);
}

bool HeatMaps::has_shader() {
    // Without a window there is nothing to draw on, and nothing to say.
    if (!was_tried_ && glfwGetCurrentContext()) {
        was_tried_ = true;
        shader_ = std::make_unique<Shader>();
        if (std::string reason = shader_->build(); !reason.empty()) {
            shader_.reset();
            reason.erase(std::min(reason.find('\n'), reason.size()));
            refusal_ = "heat maps are drawn without a shader (" + reason + "); they look the same";
        }
    }
    return shader_ != nullptr;
}

std::string HeatMaps::take_refusal() { return std::exchange(refusal_, {}); }

/// Called while the draw list is rendered, with the clip rectangle of where the map stands in it.
void HeatMaps::paint(const ImDrawList*, const ImDrawCmd* command) {
    const Map& map = *static_cast<const Map*>(command->UserCallbackData);
    const ImDrawData& frame = *ImGui::GetDrawData();
    const ImVec2 scale = frame.FramebufferScale, origin = frame.DisplayPos;
    const ImVec4& clip = command->ClipRect;
    const int left = static_cast<int>((clip.x - origin.x) * scale.x);
    const int right = static_cast<int>((clip.z - origin.x) * scale.x);
    const int top = static_cast<int>((clip.y - origin.y) * scale.y);
    const int bottom = static_cast<int>((clip.w - origin.y) * scale.y);
    if (right <= left || bottom <= top) return;
    const int height = static_cast<int>(frame.DisplaySize.y * scale.y);
    glScissor(left, height - bottom, right - left, bottom - top);
    map.shader->run(map);
}

void HeatMaps::draw(ImDrawList* draw, TextureCache& textures, std::string_view key, std::int64_t version,
                    const std::function<HeatBlock()>& fill, ImVec2 min, ImVec2 max, HeatColours colours) {
    if (!has_shader()) {
        const ImTextureID picture = textures.picture(key, version, [&] {
            const HeatBlock block = fill();
            PixelBlock pixels{block.width, block.height, {}};
            pixels.pixels.reserve(block.shares.size());
            for (const float share : block.shares)
                pixels.pixels.push_back(share > 0 ? heat_colour(share, colours) : colours.nothing);
            return pixels;
        });
        draw->AddImage(picture, min, max);
        return;
    }
    auto found = maps_.find(key);
    const bool is_new = found == maps_.end();
    if (is_new) found = maps_.emplace(std::string(key), Map{}).first;
    Map& map = found->second;
    if (is_new) glGenTextures(1, &map.texture);
    if (is_new || map.version != version) upload(map.texture, fill());
    map.shader = shader_.get();
    map.version = version;
    map.last_used = frame_;
    map.min = min;
    map.max = max;
    map.colours = colours;
    draw->AddCallback(&HeatMaps::paint, &map);
    draw->AddCallback(ImDrawCallback_ResetRenderState, nullptr);
}

void HeatMaps::end_frame() {
    ++frame_;
    for (auto map = maps_.begin(); map != maps_.end();) {
        if (frame_ - map->second.last_used > kKeptFrames) {
            glDeleteTextures(1, &map->second.texture);
            map = maps_.erase(map);
        } else {
            ++map;
        }
    }
}

}  // namespace halfscope
