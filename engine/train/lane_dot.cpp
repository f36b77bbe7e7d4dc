// One sum of a live layer, taken from a pass over the next batch.
#include <algorithm>
#include <cmath>

#include "numerics/math.h"
#include "train/dot_capture.h"
#include "train/input_error.h"
#include "train/lane_state.h"

namespace halfscope {
namespace {

std::vector<float> row_of(Backend& backend, const TensorView& view, std::int64_t row) {
    return download_floats(backend, view.slice(row, 1, 1, 0, view.cols));
}

/// A column, from the whole tensor: it lies scattered in memory.
std::vector<float> column_of(const std::vector<float>& values, std::int64_t cols, std::int64_t column) {
    std::vector<float> found;
    for (std::size_t i = static_cast<std::size_t>(column); i < values.size();
         i += static_cast<std::size_t>(cols))
        found.push_back(values[i]);
    return found;
}

}  // namespace

DotCapture Lane::capture_dot(const DotSource& source, std::int64_t row, std::int64_t column,
                             std::int64_t step, std::span<const Batch> batches) {
    State& state = *state_;
    LaneBuffers& training = *state.training;
    const Graph& graph = training.graph();
    const std::vector<DotSource> sources = dot_sources(graph);
    if (std::find(sources.begin(), sources.end(), source) == sources.end())
        throw InputError("this model makes no sum '" + source.name() + "'.");
    if (row < 0 || row >= source.rows || column < 0 || column >= source.columns) {
        throw InputError("'" + source.name() + "' has " + std::to_string(source.rows) + " x " +
                         std::to_string(source.columns) + " sums; there is none at [" + std::to_string(row) +
                         ", " + std::to_string(column) + "].");
    }
    const auto node = std::find_if(graph.nodes().begin(), graph.nodes().end(),
                                   [&](const Node& other) { return other.name == source.layer; });
    GradientWatch watch{node->output, {}};
    const bool needs_gradient = source.kind == DotKind::weight_gradient;
    const KeptStatistics kept(state.backend, training);
    state.run_watched(training, step, batches, state.scaler.scale, std::span(&watch, needs_gradient ? 1 : 0));

    DotCapture capture;
    capture.source = source;
    capture.row = row;
    capture.column = column;
    capture.step = step;
    const TensorView x = training.compute_value(node->inputs[0]), y = training.value(node->output);
    capture.format = x.format;
    const auto all_of = [&](const TensorView& view) {
        return download_floats(state.backend, view.reshaped(1, view.elements()));
    };
    switch (source.kind) {
        case DotKind::product: {
            capture.a = row_of(state.backend, x, row);
            capture.b = row_of(state.backend, training.compute_value(node->inputs[1]), column);
            if (node->inputs.size() > 2) {
                const TensorView bias = training.compute_value(node->inputs[2]);
                capture.bias = static_cast<double>(all_of(bias)[static_cast<std::size_t>(column)]);
            }
            capture.has_stored = true;
            capture.stored =
                static_cast<double>(row_of(state.backend, y, row)[static_cast<std::size_t>(column)]);
            break;
        }
        case DotKind::weight_gradient: {
            capture.a = column_of(watch.values, y.cols, row);
            capture.b = column_of(all_of(x), x.cols, column);
            const TensorView gradient =
                training.flat_gradient(graph.parameter_index(node->inputs[1]).value());
            capture.has_stored = true;
            capture.stored = static_cast<double>(
                download_floats(state.backend, gradient)[static_cast<std::size_t>(row * x.cols + column)]);
            break;
        }
        case DotKind::norm_mean:
        case DotKind::norm_variance: {
            capture.a = column_of(all_of(x), x.cols, column);
            if (source.kind == DotKind::norm_mean) break;
            double sum = 0.0;
            for (const float value : capture.a) sum += static_cast<double>(value);
            const auto mean = static_cast<float>(sum / static_cast<double>(capture.a.size()));
            for (float& value : capture.a) value = (value - mean) * (value - mean);
            break;
        }
        case DotKind::denominator: {
            capture.a = row_of(state.backend, x, row);
            const float most = *std::max_element(capture.a.begin(), capture.a.end());
            for (float& value : capture.a) value = math::exp(value - most);
            break;
        }
    }
    capture.sum_format = capture.format == Format::fp32 ? Format::fp16 : capture.format;
    for (int way = 0; way < kSummationCount; ++way)
        capture.sums[static_cast<std::size_t>(way)] =
            sum_up(static_cast<Summation>(way), capture.sum_format, capture.a, capture.b);
    return capture;
}

/// The last batch's passes; backward only where gradients are to be brought home while they are there.
void Lane::State::run_watched(LaneBuffers& buffers, std::int64_t step, std::span<const Batch> batches,
                              float scale, std::span<GradientWatch> watches) {
    const auto count = static_cast<std::int64_t>(batches.size());
    buffers.feed(batches.back(), pass_values(step, count - 1, count, scale));
    const PassSettings settings{RunMode::training, seed(), nullptr, watches};
    buffers.forward(settings);
    if (!watches.empty()) buffers.backward(settings);
}

}  // namespace halfscope
