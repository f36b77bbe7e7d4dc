// Which preset a lane's techniques are, or are nearest to. Used by the panels that name them. Pure: no ImGui.
#pragma once

#include <string>
#include <vector>

#include "train/techniques.h"

namespace halfscope {

struct PresetMatch {
    const Preset* preset = nullptr;      ///< the nearest, never null
    std::vector<std::string> different;  ///< keys whose value is another
    bool is_exact() const { return different.empty(); }
    /// "mixed", or "mixed, 2 changed".
    std::string label() const;
};

PresetMatch nearest_preset(const Techniques& techniques);

/// "master weights" for "master_weights".
std::string spaced(std::string key);

}  // namespace halfscope
