// The list of the view of tensor files: a row a tensor, its histogram over FP16's bands, shares of the
// classes, the best static scale. Drawn by tensor_view.cpp.
#pragma once

#include "gui/panels/panel.h"
#include "program/tensor_reader.h"

namespace halfscope {

/// What stands for all tensors together where one is selected.
inline constexpr std::size_t kAllTensors = static_cast<std::size_t>(-1);

/// What was counted, as the rows of the gradients panel show it; where `scale_log2` is given, as it would be
/// had the values been multiplied by 2^that.
Probe probe_of(const InspectedTensor& tensor, const std::string& name, std::optional<int> scale_log2);

/// In what is left of the current window, `height` pixels. A click selects.
void draw_tensor_rows(const PanelContext& context, const TensorReading& reading, float width, float height);

}  // namespace halfscope
