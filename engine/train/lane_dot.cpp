// One sum of a live layer, taken from a pass over the next batch.
#include <algorithm>
#include <cmath>

#include "numerics/math.h"
#include "train/dot_capture.h"
#include "train/input_error.h"
#include "train/lane_state.h"

namespace halfscope {
namespace {

using Floats = std::vector<float>;

/// Where in a node the operands of a kind of sum lie.
enum class Watched : std::uint8_t { nothing, output_gradient, workspace };
struct DotPlaces {
    Watched watched = Watched::nothing;
    std::size_t workspace = 0;  ///< index in Node::workspace
    int gradient_of = -1;       ///< the input whose gradient the sums are; -1: none
};

DotPlaces places_of(DotKind kind) {
    switch (kind) {
        case DotKind::weight_gradient:
        case DotKind::convolution_weight_gradient:
            return {Watched::output_gradient, 0, 1};
        case DotKind::input_gradient:
        case DotKind::convolution_input_gradient:
            return {Watched::output_gradient, 0, 0};
        case DotKind::recurrent_input_gradient:
            return {Watched::workspace, 0, 0};
        case DotKind::recurrent_weight_gradient:
            return {Watched::workspace, 0, 1};
        case DotKind::recurrent_own_weight_gradient:
            return {Watched::workspace, 1, 2};
        case DotKind::product:
        case DotKind::convolution:
        case DotKind::recurrent_input:
        case DotKind::recurrent_hidden:
        case DotKind::norm_mean:
        case DotKind::norm_variance:
        case DotKind::denominator:
            break;
    }
    return {};
}

/// Fills a capture from the buffers of passes that have run.
class DotTaker {
  public:
    DotTaker(Backend& backend, const LaneBuffers& buffers, std::size_t node, DotCapture& capture)
        : backend_(backend),
          buffers_(buffers),
          index_(node),
          node_(buffers.graph().nodes()[node]),
          arithmetic_(buffers.plan().arithmetic(node)),
          capture_(capture),
          row_(capture.row),
          column_(capture.column) {}

    /// Sums of the forward pass.
    void take_forward() {
        switch (capture_.source.kind) {
            case DotKind::product:
                take_product(operand(0), operand(1), 2);
                capture_.stored = element(buffers_.value(node_.output), row_, column_);
                break;
            case DotKind::convolution:
                take_convolution();
                break;
            case DotKind::recurrent_input: {
                take_product(operand(0), operand(1), 3);
                capture_.stored = element(buffers_.value(node_.saved[0]), row_, column_);
                const std::int64_t hidden = buffers_.value(node_.output).cols;
                capture_.stored_as = column_ < hidden       ? "r = sigmoid(W_ir x + W_hr h + biases)"
                                     : column_ < 2 * hidden ? "z = sigmoid(W_iz x + W_hz h + biases)"
                                                            : "n = tanh(W_in x + b + r (W_hn h + b))";
                break;
            }
            case DotKind::recurrent_hidden:
                take_product(buffers_.value(node_.saved[2]), operand(2), 4);
                capture_.stored = element(buffers_.value(node_.saved[1]), row_, column_);
                break;
            default:
                take_statistic();
        }
    }

    /// Sums of the backward pass: `from` is the gradient they are made of, whole, in rows of so many columns;
    /// `made` the gradient they are.
    void take_backward(const Floats& from, std::int64_t from_cols, const Floats& made) {
        const TensorView x = operand(0);
        switch (capture_.source.kind) {
            case DotKind::weight_gradient:
            case DotKind::recurrent_weight_gradient:
                capture_.a = column_of(from, from_cols, row_);
                capture_.b = column_of(all_of(x), x.cols, column_);
                break;
            case DotKind::recurrent_own_weight_gradient: {
                const TensorView earlier = buffers_.value(node_.saved[2]);
                capture_.a = column_of(from, from_cols, row_);
                capture_.b = column_of(all_of(earlier), earlier.cols, column_);
                break;
            }
            case DotKind::convolution_weight_gradient:
                capture_.a = column_of(from, from_cols, row_);
                take_pixels_under_tap(all_of(x), x.cols);
                break;
            case DotKind::convolution_input_gradient:
                take_positions_over_pixel(from, from_cols);
                break;
            default: {  // dx = dy W
                const TensorView weight = operand(1);
                capture_.a.assign(from.begin() + row_ * from_cols, from.begin() + (row_ + 1) * from_cols);
                capture_.b = column_of(all_of(weight), weight.cols, column_);
            }
        }
        capture_.stored = static_cast<double>(made[static_cast<std::size_t>(
            row_ * static_cast<std::int64_t>(capture_.source.columns) + column_)]);
    }

