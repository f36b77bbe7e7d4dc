#include "device_agreement.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "backend/cpu_backend.h"
#include "numerics/rounding.h"
#include "op_cases.h"

namespace halfscope {
namespace {

bool same(float a, float b) { return bits_of(a) == bits_of(b) || (std::isnan(a) && std::isnan(b)); }

void expect_same(const std::vector<float>& found, const std::vector<float>& expected,
                 const std::string& what) {
    ASSERT_EQ(found.size(), expected.size()) << what;
    for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_TRUE(same(found[i], expected[i]))
            << what << " element " << i << " of " << found.size() << ": " << std::hexfloat << found[i]
            << " instead of " << expected[i];
    }
}

struct NamedPolicy {
    const char* name;
    PrecisionPolicy policy;
};

std::vector<NamedPolicy> policies() {
    std::vector<NamedPolicy> all{{"fp32", stored_in(Format::fp32)}, {"fp16", stored_in(Format::fp16)},
                                 {"bf16", stored_in(Format::bf16)}, {"e4m3", stored_in(Format::e4m3)},
                                 {"e5m2", stored_in(Format::e5m2)}, {"tf32", stored_in(Format::fp32)},
                                 {"poor", stored_in(Format::fp16)}};
    all[5].policy.arithmetic.matmul_operands = Format::tf32;
    Arithmetic& poor = all[6].policy.arithmetic;
    poor.accumulate = Accumulate::fp16;
    poor.reduction_format = Format::fp16;
    poor.eps_format = Format::fp16;
    poor.loss_reduction = LossReduction::sum;
    poor.subnormals = Subnormals::flush;
    return all;
}

/// Everything one forward and one backward pass leave: output, saved tensors, gradients.
void expect_same_passes(OpHarness& found, OpHarness& expected, const std::string& what) {
    for (OpHarness* harness : {&found, &expected}) {
        harness->forward();
        harness->backward();
    }
    const Node& node = expected.node();
    expect_same(found.output(), expected.output(), what + ", output");
    for (TensorId id : node.saved)
        expect_same(found.value(id), expected.value(id), what + ", " + expected.graph().tensor(id).name);
    for (TensorId id : node.inputs) {
        const TensorInfo& info = expected.graph().tensor(id);
        if (info.role != TensorRole::parameter) continue;
        expect_same(found.gradient(id), expected.gradient(id), what + ", gradient of " + info.name);
    }
}

/// `count` finite values of every size the format has, with the special ones at the front.
std::vector<float> values_for_counting(std::size_t count) {
    std::vector<float> values{0.0f, -0.0f, INFINITY, -INFINITY, NAN, 0x1p-149f, 65504.0f, 65520.0f, 0x1p-25f};
    const RandomKey key{17, 1, 0};
    while (values.size() < count) {
        const std::uint32_t bits = random_word(key, values.size());
        values.push_back(float_of(bits));
    }
    return values;
}

void expect_same_counts(const TensorCounts& found, const TensorCounts& expected, const std::string& what) {
    EXPECT_EQ(found.own, expected.own) << what;
    EXPECT_EQ(found.fp16, expected.fp16) << what;
    EXPECT_TRUE(found.histogram == expected.histogram) << what;
    EXPECT_EQ(found.min_abs, expected.min_abs) << what;
    EXPECT_EQ(found.max_abs, expected.max_abs) << what;
}

/// Tensors of one parameter in a backend's memory.
class DeviceTensor {
  public:
    DeviceTensor(Backend& backend, Format format, const std::vector<float>& values)
        : backend_(backend), memory_(backend, values.size() * sizeof(float)) {
        view_.data = memory_.data();
        view_.rows = 1;
        view_.cols = view_.row_stride = static_cast<std::int64_t>(values.size());
        view_.format = format;
        set(values);
    }
    void set(const std::vector<float>& values) {
        HostTensor host(view_.format, values);
        backend_.upload(memory_.data(), host.view().data, bytes());
    }
    std::vector<float> values() const {
        HostTensor host(view_.format, std::vector<float>(static_cast<std::size_t>(view_.cols)));
        backend_.download(host.view().data, memory_.data(), bytes());
        return host.values();
    }
    const TensorView& view() const { return view_; }

