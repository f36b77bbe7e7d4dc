// Small checkpoints made in memory, for the fuzz target of their reader and its seeds.
#pragma once

#include <string>
#include <vector>

#include "backend/cpu_backend.h"
#include "data/byte_stream.h"
#include "data/checkpoint_file.h"
#include "data/checksum.h"
#include "session/checkpoint.h"

namespace halfscope::samples {

inline ScenarioSettings smallest_spiral() {
    ScenarioSettings settings;
    settings.parameters = {{"points", 64}, {"width", 4}, {"layers", 1}};
    return settings;
}

inline std::shared_ptr<const Workload> smallest_workload() {
    const Scenario& scenario = find_scenario("spiral-mlp");
    return scenario.create(resolve_settings(scenario.info(), smallest_spiral()));
}

/// A checkpoint's bytes around a description and the sections' bytes, with lengths and checksum that are
/// right.
inline std::string checkpoint_around(std::string_view description, std::string_view sections) {
    ByteWriter lengths;
    lengths.put(static_cast<std::uint64_t>(description.size()));
    lengths.put(static_cast<std::uint64_t>(sections.size()));
    const std::string checked = lengths.bytes() + std::string(description) + std::string(sections);
    ByteWriter numbers;
    numbers.put(kCheckpointVersion);
    numbers.put(crc32_of(checked));
    return "\x89HSCP\r\n\x1a" + numbers.bytes() + checked;
}

/// Of a run of the smallest spiral after a few steps, events and all.
inline std::string checkpoint_of(const std::vector<LaneSpec>& lanes, int steps) {
    const auto backend = make_cpu_backend(1);
    const auto workload = smallest_workload();
    Experiment experiment(*backend, workload, lanes);
    RunProgress progress = RunProgress::of(experiment);
    Timeline timeline;
    for (int step = 0; step < steps; ++step) {
        const std::vector<StepResult> results = experiment.step({});
        for (std::size_t lane = 0; lane < results.size(); ++lane) {
            progress.note(lane, results[lane].record);
            timeline.record(static_cast<int>(lane), results[lane].record);
            for (const Event& event : results[lane].events)
                timeline.record_event(static_cast<int>(lane), event);
        }
    }
    if (steps > 0) timeline.record_event(-1, {steps, "a", EventKind::lane, "removed"});
    CheckpointFile file;
    file.name = "seed";
    store_run(experiment, progress, timeline, file);
    return checkpoint_bytes(file);
}

}  // namespace halfscope::samples
