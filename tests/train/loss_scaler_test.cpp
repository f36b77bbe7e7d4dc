#include "train/loss_scaler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace halfscope {
namespace {

constexpr ScalerKind kAllKinds[] = {ScalerKind::custom,
                                    ScalerKind::pytorch,
                                    ScalerKind::apex,
                                    ScalerKind::keras,
                                    ScalerKind::openseq2seq_backoff,
                                    ScalerKind::logmax,
                                    ScalerKind::fairseq,
                                    ScalerKind::megatron,
                                    ScalerKind::deepspeed};

float two(int exponent) { return std::ldexp(1.0f, exponent); }

struct PresetRow {
    ScalerKind kind;
    float initial, growth, backoff;
    int interval;
    float floor, cap;
    int hysteresis;
    AtFloor at_floor;
};

// The table of numerics.md, by hand.
TEST(LossScaler, PresetsAreThoseOfTheFrameworks) {
    const PresetRow rows[] = {
        {ScalerKind::custom, 32768.0f, 2, 0.5f, 100, 0, 16777216.0f, 1, AtFloor::stay},
        {ScalerKind::pytorch, 65536.0f, 2, 0.5f, 2000, 0, 0, 1, AtFloor::stay},
        {ScalerKind::apex, 65536.0f, 2, 0.5f, 2000, 0, 16777216.0f, 1, AtFloor::stay},
        {ScalerKind::keras, 32768.0f, 2, 0.5f, 2000, 0, 0, 1, AtFloor::stay},
        {ScalerKind::openseq2seq_backoff, 16384.0f, 2, 0.5f, 2000, 1, 16384.0f, 1, AtFloor::stay},
        {ScalerKind::logmax, 1.0f, 2, 0.5f, 2000, 1, 16384.0f, 1, AtFloor::stay},
        {ScalerKind::fairseq, 32768.0f, 2, 0.5f, 2000, 1e-4f, 0, 1, AtFloor::error},
        {ScalerKind::megatron, 4294967296.0f, 2, 0.5f, 1000, 1, 0, 2, AtFloor::stay},
        {ScalerKind::deepspeed, 4294967296.0f, 2, 0.5f, 1000, 1, 0, 1, AtFloor::error},
    };
    for (const PresetRow& row : rows) {
        const ScalerRules expected{row.kind,       LossScaling::dynamic, row.initial, row.growth,
                                   row.backoff,    row.interval,         row.floor,   row.cap,
                                   row.hysteresis, row.at_floor};
        EXPECT_EQ(scaler_preset(row.kind), expected) << static_cast<int>(row.kind);
        EXPECT_EQ(initial_scaler_state(expected).scale, row.initial);
    }
}

struct OverflowRow {
    ScalerKind kind;
    int first_exponent;   // log2 of the initial scale
    int first_backoff;    // which overflow backs off first, counted from 1
    int lowest_exponent;  // log2 of the scale that is never left downwards
    int first_error;      // which overflow reports the floor; 0: none
};

TEST(LossScaler, FortyOverflowsInARow) {
    const OverflowRow rows[] = {
        {ScalerKind::custom, 15, 1, -1000, 0},
        {ScalerKind::pytorch, 16, 1, -1000, 0},
        {ScalerKind::apex, 16, 1, -1000, 0},
        {ScalerKind::keras, 15, 1, -1000, 0},
        {ScalerKind::openseq2seq_backoff, 14, 1, 0, 0},
        {ScalerKind::fairseq, 15, 1, -13, 29},  // 2^-14 = 6.1e-5 would be below 1e-4: refused at the 29th
        {ScalerKind::megatron, 32, 2, 0, 0},    // the first overflow only uses up the hysteresis
        {ScalerKind::deepspeed, 32, 1, 0, 33},  // reaches 1 at the 32nd
    };
    for (const OverflowRow& row : rows) {
        const ScalerRules rules = scaler_preset(row.kind);
        ScalerState state = initial_scaler_state(rules);
        for (int overflow = 1; overflow <= 40; ++overflow) {
            const float before = state.scale;
            const ScaleChange change = advance(rules, state, true, 1.0f);
            const int exponent = std::max(row.first_exponent - std::max(overflow - row.first_backoff + 1, 0),
                                          row.lowest_exponent);
            ASSERT_EQ(state.scale, two(exponent)) << static_cast<int>(row.kind) << " overflow " << overflow;
            const bool fails = row.first_error != 0 && overflow >= row.first_error;
            const ScaleChange expected = fails                  ? ScaleChange::floor_error
                                         : state.scale < before ? ScaleChange::backoff
                                                                : ScaleChange::none;
            ASSERT_EQ(change, expected) << static_cast<int>(row.kind) << " overflow " << overflow;
        }
    }
}

TEST(LossScaler, GrowsExactlyAtTheInterval) {
    for (ScalerKind kind : kAllKinds) {
        if (kind == ScalerKind::logmax) continue;
        const ScalerRules rules = scaler_preset(kind);
        ScalerState state = initial_scaler_state(rules);
        // One overflow first (two for Megatron), so that OpenSeq2Seq leaves its cap.
        for (int i = 0; i < rules.hysteresis; ++i) advance(rules, state, true, 1.0f);
        const float low = state.scale;
        ASSERT_LT(low, rules.initial_scale);
        for (int good = 1; good < rules.growth_interval; ++good) {
            ASSERT_EQ(advance(rules, state, false, 1.0f), ScaleChange::none)
                << static_cast<int>(kind) << " " << good;
        }
        ASSERT_EQ(steps_until_growth(rules, state), 1);
        EXPECT_EQ(advance(rules, state, false, 1.0f), ScaleChange::growth);
        EXPECT_EQ(state.scale, 2.0f * low);
    }
}

TEST(LossScaler, FreshScalersGrowAtTheIntervalToo) {
    for (ScalerKind kind : kAllKinds) {
        ScalerRules rules = scaler_preset(kind);
        if (kind == ScalerKind::logmax || kind == ScalerKind::openseq2seq_backoff) continue;
        ScalerState state = initial_scaler_state(rules);
        int steps = 1;
        while (advance(rules, state, false, 1.0f) == ScaleChange::none && steps <= 5000) ++steps;
        EXPECT_EQ(steps, rules.growth_interval) << static_cast<int>(kind);
    }
}

TEST(LossScaler, CountdownToGrowthIsKept) {
    std::mt19937 random(7);
    for (ScalerKind kind : kAllKinds) {
        ScalerRules rules = scaler_preset(kind);
        rules.growth_interval = 13;
        ScalerState state = initial_scaler_state(rules);
        for (int step = 0; step < 2000; ++step) {
            const std::int32_t promised = steps_until_growth(rules, state);
            ScalerState ahead = state;
            int good = 0;
            bool grew = false;
            for (; good < 100 && !grew; ++good)
                grew = advance(rules, ahead, false, 1.0f) == ScaleChange::growth;
            if (kind != ScalerKind::logmax) {
                ASSERT_EQ(promised, grew ? good : -1) << static_cast<int>(kind) << " step " << step;
            }
            if (kind == ScalerKind::logmax) {
                ASSERT_EQ(promised, -1);
            }
            advance(rules, state, random() % 17 == 0, 1.0f);
            ASSERT_TRUE(std::isfinite(state.scale));
            ASSERT_GT(state.scale, 0.0f);
        }
    }
}

TEST(LossScaler, CapsHoldAndScalesStayFinite) {
    const ScalerRules apex = scaler_preset(ScalerKind::apex);
    ScalerState state = initial_scaler_state(apex);
    for (int i = 0; i < 40 * 2000; ++i) advance(apex, state, false, 1.0f);
    EXPECT_EQ(state.scale, two(24));
    EXPECT_EQ(steps_until_growth(apex, state), -1);
    for (ScalerKind kind : kAllKinds) {
        ScalerRules rules = scaler_preset(kind);
        rules.growth_interval = 1;
        ScalerState grown = initial_scaler_state(rules);
        for (int i = 0; i < 400; ++i) advance(rules, grown, false, 1e-30f);
        EXPECT_TRUE(std::isfinite(grown.scale)) << static_cast<int>(kind);
        if (rules.max_scale == 0.0f) {
            EXPECT_EQ(grown.scale, two(127)) << static_cast<int>(kind);
        }
        if (rules.max_scale > 0.0f) {
            EXPECT_EQ(grown.scale, rules.max_scale) << static_cast<int>(kind);
        }
    }
}

TEST(LossScaler, CustomStaysAboveZeroWhilePyTorchReachesIt) {
    for (ScalerKind kind : {ScalerKind::custom, ScalerKind::pytorch}) {
        const ScalerRules rules = scaler_preset(kind);
        ScalerState state = initial_scaler_state(rules);
        for (int i = 0; i < 400; ++i) advance(rules, state, true, 1.0f);
        EXPECT_EQ(state.scale, kind == ScalerKind::custom ? two(-126) : 0.0f);
    }
}

TEST(LossScaler, HysteresisIsRestoredByGrowthAlone) {
    ScalerRules rules = scaler_preset(ScalerKind::megatron);
    rules.growth_interval = 5;
    ScalerState state = initial_scaler_state(rules);
    EXPECT_EQ(advance(rules, state, true, 1.0f), ScaleChange::none);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(advance(rules, state, false, 1.0f), ScaleChange::none);
    // Four good steps did not restore it: the next overflow backs off at once, and so does the one after.
    EXPECT_EQ(advance(rules, state, true, 1.0f), ScaleChange::backoff);
    EXPECT_EQ(advance(rules, state, true, 1.0f), ScaleChange::backoff);
    EXPECT_EQ(state.scale, two(30));
    for (int i = 0; i < 4; ++i) advance(rules, state, false, 1.0f);
    EXPECT_EQ(advance(rules, state, false, 1.0f), ScaleChange::growth);
    EXPECT_EQ(advance(rules, state, true, 1.0f), ScaleChange::none);
    EXPECT_EQ(advance(rules, state, true, 1.0f), ScaleChange::backoff);
    EXPECT_EQ(state.scale, two(30));
}

TEST(LossScaler, DeepSpeedDelayedShift) {
    ScalerRules rules = scaler_preset(ScalerKind::deepspeed);
    rules.hysteresis = 3;
    ScalerState state = initial_scaler_state(rules);
    EXPECT_EQ(advance(rules, state, true, 1.0f), ScaleChange::none);
    EXPECT_EQ(advance(rules, state, true, 1.0f), ScaleChange::none);
    EXPECT_EQ(advance(rules, state, true, 1.0f), ScaleChange::backoff);
    EXPECT_EQ(advance(rules, state, true, 1.0f), ScaleChange::backoff);
    EXPECT_EQ(state.scale, two(30));
}

TEST(LossScaler, FloorStaysOrFails) {
    for (AtFloor at_floor : {AtFloor::stay, AtFloor::error}) {
        ScalerRules rules = scaler_preset(ScalerKind::custom);
        rules.min_scale = 8192.0f;
        rules.at_floor = at_floor;
        ScalerState state = initial_scaler_state(rules);
        EXPECT_EQ(advance(rules, state, true, 1.0f), ScaleChange::backoff);
        EXPECT_EQ(advance(rules, state, true, 1.0f), ScaleChange::backoff);
        EXPECT_EQ(state.scale, 8192.0f);
        EXPECT_EQ(advance(rules, state, true, 1.0f),
                  at_floor == AtFloor::stay ? ScaleChange::none : ScaleChange::floor_error);
        EXPECT_EQ(state.scale, 8192.0f);
    }
}

TEST(LossScaler, StaticAndOffNeverChange) {
    for (ScalerKind kind : kAllKinds) {
        for (LossScaling scaling : {LossScaling::fixed, LossScaling::off}) {
            ScalerRules rules = scaler_preset(kind);
            rules.scaling = scaling;
            ScalerState state = initial_scaler_state(rules);
            const float scale = scaling == LossScaling::off ? 1.0f : rules.initial_scale;
            for (int i = 0; i < 5000; ++i)
                ASSERT_EQ(advance(rules, state, i % 3 == 0, 1.0f), ScaleChange::none);
            EXPECT_EQ(state.scale, scale);
            EXPECT_EQ(steps_until_growth(rules, state), -1);
        }
    }
}

TEST(LossScaler, LogMaxFollowsADoubleOracle) {
    const ScalerRules rules = scaler_preset(ScalerKind::logmax);
    ScalerState state = initial_scaler_state(rules);
    std::mt19937 random(3);
    std::lognormal_distribution<float> gradients(-4.0f, 2.0f);
    std::vector<double> samples;
    for (int step = 1; step <= 3000; ++step) {
        const bool overflowed = step == 1500;
        const float maximum = gradients(random);
        samples.push_back(overflowed ? 65536.0 : std::log2(static_cast<double>(maximum)));
        advance(rules, state, overflowed, maximum);
        if (step % 97 != 0) continue;
        // Weighted means over the whole history instead of running ones.
        double fast = 0, fast_weight = 0, slow = 0, square = 0, slow_weight = 0;
        for (std::size_t i = 0; i < samples.size(); ++i) {
            const auto age = static_cast<double>(samples.size() - 1 - i);
            fast += std::pow(0.99, age) * samples[i], fast_weight += std::pow(0.99, age);
            slow += std::pow(0.999, age) * samples[i],
                square += std::pow(0.999, age) * samples[i] * samples[i];
            slow_weight += std::pow(0.999, age);
        }
        const double mean = slow / slow_weight;
        const double deviation = std::sqrt(std::max(square / slow_weight - mean * mean, 0.0));
        const double scale =
            std::clamp(std::exp2(16.0 - (fast / fast_weight + 3.09 * deviation)), 1.0, 16384.0);
        ASSERT_NEAR(state.scale / scale, 1.0, 1e-4) << "step " << step;
    }
}

TEST(LossScaler, LogMaxIgnoresAllZeroGradients) {
    const ScalerRules rules = scaler_preset(ScalerKind::logmax);
    ScalerState state = initial_scaler_state(rules);
    for (int i = 0; i < 50; ++i) {
        advance(rules, state, false, i % 2 == 0 ? 0.0f : 1.0f);
        ASSERT_TRUE(std::isfinite(state.scale));
    }
    EXPECT_EQ(state.scale, two(14));  // 2^16 capped
}

TEST(LossScaler, RunningScaleSurvivesOtherRules) {
    const ScalerRules before = scaler_preset(ScalerKind::custom);
    ScalerState state = initial_scaler_state(before);
    for (int i = 0; i < 3; ++i) advance(before, state, true, 1.0f);
    advance(before, state, false, 1.0f);
    ASSERT_EQ(state.scale, 4096.0f);
    ScalerRules after = before;
    after.max_scale = 65536.0f;
    EXPECT_EQ(carry_scaler(before, state, after).scale, 4096.0f);
    EXPECT_EQ(carry_scaler(before, state, after).growth_tracker, 1);
    after.max_scale = 1024.0f;
    EXPECT_EQ(carry_scaler(before, state, after).scale, 1024.0f);
    after = before;
    after.growth_interval = 7;
    EXPECT_EQ(carry_scaler(before, state, after).scale, 4096.0f);
    EXPECT_EQ(carry_scaler(before, state, after).growth_tracker, 0);
    EXPECT_EQ(carry_scaler(before, state, scaler_preset(ScalerKind::pytorch)).scale, 4096.0f);
    after = before;
    after.initial_scale = 128.0f;
    EXPECT_EQ(carry_scaler(before, state, after).scale, 128.0f);
    after = before;
    after.scaling = LossScaling::fixed;
    EXPECT_EQ(carry_scaler(before, state, after).scale, 32768.0f);
    after.scaling = LossScaling::off;
    EXPECT_EQ(carry_scaler(before, state, after).scale, 1.0f);
    EXPECT_EQ(carry_scaler(after, initial_scaler_state(after), before).scale, 32768.0f);
}

TEST(LossScaler, ScalesReadAsPowersOfTwo) {
    EXPECT_EQ(scale_text(1.0), "2^0");
    EXPECT_EQ(scale_text(32768.0), "2^15");
    EXPECT_EQ(scale_text(std::ldexp(1.0, -13)), "2^-13");
    EXPECT_EQ(scale_text(1000.0), "1000");
    EXPECT_EQ(scale_text(0.0), "0");
}

}  // namespace
}  // namespace halfscope
