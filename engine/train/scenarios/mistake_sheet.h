// The pictures a classifier gets most wrong, on one sheet. Called by the picture scenarios for their view.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/scenario.h"

namespace halfscope {

/// Pictures [rows, height, width, channels] (1 or 3 channels, 0..1) with their true classes.
struct LabelledPictures {
    std::int64_t height = 0, width = 0, channels = 1;
    const std::vector<float>* pixels = nullptr;
    const std::vector<std::int32_t>* labels = nullptr;
    const std::vector<std::string>* class_names = nullptr;
};

/// A sheet of up to twelve wrong pictures, those first to whose true class the network gives the least
/// probability (NaN first of all), each labelled "true -> read as", and the count in the caption. `logits`
/// [rows, classes].
ModelView mistake_sheet(const LabelledPictures& pictures, const std::vector<float>& logits);

}  // namespace halfscope