  private:
    std::uint64_t bytes() const {
        return static_cast<std::uint64_t>(view_.cols * format_info(view_.format).bytes);
    }
    Backend& backend_;
    DeviceMemory memory_;
    TensorView view_;
};

/// A plain struct that a device fills.
template <class T>
class DeviceRecord {
  public:
    explicit DeviceRecord(Backend& backend) : backend_(backend), memory_(backend, sizeof(T)) {
        const T empty{};
        backend_.upload(memory_.data(), &empty, sizeof(T));
    }
    T* get() { return reinterpret_cast<T*>(memory_.data()); }
    T read() const {
        T copy;
        backend_.download(&copy, memory_.data(), sizeof(T));
        return copy;
    }

  private:
    Backend& backend_;
    DeviceMemory memory_;
};

enum class WeightKeeping : std::uint8_t { master, nearest, stochastic, kahan };

struct UpdateCase {
    OptimizerKind optimizer = OptimizerKind::adam;
    bool has_momentum = true;
    WeightKeeping keeping = WeightKeeping::master;
    Format storage = Format::fp16;
    Format state = Format::fp32;
};

std::vector<UpdateCase> update_cases() {
    std::vector<UpdateCase> cases;
    for (OptimizerKind optimizer : {OptimizerKind::sgd, OptimizerKind::adam, OptimizerKind::adamw})
        for (WeightKeeping keeping :
             {WeightKeeping::master, WeightKeeping::nearest, WeightKeeping::stochastic, WeightKeeping::kahan})
            for (Format storage : {Format::fp16, Format::bf16, Format::e4m3})
                for (Format state : {Format::fp32, Format::fp16})
                    cases.push_back({optimizer, true, keeping, storage, state});
    for (WeightKeeping keeping :
         {WeightKeeping::master, WeightKeeping::nearest, WeightKeeping::stochastic, WeightKeeping::kahan})
        cases.push_back({OptimizerKind::sgd, false, keeping, Format::fp16, Format::fp32});
    return cases;
}

struct UpdateResult {
    std::vector<float> weight, master, moment1, moment2, compensation;
    UpdateCounts counts;
};

/// Three updates of `count` weights with gradients 256 times too large.
UpdateResult run_updates(const UpdateCase& c, Backend& backend, std::int64_t count) {
    constexpr float kScale = 256.0f;
    const std::vector<float> zeros(static_cast<std::size_t>(count));
    const bool is_kahan = c.keeping == WeightKeeping::kahan;
    const std::vector<float> start = normal_values(count, 1);
    DeviceTensor weight(backend, c.storage, start), master(backend, Format::fp32, start);
    DeviceTensor gradient(backend, c.storage, zeros), compensation(backend, c.storage, zeros);
    DeviceTensor moment1(backend, c.state, zeros), moment2(backend, c.state, zeros);
    DeviceRecord<UpdateCounts> counts(backend);
    UpdateCall call;
    call.optimizer.kind = c.optimizer;
    call.optimizer.state_format = c.state;
    call.optimizer.weight_decay = 0.01f;
    call.gradient = gradient.view();
    call.weight = weight.view();
    if (c.keeping == WeightKeeping::master) call.master = master.view();
    if (c.has_momentum) call.moment1 = moment1.view();
    if (c.optimizer != OptimizerKind::sgd) call.moment2 = moment2.view();
    if (is_kahan) call.compensation = compensation.view();
    if (is_kahan) call.rounding = UpdateRounding::kahan;
    if (c.keeping == WeightKeeping::stochastic) call.rounding = UpdateRounding::stochastic;
    call.inverse_scale = 1.0f / kScale;
    call.clip_factor = 0.75f;
    call.random = RandomKey{5, 6, 0};
    call.counts = counts.get();
    double power1 = 1, power2 = 1;
    for (std::uint32_t step = 0; step < 3; ++step) {
        gradient.set(normal_values(count, 2 + step, 0.01f * kScale));
        power1 *= call.optimizer.beta1;
        power2 *= call.optimizer.beta2;
        call.optimizer.bias_correction1 = static_cast<float>(1 - power1);
        call.optimizer.bias_correction2 = static_cast<float>(1 - power2);
        call.decay_order = step == 1 ? UnscaleOrder::before_unscale : UnscaleOrder::after_unscale;
        call.random.step = step;
        backend.update({&call, 1});
    }
    return {weight.values(),  master.values(),       moment1.values(),
            moment2.values(), compensation.values(), counts.read()};
}

void expect_update_agrees(const UpdateCase& c, Backend& other, Backend& cpu, std::int64_t count) {
    const UpdateResult found = run_updates(c, other, count), expected = run_updates(c, cpu, count);
    const std::string what = "optimizer " + std::to_string(static_cast<int>(c.optimizer)) +
                             ", weights kept " + std::to_string(static_cast<int>(c.keeping)) + " in " +
                             format_info(c.storage).name + ", state in " + format_info(c.state).name;
    expect_same(found.weight, expected.weight, what + ", weight");
    expect_same(found.master, expected.master, what + ", master");
    expect_same(found.moment1, expected.moment1, what + ", first moment");
    expect_same(found.moment2, expected.moment2, what + ", second moment");
    expect_same(found.compensation, expected.compensation, what + ", compensation");
    EXPECT_EQ(found.counts.updates, expected.counts.updates) << what;
    EXPECT_EQ(found.counts.swallowed, expected.counts.swallowed) << what;
    expect_same_counts(found.counts.values, expected.counts.values, what);
}

/// Of `count` values converted from FP32 to every format.
void expect_conversions_counted(Backend& other, Backend& cpu, std::size_t count) {
    const std::vector<float> values = values_for_counting(count);
    for (Format format : {Format::fp32, Format::fp16, Format::bf16, Format::e4m3, Format::e5m2}) {
        for (Subnormals subnormals : {Subnormals::keep, Subnormals::flush}) {
            const auto stored = [&](Backend& backend, TensorCounts& counts) {
                DeviceTensor in(backend, Format::fp32, values), out(backend, format, values);
                DeviceRecord<TensorCounts> record(backend);
                TensorView view = out.view();
                view.subnormals = subnormals;
                view.counts = record.get();
                backend.convert(view, in.view());
                counts = record.read();
                return out.values();
            };
            TensorCounts found, expected;
            const std::vector<float> found_values = stored(other, found);
            const std::string what = std::string("stored in ") + format_info(format).name;
            expect_same(found_values, stored(cpu, expected), what);
            expect_same_counts(found, expected, what);
            EXPECT_EQ(found.own.count(), values.size()) << what;
        }
    }
}

/// Gradients of one element, of one chunk, of many, and of more than a block folds at once; some hold what is
/// not finite, some what is not when multiplied by more than 1.
std::vector<DeviceTensor> gradients_to_check(Backend& backend, bool are_finite) {
    constexpr std::int64_t kSizes[] = {1, 31, 16384, 16385, 50000, 2 * 16384, 77};
    constexpr Format kFormats[] = {Format::fp16, Format::fp32, Format::bf16};
    std::vector<DeviceTensor> gradients;
    for (std::uint32_t i = 0; i < 50; ++i) {
        std::vector<float> values = normal_values(i == 40 ? 257 * 16384 + 5 : kSizes[i % 7], i, 3.0f);
        if (!are_finite && i % 3 == 0) values.back() = -INFINITY;
        if (!are_finite && i % 4 == 0) values[values.size() / 2] = NAN;
        if (i % 5 == 1) values[values.size() / 3] = 0x1.8p127f;  // infinite in FP16
        if (are_finite && kFormats[i % 3] == Format::fp16)
            for (float& value : values) value = std::clamp(value, -60000.0f, 60000.0f);
        gradients.emplace_back(backend, kFormats[i % 3], values);
    }
    return gradients;
}

struct Checked {
    std::vector<GradientCheck> checks;
    UpdateDecision decision;
    std::vector<GradientComparison> comparisons;
};

Checked checked(Backend& backend, const UpdateValues& values, bool are_finite) {
    const std::vector<DeviceTensor> gradients = gradients_to_check(backend, are_finite);
    std::vector<DeviceTensor> shadows;
    std::vector<TensorView> views, shadow_views;
    for (const DeviceTensor& gradient : gradients) {
        const auto key = static_cast<std::uint32_t>(1000 + shadows.size());
        shadows.emplace_back(backend, Format::fp32, normal_values(gradient.view().cols, key));
        views.push_back(gradient.view());
    }
    for (const DeviceTensor& shadow : shadows) shadow_views.push_back(shadow.view());
    const DeviceMemory memory(backend, sizeof values);
    backend.upload(memory.data(), &values, sizeof values);
    Checked result;
    backend.begin_check(views, reinterpret_cast<UpdateValues*>(memory.data()));
    result.checks = backend.finish_check(views.size());
    UpdateValues decided;
    backend.download(&decided, memory.data(), sizeof decided);
    result.decision = decided.decision;
    result.comparisons = backend.compare(views, values.inverse_scale, shadow_views);
    return result;
}

bool same(double a, double b) { return bits_of(a) == bits_of(b) || (std::isnan(a) && std::isnan(b)); }

void expect_same_checks(const Checked& found, const Checked& expected) {
    ASSERT_EQ(found.checks.size(), expected.checks.size());
    ASSERT_EQ(found.comparisons.size(), expected.comparisons.size());
    for (std::size_t i = 0; i < expected.checks.size(); ++i) {
        SCOPED_TRACE("gradient " + std::to_string(i));
        EXPECT_EQ(found.checks[i].nonfinite, expected.checks[i].nonfinite);
        EXPECT_EQ(found.checks[i].nonfinite_unscaled, expected.checks[i].nonfinite_unscaled);
        EXPECT_TRUE(same(found.checks[i].sum_of_squares, expected.checks[i].sum_of_squares));
        EXPECT_EQ(found.checks[i].max_abs, expected.checks[i].max_abs);
        const GradientComparison &a = found.comparisons[i], &b = expected.comparisons[i];
        EXPECT_TRUE(same(a.difference_square, b.difference_square));
        EXPECT_TRUE(same(a.gradient_square, b.gradient_square));
        EXPECT_TRUE(same(a.shadow_square, b.shadow_square));
        EXPECT_TRUE(same(a.product, b.product));
    }
    EXPECT_EQ(found.decision.is_skipped, expected.decision.is_skipped);
    EXPECT_EQ(found.decision.is_nonfinite, expected.decision.is_nonfinite);
    EXPECT_TRUE(same(found.decision.clip_factor, expected.decision.clip_factor));
    EXPECT_TRUE(same(found.decision.norm, expected.decision.norm));
}

}  // namespace

