#include "gui/panels/validation_panel.h"

#include <algorithm>

#include "gui/widgets/plot.h"

namespace halfscope {
namespace {

std::string metric_label(const ScenarioInfo& scenario) {
    const std::string better = scenario.higher_is_better ? ", higher is better" : ", lower is better";
    if (scenario.metric_name == "accuracy") return "validation accuracy (0..1)" + better;
    if (scenario.metric_name == "psnr_db") return "PSNR (dB)" + better;
    return "validation " + scenario.metric_name + better;
}

}  // namespace

void draw_validation_panel(const PanelContext& context) {
    PlotSpec spec;
    spec.id = "validation";
    spec.y_label = metric_label(context.snapshot.scenario);
    spec.shape = CurveShape::points;
    spec.empty_text = "no validation yet";
    for (const LaneSnapshot& lane : context.snapshot.lanes) {
        spec.series.push_back({lane.id, lane.name, SeriesKind::metric});
    }
    add_overlays(spec, context.snapshot, SeriesKind::metric);
    spec.marks = marks_of(context.timeline, context.snapshot, context.ui);
    std::erase_if(spec.marks, [](const PlotMark& mark) {
        return mark.kind != PlotMark::Kind::toggle && mark.kind != PlotMark::Kind::alert;
    });
    // The same lines as in the loss above; their texts need not stand there twice.
    for (PlotMark& mark : spec.marks)
        if (mark.kind == PlotMark::Kind::toggle) mark.kind = PlotMark::Kind::lane;
    time_plot(spec, context.timeline, context.ui, context.theme);
}

}  // namespace halfscope
