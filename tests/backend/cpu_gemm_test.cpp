// The matrix product against the plain triple loop: the same bits for every shape, transpose, stride, format,
// thread count and accumulation.
#include "backend/cpu_gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "backend/cpu_convert.h"
#include "numerics/rounding.h"

namespace halfscope {
namespace {

/// A matrix in storage with its exact values beside it.
struct StoredMatrix {
    std::vector<uint32_t> storage;  // codes of 1, 2 or 4 bytes, aligned for all of them
    std::vector<float> values;
    MatrixView view;
};

StoredMatrix store_matrix(const std::vector<float>& values, int64_t rows, int64_t cols, int64_t stride,
                          Format format) {
    StoredMatrix matrix;
    matrix.storage.resize(values.size() + 1);
    matrix.values.resize(values.size());
    const int64_t count = static_cast<int64_t>(values.size());
    narrow(format, values.data(), matrix.storage.data(), count, Subnormals::keep);
    widen(format, matrix.storage.data(), matrix.values.data(), count);
    matrix.view = {matrix.storage.data(), format, rows, cols, stride};
    return matrix;
}

/// Values of widely different size, so that another order of the additions gives other bits.
std::vector<float> random_values(size_t count, std::mt19937& generator) {
    std::vector<float> values(count);
    for (float& value : values) {
        const float mantissa = static_cast<float>(static_cast<int32_t>(generator())) * 0x1p-31f;
        value = std::ldexp(mantissa, static_cast<int>(generator() % 9) - 4);
    }
    return values;
}

struct Case {
    int64_t m, n, k;
    Transpose transpose_a = Transpose::no;
    Transpose transpose_b = Transpose::no;
    Format format_a = Format::fp32;
    Format format_b = Format::fp32;
    Accumulate accumulate = Accumulate::fp32;
    Format operand_format = Format::fp32;
    int64_t padding = 0;
};

std::string describe(const Case& c) {
    return std::to_string(c.m) + "x" + std::to_string(c.n) + "x" + std::to_string(c.k) + " transpose " +
           std::to_string(c.transpose_a == Transpose::yes) + std::to_string(c.transpose_b == Transpose::yes) +
           " " + format_info(c.format_a).name + "*" + format_info(c.format_b).name + " operands " +
           format_info(c.operand_format).name + (c.accumulate == Accumulate::fp16 ? " accumulate fp16" : "");
}

struct Problem {
    StoredMatrix a, b;
    GemmArguments arguments;
};

Problem make_problem(const Case& c, uint32_t seed) {
    std::mt19937 generator(seed);
    const bool at = c.transpose_a == Transpose::yes;
    const bool bt = c.transpose_b == Transpose::yes;
    const auto make = [&](int64_t rows, int64_t cols, Format format) {
        const int64_t stride = cols + c.padding;
        std::vector<float> values = random_values(static_cast<size_t>(rows * stride), generator);
        // What lies between the rows must not matter.
        for (int64_t r = 0; r < rows; ++r) {
            for (int64_t p = cols; p < stride; ++p)
                values[static_cast<size_t>(r * stride + p)] = std::nanf("");
        }
        return store_matrix(values, rows, cols, stride, format);
    };
    Problem problem;
    problem.a = make(at ? c.k : c.m, at ? c.m : c.k, c.format_a);
    problem.b = make(bt ? c.n : c.k, bt ? c.k : c.n, c.format_b);
    problem.arguments = {problem.a.view, problem.b.view,  c.transpose_a, c.transpose_b, c.m, c.n, c.k,
                         c.accumulate,   c.operand_format};
    return problem;
}

float element(const StoredMatrix& matrix, Transpose transpose, int64_t row, int64_t col) {
    if (transpose == Transpose::yes) std::swap(row, col);
    return matrix.values[static_cast<size_t>(row * matrix.view.row_stride + col)];
}

/// The definition of the product, term by term.
std::vector<float> naive_product(const Problem& problem) {
    const GemmArguments& g = problem.arguments;
    std::vector<float> c(static_cast<size_t>(g.m * g.n));
    const auto operand = [&](float x) {
        return g.operand_format == Format::tf32 ? round_to(Format::tf32, x) : x;
    };
    for (int64_t i = 0; i < g.m; ++i) {
        for (int64_t j = 0; j < g.n; ++j) {
            float sum = 0.0f;
            for (int64_t p = 0; p < g.k; ++p) {
                sum = std::fma(operand(element(problem.a, g.transpose_a, i, p)),
                               operand(element(problem.b, g.transpose_b, p, j)), sum);
                const bool block_ends = p % 16 == 15 || p + 1 == g.k;
                if (g.accumulate == Accumulate::fp16 && block_ends) sum = round_to_fp16(sum);
            }
            c[static_cast<size_t>(i * g.n + j)] = sum;
        }
    }
    return c;
}

/// Takes the parts of a product; fails where an element is delivered twice, never, or outside C.
class Collector {
  public:
    explicit Collector(const GemmArguments& g)
        : g_(g), c_(static_cast<size_t>(g.m * g.n)), deliveries_(c_.size(), 0) {}

