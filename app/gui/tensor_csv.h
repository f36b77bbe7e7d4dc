// The view of a tensor file as CSV: one line for each tensor and exponent, and one without an exponent where
// a tensor has none (all zero, or NaN). Called by tensor_view.cpp; pure, no ImGui.
#pragma once

#include <optional>
#include <string>

#include "program/tensor_reader.h"

namespace halfscope {

/// Of the tensors that are counted, in the order of the file. Counts and exponents are those of the values
/// times 2^scale_log2, as the rows show them; best_static_scale is empty where every scale overflows.
std::string tensors_csv(const TensorReading& reading, std::optional<int> scale_log2);

}  // namespace halfscope
