// What a format makes of values that were kept: where they lie against its bands, how many fall in each class
// under the scale in use and under a dragged one, how far the stored values are from the true ones, and both
// shares over all scales. Used by the gradients' detail and by the view of tensor files. Exact
// (train/retained_values.h); works a little each frame where measuring the error takes longer.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "gui/theme.h"
#include "gui/ui_state.h"
#include "train/retained_values.h"

namespace halfscope {

struct FormatLook {
    std::string title;   ///< of what and whose values: "fc1.weight"
    std::string origin;  ///< what the values are, and what they do not tell: a sentence
    std::shared_ptr<const RetainedValues> values;
    const TensorCounts* counts = nullptr;  ///< how they spread
    float now_scale = 1;                   ///< the scale in use
    const char* now_word = "now";          ///< what it is called on the curves
    std::string id;                        ///< "gradients/format", for UiProbe
};

/// In [min, max], which scrolls where that is too little. `what_if.choice` is evaluated; `dragged` is changed
/// by a drag over the curves.
void draw_format_look(const Theme& theme, UiState& ui, const FormatLook& look, FormatWhatIf& what_if,
                      std::optional<int>& dragged, ImVec2 min, ImVec2 max);

}  // namespace halfscope
