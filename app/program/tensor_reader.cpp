#include "program/tensor_reader.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "train/input_error.h"

namespace halfscope {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPublishInterval = std::chrono::milliseconds(50);
constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 18;  // of a tensor's file, about

}  // namespace

TensorReader::TensorReader(std::string path) {
    next_.path = std::move(path);
    publish();
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

TensorReader::~TensorReader() = default;

std::shared_ptr<const TensorReading> TensorReader::reading() const {
    const std::lock_guard lock(mutex_);
    return reading_;
}

bool TensorReader::is_busy() const {
    const std::lock_guard lock(mutex_);
    return is_busy_ || wish_.has_value();
}

void TensorReader::stop() { thread_.request_stop(); }

bool TensorReader::has_ended() const {
    const std::lock_guard lock(mutex_);
    return has_ended_;
}

void TensorReader::cancel() {
    const std::lock_guard lock(mutex_);
    is_cancelled_ = true;
}

void TensorReader::keep_values(std::size_t index) {
    const std::lock_guard lock(mutex_);
    wish_ = index;
    wished_.notify_one();
}

void TensorReader::publish() {
    ++next_.version;
    auto fresh = std::make_shared<const TensorReading>(next_);
    const std::lock_guard lock(mutex_);
    reading_ = std::move(fresh);
}

/// Puts the values that were asked for into the next reading.
void TensorReader::serve_wish(TensorInspection& inspection, const std::stop_token& stop) {
    std::optional<std::size_t> wish;
    {
        const std::lock_guard lock(mutex_);
        wish = std::exchange(wish_, std::nullopt);
        is_busy_ = is_busy_ || wish.has_value();
    }
    if (!wish || *wish >= inspection.tensors().size()) return;
    next_.kept.reset();
    next_.values.reset();  // the memory is needed for the new ones
    next_.values_counts.reset();
    next_.not_kept.clear();
    publish();
    try {
        std::optional<RetainedValues> values = inspection.keep(*wish, [&] { return stop.stop_requested(); });
        if (!values) return;
        next_.values_counts = std::make_shared<const TensorCounts>(counts_of(*values));
        next_.values = std::make_shared<const RetainedValues>(std::move(*values));
    } catch (const InputError& error) {
        next_.not_kept = error.what();
    } catch (const std::bad_alloc&) {
        next_.not_kept = "there is not enough memory to keep these values";
    }
    next_.kept = wish;
    publish();
}

void TensorReader::count_all(TensorInspection& inspection, const std::stop_token& stop) {
    TensorInspection keeping(next_.path);
    const std::vector<TensorHeading>& tensors = *next_.tensors;
    const std::size_t counted = std::min(tensors.size(), kMostCounted);
    std::uint64_t whole = 0, before = 0;
    for (std::size_t i = 0; i < counted; ++i)
        whole += tensors[i].type == ElementType::other ? 0 : tensors[i].count;
    InspectedTensor total;
    Clock::time_point published = Clock::now();
    for (std::size_t i = 0; i < counted && !next_.is_cancelled; ++i) {
        const TensorHeading& heading = tensors[i];
        if (heading.type == ElementType::other) continue;
        std::uint64_t reached = 0;  // elements of this tensor, about
        const auto must_stop = [&] {
            serve_wish(keeping, stop);
            reached = std::min(heading.count, reached + kPieceBytes / element_bytes(heading.type));
            next_.progress = static_cast<double>(before + reached) /
                             static_cast<double>(std::max<std::uint64_t>(whole, 1));
            if (Clock::now() - published > kPublishInterval) {
                publish();
                published = Clock::now();
            }
            const std::lock_guard lock(mutex_);
            next_.is_cancelled = is_cancelled_;
            return is_cancelled_ || stop.stop_requested();
        };
        const std::optional<InspectedTensor> found = inspection.count(i, must_stop);
        if (!found) break;
        before += heading.count;
        total.counts.merge(found->counts);
        next_.counted[i] = std::make_shared<const InspectedTensor>(*found);
        next_.total = std::make_shared<const InspectedTensor>(total);
    }
}

void TensorReader::run(const std::stop_token& stop) {
    read(stop);
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
}

void TensorReader::read(const std::stop_token& stop) {
    std::optional<TensorInspection> inspection;
    try {
        inspection.emplace(next_.path);
        next_.tensors = std::make_shared<const std::vector<TensorHeading>>(inspection->tensors());
        next_.counted.resize(next_.tensors->size());
        publish();
        count_all(*inspection, stop);
        next_.is_complete = !next_.is_cancelled;
    } catch (const InputError& error) {
        next_.error = error.what();
    } catch (const std::bad_alloc&) {
        next_.error = "'" + next_.path + "' needs more memory than there is";
    }
    publish();
    while (!stop.stop_requested()) {
        if (inspection) serve_wish(*inspection, stop);
        std::unique_lock lock(mutex_);
        is_busy_ = wish_.has_value() && inspection.has_value();
        if (!inspection) wish_.reset();
        wished_.wait(lock, stop, [&] { return wish_.has_value(); });
    }
}

}  // namespace halfscope