    void operator()(const GemmBlock& block) {
        const bool inside = block.row >= 0 && block.rows > 0 && block.row + block.rows <= g_.m &&
                            block.col >= 0 && block.cols > 0 && block.col + block.cols <= g_.n;
        if (!inside) {
            bad_blocks_.fetch_add(1);
            return;
        }
        for (int64_t i = 0; i < block.rows * block.cols; ++i) {
            const int64_t r = i / block.cols, j = i % block.cols;
            const size_t at = static_cast<size_t>((block.row + r) * g_.n + block.col + j);
            c_[at] = block.sums[r * block.pitch + j];
            ++deliveries_[at];
        }
    }

    std::vector<float> result() const {
        EXPECT_EQ(bad_blocks_.load(), 0);
        EXPECT_TRUE(
            std::all_of(deliveries_.begin(), deliveries_.end(), [](int times) { return times == 1; }));
        return c_;
    }

  private:
    GemmArguments g_;
    std::vector<float> c_;
    std::vector<int> deliveries_;
    std::atomic<int> bad_blocks_{0};
};

std::vector<float> product(ThreadPool& pool, const GemmArguments& g) {
    Collector collector(g);
    cpu_gemm(pool, g, collector);
    return collector.result();
}

/// Equal bits, where any NaN equals any other: which operand's payload survives is the processor's choice.
void expect_same(const std::vector<float>& actual, const std::vector<float>& expected,
                 const std::string& what) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i) {
        if (std::isnan(expected[i]) && std::isnan(actual[i])) continue;
        ASSERT_EQ(std::bit_cast<uint32_t>(actual[i]), std::bit_cast<uint32_t>(expected[i]))
            << what << ": element " << i << " is " << actual[i] << ", not " << expected[i];
    }
}

void check(ThreadPool& pool, const Case& c, uint32_t seed = 1) {
    const Problem problem = make_problem(c, seed);
    expect_same(product(pool, problem.arguments), naive_product(problem), describe(c));
}

constexpr Transpose kTransposes[] = {Transpose::no, Transpose::yes};
constexpr Accumulate kAccumulations[] = {Accumulate::fp32, Accumulate::fp16};

/// Small odd shapes, tile edges, several blocks of C and several passes over k.
constexpr int64_t kShapes[][3] = {
    {1, 1, 1},    {1, 1, 17},   {2, 3, 2},     {3, 2, 5},     {5, 7, 16},    {13, 15, 31},   {14, 16, 32},
    {14, 32, 33}, {15, 33, 48}, {16, 288, 96}, {17, 31, 383}, {29, 65, 384}, {31, 17, 385},  {64, 10, 256},
    {64, 3, 100}, {1, 300, 50}, {300, 1, 50},  {253, 40, 20}, {40, 257, 20}, {33, 35, 1000}, {260, 270, 400}};

TEST(CpuGemm, EqualsTheTripleLoopForAllShapesAndTransposes) {
    ThreadPool pool(2);
    for (const auto& shape : kShapes) {
        for (const Transpose ta : kTransposes) {
            for (const Transpose tb : kTransposes) {
                for (const Accumulate accumulate : kAccumulations) {
                    Case c{shape[0], shape[1], shape[2], ta, tb};
                    c.accumulate = accumulate;
                    c.padding = shape[0] % 3;
                    check(pool, c);
                    if (HasFatalFailure()) return;
                }
            }
        }
    }
}

