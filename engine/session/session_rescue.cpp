// A device that can be lost with all that is in its memory (Backend::can_be_lost): the session keeps a copy
// of the whole run on the host, from which it can go on on the processor.
#include <algorithm>
#include <new>
#include <utility>

#include "backend/cpu_backend.h"
#include "session/session.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

constexpr double kCopyAtMostEvery_ms = 10'000.0;
constexpr double kCopyCostShare = 100.0;  // copies take at most about a hundredth of the time

}  // namespace

bool Session::is_copy_due(SteadyClock::time_point now) const {
    if (!kept_ || kept_->run != run_) return true;
    return elapsed_ms(kept_->when, now) >= std::max(kCopyAtMostEvery_ms, kCopyCostShare * kept_->cost_ms);
}

/// Where there is no room for a newer copy, the older one stays.
void Session::keep_copy() {
    const SteadyClock::time_point start = SteadyClock::now();
    try {
        CheckpointFile file;
        file.name = "the kept copy";
        store_run(*experiment_, progress(), timeline_, file);
        const SteadyClock::time_point end = SteadyClock::now();
        kept_ = KeptCopy{std::move(file), run_, experiment_->next_step(), end, elapsed_ms(start, end)};
    } catch (const std::bad_alloc&) {
        return;
    }
}

/// The copy that a lost run can go on from; null: there is none, or nothing is lost.
const Session::KeptCopy* Session::rescue() const {
    return is_lost_ && kept_ && kept_->run == run_ ? &*kept_ : nullptr;
}

/// What was on the device is gone.
void Session::lose_device(const std::string& what) {
    is_lost_ = true;
    if (const KeptCopy* copy = rescue()) {
        fail(what + "; the run as it was after " + std::to_string(copy->steps) +
             " steps is kept: go on with it on the CPU");
    } else {
        fail(what + "; start Halfscope again, with --device cpu where it fails again");
    }
}

/// Nothing can be done on a device that is lost; what can be done with the copy, can.
void Session::refuse_where_lost(const Command& command) const {
    if (!rescue() || std::holds_alternative<GoOnOnCpuCommand>(command) ||
        std::holds_alternative<SaveCheckpointCommand>(command) ||
        std::holds_alternative<SetAlertRulesCommand>(command))
        return;
    throw InputError("the GPU has failed; go on on the CPU first, or save a checkpoint of the kept copy");
}

/// True where the copy was written instead of the run.
bool Session::save_rescued(const std::string& path) {
    const KeptCopy* copy = rescue();
    if (!copy) return false;
    write_checkpoint(path, copy->file);
    say(Message::Kind::note, "saved " + path + " as it was after " + std::to_string(copy->steps) + " steps");
    return true;
}

void Session::apply_command(const GoOnOnCpuCommand&) {
    const KeptCopy* copy = rescue();
    if (!copy) throw InputError("the device has not failed; the run goes on where it is");
    auto cpu = make_cpu_backend(backend_->host_threads(), "the GPU failed");
    Timeline history;
    ResumedRun run = resume_run(*cpu, copy->file, history);
    // What runs on it is replaced before it goes.
    const std::unique_ptr<Backend> earlier = std::exchange(replacement_, std::move(cpu));
    backend_ = replacement_.get();
    energy_ = {};
    adopt(std::move(run), history, RunState::running);
    kept_.reset();
    say(Message::Kind::note,
        "the run goes on on the CPU: " + std::to_string(experiment_->next_step()) + " steps are done");
}

}  // namespace halfscope
