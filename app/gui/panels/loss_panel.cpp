#include "gui/panels/loss_panel.h"

#include <algorithm>

#include "gui/widgets/plot.h"

namespace halfscope {
namespace {

/// Cross-entropies are in nats; fitted pictures have a mean squared error.
std::string loss_label(const Snapshot& snapshot) {
    return snapshot.scenario.metric_name == "psnr_db" ? "training loss (mean squared error)"
                                                      : "training loss (nats)";
}

}  // namespace

void draw_loss_panel(const PanelContext& context) {
    PlotSpec spec;
    spec.id = "loss";
    spec.y_label = loss_label(context.snapshot);
    spec.y_axis = &context.ui.loss_axis;
    spec.empty_text = "no step done yet: press Space to run";
    spec.difference = &context.ui.loss_difference;
    const auto& lanes = context.snapshot.lanes;
    if (context.ui.loss_difference && lanes.size() > 1) {
        spec.y_label = "loss minus that of " + lanes.front().name;
        spec.y_axis = nullptr;
        spec.empty_text = "no step done yet: press Space to run";
        for (std::size_t index = 1; index < lanes.size(); ++index)
            spec.series.push_back({lanes[index].id, lanes[index].name, SeriesKind::loss_difference});
        add_overlays(spec, context.snapshot, SeriesKind::loss_difference);
    } else {
        for (const LaneSnapshot& lane : lanes) spec.series.push_back({lane.id, lane.name, SeriesKind::loss});
        add_overlays(spec, context.snapshot, SeriesKind::loss);
    }
    spec.marks = marks_of(context.timeline, context.snapshot, context.ui);
    // What the scaler does stands in its own plot; here it would hide the curves.
    std::erase_if(spec.marks, [](const PlotMark& mark) {
        return mark.kind == PlotMark::Kind::growth || mark.kind == PlotMark::Kind::backoff ||
               mark.kind == PlotMark::Kind::skip;
    });
    time_plot(spec, context.timeline, context.ui, context.theme);
}

}  // namespace halfscope
