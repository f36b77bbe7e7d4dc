#include "gui/widgets/probe_csv.h"

#include "gui/widgets/export.h"

namespace halfscope {
namespace {

/// Everything of a line but the exponent and its count.
std::string line_start(const LaneSnapshot& lane, const Probe& probe) {
    std::string text = csv_text(lane.name) + "," + std::to_string(lane.probe_step) + "," +
                       csv_text(probe.tensor) + "," + probe_kind_name(probe.kind) + "," +
                       std::string(format_info(probe.own_format).name) + class_cells(probe);
    text += "," + csv_number(probe.scale) + "," + csv_number(static_cast<double>(probe.counts.min_abs)) +
            "," + csv_number(static_cast<double>(probe.counts.max_abs));
    text += probe.kind == ProbeKind::update
                ? "," + std::to_string(probe.updates) + "," + std::to_string(probe.swallowed)
                : ",,";
    const bool has_shadow = probe.kind == ProbeKind::weight_gradient && probe.relative_error != -1;
    text += has_shadow ? "," + std::to_string(lane.shadow_step) + "," + csv_number(probe.relative_error) +
                             "," + csv_number(probe.cosine)
                       : ",,,";
    return text;
}

}  // namespace

std::string class_cells(const Probe& probe) {
    const ClassCounts& counts = probe.counts.fp16;
    std::string text;
    for (const std::uint64_t count : {counts.count(), counts.true_zero, counts.flushed, counts.subnormal,
                                      counts.normal, counts.inf, counts.inf_incoming, counts.nan}) {
        text += "," + std::to_string(count);
    }
    return text;
}

void append_exponents(std::string& csv, const std::string& start, const Probe& probe) {
    bool has_exponents = false;
    for (int exponent = kMinExponent; exponent <= kMaxExponent; ++exponent) {
        const std::uint64_t values = probe.counts.histogram.at(exponent);
        if (values == 0) continue;
        csv += start + "," + std::to_string(exponent) + "," + std::to_string(values) + "\n";
        has_exponents = true;
    }
    if (!has_exponents) csv += start + ",,0\n";
}

std::string probes_csv(const LaneSnapshot& lane, const std::vector<const Probe*>& probes) {
    std::string csv =
        "lane,step,tensor,kind,stored_as,count,true_zero,flushed,subnormal,normal,inf,inf_incoming,nan,scale,"
        "min_abs,max_abs,updates,swallowed,shadow_step,relative_error,cosine,exponent,values\n";
    for (const Probe* probe : probes) append_exponents(csv, line_start(lane, *probe), *probe);
    return csv;
}

}  // namespace halfscope
