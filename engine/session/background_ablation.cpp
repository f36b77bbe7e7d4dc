#include "session/background_ablation.h"

#include <chrono>
#include <exception>
#include <utility>

#include "backend/cpu_backend.h"
#include "session/thread_priority.h"

namespace halfscope {
namespace {

constexpr std::chrono::milliseconds kPublishInterval{100};

}  // namespace

BackgroundAblation::BackgroundAblation(AblationPlan plan, std::function<void()> changed)
    : plan_(std::move(plan)),
      changed_(std::move(changed)),
      results_(std::make_shared<const AblationResults>(planned_ablation(plan_))),
      thread_([this] { run(); }) {}

BackgroundAblation::~BackgroundAblation() {
    is_cancelled_ = true;
    thread_.join();
}

void BackgroundAblation::cancel() {
    is_cancelled_ = true;
    const std::lock_guard lock(mutex_);
    if (results_->state != AblationState::running) return;
    AblationResults ending = *results_;
    ending.state = AblationState::ending;
    results_ = std::make_shared<const AblationResults>(std::move(ending));
}

std::shared_ptr<const AblationResults> BackgroundAblation::results() const {
    const std::lock_guard lock(mutex_);
    return results_;
}

bool BackgroundAblation::is_going_on() const {
    const AblationState state = results()->state;
    return state == AblationState::running || state == AblationState::ending;
}

void BackgroundAblation::publish(AblationResults results) {
    {
        const std::lock_guard lock(mutex_);
        if (results.state == AblationState::running && is_cancelled_) results.state = AblationState::ending;
        results_ = std::make_shared<const AblationResults>(std::move(results));
    }
    if (changed_) changed_();
}

void BackgroundAblation::run() {
    lower_thread_priority();
    AblationResults reached = *results();
    try {
        const std::unique_ptr<Backend> backend = make_cpu_backend(1);
        std::chrono::steady_clock::time_point last{};
        AblationWatch watch;
        watch.changed = [&](const AblationResults& now) {
            const auto time = std::chrono::steady_clock::now();
            if (now.state == AblationState::running && time - last < kPublishInterval) return;
            last = time;
            if (now.state == AblationState::running) publish(now);
            reached = now;
        };
        watch.cancelled = [this] { return is_cancelled_.load(); };
        publish(run_ablation(*backend, plan_, watch));
    } catch (const std::exception& error) {
        reached.state = AblationState::failed;
        reached.problem = std::string("the ablation has ended: ") + error.what();
        publish(std::move(reached));
    }
}

}  // namespace halfscope