void expect_checks_agree(const MakeBackend& make_backend) {
    const std::unique_ptr<Backend> other = make_backend(), cpu = make_cpu_backend(2);
    UpdateValues scaled, small_scale, unheeding;
    scaled.inverse_scale = 0x1p-15f;
    scaled.clip_norm = 1.0f;
    small_scale.inverse_scale = 4.0f;
    unheeding.inverse_scale = 4.0f;
    unheeding.skips_nonfinite = unheeding.sees_unscaled = false;
    unheeding.clip_norm = 2.0f;
    unheeding.norm_factor = 0.25;
    for (const UpdateValues& values : {scaled, small_scale, unheeding}) {
        for (const bool are_finite : {true, false}) {
            SCOPED_TRACE(std::string(are_finite ? "finite" : "not finite") + ", times " +
                         std::to_string(values.inverse_scale));
            expect_same_checks(checked(*other, values, are_finite), checked(*cpu, values, are_finite));
        }
    }
}

void expect_operations_agree(const MakeBackend& make_backend) {
    for (const NamedPolicy& named : policies()) {
        for (const OpCase& op : op_cases()) {
            for (const oracle::Extents& extents : case_extents()) {
                PreparedCase found = prepare(op, extents, named.policy, make_backend());
                PreparedCase expected = prepare(op, extents, named.policy);
                expect_same_passes(*found.harness, *expected.harness,
                                   extents_text(op, extents) + " " + named.name);
                if (testing::Test::HasFatalFailure()) return;
            }
        }
    }
}

