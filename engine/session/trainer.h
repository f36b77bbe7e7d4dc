// The trainer thread: owns the experiment, drains commands between two steps, publishes Snapshots and fills
// the Timeline. Made by the window (and by tests); halfscope-cli runs an Experiment directly. The window
// never waits for a step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "session/command.h"
#include "session/snapshot.h"
#include "session/timeline.h"

namespace halfscope {

struct TrainerOptions {
    std::string scenario;  ///< empty: the default
    ScenarioSettings settings;
    std::vector<LaneSpec> lanes;  ///< empty: the scenario's own
    std::string resume_path;      ///< a checkpoint to go on from instead; empty: none
    bool start_running = true;
    std::size_t kept_records = 65536;  ///< bound of take_records(); 0 where nobody takes them
    /// Called from the trainer thread after each publication (glfwPostEmptyEvent).
    std::function<void()> wake;
};

class Trainer : public CommandSink {
  public:
    /// Starts the thread at once; building the experiment happens there, errors appear as messages in the
    /// Snapshot.
    Trainer(std::unique_ptr<Backend> backend, TrainerOptions options);
    /// The same with a backend that is made on the trainer thread: its worker threads inherit the lowered
    /// priority, so that training leaves the window its frames; a device that cannot be opened becomes a
    /// message.
    Trainer(std::function<std::unique_ptr<Backend>()> make_backend, TrainerOptions options);
    /// Stops after the step in progress and joins.
    ~Trainer() override;

    void send(Command command) override;
    /// The latest snapshot; cheap (a shared pointer), never null.
    std::shared_ptr<const Snapshot> snapshot() const;
    const Timeline& timeline() const;
    /// Step records not taken yet, lossless: (lane id, record). Bounded by kept_records; beyond that the
    /// oldest are dropped and counted.
    std::vector<std::pair<int, StepRecord>> take_records();
    /// How many records were dropped so far because nobody took them.
    std::uint64_t dropped_records() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace halfscope
