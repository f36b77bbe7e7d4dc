#include "session/trainer.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>

#include "session/session.h"
#include "session/thread_priority.h"

namespace halfscope {
namespace {

constexpr std::chrono::milliseconds kPublishInterval{16};  // about 60 snapshots a second

}  // namespace

struct Trainer::State {
    std::function<std::unique_ptr<Backend>()> make_backend;
    TrainerOptions options;
    Timeline timeline;

    std::mutex command_mutex;
    std::condition_variable command_arrived;
    std::deque<Command> commands;
    bool stopping = false;
    bool has_background_news = false;

    std::mutex snapshot_mutex;
    std::shared_ptr<const Snapshot> snapshot = std::make_shared<Snapshot>();

    std::mutex record_mutex;
    std::deque<std::pair<int, StepRecord>> records;
    std::uint64_t dropped_records = 0;

    // Of the trainer thread alone.
    SteadyClock::time_point last_publication{};
    RunState published_state = RunState::failed;
    bool seeding = false, travelling = false;  // applies a SeedCommand, a GoToStepCommand
    std::thread thread;

    void run();
    void train(Session& session);
    bool drain(Session& session);
    void publish_progress(Session& session);
    bool must_give_up();
    void publish(Snapshot snapshot);
    void keep_record(int lane_id, const StepRecord& record);
    void note_background_news();
    bool take_background_news();
    bool wait(std::optional<SteadyClock::time_point> until);
    void publish_failure(const std::string& sentence);
};

/// Sleeps until a command arrives, the trainer stops or the time is reached. False when it stops.
bool Trainer::State::wait(std::optional<SteadyClock::time_point> until) {
    std::unique_lock lock(command_mutex);
    const auto called = [&] { return stopping || has_background_news || !commands.empty(); };
    if (until) {
        command_arrived.wait_until(lock, *until, called);
    } else {
        command_arrived.wait(lock, called);
    }
    return !stopping;
}

/// From another thread: what goes on beside the run has come further.
void Trainer::State::note_background_news() {
    {
        const std::lock_guard lock(command_mutex);
        has_background_news = true;
    }
    command_arrived.notify_one();
}

bool Trainer::State::take_background_news() {
    const std::lock_guard lock(command_mutex);
    return std::exchange(has_background_news, false);
}

void Trainer::State::publish(Snapshot fresh) {
    published_state = fresh.state;
    auto shared = std::make_shared<const Snapshot>(std::move(fresh));
    {
        const std::lock_guard lock(snapshot_mutex);
        snapshot.swap(shared);
    }
    shared.reset();  // the older one is freed here, outside the lock
    last_publication = SteadyClock::now();
    if (options.wake) options.wake();
}

void Trainer::State::publish_failure(const std::string& sentence) {
    Snapshot failed;
    {
        const std::lock_guard lock(snapshot_mutex);
        failed = *snapshot;
    }
    ++failed.generation;
    failed.state = RunState::failed;
    const std::int64_t number = failed.messages.empty() ? 1 : failed.messages.back().number + 1;
    failed.messages.push_back({Message::Kind::error, sentence, number});
    publish(std::move(failed));
}

void Trainer::State::keep_record(int lane_id, const StepRecord& record) {
    const std::lock_guard lock(record_mutex);
    records.emplace_back(lane_id, record);
    if (records.size() > options.kept_records) {
        records.pop_front();
        ++dropped_records;
    }
}

/// Applies what has been sent, in order. True where there was something. One command at a time leaves the
/// queue, so that must_give_up() sees those behind it.
bool Trainer::State::drain(Session& session) {
    std::size_t sent = 0;
    {
        const std::lock_guard lock(command_mutex);
        sent = commands.size();
    }
    for (std::size_t applied = 0; applied < sent; ++applied) {
        Command command;
        {
            const std::lock_guard lock(command_mutex);
            command = std::move(commands.front());
            commands.pop_front();
        }
        seeding = std::holds_alternative<SeedCommand>(command);
        travelling = std::holds_alternative<GoToStepCommand>(command);
        session.apply(command);
    }
    return sent > 0;
}

/// While something long goes on: at once when it begins, then as often as steps.
void Trainer::State::publish_progress(Session& session) {
    if (published_state == RunState::loading && SteadyClock::now() - last_publication < kPublishInterval)
        return;
    publish(session.make_snapshot());
}

/// Whether something waits that makes the preparation going on pointless.
bool Trainer::State::must_give_up() {
    const std::lock_guard lock(command_mutex);
    return stopping || std::any_of(commands.begin(), commands.end(), [&](const Command& command) {
               return std::holds_alternative<CancelCommand>(command) ||
                      std::holds_alternative<OpenScenarioCommand>(command) ||
                      std::holds_alternative<OpenRecipeCommand>(command) ||
                      (seeding && std::holds_alternative<SeedCommand>(command)) ||
                      (travelling && std::holds_alternative<GoToStepCommand>(command));
           });
}

void Trainer::State::train(Session& session) {
    const RunState state_then = options.start_running ? RunState::running : RunState::paused;
    if (options.resume_path.empty()) {
        session.begin(OpenScenarioCommand{options.scenario, options.settings, options.lanes}, state_then);
    } else {
        session.begin(OpenCheckpointCommand{options.resume_path}, state_then);
    }
    publish(session.make_snapshot());
    SteadyClock::time_point next_step{};
    for (;;) {
        const bool has_news = take_background_news();
        if (drain(session) || has_news) publish(session.make_snapshot());
        const SteadyClock::time_point now = SteadyClock::now();
        if (!session.has_work()) {
            if (!wait(std::nullopt)) return;
        } else if (now < next_step && !session.is_measuring()) {
            if (!wait(next_step)) return;
        } else {
            session.work();
            const SteadyClock::time_point done = SteadyClock::now();
            const std::chrono::duration<double, std::milli> delay(session.step_delay_ms());
            next_step = done + std::chrono::duration_cast<SteadyClock::duration>(delay);
            if (!session.has_work() || delay >= kPublishInterval ||
                done - last_publication >= kPublishInterval) {
                publish(session.make_snapshot());
            }
            // A mutex taken again and again may never be got by another thread: let the window in.
            std::this_thread::yield();
            const std::lock_guard lock(command_mutex);
            if (stopping) return;
        }
    }
}

void Trainer::State::run() {
    try {
        lower_thread_priority();
        const std::unique_ptr<Backend> backend = make_backend();
        Session session(
            *backend, timeline,
            [this](int lane_id, const StepRecord& record) { keep_record(lane_id, record); },
            [this, &session] { publish_progress(session); }, [this] { return must_give_up(); },
            [this] { note_background_news(); });
        train(session);
    } catch (const std::exception& error) {
        publish_failure(std::string("training has ended: ") + error.what() + "; start Halfscope again");
    }
}

Trainer::Trainer(std::function<std::unique_ptr<Backend>()> make_backend, TrainerOptions options)
    : state_(std::make_unique<State>()) {
    state_->make_backend = std::move(make_backend);
    state_->options = std::move(options);
    state_->thread = std::thread([state = state_.get()] { state->run(); });
}

Trainer::Trainer(std::unique_ptr<Backend> backend, TrainerOptions options)
    : Trainer([shared = std::make_shared<std::unique_ptr<Backend>>(
                   std::move(backend))] { return std::move(*shared); },
              std::move(options)) {}

Trainer::~Trainer() {
    {
        const std::lock_guard lock(state_->command_mutex);
        state_->stopping = true;
    }
    state_->command_arrived.notify_one();
    state_->thread.join();
}

void Trainer::send(Command command) {
    {
        const std::lock_guard lock(state_->command_mutex);
        state_->commands.push_back(std::move(command));
    }
    state_->command_arrived.notify_one();
}

std::shared_ptr<const Snapshot> Trainer::snapshot() const {
    const std::lock_guard lock(state_->snapshot_mutex);
    return state_->snapshot;
}

const Timeline& Trainer::timeline() const { return state_->timeline; }

std::vector<std::pair<int, StepRecord>> Trainer::take_records() {
    std::deque<std::pair<int, StepRecord>> taken;
    {
        const std::lock_guard lock(state_->record_mutex);
        taken.swap(state_->records);
    }
    return {std::make_move_iterator(taken.begin()), std::make_move_iterator(taken.end())};
}

std::uint64_t Trainer::dropped_records() const {
    const std::lock_guard lock(state_->record_mutex);
    return state_->dropped_records;
}

}  // namespace halfscope
