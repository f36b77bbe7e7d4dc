#include "train/precision_search.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace halfscope {
namespace {

bool has_weights(const Graph& graph, const Node& node) {
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&](TensorId id) { return graph.tensor(id).role == TensorRole::parameter; });
}

SearchMove move_of(SearchMove::Kind kind, std::vector<std::size_t> layers, const std::vector<double>& errors,
                   double threshold, std::uint64_t bytes) {
    SearchMove move;
    move.kind = kind;
    move.layers = std::move(layers);
    move.bytes = bytes;
    for (const double error : errors) {
        // Written so that NaN is above any threshold and the worst of all.
        if (!(error <= threshold)) ++move.above;
        if (!(error <= move.worst_error) && !std::isnan(move.worst_error)) move.worst_error = error;
    }
    return move;
}

std::vector<std::size_t> with(std::vector<std::size_t> kept, const std::vector<std::size_t>& more) {
    kept.insert(kept.end(), more.begin(), more.end());
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    return kept;
}

bool contains(const std::vector<std::size_t>& list, std::size_t value) {
    return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

std::vector<SearchLayer> search_layers(const Graph& graph) {
    std::vector<SearchLayer> layers;
    std::vector<std::size_t> layer_of(graph.tensors().size(), 0);
    for (const Node& node : graph.nodes()) {
        std::size_t layer = layers.size();
        if (!has_weights(graph, node)) {
            // With the latest layer whose output it reads: an addition ends the branch that was made last.
            bool follows = false;
            for (TensorId id : node.inputs) {
                if (graph.tensor(id).role != TensorRole::activation) continue;
                const std::size_t source = layer_of[static_cast<std::size_t>(id)];
                layer = follows ? std::max(layer, source) : source;
                follows = true;
            }
        }
        if (layer == layers.size()) layers.push_back({node.name, {}});
        layers[layer].nodes.push_back(node.name);
        layer_of[static_cast<std::size_t>(node.output)] = layer;
    }
    return layers;
}

std::string kept_layers_text(const std::vector<SearchLayer>& layers, const std::vector<std::size_t>& kept) {
    std::vector<std::string> nodes;
    for (const std::size_t layer : kept)
        nodes.insert(nodes.end(), layers[layer].nodes.begin(), layers[layer].nodes.end());
    return kept_nodes_text(nodes);
}

PrecisionSearcher::PrecisionSearcher(Backend& backend, std::shared_ptr<const Workload> workload,
                                     const Lane& lane, std::int64_t step, double threshold)
    : backend_(backend), workload_(std::move(workload)), techniques_(lane.techniques()) {
    const Graph& graph = workload_->training_graph();
    techniques_.keep_fp32.clear();
    found_.step = step;
    found_.loss_scale = lane.loss_scale();
    found_.threshold = threshold;
    found_.layers = search_layers(graph);
    for (TensorId id : graph.parameters()) found_.tensors.push_back(graph.tensor(id).name);
    begin_round(Round::start);
}

PrecisionSearcher::~PrecisionSearcher() = default;

/// How far the errors are from the goal: powers of two above the threshold, summed over the gradients; 0
/// where it is reached. The worst error alone would not do: in a chain that underflows it stays at 1 until
/// the last link is mended.
double PrecisionSearcher::excess(const std::vector<double>& errors) const {
    constexpr double kNotFinite = 1e12;  // worse than any error of finite gradients met in practice
    double sum = 0.0;
    for (const double error : errors) {
        if (error <= found_.threshold) continue;
        sum += std::log2(std::isfinite(error) ? std::min(error, kNotFinite) : kNotFinite) -
               std::log2(found_.threshold);
    }
    return sum;
}

void PrecisionSearcher::begin_round(Round round) {
    round_ = round;
    trials_.clear();
    const std::size_t layers = found_.layers.size();
    const auto add = [&](std::vector<std::size_t> moved, std::vector<std::size_t> kept) {
        trials_.push_back({std::move(moved), std::move(kept), {}, 0});
    };
    const std::vector<std::size_t>& kept = found_.kept;
    switch (round) {
        case Round::start:
            add({}, {});
            break;
        case Round::everything: {
            std::vector<std::size_t> all;
            for (std::size_t layer = 0; layer < layers; ++layer) all.push_back(layer);
            add(all, all);
            break;
        }
        case Round::singles:
            for (std::size_t layer = 0; layer < layers; ++layer)
                if (!contains(kept, layer)) add({layer}, with(kept, {layer}));
            break;
        case Round::pairs:
            for (std::size_t layer = 0; layer + 1 < layers; ++layer) {
                const std::vector<std::size_t> pair{layer, layer + 1};
                if (!contains(kept, layer) && !contains(kept, layer + 1)) add(pair, with(kept, pair));
            }
            break;
        case Round::removals: {
            const std::size_t layer = removable_.back();
            removable_.pop_back();
            std::vector<std::size_t> fewer = kept;
            std::erase(fewer, layer);
            add({layer}, std::move(fewer));
            break;
        }
    }
    found_.tried = 0;
    found_.to_try = trials_.size();
}

void PrecisionSearcher::measure_next(const Lane& lane, std::span<const Batch> batches) {
    Trial& trial = trials_[found_.tried];
    Techniques techniques = techniques_;
    set_technique(techniques, "keep_fp32", kept_layers_text(found_.layers, trial.kept));
    if (!scratch_) {
        scratch_ = std::make_unique<Lane>(backend_, workload_, lane.name() + " (search)", techniques);
    } else {
        scratch_->set_techniques(techniques, found_.step);
    }
    scratch_->copy_state_from(lane);
    for (const GradientError& gradient : scratch_->gradient_errors(found_.step, batches))
        trial.errors.push_back(gradient.relative_error);
    trial.bytes = scratch_->memory().total();
    ++found_.measured;
    if (++found_.tried == trials_.size()) end_round();
}

void PrecisionSearcher::end_round() {
    switch (round_) {
        case Round::start:
            found_.errors_at_start = trials_[0].errors;
            accept(SearchMove::Kind::start, trials_[0]);
            if (excess(found_.errors) == 0.0) return finish(PrecisionSearch::Outcome::not_needed);
            return begin_round(Round::everything);
        case Round::everything:
            everything_ = trials_[0];
            found_.moves.push_back(move_of(SearchMove::Kind::everything, {}, everything_.errors,
                                           found_.threshold, everything_.bytes));
            if (excess(everything_.errors) > 0.0) return finish(PrecisionSearch::Outcome::out_of_reach);
            return begin_round(Round::singles);
        case Round::singles:
        case Round::pairs:
            return end_additions();
        case Round::removals:
            return end_removal();
    }
}

/// Takes the best of the round. Where no single layer helps, two neighbours may; where they do not either,
/// everything does, and what is not needed of it goes again.
void PrecisionSearcher::end_additions() {
    const Trial* best = nullptr;
    for (const Trial& trial : trials_)
        if (!best || excess(trial.errors) < excess(best->errors)) best = &trial;
    if (best && excess(best->errors) < excess(found_.errors)) {
        removable_.insert(removable_.begin(), best->moved.begin(), best->moved.end());
        accept(SearchMove::Kind::add, Trial(*best));
    } else if (round_ == Round::singles && found_.kept.size() + 1 < found_.layers.size()) {
        return begin_round(Round::pairs);
    } else {
        const Trial all = everything_;
        removable_.clear();
        for (const std::size_t layer : all.kept) removable_.insert(removable_.begin(), layer);
        Trial rest = all;
        std::erase_if(rest.moved, [&](std::size_t layer) { return contains(found_.kept, layer); });
        accept(SearchMove::Kind::add, rest);
    }
    if (excess(found_.errors) > 0.0) return begin_round(Round::singles);
    // Without the last one the goal was not reached: it need not be tried.
    const SearchMove& last = found_.moves.back();
    if (last.layers.size() == 1) std::erase(removable_, last.layers[0]);
    removable_.empty() ? finish(PrecisionSearch::Outcome::reached) : begin_round(Round::removals);
}

void PrecisionSearcher::end_removal() {
    if (excess(trials_[0].errors) == 0.0) accept(SearchMove::Kind::remove, Trial(trials_[0]));
    removable_.empty() ? finish(PrecisionSearch::Outcome::reached) : begin_round(Round::removals);
}

void PrecisionSearcher::accept(SearchMove::Kind kind, const Trial& trial) {
    found_.kept = trial.kept;
    found_.errors = trial.errors;
    found_.moves.push_back(move_of(kind, trial.moved, trial.errors, found_.threshold, trial.bytes));
}

void PrecisionSearcher::finish(PrecisionSearch::Outcome outcome) {
    found_.outcome = outcome;
    scratch_.reset();
    trials_.clear();
}

}  // namespace halfscope
