// The contract of ops/executor.h in its plainest form: one body for each result, nothing shared, no speed. A
// Device runs the bodies, as a loop (plain_backend_test.cpp) or as a kernel (tests/gpu), so that operations
// are compiled for both from one source and CpuExecutor has an independent twin. Used by plain_backend.h
// alone. Must not take code from backend/, whose results it checks.
//
// A Device has `run(std::int64_t items, Work, Body)`: body(item) for 0 <= item < items.
#pragma once

#include <cstdint>

#include "numerics/accumulate.h"
#include "numerics/rounding.h"
#include "numerics/tensor_counts.h"
#include "ops/executor.h"
#include "ops/formulas.h"
#include "ops/update_call.h"

namespace halfscope::plain {

/// serial: one item after another, because they count into one place.
enum class Work : std::uint8_t { parallel, serial };

inline constexpr int kLanes = 32;
inline constexpr std::int64_t kColumnChunk = 256;

struct Element {
    std::int64_t index, row, col;
};
HALFSCOPE_HD inline Element element_of(std::int64_t index, std::int64_t cols) {
    return {index, index / cols, index % cols};
}

HALFSCOPE_HD inline float value(const TensorView& view, const Element& e) {
    const std::int64_t at = e.row * view.row_stride + e.col;
    const int bytes = format_info(view.format).bytes;
    std::uint32_t code = 0;
    if (bytes == 4) code = static_cast<const std::uint32_t*>(view.data)[at];
    if (bytes == 2) code = static_cast<const std::uint16_t*>(view.data)[at];
    if (bytes == 1) code = static_cast<const std::uint8_t*>(view.data)[at];
    return decode(view.format, code);
}
HALFSCOPE_HD inline float value(const PerRow& in, const Element& e) { return value(in.view, {0, e.row, 0}); }
HALFSCOPE_HD inline float value(const PerColumn& in, const Element& e) {
    return value(in.view, {0, 0, e.col});
}
HALFSCOPE_HD inline float value(const OneHot& in, const Element& e) {
    return in.labels[e.row] == e.col ? 1.0f : 0.0f;
}

HALFSCOPE_HD inline void store(const TensorView& view, const Element& e, float x) {
    const std::int64_t at = e.row * view.row_stride + e.col;
    const int bytes = format_info(view.format).bytes;
    const std::uint32_t code = encode(view.format, x, view.subnormals);
    if (bytes == 4) static_cast<std::uint32_t*>(view.data)[at] = code;
    if (bytes == 2) static_cast<std::uint16_t*>(view.data)[at] = static_cast<std::uint16_t>(code);
    if (bytes == 1) static_cast<std::uint8_t*>(view.data)[at] = static_cast<std::uint8_t>(code);
    if (view.counts != nullptr) view.counts->add(x, decode(view.format, code), view.format);
}

/// The inputs of a formula; std::tuple does not work on a device. call() is f(index, value of each input...).
template <class... In>
struct Inputs;
template <>
struct Inputs<> {
    template <class F, class... X>
    HALFSCOPE_HD auto call(const F& f, const Element& e, X... x) const {
        return f(e.index, x...);
    }
};
template <class Head, class... Tail>
struct Inputs<Head, Tail...> {
    Head head;
    Inputs<Tail...> tail;
    template <class F, class... X>
    HALFSCOPE_HD auto call(const F& f, const Element& e, X... x) const {
        return tail.call(f, e, x..., value(head, e));
    }
};
inline Inputs<> inputs() { return {}; }
template <class Head, class... Tail>
Inputs<Head, Tail...> inputs(const Head& head, const Tail&... tail) {
    return {head, inputs(tail...)};
}

/// A formula with one result as one with Values.
template <class F>
struct Single {
    F f;
    HALFSCOPE_HD auto bind() const { return Single<decltype(bound(f))>{bound(f)}; }
    HALFSCOPE_HD bool is_idle() const { return idle(f); }
    template <class... X>
    HALFSCOPE_HD Values<1> operator()(std::int64_t index, X... x) const {
        return {{f(index, x...)}};
    }
};

/// One of several results of a formula.
template <class F>
struct Nth {
    F f;
    int n;
    template <class... X>
    HALFSCOPE_HD float operator()(std::int64_t index, X... x) const {
        return f(index, x...).v[n];
    }
};

// --- Bodies ----------------------------------------------------------------------------------------------

template <int N, class F, class In>
struct MapBody {
    Outputs<N> out;
    F f;
    In in;
    HALFSCOPE_HD void operator()(std::int64_t item) const {
        if (idle(f)) return;
        const Element e = element_of(item, out.view[0].cols);
        const Values<N> results = in.call(bound(f), e);
        for (int n = 0; n < N; ++n) store(out.view[n], e, results.v[n]);
    }
};

template <class F, class In>
struct RowReduceBody {
    TensorView out;
    Reduction reduction;
    std::int64_t cols;
    F f;
    In in;

