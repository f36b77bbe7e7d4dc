// An ablation (train/ablation.h) on a thread and a CPU device of its own, so that the visible run goes on
// meanwhile and stays what it is. Owned by the Session, which starts, cancels and publishes it. Nobody waits
// for it but its destructor, and that for one step at most.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "train/ablation.h"

namespace halfscope {

class BackgroundAblation {
  public:
    /// Starts at once, on one thread of low priority. `changed` is called from that thread, at most ten times
    /// a second and at the end, after results() have changed. Throws as check_ablation().
    BackgroundAblation(AblationPlan plan, std::function<void()> changed);
    /// Ends after the step in progress.
    ~BackgroundAblation();
    BackgroundAblation(const BackgroundAblation&) = delete;
    BackgroundAblation& operator=(const BackgroundAblation&) = delete;

    /// It ends after the step in progress; what is done stays.
    void cancel();
    /// The results so far; never null, cheap.
    std::shared_ptr<const AblationResults> results() const;
    /// Whether the thread may still train.
    bool is_going_on() const;

  private:
    void run();
    void publish(AblationResults results);

    const AblationPlan plan_;
    const std::function<void()> changed_;
    std::atomic<bool> is_cancelled_{false};
    mutable std::mutex mutex_;
    std::shared_ptr<const AblationResults> results_;
    std::thread thread_;
};

}  // namespace halfscope