void expect_convolutions_agree(const MakeBackend& make_backend) {
    std::mt19937 random(5);
    const auto between = [&](std::int64_t least, std::int64_t most) {
        return least + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most - least + 1));
    };
    const std::vector<NamedPolicy> all = policies();
    for (std::uint32_t round = 0; round < 180; ++round) {
        // Then windows whose taps share pixels, in threes, with any number of threads; and such of them as
        // begin behind a line's last position.
        const bool shares = round >= 120, is_behind = shares && round % 3 == 0;
        Conv2d conv;
        conv.out_channels = between(1, shares ? 70 : 40);
        conv.kernel = is_behind ? between(7, 11) : shares ? 3 : between(1, 5);
        conv.stride = shares ? 1 : between(1, 4);
        conv.padding = between(0, conv.kernel - 1);
        std::int64_t most_columns = shares ? 45 : 21;
        if (is_behind) {
            most_columns = between(1, 4);
            conv.padding = conv.kernel - 2 - most_columns;
        }
        const std::int64_t least = std::max<std::int64_t>(1, conv.kernel - 2 * conv.padding);
        const Shape pictures{between(1, 5), between(least, shares ? least + 7 : 21),
                             between(is_behind ? most_columns : least, most_columns), between(1, 36)};
        const int threads = shares ? static_cast<int>(between(1, 5)) : 2;
        const NamedPolicy& named = all[round % all.size()];
        const auto convolution = [&](std::unique_ptr<Backend> backend) {
            GraphBuilder builder;
            const TensorId x = builder.parameter("x", pictures, Initializer::constant(0.0f));
            builder.conv2d("conv", x, conv);
            OpHarness harness(builder.finish(), named.policy, std::move(backend));
            harness.set_value(x, normal_values(pictures.elements(), 3 * round));
            const TensorId weight = harness.node().inputs[1], y = harness.node().output;
            std::vector<float> weights =
                normal_values(harness.graph().tensor(weight).shape.elements(), 3 * round + 1, 0.3f);
            if (round % 4 == 0) weights[weights.size() / 2] = INFINITY;
            harness.set_value(weight, weights);
            // As behind a ReLU: zeros of both signs among the numbers.
            std::vector<float> dy = normal_values(harness.graph().tensor(y).shape.elements(), 3 * round + 2);
            for (std::size_t i = 0; i < dy.size(); i += 3) dy[i] = i % 2 == 0 ? 0.0f : -0.0f;
            // At the edge of a picture, where it meets the padding.
            if (round % 4 == 1) dy.front() = round % 8 == 1 ? INFINITY : NAN;
            harness.set_output_gradient(dy);
            return harness;
        };
        OpHarness found = convolution(make_backend()), expected = convolution(make_cpu_backend(threads));
        std::string what = std::string(named.name) + " kernel " + std::to_string(conv.kernel) + " stride " +
                           std::to_string(conv.stride) + " padding " + std::to_string(conv.padding) + " to " +
                           std::to_string(conv.out_channels) + " channels, pictures";
        for (const std::int64_t extent : pictures.extents) what += " " + std::to_string(extent);
        expect_same_passes(found, expected, what);
        if (testing::Test::HasFatalFailure()) return;
    }
}

