// A scenario file of somebody's choice: what is taken is an experiment that may be opened.
#include "fuzz_target.h"
#include "program/scenario_file.h"
#include "train/input_error.h"

using namespace halfscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const ScenarioFile file = parse_scenario_file(fuzz::view_of(data, size), "fuzz.toml");
        const ScenarioInfo& info = find_scenario(file.scenario).info();
        resolve_settings(info, file.settings);
        fuzz::expect(file.lanes.size() <= kMaximumLanes);
        for (const LaneSpec& lane : file.lanes) {
            fuzz::expect(!lane.name.empty() && lane.name.find('\n') == std::string::npos);
            fuzz::expect(refusal(lane.techniques).empty());
        }
    } catch (const InputError& error) {
        const std::string_view sentence = error.what();
        fuzz::expect(sentence.find("fuzz.toml") != std::string_view::npos);
        fuzz::expect(sentence.find('\n') == std::string_view::npos);
    }
    return 0;
}
