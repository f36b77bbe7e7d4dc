#include "gui/panels/model_view_panel.h"

#include <algorithm>
#include <cmath>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"
#include "gui/widgets/export.h"

namespace halfscope {
namespace {

constexpr float kDifferenceGain = 4.0f;  // said in the label; errors of a fitted picture are small
constexpr std::size_t kMostMarkers = 300;

/// One picture or text on the screen: of a lane, or the target.
struct View {
    const ModelView* model = nullptr;
    const LaneSnapshot* lane = nullptr;  ///< null: the target
    std::string key;                     ///< of its texture
    std::int64_t version = 0;
};

ImU32 rgb_colour(const float* values) {
    const auto channel = [](float value) {
        return static_cast<int>(
            std::lround(std::clamp(std::isnan(value) ? 0.0f : value, 0.0f, 1.0f) * 255.0f));
    };
    return IM_COL32(channel(values[0]), channel(values[1]), channel(values[2]), 255);
}

/// Class colours mixed by probability; grey-free, so that certainty is saturation.
class ClassMixer {
  public:
    ClassMixer(const Theme& theme, int classes)
        : paper_(ImGui::ColorConvertU32ToFloat4(theme.plot_background)) {
        for (int label = 0; label < classes; ++label)
            colours_.push_back(ImGui::ColorConvertU32ToFloat4(theme.class_colour(label)));
    }
    ImU32 mix(const float* values) const {
        float red = 0, green = 0, blue = 0;
        for (std::size_t label = 0; label < colours_.size(); ++label) {
            const float share = std::isnan(values[label]) ? 0.0f : values[label];
            red += colours_[label].x * share;
            green += colours_[label].y * share;
            blue += colours_[label].z * share;
        }
        // A little towards the background: the points drawn over it must stand out.
        const auto towards = [](float from, float to) { return from + (to - from) * 0.35f; };
        return ImGui::ColorConvertFloat4ToU32(
            ImVec4(towards(red, paper_.x), towards(green, paper_.y), towards(blue, paper_.z), 1.0f));
    }

