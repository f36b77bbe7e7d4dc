#include "gui/widgets/preset_match.h"

#include <algorithm>

namespace halfscope {

std::string PresetMatch::label() const {
    return is_exact() ? preset->name : preset->name + ", " + std::to_string(different.size()) + " changed";
}

PresetMatch nearest_preset(const Techniques& techniques) {
    PresetMatch nearest;
    for (const Preset& preset : presets()) {
        if (preset.techniques == techniques) return {&preset, {}};
        std::vector<std::string> different;
        for (const TechniqueKey& key : technique_keys()) {
            if (technique_value(preset.techniques, key.name) != technique_value(techniques, key.name)) {
                different.push_back(key.name);
            }
        }
        if (!nearest.preset || different.size() < nearest.different.size()) nearest = {&preset, different};
    }
    return nearest;
}

std::string spaced(std::string key) {
    std::replace(key.begin(), key.end(), '_', ' ');
    return key;
}

}  // namespace halfscope