TEST(CpuGemm, EqualsTheTripleLoopForRandomShapes) {
    ThreadPool pool(3);
    std::mt19937 generator(11);
    const auto extent = [&](uint32_t most) { return static_cast<int64_t>(1 + generator() % most); };
    constexpr Format kStored[] = {Format::fp32, Format::fp16, Format::bf16, Format::e4m3, Format::e5m2};
    for (uint32_t round = 0; round < 200; ++round) {
        Case c{extent(60), extent(80), extent(120)};
        c.transpose_a = kTransposes[generator() % 2];
        c.transpose_b = kTransposes[generator() % 2];
        c.format_a = kStored[generator() % 5];
        c.format_b = kStored[generator() % 5];
        c.accumulate = kAccumulations[generator() % 2];
        c.padding = static_cast<int64_t>(generator() % 9);
        check(pool, c, round);
        if (HasFatalFailure()) return;
    }
}

/// The product built up in place, rows `gap` apart beyond n, and a bias added; fails where a gap was touched.
std::vector<float> product_in_place(ThreadPool& pool, GemmArguments g, int64_t gap,
                                    const std::vector<float>& bias) {
    std::vector<float> memory(static_cast<size_t>(g.m * (g.n + gap)), -7.0f);
    g.c = memory.data();
    g.c_pitch = g.n + gap;
    if (!bias.empty()) g.bias = bias.data();
    const std::vector<float> delivered = product(pool, g);
    std::vector<float> c;
    for (int64_t r = 0; r < g.m; ++r) {
        const auto row = memory.begin() + r * g.c_pitch;
        c.insert(c.end(), row, row + g.n);
        EXPECT_TRUE(std::all_of(row + g.n, row + g.c_pitch, [](float x) { return x == -7.0f; }));
    }
    expect_same(delivered, c, "what the sink got");
    return c;
}

TEST(CpuGemm, BuildsUpInPlaceWithABias) {
    ThreadPool pool(2);
    std::mt19937 generator(17);
    const int64_t multiple = gemm_column_multiple();
    for (const auto& shape : kShapes) {
        for (const Transpose ta : kTransposes) {
            for (const Accumulate accumulate : kAccumulations) {
                Case c{shape[0], (shape[1] + multiple - 1) / multiple * multiple, shape[2], ta};
                c.accumulate = accumulate;
                c.padding = shape[2] % 4;
                const Problem problem = make_problem(c, 1);
                std::vector<float> expected = naive_product(problem);
                expect_same(product_in_place(pool, problem.arguments, 0, {}), expected, describe(c));
                const std::vector<float> bias = random_values(static_cast<size_t>(c.n), generator);
                for (size_t i = 0; i < expected.size(); ++i) expected[i] += bias[i % bias.size()];
                expect_same(product_in_place(pool, problem.arguments, 3, bias), expected, describe(c));
                if (HasFatalFailure()) return;
            }
        }
    }
}

TEST(CpuGemm, RefusesToBuildUpWhereItCannot) {
    ThreadPool pool(1);
    const int64_t n = gemm_column_multiple();
    std::vector<float> c(static_cast<size_t>(4 * n + 4)), bias(static_cast<size_t>(n));
    const auto run = [&](int64_t columns, float* place, int64_t pitch, const float* added) {
        const Problem problem = make_problem({4, columns, 6}, 1);
        GemmArguments g = problem.arguments;
        g.c = place;
        g.c_pitch = pitch;
        g.bias = added;
        cpu_gemm(pool, g, [](const GemmBlock&) {});
    };
    EXPECT_NO_THROW(run(n, c.data(), n + 1, bias.data()));
    EXPECT_THROW(run(n, c.data(), n - 1, nullptr), std::invalid_argument);
    EXPECT_THROW(run(n - 1, c.data(), n, nullptr), std::invalid_argument);
    EXPECT_THROW(run(n, nullptr, 0, bias.data()), std::invalid_argument)
        << "a bias is for a product in place";
}

TEST(CpuGemm, WidensEveryFormat) {
    ThreadPool pool(1);
    for (const Format format : {Format::fp16, Format::bf16, Format::e4m3, Format::e5m2}) {
        for (const Transpose transpose : kTransposes) {
            check(pool, {37, 45, 67, transpose, transpose, format, format});
            check(pool, {37, 45, 67, transpose, transpose, format, Format::fp32});
            if (HasFatalFailure()) return;
        }
    }
}