    /// How the lane adds up, and what operands it rounds first.
    void finish() {
        capture_.format = operand(0).format;
        capture_.sum_format = capture_.format == Format::fp32 ? Format::fp16 : capture_.format;
        if (is_statistic()) {
            if (arithmetic_.reduction_format == Format::fp32) return;
            capture_.own = Summation::blocks;
            capture_.sum_format = arithmetic_.reduction_format;
            return;
        }
        capture_.own = arithmetic_.accumulate == Accumulate::fp16 ? Summation::blocks : Summation::fp32;
        if (arithmetic_.matmul_operands == Format::fp32) return;
        for (Floats* values : {&capture_.a, &capture_.b})
            for (float& value : *values) value = round_to(arithmetic_.matmul_operands, value);
    }

  private:
    TensorView operand(std::size_t input) const { return buffers_.operand(index_, input); }
    Floats all_of(const TensorView& view) const {
        return download_floats(backend_, view.reshaped(1, view.elements()));
    }
    Floats row_of(const TensorView& view, std::int64_t row) const {
        return download_floats(backend_, view.slice(row, 1, 1, 0, view.cols));
    }
    double element(const TensorView& view, std::int64_t row, std::int64_t column) const {
        return static_cast<double>(row_of(view, row)[static_cast<std::size_t>(column)]);
    }
    /// A column, from the whole tensor: it lies scattered in memory.
    static Floats column_of(const Floats& values, std::int64_t cols, std::int64_t column) {
        Floats found;
        for (std::size_t i = static_cast<std::size_t>(column); i < values.size();
             i += static_cast<std::size_t>(cols))
            found.push_back(values[i]);
        return found;
    }
    bool is_statistic() const {
        const DotKind kind = capture_.source.kind;
        return kind == DotKind::norm_mean || kind == DotKind::norm_variance || kind == DotKind::denominator;
    }

    /// A row of x with a row of the weight.
    void take_product(const TensorView& x, const TensorView& weight, std::size_t bias) {
        capture_.a = row_of(x, row_);
        capture_.b = row_of(weight, column_);
        if (node_.inputs.size() > bias)
            capture_.bias = static_cast<double>(all_of(operand(bias))[static_cast<std::size_t>(column_)]);
    }

    void take_convolution() {
        const TensorView x = operand(0), weight = operand(1), y = buffers_.value(node_.output);
        const Floats pixels = all_of(x);
        for (std::int64_t c = 0; c < x.cols; ++c) {
            for_taps([&](std::int64_t tap_row, std::int64_t tap_column) {
                capture_.a.push_back(
                    value_at(pixels, x.cols, node_.window.pixel_under(row_, tap_row, tap_column), c));
            });
        }
        capture_.b = row_of(weight.reshaped(y.cols, weight.elements() / y.cols), column_);
        capture_.stored = element(y, row_, column_);
    }

    /// b: what lies under one tap, at every position.
    void take_pixels_under_tap(const Floats& pixels, std::int64_t channels) {
        const SlidingWindow& window = node_.window;
        const std::int64_t tap = column_ % window.taps(), channel = column_ / window.taps();
        for (std::int64_t position = 0; position < window.positions(); ++position) {
            const std::int64_t pixel =
                window.pixel_under(position, tap / window.kernel_width, tap % window.kernel_width);
            capture_.b.push_back(value_at(pixels, channels, pixel, channel));
        }
    }

    /// a: the gradients of the positions that see this pixel, through every tap; b: their weights.
    void take_positions_over_pixel(const Floats& gradient, std::int64_t outputs) {
        const Floats weight = all_of(operand(1));
        const std::int64_t channels = operand(0).cols, taps = node_.window.taps();
        for (std::int64_t o = 0; o < outputs; ++o) {
            for_taps([&](std::int64_t tap_row, std::int64_t tap_column) {
                const std::int64_t tap = tap_row * node_.window.kernel_width + tap_column;
                capture_.a.push_back(
                    value_at(gradient, outputs, node_.window.position_over(row_, tap_row, tap_column), o));
                capture_.b.push_back(weight[static_cast<std::size_t>((o * channels + column_) * taps + tap)]);
            });
        }
    }

