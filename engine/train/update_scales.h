// What one gradient of an update that is looked at would become under other loss scales, and the update with
// it (numerics.md "Exact what-if", paper section 3.2). Worked out by the window from an UpdatePeek, for the
// weight that is chosen. It is the storing of this gradient alone: what another scale would change upstream,
// in the activation gradients it is made of, is not predicted.
#pragma once

#include <vector>

#include "numerics/classes.h"
#include "train/scale_sweep.h"
#include "train/update_peek.h"

namespace halfscope {

struct ScaledUpdate {
    int scale_log2 = 0;  ///< of S
    float scaled = 0;    ///< the true gradient times S, in FP32
    float stored = 0;    ///< the same in the format of the lane's gradient
    NumberClass gradient_class = NumberClass::true_zero;
    float update = 0;  ///< d made of what is stored, with the optimizer's present state
    /// What becomes of w + d where the stored weight takes it by itself; not meant where the gradient is not
    /// finite.
    UpdateFate fate = UpdateFate::none;

    bool is_finite() const {
        return gradient_class != NumberClass::inf && gradient_class != NumberClass::nan;
    }
};

/// Under every scale of a sweep, from the lowest.
std::vector<ScaledUpdate> updates_under_scales(const UpdatePeek& peek, std::size_t element);
/// d where nothing of the gradient is lost.
float update_of_true_gradient(const UpdatePeek& peek, std::size_t element);

}  // namespace halfscope
