#include "cli/json_lines.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>

#include "train/input_error.h"

namespace halfscope {
namespace {

constexpr int kLowestExponent = -149, kHighestExponent = 127;  // of any FP32 value
constexpr double kRelativeErrorNotMeasured = -1.0, kCosineNotMeasured = -2.0;

Json technique_json(const TechniqueKey& key, const std::string& text) {
    if (key.kind != TechniqueKey::Kind::number) return text;
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stopped != end) return text;  // "none"
    if (number == std::floor(number) && std::fabs(number) < 1e15) return static_cast<std::int64_t>(number);
    return json_number(number);
}

Json exponents_of(const KeptCounts& counts) {
    Json list = Json::array();
    for (int exponent = kLowestExponent; exponent <= kHighestExponent; ++exponent) {
        const std::uint64_t count = counts.histogram.at(exponent);
        if (count > 0) list.push_back(Json::array({exponent, count}));
    }
    return list;
}

/// What every probe says of its values: the classes, in which format, and where the values lie.
void add_counts(Json& object, const ClassCounts& classes, Format against, double scale,
                const KeptCounts& counts) {
    object["count"] = classes.count();
    object["true_zero"] = classes.true_zero;
    object["flushed"] = classes.flushed;
    object["subnormal"] = classes.subnormal;
    object["normal"] = classes.normal;
    object["inf"] = classes.inf;
    object["nan"] = classes.nan;
    object["against"] = format_info(against).name;
    object["scale"] = json_number(scale);
    object["inf_incoming"] = classes.inf_incoming;
    object["min_abs"] = json_number(counts.min_abs);
    object["max_abs"] = json_number(counts.max_abs);
    object["exponents"] = exponents_of(counts);
}

Json probe_object(std::int64_t step, const std::string& lane, const Probe& probe, const ClassCounts& classes,
                  Format against) {
    Json object{{"type", "probe"},
                {"step", step},
                {"lane", lane},
                {"tensor", probe.tensor},
                {"kind", probe_kind_name(probe.kind)}};
    add_counts(object, classes, against, probe.scale, probe.counts);
    object["swallowed"] = probe.kind == ProbeKind::update ? Json(probe.swallowed) : Json(nullptr);
    object["relative_error"] =
        probe.relative_error == kRelativeErrorNotMeasured ? Json(nullptr) : json_number(probe.relative_error);
    object["cosine"] = probe.cosine == kCosineNotMeasured ? Json(nullptr) : json_number(probe.cosine);
    return object;
}

Json heading_object(const char* type, const std::string& file, const TensorHeading& heading) {
    return {{"type", type},
            {"file", file},
            {"tensor", heading.name},
            {"dtype", heading.dtype},
            {"shape", heading.shape}};
}

}  // namespace

Json json_number(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    return value;
}

void add_techniques(Json& object, const Techniques& techniques) {
    for (const TechniqueKey& key : technique_keys()) {
        object[key.name] = technique_json(key, technique_value(techniques, key.name));
    }
}

Json run_object(const std::string& scenario, const std::string& device, std::uint64_t seed,
                const std::vector<LaneTechniques>& lanes) {
    Json list = Json::array();
    for (const LaneTechniques& lane : lanes) {
        Json object{{"lane", lane.lane}};
        add_techniques(object, lane.techniques);
        list.push_back(std::move(object));
    }
    return {{"type", "run"}, {"version", HALFSCOPE_VERSION}, {"scenario", scenario}, {"device", device},
            {"seed", seed},  {"lanes", std::move(list)}};
}

Json step_object(const std::string& lane, const StepRecord& record) {
    return {{"type", "step"},
            {"step", record.step},
            {"lane", lane},
            {"loss", json_number(record.loss)},
            {"loss_scale", json_number(record.loss_scale)},
            {"skipped", record.skipped},
            {"grad_norm", json_number(record.grad_norm)},
            {"lr", json_number(record.learning_rate)},
            {"overflow_layer", record.overflow_layer.empty() ? Json(nullptr) : Json(record.overflow_layer)}};
}

std::vector<Json> probe_objects(std::int64_t step, const std::string& lane, const Probe& probe) {
    std::vector<Json> objects{probe_object(step, lane, probe, probe.counts.own, probe.own_format)};
    if (probe.own_format == Format::fp32) {
        objects.push_back(probe_object(step, lane, probe, probe.counts.fp16, Format::fp16));
    }
    return objects;
}

Json inspected_object(const std::string& file, const TensorHeading& heading, const InspectedTensor& tensor) {
    Json object = heading_object("probe", file, heading);
    add_counts(object, tensor.counts.fp16, Format::fp16, 1.0, tensor.counts);
    object["fp32_inf"] = tensor.fp32_inf();
    object["fp32_flushed"] = tensor.fp32_flushed();
    const std::optional<int> best = tensor.best_static_scale();
    object["best_static_scale"] = best ? Json(power_of_two(*best)) : Json(nullptr);
    object["flushed_at_best_static_scale"] = best ? Json(tensor.at_scale(*best).flushed) : Json(nullptr);
    return object;
}

Json skipped_object(const std::string& file, const TensorHeading& heading) {
    Json object = heading_object("skipped", file, heading);
    object["reason"] = heading.not_read;
    return object;
}

Json event_object(const Event& event) {
    return {{"type", "event"},
            {"step", event.step},
            {"lane", event.lane},
            {"event", event_kind_name(event.kind)},
            {"detail", event.detail}};
}

Json summary_object(const std::string& metric_name, const std::vector<LaneSummary>& lanes) {
    Json list = Json::array();
    for (const LaneSummary& lane : lanes) {
        Json bytes = Json::object();
        for (int category = 0; category < kMemoryCategoryCount; ++category) {
            const auto kind = static_cast<MemoryCategory>(category);
            bytes[memory_category_name(kind)] = lane.memory[kind];
        }
        list.push_back({{"lane", lane.lane},
                        {"steps", lane.steps},
                        {"skipped", lane.skipped},
                        {"final_loss", json_number(lane.final_loss)},
                        {"validation_loss", json_number(lane.validation.validation_loss)},
                        {"metric_name", metric_name},
                        {"metric", json_number(lane.validation.metric)},
                        {"steps_per_second", json_number(lane.steps_per_second)},
                        {"bytes", std::move(bytes)},
                        {"signature", lane.signature}});
    }
    return {{"type", "summary"}, {"lanes", std::move(list)}};
}

JsonLines::JsonLines(const std::string& path) : path_(path), file_(path == "-" ? stdout : nullptr) {
    if (file_) return;
    file_ = std::fopen(path.c_str(), "wb");
    if (!file_) {
        throw InputError("--json: cannot write '" + path + "': " + std::strerror(errno) +
                         "; name another file, or - for stdout");
    }
}

JsonLines::~JsonLines() {
    if (file_ != stdout) std::fclose(file_);
}

void JsonLines::write(const Json& object) {
    // Names may come from outside: bytes that are no UTF-8 are replaced rather than thrown at.
    std::string line = object.dump(-1, ' ', false, Json::error_handler_t::replace);
    line += '\n';
    if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() && failure_.empty()) {
        failure_ = std::strerror(errno);
    }
}

bool JsonLines::flush() {
    if (std::fflush(file_) != 0 && failure_.empty()) failure_ = std::strerror(errno);
    return failure_.empty();
}

}  // namespace halfscope
