// The JSON lines of `train --json` and `inspect --json`: one object a line, keys spelled as in the
// documentation. Made by these commands. Numbers are numbers, NaN and inf the strings "nan", "inf", "-inf",
// and null stands for what was not measured.
#pragma once

#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/lane.h"
#include "train/scenario.h"
#include "train/techniques.h"
#include "train/tensor_inspection.h"

namespace halfscope {

using Json = nlohmann::ordered_json;

/// A number, or "nan", "inf", "-inf".
Json json_number(double value);
/// Adds every technique key with its value; numbers as numbers, words ("fp16", "none") as strings.
void add_techniques(Json& object, const Techniques& techniques);

/// What a lane has to show at the end of a run.
struct LaneSummary {
    std::string lane;
    std::int64_t steps = 0;
    std::int64_t skipped = 0;
    double final_loss = 0;
    Metric validation;
    double loss_scale = 1;
    double steps_per_second = 0;  ///< 1000 / median step_ms
    MemoryUse memory;
    std::string signature;
};

struct LaneTechniques {
    std::string lane;
    Techniques techniques;
};

Json run_object(const std::string& scenario, const std::string& device, std::uint64_t seed,
                const std::vector<LaneTechniques>& lanes);
Json step_object(const std::string& lane, const StepRecord& record);
/// One object, or two for what is stored in FP32: against its own format and against FP16.
std::vector<Json> probe_objects(std::int64_t step, const std::string& lane, const Probe& probe);
/// One tensor of a file against FP16, with the keys of a probe; a "skipped" line for one that is not counted.
Json inspected_object(const std::string& file, const TensorHeading& heading, const InspectedTensor& tensor);
Json skipped_object(const std::string& file, const TensorHeading& heading);
Json event_object(const Event& event);
Json summary_object(const std::string& metric_name, const std::vector<LaneSummary>& lanes);

/// Writes whole lines to a file or to stdout ("-").
class JsonLines {
  public:
    /// Throws InputError where the file cannot be opened.
    explicit JsonLines(const std::string& path);
    ~JsonLines();
    JsonLines(const JsonLines&) = delete;
    JsonLines& operator=(const JsonLines&) = delete;

    void write(const Json& object);
    /// Hands what was written to the system; false where it can no longer be written (a closed pipe, a full
    /// disk).
    bool flush();
    /// Why flush() failed, in the system's words.
    const std::string& failure() const { return failure_; }

  private:
    std::string path_;
    std::FILE* file_ = nullptr;
    std::string failure_;
};

}  // namespace halfscope