    HALFSCOPE_HD float term(std::int64_t row, std::int64_t col) const {
        return in.call(f, Element{row * cols + col, row, col});
    }
    HALFSCOPE_HD float folded(float a, float b) const {
        if (reduction.fold == Fold::sum) return a + b;
        if (a != a || b != b) return a + b;
        return a < b ? b : a;
    }
    HALFSCOPE_HD float tree(std::int64_t row) const {
        float lanes[kLanes];
        for (float& lane : lanes) lane = reduction.fold == Fold::sum ? 0.0f : -math::detail::kInfinity;
        for (std::int64_t col = 0; col < cols; ++col)
            lanes[col % kLanes] = folded(lanes[col % kLanes], term(row, col));
        for (int width = kLanes / 2; width > 0; width /= 2)
            for (int lane = 0; lane < width; ++lane) lanes[lane] = folded(lanes[lane], lanes[lane + width]);
        return lanes[0];
    }
    HALFSCOPE_HD float blocks(std::int64_t row) const {
        BlockRounder sum(reduction.rounding);
        for (std::int64_t col = 0; col < cols; ++col) sum.add(term(row, col));
        return sum.finish();
    }
    HALFSCOPE_HD void operator()(std::int64_t row) const {
        const float result = reduction.rounding == Format::fp32 ? tree(row) : blocks(row);
        store(out, {row, row, 0}, result);
    }
};

template <class F, class In>
struct ColumnReduceBody {
    TensorView out;
    Format rounding;
    std::int64_t rows;
    F f;
    In in;
    HALFSCOPE_HD void operator()(std::int64_t col) const {
        if (rounding != Format::fp32) {
            BlockRounder sum(rounding);
            for (std::int64_t row = 0; row < rows; ++row)
                sum.add(in.call(f, Element{row * out.cols + col, row, col}));
            store(out, {col, 0, col}, sum.finish());
            return;
        }
        float total = 0.0f, chunk = 0.0f;
        for (std::int64_t row = 0; row < rows; ++row) {
            chunk += in.call(f, Element{row * out.cols + col, row, col});
            if ((row + 1) % kColumnChunk == 0 || row + 1 == rows) {
                total += chunk;
                chunk = 0.0f;
            }
        }
        store(out, {col, 0, col}, total);
    }
};

struct GemmBody {
    TensorView out;
    Operand a, b;
    GemmOptions options;