    /// Terms, by themselves; the mean that they deviate from is the one that the layer took.
    void take_statistic() {
        const TensorView x = operand(0);
        const bool is_of_columns = node_.op == OpKind::batch_norm;
        capture_.a = is_of_columns ? column_of(all_of(x), x.cols, column_) : row_of(x, row_);
        const auto statistic = [&](std::size_t saved) {
            return all_of(
                buffers_.value(node_.saved[saved]))[static_cast<std::size_t>(is_of_columns ? column_ : row_)];
        };
        if (capture_.source.kind == DotKind::denominator) {
            const float most = *std::max_element(capture_.a.begin(), capture_.a.end());
            capture_.bias = static_cast<double>(most);
            for (float& value : capture_.a) value = math::exp(value - most);
            capture_.stored = static_cast<double>(statistic(0));
            capture_.stored_as = "largest + log(sum)";
            return;
        }
        const float mean = statistic(0);
        capture_.stored = static_cast<double>(mean);
        capture_.stored_as = "the mean";
        if (capture_.source.kind == DotKind::norm_mean) return;
        for (float& value : capture_.a) value = (value - mean) * (value - mean);
        capture_.stored = static_cast<double>(statistic(1));
        capture_.stored_as = "1 / sqrt(variance + eps)";
    }

    template <class Body>
    void for_taps(const Body& body) const {
        for (std::int64_t row = 0; row < node_.window.kernel_height; ++row)
            for (std::int64_t column = 0; column < node_.window.kernel_width; ++column) body(row, column);
    }
    /// 0 in the padding, and where no position has the tap.
    static float value_at(const Floats& values, std::int64_t cols, std::int64_t row, std::int64_t column) {
        return row < 0 ? 0.0f : values[static_cast<std::size_t>(row * cols + column)];
    }

    Backend& backend_;
    const LaneBuffers& buffers_;
    std::size_t index_;
    const Node& node_;
    Arithmetic arithmetic_;
    DotCapture& capture_;
    std::int64_t row_, column_;
};

/// Throws InputError where there is no such sum.
void check_place(const Graph& graph, const DotSource& source, std::int64_t row, std::int64_t column) {
    const std::vector<DotSource> sources = dot_sources(graph);
    if (std::find(sources.begin(), sources.end(), source) == sources.end())
        throw InputError("this model makes no sum '" + source.name() + "'.");
    if (row < 0 || row >= source.rows || column < 0 || column >= source.columns) {
        throw InputError("'" + source.name() + "' has " + std::to_string(source.rows) + " x " +
                         std::to_string(source.columns) + " sums; there is none at [" + std::to_string(row) +
                         ", " + std::to_string(column) + "].");
    }
}

}  // namespace

DotCapture Lane::capture_dot(const DotSource& source, std::int64_t row, std::int64_t column,
                             std::int64_t step, std::span<const Batch> batches) {
    State& state = *state_;
    LaneBuffers& training = *state.training;
    const Graph& graph = training.graph();
    check_place(graph, source, row, column);
    const auto node = std::find_if(graph.nodes().begin(), graph.nodes().end(),
                                   [&](const Node& other) { return other.name == source.layer; });
    const DotPlaces places = places_of(source.kind);
    std::vector<GradientWatch> watches;
    if (places.watched == Watched::output_gradient) watches.push_back({node->output, {}, kNoTensor});
    if (places.watched == Watched::workspace)
        watches.push_back({node->workspace[places.workspace], {}, node->output});
    if (places.gradient_of >= 0)
        watches.push_back({node->inputs[static_cast<std::size_t>(places.gradient_of)], {}, node->output});
    const KeptStatistics kept(state.backend, training);
    state.run_watched(training, step, batches, state.scaler.scale, watches);

    DotCapture capture;
    capture.source = source;
    capture.row = row;
    capture.column = column;
    capture.step = step;
    DotTaker taker(state.backend, training, static_cast<std::size_t>(node - graph.nodes().begin()), capture);
    if (watches.empty()) {
        taker.take_forward();
    } else {
        const std::int64_t cols = graph.tensor(watches[0].id).shape.columns();
        taker.take_backward(watches[0].values, cols, watches[1].values);
    }
    taker.finish();
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