  private:
    std::vector<ImVec4> colours_;
    ImVec4 paper_;
};

/// NaN in every channel is the background: what lies between the pictures of a sheet.
bool is_background(const float* values) {
    return std::isnan(values[0]) && std::isnan(values[1]) && std::isnan(values[2]);
}

PixelBlock pixels_of(const ModelView& view, const Theme& theme) {
    const Picture& picture = view.pictures.front();
    const bool has_gaps = !view.labels.empty();
    PixelBlock block{picture.width, picture.height, {}};
    const auto channels = static_cast<std::size_t>(picture.channels);
    block.pixels.reserve(picture.values.size() / channels);
    const ClassMixer mixer(theme, picture.channels);
    for (std::size_t at = 0; at + channels <= picture.values.size(); at += channels) {
        const float* values = picture.values.data() + at;
        const bool is_gap = has_gaps && is_background(values);
        block.pixels.push_back(is_gap                               ? theme.panel_background
                               : picture.kind == Picture::Kind::rgb ? rgb_colour(values)
                                                                    : mixer.mix(values));
    }
    return block;
}

/// |picture - target| times the gain, mean over channels, as viridis.
PixelBlock difference_of(const Picture& picture, const Picture& target) {
    PixelBlock block{picture.width, picture.height, {}};
    for (std::size_t at = 0; at + 3 <= std::min(picture.values.size(), target.values.size()); at += 3) {
        float sum = 0;
        for (std::size_t channel = 0; channel < 3; ++channel) {
            sum += std::abs(picture.values[at + channel] - target.values[at + channel]);
        }
        block.pixels.push_back(viridis(sum / 3.0f * kDifferenceGain));
    }
    return block;
}

bool has_pictures(const ModelView* view) { return view && !view->pictures.empty(); }

/// Whether the difference to the target can be shown.
bool has_target_picture(const Snapshot& snapshot) {
    return has_pictures(snapshot.target.get()) &&
           snapshot.target->pictures.front().kind == Picture::Kind::rgb;
}

void draw_points(const ModelView& view, ImVec2 min, float side, const Theme& theme) {
    ImDrawList* draw = ImGui::GetWindowDrawList();
    const float radius = std::max(1.4f, side / 110.0f);
    const std::size_t count = std::min(view.markers.size(), kMostMarkers);
    for (std::size_t index = 0; index < count; ++index) {
        const Marker& marker = view.markers[index];
        const ImVec2 centre(min.x + marker.x * side, min.y + marker.y * side);
        draw->AddCircleFilled(centre, radius + 1.0f, theme.plot_background);
        draw->AddCircleFilled(centre, radius, theme.class_colour(marker.label));
    }
}

/// Centred in its room; one that does not fit there is read by pointing at its picture.
void draw_labels(const ModelView& view, ImVec2 min, ImVec2 max, const Theme& theme) {
    ImDrawList* draw = ImGui::GetWindowDrawList();
    for (const PictureLabel& label : view.labels) {
        const float room = label.width * (max.x - min.x);
        const ImVec2 size = ImGui::CalcTextSize(label.text.c_str());
        const ImVec2 at(min.x + label.x * (max.x - min.x) + std::max(0.0f, (room - size.x) * 0.5f),
                        min.y + label.y * (max.y - min.y));
        if (size.x < room * 1.15f) draw->AddText(at, theme.text, label.text.c_str());
    }
}

/// The label below the picture of a sheet that the mouse is on; null: none.
const PictureLabel* label_under(const ModelView& view, ImVec2 min, ImVec2 max, ImVec2 mouse) {
    const float x = (mouse.x - min.x) / (max.x - min.x), y = (mouse.y - min.y) / (max.y - min.y);
    const PictureLabel* found = nullptr;
    for (const PictureLabel& label : view.labels) {
        if (x < label.x || x > label.x + label.width || y > label.y) continue;
        if (!found || label.y < found->y) found = &label;
    }
    return found;
}

std::string metric_text(const Snapshot& snapshot, const LaneSnapshot& lane) {
    if (lane.validation_step < 0) return "not validated yet";
    const double metric = lane.validation.metric;
    const std::string& name = snapshot.scenario.metric_name;
    if (name == "accuracy") return number_text(metric * 100.0) + "% correct";
    if (name == "psnr_db") return number_text(metric) + " dB PSNR";
    return name + " " + number_text(metric);
}

/// Chip and name, then the metric, cut to the width of the picture.
void draw_caption(const PanelContext& context, const View& view, float width) {
    const Theme& theme = context.theme;
    const ImVec2 start = ImGui::GetCursorScreenPos();
    const float line = ImGui::GetTextLineHeightWithSpacing();
    if (view.lane) {
        lane_chip(theme, view.lane->id);
        ImGui::SameLine();
    }
    const ImVec2 at = ImGui::GetCursorScreenPos();
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw_clipped_text(draw, at, start.x + width - at.x, theme.text, view.lane ? view.lane->name : "target");
    const std::string below = view.lane                      ? metric_text(context.snapshot, *view.lane)
                              : view.model->pictures.empty() ? ""
                                                             : view.model->pictures.front().caption;
    constexpr std::string_view kWord = " correct";
    const bool is_cut = below.ends_with(kWord) && ImGui::CalcTextSize(below.c_str()).x > width;
    draw_clipped_text(draw, ImVec2(start.x, start.y + line), width, theme.text_dim,
                      is_cut ? below.substr(0, below.size() - kWord.size()) : below);
    if (view.lane) context.ui.probe.value("model_view/" + view.lane->name + "/metric", below);
}

void draw_picture(const PanelContext& context, const View& view, ImVec2 min, float side) {
    const Picture& picture = view.model->pictures.front();
    const bool differs = view.lane && context.ui.picture_view == PictureView::difference &&
                         has_target_picture(context.snapshot);
    const ImTextureID texture = context.textures.picture(
        view.key + (differs ? "/difference" : ""), view.version,
        [&] {
            return differs ? difference_of(picture, context.snapshot.target->pictures.front())
                           : pixels_of(*view.model, context.theme);
        },
        picture.kind == Picture::Kind::rgb ? TextureCache::Filter::nearest : TextureCache::Filter::linear);
    const float scale = side / static_cast<float>(std::max(picture.width, picture.height));
    const ImVec2 max(min.x + scale * static_cast<float>(picture.width),
                     min.y + scale * static_cast<float>(picture.height));
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw->AddImage(texture, min, max);
    compat::add_rectangle(draw, min, max,
                          view.lane ? context.theme.lane(view.lane->id).colour : context.theme.axis, 0.0f,
                          context.theme.px(1.5f));
    draw_points(*view.model, min, side, context.theme);
    draw_labels(*view.model, min, max, context.theme);
    if (view.lane && !view.model->labels.empty()) {
        // A sheet says what it shows when pointed at; its place in the caption is the metric's.
        if (ImGui::IsMouseHoveringRect(min, max) && ImGui::IsWindowHovered(ImGuiHoveredFlags_ChildWindows)) {
            begin_tooltip(context.theme);
            ImGui::TextUnformatted(picture.caption.c_str());
            if (const PictureLabel* label = label_under(*view.model, min, max, ImGui::GetIO().MousePos))
                ImGui::Text("here: %s (what it is -> what this lane reads)", label->text.c_str());
            end_tooltip();
        }
        context.ui.probe.value("model_view/" + view.lane->name + "/sheet", picture.caption);
    }
    context.ui.probe.rectangle("model_view/" + (view.lane ? view.lane->name : std::string("target")), min,
                               max);
}

void draw_pictures(const PanelContext& context, const std::vector<View>& views) {
    const Theme& theme = context.theme;
    const ImVec2 origin = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    const float gap = theme.px(10), caption = 2 * ImGui::GetTextLineHeightWithSpacing();
    // As many columns as give the largest pictures.
    int best_columns = 1;
    float side = 0;
    const int count = static_cast<int>(views.size());
    for (int columns = 1; columns <= count; ++columns) {
        const int whole_rows = (count + columns - 1) / columns;
        const auto rows = static_cast<float>(whole_rows);
        const float width = (room.x - gap * static_cast<float>(columns - 1)) / static_cast<float>(columns);
        const float height = (room.y - gap * (rows - 1)) / rows - caption;
        if (std::min(width, height) > side) {
            side = std::min(width, height);
            best_columns = columns;
        }
    }
    side = std::floor(std::max(side, theme.px(24)));
    for (int index = 0; index < count; ++index) {
        const int whole_row = index / best_columns;
        const auto column = static_cast<float>(index % best_columns), row = static_cast<float>(whole_row);
        // Short pictures in a wide panel share out the width, so that captions have room.
        const float cell = std::max(
            side, (room.x - gap * static_cast<float>(best_columns - 1)) / static_cast<float>(best_columns));
        const ImVec2 min(origin.x + column * (cell + gap), origin.y + row * (side + caption + gap));
        ImGui::SetCursorScreenPos(min);
        draw_caption(context, views[static_cast<std::size_t>(index)], cell);
        draw_picture(context, views[static_cast<std::size_t>(index)], ImVec2(min.x, min.y + caption), side);
    }
    ImGui::SetCursorScreenPos(origin);
    ImGui::Dummy(room);
}

void draw_texts(const PanelContext& context, const std::vector<View>& views) {
    const Theme& theme = context.theme;
    const ImVec2 origin = ImGui::GetCursorScreenPos(), room = ImGui::GetContentRegionAvail();
    const float gap = theme.px(10), count = static_cast<float>(views.size());
    const float width = (room.x - gap * (count - 1)) / count;
    const float caption = 2 * ImGui::GetTextLineHeightWithSpacing();
    for (std::size_t index = 0; index < views.size(); ++index) {
        const View& view = views[index];
        const ImVec2 min(origin.x + static_cast<float>(index) * (width + gap), origin.y);
        ImGui::SetCursorScreenPos(min);
        draw_caption(context, view, width);
        ImGui::SetCursorScreenPos(ImVec2(min.x, min.y + caption));
        compat::begin_child(view.key.c_str(), ImVec2(width, room.y - caption), compat::ChildBorder::drawn);
        ImGui::PushTextWrapPos(0.0f);
        if (theme.mono_font) compat::push_font(theme.mono_font);
        ImGui::TextUnformatted(view.model->text.c_str());
        if (theme.mono_font) ImGui::PopFont();
        ImGui::PopTextWrapPos();
        ImGui::EndChild();
        if (view.lane) context.ui.probe.value("model_view/" + view.lane->name + "/text", view.model->text);
    }
}

std::vector<View> views_of(const PanelContext& context) {
    std::vector<View> views;
    // A restart begins at step 0 again: the run tells its pictures from the old ones; the theme colours maps.
    const std::int64_t base = (context.snapshot.run * 4 + static_cast<int>(context.theme.kind)) << 40;
    if (has_pictures(context.snapshot.target.get())) {
        views.push_back({context.snapshot.target.get(), nullptr, "model_view/target", base});
    }
    for (const LaneSnapshot& lane : context.snapshot.lanes) {
        if (!lane.view || !context.ui.is_visible(lane.id)) continue;
        views.push_back(
            {lane.view.get(), &lane, "model_view/" + std::to_string(lane.id), base + lane.view_step});
    }
    return views;
}

void draw_view_choice(const PanelContext& context) {
    const auto choice = [&](const char* label, PictureView view, const char* help) {
        const bool is_on = context.ui.picture_view == view;
        if (toggle_button(context.theme, label, is_on ? ToggleLook::on : ToggleLook::off)) {
            context.ui.picture_view = view;
        }
        context.ui.probe.item(std::string("model_view/") + label);
        item_tooltip(context.theme, help);
    };
    choice("picture", PictureView::picture, "What each lane's network paints");
    ImGui::SameLine();
    choice(
        "difference", PictureView::difference,
        "How far each pixel is from the target: |prediction - target|, mean of the three channels, times 4; "
        "dark: no difference, yellow: 0.25 and more");
}

void draw_menu(const PanelContext& context, ImVec2 min, ImVec2 max) {
    if (ImGui::IsWindowHovered(ImGuiHoveredFlags_ChildWindows) &&
        ImGui::IsMouseReleased(ImGuiMouseButton_Right)) {
        ImGui::OpenPopup("model_view_menu");
    }
    if (!ImGui::BeginPopup("model_view_menu")) return;
    if (ImGui::MenuItem("Export this panel as PNG")) {
        request_image(context.ui, min, max, "model", context.snapshot.next_step);
    }
    context.ui.probe.item("model_view/menu/png");
    ImGui::EndPopup();
}

}  // namespace

void draw_model_view_panel(const PanelContext& context) {
    const std::vector<View> views = views_of(context);
    const bool has_lane = std::any_of(views.begin(), views.end(), [](const View& view) { return view.lane; });
    if (!has_lane) {
        empty_state(context.theme,
                    context.snapshot.lanes.empty()
                        ? "Loading the scenario..."
                        : "Waiting for the first view of the model; show a lane where all are hidden.");
        return;
    }
    if (has_pictures(views.back().model)) {
        if (has_target_picture(context.snapshot)) draw_view_choice(context);
        draw_pictures(context, views);
    } else {
        draw_texts(context, views);
    }
    const ImVec2 min = ImGui::GetWindowPos(), size = ImGui::GetWindowSize();
    draw_menu(context, min, ImVec2(min.x + size.x, min.y + size.y));
}

}  // namespace halfscope
