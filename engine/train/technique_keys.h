// The table of technique keys: how each is named, explained, printed and set. Used by techniques.cpp alone;
// everybody else goes through techniques.h.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "train/techniques.h"

namespace halfscope {

struct TechniqueEntry {
    TechniqueKey key;
    std::function<std::string(const Techniques&)> get;
    /// Returns an empty string, or one sentence, and then leaves the techniques unchanged.
    std::function<std::string(Techniques&, std::string_view)> set;
};

/// Every key in the order of techniques.md.
const std::vector<TechniqueEntry>& technique_entries();

/// A number as the keys print it: integers in full, otherwise the shortest text that reads back the same
/// float.
std::string number_text(double value);

}  // namespace halfscope