TEST(CpuGemm, RoundsOperandsToTf32WhenAsked) {
    ThreadPool pool(2);
    for (const Transpose transpose : kTransposes) {
        Case c{50, 60, 70, transpose, transpose};
        c.operand_format = Format::tf32;
        check(pool, c);
        const Problem rounded = make_problem(c, 1);
        Problem plain = make_problem(c, 1);
        plain.arguments.operand_format = Format::fp32;
        EXPECT_NE(product(pool, rounded.arguments), product(pool, plain.arguments));
    }
}

TEST(CpuGemm, DoesNotDependOnTheThreads) {
    for (const Accumulate accumulate : kAccumulations) {
        for (const auto& shape : {std::array<int64_t, 3>{300, 310, 500}, {2000, 32, 32}, {32, 32, 3000}}) {
            Case c{shape[0], shape[1], shape[2], Transpose::yes, Transpose::no, Format::fp16, Format::fp16};
            c.accumulate = accumulate;
            const Problem problem = make_problem(c, 3);
            ThreadPool one(1);
            const std::vector<float> expected = product(one, problem.arguments);
            for (const int threads : {2, 3, 5}) {
                ThreadPool pool(threads);
                expect_same(product(pool, problem.arguments), expected, describe(c));
            }
        }
    }
}

/// Few sums over many steps: threads take turns at each sum (relay.h).
TEST(CpuGemm, DoesNotDependOnTheThreadsThatShareASum) {
    const int64_t multiple = gemm_column_multiple();
    for (const Format format : {Format::fp32, Format::fp16}) {
        for (const Accumulate accumulate : kAccumulations) {
            for (const auto& shape : {std::array<int64_t, 3>{32, 2 * multiple, 3072},
                                      {41, 33, 7777},
                                      {128, multiple, 6200},
                                      {200, 130, 3100}}) {
                Case c{shape[0], shape[1], shape[2], Transpose::yes, Transpose::no, format, format};
                c.accumulate = accumulate;
                const Problem problem = make_problem(c, 7);
                ThreadPool one(1);
                const std::vector<float> expected = product(one, problem.arguments);
                for (const int threads : {2, 3, 4, 5}) {
                    ThreadPool pool(threads);
                    expect_same(product(pool, problem.arguments), expected, describe(c));
                    if (c.n % multiple == 0)
                        expect_same(product_in_place(pool, problem.arguments, 5, {}), expected, describe(c));
                }
            }
        }
    }
}

/// A pair as a layer has it, dy [rows, out]: dx [rows, in] = dy W and dW [out, in] = dy^T x.
struct LayerPair {
    Problem dx, dw;
};

LayerPair make_pair_of_a_layer(int64_t rows, int64_t out, int64_t in, Format format, Accumulate accumulate,
                               Format operands = Format::fp32) {
    Case dx{rows, in, out, Transpose::no, Transpose::no, format, format, accumulate, operands};
    Case dw{out, in, rows, Transpose::yes, Transpose::no, format, format, accumulate, operands};
    dw.padding = 2;
    return {make_problem(dx, 21), make_problem(dw, 22)};
}

/// Both products worked as a pair; where it can, the second is built up in place.
void check_pair(ThreadPool& pool, const LayerPair& pair, const std::vector<float>& dx,
                const std::vector<float>& dw, const std::string& what) {
    GemmArguments second = pair.dw.arguments;
    std::vector<float> memory(static_cast<size_t>(second.m * second.n));
    for (const bool in_place : {false, true}) {
        if (in_place && second.n % gemm_column_multiple() != 0) continue;
        second.c = in_place ? memory.data() : nullptr;
        second.c_pitch = second.n;
        Collector one(pair.dx.arguments), other(second);
        cpu_gemm_pair(pool, pair.dx.arguments, one, second, other);
        expect_same(one.result(), dx, what + " dx");
        expect_same(other.result(), dw, what + " dW");
        if (in_place) expect_same(memory, dw, what + " dW in place");
    }
}

