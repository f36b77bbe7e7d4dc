#include "train/update_peek.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "numerics/rounding.h"

namespace halfscope {

UpdateFate fate_of(Format format, Subnormals subnormals, float weight, float update) {
    if (update == 0.0f) return UpdateFate::none;
    const float next = round_to(format, weight + update, subnormals);
    if (next == weight && weight != 0.0f) return UpdateFate::swallowed;
    const bool is_exact =
        static_cast<double>(next) == static_cast<double>(weight) + static_cast<double>(update);
    return is_exact ? UpdateFate::exact : UpdateFate::rounded;
}

FateCounts count_fates(const UpdatePeek& peek) {
    FateCounts counts;
    for (std::size_t i = 0; i < peek.stored.size(); ++i) {
        switch (fate_of(peek.format, peek.subnormals, peek.stored[i], peek.update[i])) {
            case UpdateFate::none:
                ++counts.none;
                break;
            case UpdateFate::swallowed:
                ++counts.swallowed;
                break;
            case UpdateFate::rounded:
                ++counts.rounded;
                break;
            case UpdateFate::exact:
                ++counts.exact;
                break;
        }
    }
    return counts;
}

std::size_t element_worth_a_look(const UpdatePeek& peek) {
    std::size_t moving = 0;
    for (std::size_t i = 0; i < peek.stored.size(); ++i) {
        const UpdateFate fate = fate_of(peek.format, peek.subnormals, peek.stored[i], peek.update[i]);
        if (fate == UpdateFate::swallowed) return i;
        if (fate != UpdateFate::none && moving == 0) moving = i;
    }
    return moving;
}

namespace {

/// The stored number next to a stored one, away from or towards it; infinity beyond the largest.
float neighbour(Format format, float stored, bool up) {
    if (stored == 0.0f) return up ? format_info(format).min_subnormal : -format_info(format).min_subnormal;
    const bool grows = (stored > 0) == up;
    const std::uint32_t code = encode(format, stored);
    return decode(format, grows ? code + 1 : code - 1);
}

/// Half the way from w to the stored number beside it, in the direction of d.
double way_to_move(Format format, float weight, float update) {
    const float next = neighbour(format, weight, update > 0);
    return std::fabs(static_cast<double>(next) - static_cast<double>(weight)) / 2;
}

}  // namespace

UpdateAlternatives alternatives_of(const UpdatePeek& peek, std::size_t element) {
    const float w = peek.stored[element], d = peek.update[element];
    UpdateAlternatives found;
    found.nearest = found.lower = found.upper = round_to(peek.format, w + d, peek.subnormals);
    const double exact = static_cast<double>(w) + static_cast<double>(d);
    if (std::isfinite(found.nearest) && static_cast<double>(found.nearest) != exact) {
        const bool is_above = static_cast<double>(found.nearest) > exact;
        (is_above ? found.lower : found.upper) = neighbour(peek.format, found.nearest, !is_above);
        const double gap = static_cast<double>(found.upper) - static_cast<double>(found.lower);
        found.probability_up = std::isfinite(gap) ? (exact - static_cast<double>(found.lower)) / gap : 0.0;
    }
    if (d != 0.0f) {
        found.swallowed_share =
            1.0 - (static_cast<double>(found.nearest) - static_cast<double>(w)) / static_cast<double>(d);
        // From the record where it stands now, not from the middle of the interval.
        const double stands = static_cast<double>(peek.weight[element]) - static_cast<double>(w);
        const double along = d > 0 ? stands : -stands;
        const double left = way_to_move(peek.format, w, d) - along;
        const float record = peek.weight[element];
        // FP32 swallows too.
        if (record + d != record)
            found.updates_until_it_moves = std::max(1.0, std::ceil(left / std::fabs(static_cast<double>(d))));
    }
    return found;
}

}  // namespace halfscope
