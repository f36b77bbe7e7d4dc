// The search for layers to keep in FP32: every error it reports is what a lane that keeps them has, every
// layer it takes is the one that brute force takes, and the lane it looks at does not notice.
#include "train/precision_search.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backend/cpu_backend.h"
#include "tiny_workload.h"
#include "train/experiment.h"

namespace halfscope {
namespace {

std::shared_ptr<const Workload> deep() {
    TinyOptions options;
    options.hidden_layers = 4;
    options.layer_norm = true;
    return tiny_workload(options);
}

struct Search {
    explicit Search(const std::string& techniques, double threshold_in,
                    std::shared_ptr<const Workload> workload_in = deep())
        : workload(std::move(workload_in)),
          lane(*backend, workload, "lane", parse_techniques(techniques)),
          threshold(threshold_in) {
        for (; step < 3; ++step) lane.step(step, workload->training_batch(step), {});
    }
    PrecisionSearch run() {
        const Batch batch = workload->training_batch(step);
        PrecisionSearcher searcher(*backend, workload, lane, step, threshold);
        int calls = 0;
        while (!searcher.is_done() && calls < 1000) {
            searcher.measure_next(lane, std::span(&batch, 1));
            ++calls;
        }
        EXPECT_EQ(searcher.found().measured, calls);
        return searcher.found();
    }
    /// What a lane with these layers kept is told by the probes of its next step.
    std::vector<double> errors_with(const std::vector<SearchLayer>& layers,
                                    const std::vector<std::size_t>& kept) const {
        Techniques techniques = lane.techniques();
        EXPECT_EQ(set_technique(techniques, "keep_fp32", kept_layers_text(layers, kept)), "");
        Lane other(*backend, workload, "other", techniques);
        other.copy_state_from(lane);
        const StepResult result = other.step(step, workload->training_batch(step), {true, true});
        std::vector<double> errors;
        for (TensorId id : workload->training_graph().parameters())
            for (const Probe& probe : result.probes)
                if (probe.kind == ProbeKind::weight_gradient &&
                    probe.tensor == workload->training_graph().tensor(id).name)
                    errors.push_back(probe.relative_error);
        return errors;
    }
    double excess(const std::vector<double>& errors) const {
        double sum = 0;
        for (const double error : errors) sum += std::max(0.0, std::log2(error / threshold));
        return sum;
    }