TEST(CpuGemm, APairHasTheBitsOfTwoProducts) {
    // Rows, outputs, inputs: for a relay beside blocks, and for neither.
    constexpr int64_t kLayers[][3] = {{3072, 32, 32},  {1600, 20, 17}, {1555, 128, 128}, {2000, 4, 250},
                                      {1700, 20, 600}, {1600, 33, 5},  {4000, 3, 32},    {20, 30, 40},
                                      {900, 400, 32},  {1, 1, 1},      {1600, 200, 100}};
    for (const Format format : {Format::fp32, Format::fp16}) {
        for (const Accumulate accumulate : kAccumulations) {
            for (const auto& layer : kLayers) {
                const LayerPair pair = make_pair_of_a_layer(layer[0], layer[1], layer[2], format, accumulate);
                const std::vector<float> dx = naive_product(pair.dx), dw = naive_product(pair.dw);
                const std::string what = std::to_string(layer[0]) + "x" + std::to_string(layer[1]) + "x" +
                                         std::to_string(layer[2]) + " " + format_info(format).name;
                for (const int threads : {1, 2, 3, 4, 5}) {
                    ThreadPool pool(threads);
                    check_pair(pool, pair, dx, dw, what + " threads " + std::to_string(threads));
                    if (HasFailure()) return;
                }
            }
        }
    }
}

TEST(CpuGemm, APairRoundsItsOperandsToTf32WhenAsked) {
    ThreadPool pool(2);
    const LayerPair pair = make_pair_of_a_layer(1600, 32, 48, Format::fp32, Accumulate::fp32, Format::tf32);
    check_pair(pool, pair, naive_product(pair.dx), naive_product(pair.dw), "tf32");
}

TEST(CpuGemm, APairRunsInsideABodyOfThePool) {
    ThreadPool pool(3);
    const LayerPair pair = make_pair_of_a_layer(1600, 32, 32, Format::fp16, Accumulate::fp32);
    const std::vector<float> dx = naive_product(pair.dx), dw = naive_product(pair.dw);
    pool.parallel_for(6, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) check_pair(pool, pair, dx, dw, "inside");
    });
}

TEST(CpuGemm, WhatASinkThrowsEndsAPair) {
    ThreadPool pool(2);
    const LayerPair pair = make_pair_of_a_layer(3072, 32, 32, Format::fp32, Accumulate::fp32);
    const auto takes = [](const GemmBlock&) {};
    const auto falls = [](const GemmBlock&) { throw std::runtime_error("fell"); };
    const GemmArguments &dx = pair.dx.arguments, &dw = pair.dw.arguments;
    for (int round = 0; round < 20; ++round) {
        EXPECT_THROW(cpu_gemm_pair(pool, dx, falls, dw, takes), std::runtime_error);
        EXPECT_THROW(cpu_gemm_pair(pool, dx, takes, dw, falls), std::runtime_error);
    }
    check_pair(pool, pair, naive_product(pair.dx), naive_product(pair.dw), "afterwards");
}

TEST(CpuGemm, APairOfWhichOneDoesNotFitIsNotBegun) {
    ThreadPool pool(2);
    LayerPair pair = make_pair_of_a_layer(1600, 32, 32, Format::fp32, Accumulate::fp32);
    pair.dw.arguments.k -= 1;
    const auto begun = [](const GemmBlock&) { ADD_FAILURE() << "begun"; };
    EXPECT_THROW(cpu_gemm_pair(pool, pair.dx.arguments, begun, pair.dw.arguments, begun),
                 std::invalid_argument);
}

TEST(CpuGemm, RunsInsideABodyOfThePool) {
    ThreadPool pool(3);
    const Case c{64, 64, 64};
    const Problem problem = make_problem(c, 5);
    const std::vector<float> expected = naive_product(problem);
    std::vector<std::vector<float>> results(8);
    pool.parallel_for(8, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            results[static_cast<size_t>(i)] = product(pool, problem.arguments);
    });
    for (const std::vector<float>& result : results) expect_same(result, expected, describe(c));
}

