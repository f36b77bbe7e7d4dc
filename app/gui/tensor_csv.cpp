#include "gui/tensor_csv.h"

#include <cmath>

#include "gui/tensor_rows.h"
#include "gui/widgets/probe_csv.h"
#include "program/csv.h"

namespace halfscope {
namespace {

std::string shape_cell(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t extent : shape) text += (text.empty() ? "" : "x") + std::to_string(extent);
    return text;
}

}  // namespace

std::string tensors_csv(const TensorReading& reading, std::optional<int> scale_log2) {
    std::string csv =
        "tensor,dtype,shape,scale,count,true_zero,flushed,subnormal,normal,inf,inf_incoming,nan,min_abs,max_"
        "abs,"
        "best_static_scale,exponent,values\n";
    for (std::size_t index = 0; reading.tensors && index < reading.counted.size(); ++index) {
        if (!reading.counted[index]) continue;
        const InspectedTensor& tensor = *reading.counted[index];
        const TensorHeading& heading = (*reading.tensors)[index];
        const Probe probe = probe_of(tensor, heading.name, scale_log2);
        const std::optional<int> best = tensor.best_static_scale();
        append_exponents(csv,
                         csv_text(heading.name) + "," + csv_text(heading.dtype) + "," +
                             shape_cell(heading.shape) + "," +
                             csv_number(std::ldexp(1.0, scale_log2.value_or(0))) + class_cells(probe) + "," +
                             csv_number(static_cast<double>(probe.counts.min_abs)) + "," +
                             csv_number(static_cast<double>(probe.counts.max_abs)) + "," +
                             (best ? csv_number(std::ldexp(1.0, *best)) : ""),
                         probe);
    }
    return csv;
}

}  // namespace halfscope