    HALFSCOPE_HD float factor(const Operand& operand, std::int64_t row, std::int64_t col) const {
        const bool swap = operand.transpose == Transpose::yes;
        const float x = value(operand.view, {0, swap ? col : row, swap ? row : col});
        return options.operands == Format::tf32 ? round_to(Format::tf32, x) : x;
    }
    HALFSCOPE_HD void operator()(std::int64_t item) const {
        const Element e = element_of(item, out.cols);
        const std::int64_t depth = a.transpose == Transpose::yes ? a.view.rows : a.view.cols;
        BlockRounder sum(options.accumulate == Accumulate::fp16 ? Format::fp16 : Format::fp32);
        for (std::int64_t k = 0; k < depth; ++k) sum.add_product(factor(a, e.row, k), factor(b, k, e.col));
        float result = sum.finish();
        if (options.bias) result += value(options.bias, {0, 0, e.col});
        store(out, e, result);
    }
};

/// What the three products of a convolution share: factors by position in the picture, 0 where there is none.
struct WindowedFactors {
    SlidingWindow window;
    GemmOptions options;
    HALFSCOPE_HD float rounded(float x) const {
        return options.operands == Format::tf32 ? round_to(Format::tf32, x) : x;
    }
    HALFSCOPE_HD float pixel(const TensorView& view, std::int64_t row, std::int64_t channel) const {
        return row < 0 ? 0.0f : rounded(value(view, {0, row, channel}));
    }
    HALFSCOPE_HD float weight(const TensorView& weight, std::int64_t output, std::int64_t channel,
                              std::int64_t tap) const {
        return rounded(value(weight, {0, output, channel * window.taps() + tap}));
    }
    HALFSCOPE_HD BlockRounder start() const {
        return BlockRounder(options.accumulate == Accumulate::fp16 ? Format::fp16 : Format::fp32);
    }
};

struct ConvolveBody {
    TensorView out, x, weight;
    WindowedFactors factors;
    HALFSCOPE_HD void operator()(std::int64_t item) const {
        const Element e = element_of(item, out.cols);
        const SlidingWindow& w = factors.window;
        BlockRounder sum = factors.start();
        for (std::int64_t c = 0; c < x.cols; ++c)
            for (std::int64_t tap = 0; tap < w.taps(); ++tap) {
                const std::int64_t from = w.pixel_under(e.row, tap / w.kernel_width, tap % w.kernel_width);
                sum.add_product(factors.pixel(x, from, c), factors.weight(weight, e.col, c, tap));
            }
        store(out, e, sum.finish());
    }
};

struct ConvolveInputGradientBody {
    TensorView out, dy, weight;
    WindowedFactors factors;
    HALFSCOPE_HD void operator()(std::int64_t item) const {
        const Element e = element_of(item, out.cols);
        const SlidingWindow& w = factors.window;
        BlockRounder sum = factors.start();
        for (std::int64_t o = 0; o < dy.cols; ++o)
            for (std::int64_t tap = 0; tap < w.taps(); ++tap) {
                const std::int64_t from = w.position_over(e.row, tap / w.kernel_width, tap % w.kernel_width);
                sum.add_product(factors.pixel(dy, from, o), factors.weight(weight, o, e.col, tap));
            }
        // + 0: of a zero's signs, +.
        store(out, e, w.stride > 1 ? sum.finish() + 0.0f : sum.finish());
    }
};

struct ConvolveWeightGradientBody {
    TensorView out, dy, x;
    WindowedFactors factors;
    HALFSCOPE_HD void operator()(std::int64_t item) const {
        const Element e = element_of(item, out.cols);
        const SlidingWindow& w = factors.window;
        const std::int64_t channel = e.col / w.taps(), tap = e.col % w.taps();
        BlockRounder sum = factors.start();
        for (std::int64_t p = 0; p < dy.rows; ++p) {
            const std::int64_t from = w.pixel_under(p, tap / w.kernel_width, tap % w.kernel_width);
            sum.add_product(factors.pixel(dy, p, e.row), factors.pixel(x, from, channel));
        }
        store(out, e, w.padding > 0 ? sum.finish() + 0.0f : sum.finish());
    }
};

struct Pooled {
    float value;
    std::int64_t winner;  ///< pixel of the maximum
};
HALFSCOPE_HD inline Pooled pooled(const TensorView& x, const SlidingWindow& w, Pooling pooling,
                                  std::int64_t position, std::int64_t channel) {
    Pooled result{0.0f, -1};
    for (std::int64_t tap = 0; tap < w.taps(); ++tap) {
        const std::int64_t from = w.pixel_under(position, tap / w.kernel_width, tap % w.kernel_width);
        if (from < 0) continue;
        const float v = value(x, {0, from, channel});
        if (pooling == Pooling::average) {
            result.value += v;
        } else if (result.winner < 0 || v > result.value || (v != v && result.value == result.value)) {
            result = {v, from};
        }
    }
    return result;
}

struct PoolBody {
    TensorView out, x;
    SlidingWindow window;
    Pooling pooling;
    HALFSCOPE_HD void operator()(std::int64_t item) const {
        const Element e = element_of(item, out.cols);
        const float result = pooled(x, window, pooling, e.row, e.col).value;
        store(out, e, pooling == Pooling::average ? result / static_cast<float>(window.taps()) : result);
    }
};

struct PoolGradientBody {
    TensorView out, dy, x;
    SlidingWindow window;
    Pooling pooling;
    HALFSCOPE_HD void operator()(std::int64_t item) const {
        const Element e = element_of(item, out.cols);
        float sum = 0.0f;
        // A later tap lies on an earlier window: taps from the last one are windows ascending.
        for (std::int64_t tap = window.taps(); tap-- > 0;) {
            const std::int64_t position =
                window.position_over(e.row, tap / window.kernel_width, tap % window.kernel_width);
            if (position < 0) continue;
            if (pooling == Pooling::maximum && pooled(x, window, pooling, position, e.col).winner != e.row)
                continue;
            sum += value(dy, {0, position, e.col});
        }
        store(out, e, pooling == Pooling::average ? sum / static_cast<float>(window.taps()) : sum);
    }
};

struct GatherBody {
    TensorView out, table;
    const std::int32_t* tokens;
    HALFSCOPE_HD void operator()(std::int64_t item) const {
        const Element e = element_of(item, out.cols);
        store(out, e, value(table, {0, tokens[e.row], e.col}));
    }
};

struct ScatterAddBody {
    TensorView out, gradient;
    const std::int32_t* tokens;
    HALFSCOPE_HD void operator()(std::int64_t item) const {
        const Element e = element_of(item, out.cols);
        float sum = 0.0f;
        for (std::int64_t row = 0; row < gradient.rows; ++row)
            if (tokens[row] == e.row) sum += value(gradient, {0, row, e.col});
        store(out, e, sum);
    }
};

template <class F, class In>
struct CountUpdatesBody {
    UpdateCounts* counts;
    Format weight_format;
    std::int64_t cols;
    F f;
    In in;
    HALFSCOPE_HD void operator()(std::int64_t item) const {
        if (idle(f)) return;
        const Values<3> measured = in.call(bound(f), element_of(item, cols));
        const float update = measured.v[0], before = measured.v[1], after = measured.v[2];
        if (update != 0.0f && before != 0.0f) {
            ++counts->updates;
            if (after == before) ++counts->swallowed;
        }
        counts->values.add(update, round_to(weight_format, update), weight_format);
    }
};

// --- The executor ----------------------------------------------------------------------------------------

template <class Device>
class PlainExecutor {
  public:
    explicit PlainExecutor(Device& device) : device_(device) {}

