// Everything inside the window: menu bar, tiles with panels, status bar, messages and dialogs, drawn from a
// Snapshot and a Timeline. Owned by the application, which gives it frames and keys; it knows no GLFW window,
// no trainer and no files, so that it can be driven without a display.
#pragma once

#include "gui/panels/panel.h"
#include "gui/theme.h"
#include "gui/ui_state.h"
#include "gui/widgets/heat_map.h"
#include "gui/widgets/texture.h"

namespace halfscope {

class Workbench {
  public:
    UiState& ui() { return ui_; }
    const Theme& theme() const { return theme_; }

    /// Rebuilds fonts and style where theme, scale or text size changed. To be called between two frames;
    /// true where the renderer must rebuild its font texture.
    bool prepare(float monitor_scale);
    /// What panels, keys and the driver get of one frame.
    PanelContext context(const Snapshot& snapshot, const Timeline& timeline, CommandSink& commands) {
        return {snapshot, timeline, commands, ui_, theme_, textures_, heat_maps_};
    }
    /// Draws one frame into ImGui's current one. `now_s`: seconds of the window's clock.
    void draw(const PanelContext& context, double now_s);

  private:
    void follow(const Snapshot& snapshot);
    void send_requests(const PanelContext& context);
    void draw_tile(const PanelContext& context, const Tile& tile);
    Layout layout_of(Area available);
    bool resize_tile(const Layout& layout);
    void draw_splitters(const Layout& layout);
    void draw_fold(const Layout& layout);

    UiState ui_;
    Theme theme_;
    TextureCache textures_;
    HeatMaps heat_maps_;
    float text_pixels_ = 0;  // what the fonts were built for
    bool has_theme_ = false;
    ThemeKind built_theme_ = ThemeKind::dark;
    std::string seen_scenario_;  // to choose a lane when another one opens
};

}  // namespace halfscope
