// Heat maps of shares: one value a cell in a single-channel texture, coloured by our own shader while ImGui's
// draw list is rendered. Where the shader cannot be had, the same colours are made here and drawn as a
// picture. Owned by the Workbench, used by the waterfall; knows no histograms.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <imgui.h>

#include "gui/widgets/texture.h"

namespace halfscope {

/// The share that is drawn brightest, 0..1 (more looks the same), and how many powers of ten below it are
/// told apart. What is smaller than that is drawn darkest; nothing at all is not drawn.
inline constexpr float kHeatBrightest = 0.25f;
inline constexpr float kHeatDecades = 5.0f;
/// Where a share above 0 lies along viridis: its logarithm.
float heat_light(float share);

/// Shares, rows from the top.
struct HeatBlock {
    int width = 0, height = 0;
    std::vector<float> shares;  ///< height x width
};

struct HeatColours {
    ImU32 nothing = 0;    ///< of a share of 0
    float lowest = 0.0f;  ///< where along viridis the smallest share lies
};

class HeatMaps {
  public:
    HeatMaps();
    ~HeatMaps();
    HeatMaps(const HeatMaps&) = delete;
    HeatMaps& operator=(const HeatMaps&) = delete;

    /// Draws the map of `key` between two corners; `fill` is called where `version` is not the one uploaded.
    /// A key is drawn once a frame.
    void draw(ImDrawList* draw, TextureCache& textures, std::string_view key, std::int64_t version,
              const std::function<HeatBlock()>& fill, ImVec2 min, ImVec2 max, HeatColours colours);
    /// "shader", "picture", or "" before anything was drawn.
    const char* drawn_by() const { return !was_tried_ ? "" : shader_ ? "shader" : "picture"; }
    /// Why maps are drawn as pictures, once, as a sentence; empty: they are not, or it was said.
    std::string take_refusal();
    /// Releases what was not drawn during the last frames. Called once after each frame.
    void end_frame();

  private:
    struct Shader;
    struct Map {
        Shader* shader = nullptr;
        unsigned int texture = 0;
        std::int64_t version = 0, last_used = 0;
        ImVec2 min, max;
        HeatColours colours;
    };
    static void paint(const ImDrawList* list, const ImDrawCmd* command);
    bool has_shader();

    std::unique_ptr<Shader> shader_;
    bool was_tried_ = false;
    std::string refusal_;
    std::map<std::string, Map, std::less<>> maps_;  // whose addresses the draw list holds
    std::int64_t frame_ = 0;
};

}  // namespace halfscope