    std::unique_ptr<Backend> backend = make_cpu_backend(2);
    std::shared_ptr<const Workload> workload;
    Lane lane;
    double threshold;
    std::int64_t step = 0;
};

double worst(const std::vector<double>& errors) { return *std::max_element(errors.begin(), errors.end()); }

TEST(PrecisionSearch, LayersAreNodesWithWeightsAndWhatFollows) {
    const std::vector<SearchLayer> layers = search_layers(deep()->training_graph());
    ASSERT_EQ(layers.size(), 9u);
    EXPECT_EQ(layers[0].nodes, std::vector<std::string>{"fc1"});
    EXPECT_EQ(layers[1].nodes, (std::vector<std::string>{"norm1", "sigmoid1"}));
    EXPECT_EQ(layers[8].nodes, (std::vector<std::string>{"head", "loss"}));
    EXPECT_EQ(kept_layers_text(layers, {}), "none");
    EXPECT_EQ(kept_layers_text(layers, {1, 8}), "norm1+sigmoid1+head+loss");
    // A residual block: the addition and what follows belong to the branch that was made last.
    const auto residual = find_scenario("digits-cnn").create({});
    for (const SearchLayer& layer : search_layers(residual->training_graph())) {
        if (layer.name == "layer2.0.downsample.1") {
            EXPECT_EQ(layer.nodes,
                      (std::vector<std::string>{"layer2.0.downsample.1", "layer2.0.add", "layer2.0.relu2"}));
        }
    }
}

// Without loss scaling the small gradients of a deep network underflow; S below 1 makes a small one do the
// same.
TEST(PrecisionSearch, TakesTheLayerThatBruteForceTakesAndReachesTheThreshold) {
    Search search("fp16,loss_scaling=static,loss_scale=2^-5", 0.01);
    const PrecisionSearch found = search.run();
    ASSERT_EQ(found.outcome, PrecisionSearch::Outcome::reached);
    EXPECT_EQ(found.step, 3);
    EXPECT_EQ(found.loss_scale, std::ldexp(1.0, -5));
    EXPECT_EQ(found.errors_at_start, search.errors_with(found.layers, {}));
    EXPECT_GT(worst(found.errors_at_start), 0.01);
    EXPECT_EQ(found.errors, search.errors_with(found.layers, found.kept));
    EXPECT_LE(worst(found.errors), 0.01);
    ASSERT_GE(found.moves.size(), 3u);
    EXPECT_EQ(found.moves[0].kind, SearchMove::Kind::start);
    EXPECT_EQ(found.moves[1].kind, SearchMove::Kind::everything);

    std::vector<std::size_t> kept;
    for (const SearchMove& move : found.moves) {
        if (move.kind == SearchMove::Kind::everything) continue;
        if (move.kind == SearchMove::Kind::add && move.layers.size() == 1) {
            double best = 1e300;
            std::size_t taken = 0;
            for (std::size_t layer = 0; layer < found.layers.size(); ++layer) {
                if (std::find(kept.begin(), kept.end(), layer) != kept.end()) continue;
                std::vector<std::size_t> tried = kept;
                tried.push_back(layer);
                std::sort(tried.begin(), tried.end());
                const double excess = search.excess(search.errors_with(found.layers, tried));
                if (excess >= best) continue;
                best = excess;
                taken = layer;
            }
            EXPECT_EQ(move.layers[0], taken);
        }
        for (const std::size_t layer : move.layers) {
            if (move.kind == SearchMove::Kind::remove) std::erase(kept, layer);
            if (move.kind == SearchMove::Kind::add) kept.push_back(layer);
        }
        std::sort(kept.begin(), kept.end());
        const std::vector<double> errors = search.errors_with(found.layers, kept);
        EXPECT_EQ(move.worst_error, worst(errors));
        EXPECT_EQ(move.above, static_cast<std::size_t>(std::count_if(
                                  errors.begin(), errors.end(), [](double error) { return error > 0.01; })));
    }
    EXPECT_EQ(kept, found.kept);
    EXPECT_LT(found.kept.size(), found.layers.size());
    EXPECT_EQ(found.moves.back().kind, SearchMove::Kind::remove) << "one became needless on the way";
    // One less is too few.
    for (std::size_t i = 0; i < found.kept.size(); ++i) {
        std::vector<std::size_t> fewer = found.kept;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_GT(worst(search.errors_with(found.layers, fewer)), 0.01) << found.layers[found.kept[i]].name;
    }
}

TEST(PrecisionSearch, SaysWhereNothingIsNeeded) {
    Search search("mixed,loss_scaling=static,loss_scale=1024", 0.1);
    const PrecisionSearch found = search.run();
    EXPECT_EQ(found.outcome, PrecisionSearch::Outcome::not_needed);
    EXPECT_TRUE(found.kept.empty());
    EXPECT_EQ(found.measured, 1);
}

// A scale that overflows FP32 makes gradients infinite whatever is kept.
TEST(PrecisionSearch, SaysWhereTheThresholdIsOutOfReach) {
    Search search("mixed,loss_scaling=static,loss_scale=2^126", 0.01, std::make_shared<HugeWorkload>());
    const PrecisionSearch found = search.run();
    EXPECT_EQ(found.outcome, PrecisionSearch::Outcome::out_of_reach);
    EXPECT_FALSE(std::isfinite(found.moves[1].worst_error));
    EXPECT_EQ(found.measured, 2);
}

TEST(PrecisionSearch, KeepsAnInfiniteErrorApartFromALargeOne) {
    Search search("mixed,loss_scaling=static,loss_scale=2^24", 0.02);
    const PrecisionSearch found = search.run();
    EXPECT_FALSE(std::isfinite(found.moves[0].worst_error));
    EXPECT_EQ(found.outcome, PrecisionSearch::Outcome::reached);
    EXPECT_LE(worst(search.errors_with(found.layers, found.kept)), 0.02);
}

TEST(PrecisionSearch, LeavesTheLaneAsItIs) {
    for (const char* techniques : {"fp16", "mixed,keep_fp32=fc2", "autocast"}) {
        Search search(techniques, 1e-4), untouched(techniques, 1e-4);
        const PrecisionSearch found = search.run();
        EXPECT_GT(found.measured, 2) << techniques;
        EXPECT_EQ(search.lane.techniques(), untouched.lane.techniques());
        for (int i = 0; i < 3; ++i) {
            const Batch batch = search.workload->training_batch(search.step);
            search.lane.step(search.step, batch, {});
            untouched.lane.step(search.step++, batch, {});
        }
        EXPECT_EQ(search.lane.signature(), untouched.lane.signature()) << techniques;
    }
}

}  // namespace
}  // namespace halfscope