    template <class F, class... In>
    void map(const TensorView& out, F f, const In&... in) {
        map(Outputs<1>{{out}}, Single<F>{f}, in...);
    }
    template <int N, class F, class... In>
    void map(const Outputs<N>& out, F f, const In&... in) {
        Work work = Work::parallel;
        for (const TensorView& view : out.view)
            if (view.counts != nullptr) work = Work::serial;
        device_.run(out.view[0].elements(), work, MapBody<N, F, Inputs<In...>>{out, f, inputs(in...)});
    }
    void copy(const TensorView& out, const TensorView& in) { map(out, Identity{}, in); }

    template <class F, class... In>
    void row_reduce(const TensorView& out, Reduction reduction, F f, const TensorView& extent,
                    const In&... in) {
        using Body = RowReduceBody<F, Inputs<TensorView, In...>>;
        device_.run(extent.rows, work_for(out), Body{out, reduction, extent.cols, f, inputs(extent, in...)});
    }
    template <class F, class... In>
    void column_reduce(const TensorView& out, F f, const TensorView& extent, const In&... in) {
        column_reduce(out, Reduction{}, f, extent, in...);
    }
    template <int N, class F, class... In>
    void column_reduce(const Outputs<N>& out, F f, const TensorView& extent, const In&... in) {
        for (int n = 0; n < N; ++n) column_reduce(out.view[n], Nth<F>{f, n}, extent, in...);
    }
    template <class F, class... In>
    void column_reduce(const TensorView& out, Reduction reduction, F f, const TensorView& extent,
                       const In&... in) {
        using Body = ColumnReduceBody<F, Inputs<TensorView, In...>>;
        device_.run(extent.cols, work_for(out),
                    Body{out, reduction.rounding, extent.rows, f, inputs(extent, in...)});
    }
    void convolve(const TensorView& out, const TensorView& x, const TensorView& weight,
                  const SlidingWindow& window, const GemmOptions& options) {
        device_.run(out.elements(), work_for(out), ConvolveBody{out, x, weight, {window, options}});
    }
    void convolve_input_gradient(const TensorView& out, const TensorView& dy, const TensorView& weight,
                                 const SlidingWindow& window, const GemmOptions& options) {
        device_.run(out.elements(), work_for(out),
                    ConvolveInputGradientBody{out, dy, weight, {window, options}});
    }
    void convolve_weight_gradient(const TensorView& out, const TensorView& dy, const TensorView& x,
                                  const SlidingWindow& window, const GemmOptions& options) {
        device_.run(out.elements(), work_for(out), ConvolveWeightGradientBody{out, dy, x, {window, options}});
    }
    void pool(const TensorView& out, const TensorView& x, const SlidingWindow& window, Pooling pooling) {
        device_.run(out.elements(), work_for(out), PoolBody{out, x, window, pooling});
    }
    void pool_gradient(const TensorView& out, const TensorView& dy, const TensorView& x,
                       const SlidingWindow& window, Pooling pooling) {
        device_.run(out.elements(), work_for(out), PoolGradientBody{out, dy, x, window, pooling});
    }
    void gemm(const TensorView& out, const Operand& a, const Operand& b, const GemmOptions& options) {
        device_.run(out.elements(), work_for(out), GemmBody{out, a, b, options});
    }
    void gemm_pair(const MatrixProduct& first, const MatrixProduct& second) {
        gemm(first.out, first.a, first.b, first.options);
        gemm(second.out, second.a, second.b, second.options);
    }
    void gather_rows(const TensorView& out, const TensorView& table, const std::int32_t* tokens) {
        device_.run(out.elements(), work_for(out), GatherBody{out, table, tokens});
    }
    void scatter_add_rows(const TensorView& out, const std::int32_t* tokens, const TensorView& gradient) {
        device_.run(out.elements(), work_for(out), ScatterAddBody{out, gradient, tokens});
    }
    template <class F, class... In>
    void count_updates(UpdateCounts& counts, Format weight_format, F f, const TensorView& extent,
                       const In&... in) {
        using Body = CountUpdatesBody<F, Inputs<TensorView, In...>>;
        device_.run(extent.elements(), Work::serial,
                    Body{&counts, weight_format, extent.cols, f, inputs(extent, in...)});
    }

  private:
    static Work work_for(const TensorView& out) {
        return out.counts == nullptr ? Work::parallel : Work::serial;
    }
    Device& device_;
};

}  // namespace halfscope::plain
