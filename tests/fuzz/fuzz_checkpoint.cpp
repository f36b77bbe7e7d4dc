// Any bytes as a checkpoint: opened, or refused with one sentence. An input that begins with a zero is the
// inside of one: two bytes say how long its description is, and lengths and checksum are made right here,
// since no mutation hits upon a checksum. What asks for the smallest spiral is restored and makes a step;
// nothing else is built, so that inputs are quick.
#include "backend/cpu_backend.h"
#include "fuzz_target.h"
#include "session/checkpoint.h"
#include "support/checkpoint_samples.h"
#include "train/input_error.h"

using namespace halfscope;

namespace {

void expect_sentence(const std::exception& error) {
    const std::string_view sentence = error.what();
    fuzz::expect(sentence.starts_with("checkpoint 'fuzzed' ") && sentence.size() < 1000);
    fuzz::expect(sentence.find('\n') == std::string_view::npos);
}

/// Whether restoring it is cheap: the settings of the one workload that is at hand.
bool is_smallest_spiral(const ExperimentRecord& record, const Workload& workload) {
    return record.scenario == workload.info().name && record.settings.seed == 0 &&
           record.settings.parameters == workload.settings().parameters;
}

void open(std::string_view bytes) {
    static const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    static const std::shared_ptr<const Workload> workload = samples::smallest_workload();
    CheckpointFile file;
    try {
        file = parse_checkpoint(bytes, "fuzzed");
    } catch (const DataError& error) {
        expect_sentence(error);
        return;
    }
    try {
        const ExperimentRecord record = check_checkpoint(file);
        fuzz::expect(!record.lanes.empty() && record.lanes.size() <= kMaximumLanes && record.next_step >= 0);
        // What was read is written as it was, and takes the next step.
        Timeline timeline;
        timeline.restore(file, record.next_step);
        fuzz::expect(timeline.last_step() < record.next_step);
        CheckpointFile again;
        timeline.store(again);
        for (const auto& [name, section] : again.sections) {
            if (!name.ends_with("/events")) fuzz::expect(file.sections.at(name) == section);
        }
        StepRecord next;
        next.step = record.next_step;
        timeline.record(0, next);
        for (const SeriesPoint& point : timeline.series(0, SeriesKind::loss, 0, record.next_step, 100))
            fuzz::expect(point.first_step >= 0 && point.last_step <= record.next_step);
        if (!is_smallest_spiral(record, *workload)) return;
        const auto experiment = restored_experiment(*backend, file, record, workload);
        fuzz::expect(experiment->next_step() == record.next_step);
        if (bytes.size() % 16 == 0) experiment->step({});
    } catch (const InputError& error) {
        expect_sentence(error);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = fuzz::view_of(data, size);
    if (size < 3 || data[0] != 0) {
        open(bytes);
        return 0;
    }
    const std::size_t length = std::min<std::size_t>(data[1] + 256u * data[2], size - 3);
    open(samples::checkpoint_around(bytes.substr(3, length), bytes.substr(3 + length)));
    return 0;
}