void expect_dropout_agrees(const MakeBackend& make_backend) {
    for (Format format : {Format::fp32, Format::fp16}) {
        for (float probability : {0.0f, 0.1f, 0.5f}) {
            const auto dropout = [&](std::unique_ptr<Backend> backend) {
                GraphBuilder builder;
                const TensorId x = builder.parameter("x", {40, 61}, Initializer::constant(0.0f));
                builder.dropout("drop", x, probability);
                OpHarness harness(builder.finish(), stored_in(format), std::move(backend));
                harness.set_value(x, normal_values(40 * 61, 1));
                harness.set_output_gradient(normal_values(40 * 61, 2));
                return harness;
            };
            OpHarness found = dropout(make_backend()), expected = dropout(make_cpu_backend(2));
            expect_same_passes(found, expected, "dropout " + std::to_string(probability));
        }
    }
}

void expect_updates_agree(const MakeBackend& make_backend) {
    const std::unique_ptr<Backend> other = make_backend(), cpu = make_cpu_backend(2);
    for (const UpdateCase& c : update_cases()) expect_update_agrees(c, *other, *cpu, 700);
}

void expect_counts_agree(const MakeBackend& make_backend) {
    const std::unique_ptr<Backend> other = make_backend(), cpu = make_cpu_backend(2);
    expect_conversions_counted(*other, *cpu, 3000);
}

