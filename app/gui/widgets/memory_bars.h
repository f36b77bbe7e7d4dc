// Bytes of a training step by category: one stacked bar for each lane on one scale, and the categories'
// colours. Used by the comparison panel; keeps no state.
#pragma once

#include <array>

#include "gui/theme.h"
#include "session/snapshot.h"

namespace halfscope {

struct MemoryCategoryLook {
    MemoryCategory category;
    const char* name;  ///< as the window writes it; memory_category_name() is the key in files
    char letter;       ///< drawn into the bar, so that colour alone tells nothing
    const char* help;
};
inline constexpr std::array<MemoryCategoryLook, kMemoryCategoryCount> kMemoryLooks{
    {{MemoryCategory::weights, "weights", 'W',
      "what forward and backward compute with, in the storage format"},
     {MemoryCategory::master_weights, "master copy", 'M',
      "FP32 weights that the update works on (paper 3.1): half as much weight memory again"},
     {MemoryCategory::activations, "activations", 'A', "every layer's outputs, kept for the backward pass"},
     {MemoryCategory::gradients, "gradients", 'G', "of weights and of activations"},
     {MemoryCategory::optimizer_state, "optimizer", 'O',
      "moments, and Kahan's compensation where update_rounding=kahan"}}};

/// The colour of kMemoryLooks[index].
ImU32 memory_colour(const Theme& theme, std::size_t index);

/// A line for each lane: chip, stacked bar, total. Hovering a part gives its bytes.
void draw_memory_bars(const Theme& theme, const std::vector<LaneSnapshot>& lanes);

}  // namespace halfscope
