#include "train/input_error.h"
#include "train/scenario.h"
#include "train/scenarios/scenario_makers.h"
#include "train/techniques.h"

namespace halfscope {

const std::vector<std::unique_ptr<Scenario>>& scenarios() {
    static const std::vector<std::unique_ptr<Scenario>> list = [] {
        std::vector<std::unique_ptr<Scenario>> all;
        all.push_back(make_spiral_mlp());
        all.push_back(make_image_fit());
        all.push_back(make_char_gru());
        all.push_back(make_gru_finetune());
        all.push_back(make_digits_cnn());
        return all;
    }();
    return list;
}

const Scenario& find_scenario(std::string_view name) {
    std::vector<std::string> names;
    for (const auto& scenario : scenarios()) {
        if (scenario->info().name == name) return *scenario;
        names.push_back(scenario->info().name);
    }
    std::string sentence = "unknown scenario '" + std::string(name) + "'";
    const std::string near = closest(name, names);
    if (!near.empty()) {
        sentence += ", did you mean '" + near + "'?";
    } else {
        sentence += "; there are ";
        for (std::size_t i = 0; i < names.size(); ++i) sentence += (i == 0 ? "'" : ", '") + names[i] + "'";
    }
    throw InputError(sentence);
}

}  // namespace halfscope
