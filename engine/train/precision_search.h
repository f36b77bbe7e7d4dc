// A search for a small set of layers that, kept in FP32 (technique keep_fp32), brings the error of every
// weight gradient under a threshold: greedy, every step of it measured at a lane's present weights and loss
// scale on the next batch, never predicted. Driven by Session, one measurement a call, while training waits;
// shown by the window. Changes nothing that later steps depend on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "train/lane.h"
#include "train/scenario.h"

namespace halfscope {

/// What the search keeps or leaves as one: a node with weights, and the nodes without that follow it.
struct SearchLayer {
    std::string name;                ///< the first node's
    std::vector<std::string> nodes;  ///< as keep_fp32 names them
};
/// In graph order; every node is in exactly one.
std::vector<SearchLayer> search_layers(const Graph& graph);

/// keep_fp32's value for these layers; "none" for none.
std::string kept_layers_text(const std::vector<SearchLayer>& layers, const std::vector<std::size_t>& kept);

struct SearchMove {
    enum class Kind : std::uint8_t {
        start,       ///< nothing kept
        everything,  ///< all layers kept: the least error there is
        add,
        remove  ///< turned out not to be needed
    };
    Kind kind = Kind::start;
    std::vector<std::size_t> layers;  ///< that were moved
    double worst_error = 0;           ///< of all weight gradients after it; may be NaN or infinite
    std::size_t above = 0;            ///< weight gradients whose error is above the threshold
    std::uint64_t bytes = 0;          ///< that the lane takes with this set
};

struct PrecisionSearch {
    enum class Outcome : std::uint8_t {
        searching,
        reached,       ///< `kept` brings every error under the threshold
        not_needed,    ///< nothing kept does
        out_of_reach,  ///< not even everything kept does
    };

    std::int64_t step = 0;    ///< steps done: the weights are those after them
    double loss_scale = 1;    ///< under which it measures
    double threshold = 0.01;  ///< of ||g - s|| / max(||s||, 1e-12), techniques.md
    std::vector<SearchLayer> layers;
    std::vector<std::string> tensors;             ///< weight gradients, in the order of Graph::parameters()
    std::vector<double> errors_at_start, errors;  ///< by tensor: with nothing kept, with `kept`
    std::vector<SearchMove> moves;                ///< start and everything, then what was accepted
    std::vector<std::size_t> kept;                ///< layers, ascending
    Outcome outcome = Outcome::searching;
    int measured = 0;                   ///< passes so far
    std::size_t tried = 0, to_try = 1;  ///< of the present round
};

class PrecisionSearcher {
  public:
    /// `threshold` > 0. The lane's techniques but for keep_fp32, which starts from none.
    PrecisionSearcher(Backend& backend, std::shared_ptr<const Workload> workload, const Lane& lane,
                      std::int64_t step, double threshold);
    ~PrecisionSearcher();

    /// The next measurement, at the lane's present state. Throws InputError where a second lane does not fit
    /// into memory.
    void measure_next(const Lane& lane, std::span<const Batch> batches);
    bool is_done() const { return found_.outcome != PrecisionSearch::Outcome::searching; }
    const PrecisionSearch& found() const { return found_; }

  private:
    enum class Round : std::uint8_t { start, everything, singles, pairs, removals };
    struct Trial {
        std::vector<std::size_t> moved, kept;
        std::vector<double> errors;
        std::uint64_t bytes = 0;
    };
    double excess(const std::vector<double>& errors) const;
    void begin_round(Round round);
    void end_round();
    void end_additions();
    void end_removal();
    void accept(SearchMove::Kind kind, const Trial& trial);
    void finish(PrecisionSearch::Outcome outcome);

    Backend& backend_;
    std::shared_ptr<const Workload> workload_;
    Techniques techniques_;
    std::unique_ptr<Lane> scratch_;
    PrecisionSearch found_;
    Round round_ = Round::start;
    std::vector<Trial> trials_;
    Trial everything_;
    std::vector<std::size_t> removable_;  ///< not tried yet, the next one last
};

}  // namespace halfscope