TEST(CpuGemm, Fp16SumsStallWhereFp16Does) {
    // Blocks of 16 ones are exact until the spacing of FP16 exceeds 16, that is below 32768.
    ThreadPool pool(1);
    const auto sum_of = [&](float value, int64_t k) {
        const std::vector<float> ones(static_cast<size_t>(k), 1.0f);
        const std::vector<float> values(static_cast<size_t>(k), value);
        const StoredMatrix a = store_matrix(values, 1, k, k, Format::fp16);
        const StoredMatrix b = store_matrix(ones, k, 1, 1, Format::fp16);
        const GemmArguments g{a.view, b.view, Transpose::no, Transpose::no, 1, 1, k, Accumulate::fp16};
        return product(pool, g)[0];
    };
    EXPECT_EQ(sum_of(1.0f, 4096), 4096.0f);
    EXPECT_EQ(sum_of(1.0f, 40960), 32768.0f);  // half a spacing is a tie, to even: the sum stalls
    EXPECT_TRUE(std::isinf(sum_of(64.0f, 2048)));
}

TEST(CpuGemm, NanAndInfinityPropagateToTheirOwnElementsOnly) {
    ThreadPool pool(1);
    for (const Accumulate accumulate : kAccumulations) {
        const int64_t size = 40;
        std::vector<float> a(static_cast<size_t>(size * size), 1.0f);
        const std::vector<float> b(static_cast<size_t>(size * size), 1.0f);
        a[3 * 40 + 7] = std::numeric_limits<float>::quiet_NaN();
        a[5 * 40 + 1] = std::numeric_limits<float>::infinity();
        a[9 * 40 + 1] = std::numeric_limits<float>::infinity();
        a[9 * 40 + 2] = -std::numeric_limits<float>::infinity();
        const StoredMatrix stored_a = store_matrix(a, size, size, size, Format::fp16);
        const StoredMatrix stored_b = store_matrix(b, size, size, size, Format::fp16);
        const GemmArguments g{stored_a.view, stored_b.view, Transpose::no, Transpose::no,
                              size,          size,          size,          accumulate};
        const std::vector<float> c = product(pool, g);
        for (int64_t i = 0; i < size; ++i) {
            for (int64_t j = 0; j < size; ++j) {
                const float value = c[static_cast<size_t>(i * size + j)];
                if (i == 3 || i == 9) {
                    ASSERT_TRUE(std::isnan(value)) << i;
                } else if (i == 5) {
                    ASSERT_EQ(value, std::numeric_limits<float>::infinity());
                } else {
                    ASSERT_EQ(value, 40.0f) << i;
                }
            }
        }
    }
}

TEST(CpuGemm, NoProductsGivePositiveZero) {
    ThreadPool pool(2);
    const GemmArguments g{{nullptr, Format::fp32, 3, 0, 0},
                          {nullptr, Format::fp32, 0, 5, 5},
                          Transpose::no,
                          Transpose::no,
                          3,
                          5,
                          0};
    for (const float value : product(pool, g)) EXPECT_EQ(std::bit_cast<uint32_t>(value), 0u);
}

TEST(CpuGemm, ARowStrideOfZeroRepeatsTheRow) {
    ThreadPool pool(1);
    const std::vector<float> row = {1.0f, 2.0f, 3.0f};
    const std::vector<float> column = {1.0f, 10.0f, 100.0f};
    const GemmArguments g{{row.data(), Format::fp32, 4, 3, 0},
                          {column.data(), Format::fp32, 3, 1, 1},
                          Transpose::no,
                          Transpose::no,
                          4,
                          1,
                          3};
    for (const float value : product(pool, g)) EXPECT_EQ(value, 321.0f);
}

TEST(CpuGemm, RefusesViewsThatDoNotFit) {
    ThreadPool pool(1);
    const Problem problem = make_problem({4, 5, 6}, 1);
    const auto run = [&](auto change) {
        GemmArguments g = problem.arguments;
        change(g);
        cpu_gemm(pool, g, [](const GemmBlock&) {});
    };
    EXPECT_NO_THROW(run([](GemmArguments&) {}));
    EXPECT_THROW(run([](GemmArguments& g) { g.m = 3; }), std::invalid_argument);
    EXPECT_THROW(run([](GemmArguments& g) { g.transpose_b = Transpose::yes; }), std::invalid_argument);
    EXPECT_THROW(run([](GemmArguments& g) { g.k = -1; }), std::invalid_argument);
    EXPECT_THROW(run([](GemmArguments& g) { g.b.data = nullptr; }), std::invalid_argument);
}

}  // namespace
}  // namespace halfscope
