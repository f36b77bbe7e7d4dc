#include "train/scale_sweep.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace halfscope {

double worst_error(const ScaleSweep& sweep, std::size_t point) {
    double worst = 0.0;
    for (const SweptTensor& tensor : sweep.tensors) {
        if (tensor.kind != ProbeKind::weight_gradient) continue;
        const double error = tensor.points[point].relative_error;
        if (!std::isfinite(error)) return std::numeric_limits<double>::infinity();
        worst = std::max(worst, error);
    }
    return worst;
}

FlatWindow flat_window(const ScaleSweep& sweep) {
    constexpr double kAsGoodAsBest = 2.0;
    std::vector<double> errors;
    errors.reserve(static_cast<std::size_t>(sweep.done));
    for (int point = 0; point < sweep.done; ++point)
        errors.push_back(worst_error(sweep, static_cast<std::size_t>(point)));
    FlatWindow window;
    const auto best = std::min_element(errors.begin(), errors.end());
    if (best == errors.end() || !std::isfinite(*best)) return window;
    const auto is_good = [&](double error) { return error <= kAsGoodAsBest * *best; };
    auto first = best, last = best;
    while (first != errors.begin() && is_good(*std::prev(first))) --first;
    while (std::next(last) != errors.end() && is_good(*std::next(last))) ++last;
    window.first = kLowestSweptScale + static_cast<int>(first - errors.begin());
    window.last = kLowestSweptScale + static_cast<int>(last - errors.begin());
    window.error = *best;
    return window;
}

}  // namespace halfscope
