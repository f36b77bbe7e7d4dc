// Tensors of a file, read and counted by a thread of its own, so that a window draws on meanwhile: first what
// the header says, then the counts of one tensor after the other, and on request the values of one of them.
// Used by the window's view of tensor files. What the counts are is train/tensor_inspection.h's; memory is
// bounded: counts of kMostCounted tensors, values of one with at most kMostRetained of them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "train/retained_values.h"
#include "train/tensor_inspection.h"

namespace halfscope {

/// Of a file with more tensors, the first ones are counted.
inline constexpr std::size_t kMostCounted = 4096;

/// What is known so far. A plain value; never changed once it is handed out.
struct TensorReading {
    std::int64_t version = 0;  ///< ascending; changes whenever anything does
    std::string path;
    std::string error;                                            ///< one sentence; empty: none
    std::shared_ptr<const std::vector<TensorHeading>> tensors;    ///< null: the header is not read yet
    std::vector<std::shared_ptr<const InspectedTensor>> counted;  ///< by tensor; null: not yet, or no numbers
    std::shared_ptr<const InspectedTensor> total;                 ///< of all that are counted; null: none
    double progress = 0;                                          ///< share of the elements, 0..1
    bool is_complete = false, is_cancelled = false;
    std::optional<std::size_t> kept;  ///< the tensor whose values are here
    std::shared_ptr<const RetainedValues> values;
    std::shared_ptr<const TensorCounts> values_counts;  ///< how they spread
    std::string not_kept;  ///< why the values that were asked for last are not here; empty: they come, or are
};

class TensorReader {
  public:
    explicit TensorReader(std::string path);
    /// Waits until the thread has ended.
    ~TensorReader();
    TensorReader(const TensorReader&) = delete;
    TensorReader& operator=(const TensorReader&) = delete;

    /// Never null.
    std::shared_ptr<const TensorReading> reading() const;
    /// Whether something goes on: another reading will come.
    bool is_busy() const;
    /// Ends the thread within a piece of a tensor, or where values are being sorted, after that. Nothing else
    /// is to be asked of it then.
    void stop();
    bool has_ended() const;
    /// Counts no further; what was counted stays.
    void cancel();
    /// Keeps the values of that tensor instead of those kept before; before the counting goes on.
    void keep_values(std::size_t index);

  private:
    void run(const std::stop_token& stop);
    void read(const std::stop_token& stop);
    void count_all(TensorInspection& inspection, const std::stop_token& stop);
    void serve_wish(TensorInspection& inspection, const std::stop_token& stop);
    void publish();

    mutable std::mutex mutex_;
    std::condition_variable_any wished_;
    std::shared_ptr<const TensorReading> reading_;
    std::optional<std::size_t> wish_;
    bool is_cancelled_ = false, is_busy_ = true, has_ended_ = false;

    TensorReading next_;  // of the thread alone
    std::jthread thread_;
};

}  // namespace halfscope