void expect_large_tensors_agree(const MakeBackend& make_backend) {
    constexpr std::int64_t kMany = (std::int64_t{1} << 19) + 3;
    const auto is_element_wise = [](OpKind op) {
        return op != OpKind::linear && op != OpKind::embedding && op != OpKind::gru && op != OpKind::conv2d &&
               op != OpKind::max_pool && op != OpKind::average_pool;
    };
    for (const NamedPolicy& named : policies()) {
        for (const OpCase& op : op_cases()) {
            if (!is_element_wise(op.op)) continue;
            // Rows of whole vectors, and rows of none.
            for (const oracle::Extents& extents :
                 {oracle::Extents{kMany / 8 + 1, 1, 8, 3}, oracle::Extents{kMany / 9 + 1, 1, 9, 3}}) {
                PreparedCase found = prepare(op, extents, named.policy, make_backend());
                PreparedCase expected = prepare(op, extents, named.policy);
                expect_same_passes(*found.harness, *expected.harness,
                                   extents_text(op, extents) + " " + named.name);
                if (testing::Test::HasFatalFailure()) return;
            }
        }
    }
    const std::unique_ptr<Backend> other = make_backend(), cpu = make_cpu_backend(2);
    expect_conversions_counted(*other, *cpu, static_cast<std::size_t>(kMany));
    for (const UpdateCase& c : update_cases())
        if (c.storage == Format::fp16) expect_update_agrees(c, *other, *cpu, kMany);
}

void expect_crowded_counts_agree(const MakeBackend& make_backend) {
    // A CUDA device counts with 528 blocks of 256 threads at most, and each thread in fields of eight bits.
    constexpr std::size_t kCount = std::size_t{528} * 256 * 258;
    std::vector<float> values(kCount, 1.5f);
    for (std::size_t i = 0; i < kCount; i += 1001) values[i] = i % 2 == 0 ? 0.0f : INFINITY;
    const std::unique_ptr<Backend> other = make_backend(), cpu = make_cpu_backend(2);
    for (const Format format : {Format::fp16, Format::e5m2}) {
        const auto counted = [&](Backend& backend) {
            const DeviceTensor in(backend, Format::e5m2, values);
            const DeviceMemory memory(backend,
                                      kCount * static_cast<std::uint64_t>(format_info(format).bytes));
            DeviceRecord<TensorCounts> record(backend);
            TensorView out = in.view();
            out.data = memory.data();
            out.format = format;
            out.counts = record.get();
            backend.convert(out, in.view());
            return record.read();
        };
        expect_same_counts(counted(*other), counted(*cpu), format_info(format).name);
    }
}

void expect_tall_tensors_agree(const MakeBackend& make_backend) {
    constexpr std::int64_t kRows = 65536 * 256 + 1;
    const auto linear = [](std::unique_ptr<Backend> backend) {
        GraphBuilder builder;
        const TensorId x = builder.parameter("x", {kRows, 1}, Initializer::constant(0.0f));
        builder.linear("fc", x, 2, WeightInit::fan_in_uniform);
        OpHarness harness(builder.finish(), stored_in(Format::fp32), std::move(backend));
        harness.set_value(x, normal_values(kRows, 1));
        harness.set_value(harness.node().inputs[1], {0.3f, -1.7f});
        harness.set_value(harness.node().inputs[2], {1.0f, 0.25f});
        harness.set_output_gradient(normal_values(2 * kRows, 2));
        return harness;
    };
    OpHarness found = linear(make_backend()), expected = linear(make_cpu_backend(2));
    expect_same_passes(found, expected, "a linear layer of many rows");
}

}  // namespace halfscope
