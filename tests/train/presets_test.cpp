#include <gtest/gtest.h>

#include "train/input_error.h"
#include "train/techniques.h"

namespace halfscope {
namespace {

struct Row {
    const char *preset, *storage, *master, *scaling, *scale, *on_nonfinite, *optimizer_state;
    const char *op_policy = "uniform", *scaler = "custom";
};

// The table of techniques.md, by hand.
constexpr Row kRows[] = {
    {"fp32", "fp32", "off", "off", "", "apply", "fp32"},
    {"fp16", "fp16", "off", "off", "", "apply", "fp32"},
    {"fp16-master", "fp16", "on", "off", "", "apply", "fp32"},
    {"fp16-scaled", "fp16", "off", "dynamic", "32768", "skip", "fp32"},
    {"mixed", "fp16", "on", "dynamic", "32768", "skip", "fp32"},
    {"paper", "fp16", "on", "static", "8", "skip", "fp32"},
    {"bf16", "bf16", "on", "off", "", "apply", "fp32"},
    {"apex-o0", "fp32", "off", "off", "", "apply", "fp32"},
    {"autocast", "fp16", "on", "dynamic", "65536", "skip", "fp32", "autocast", "pytorch"},
    {"apex-o1", "fp16", "on", "dynamic", "65536", "skip", "fp32", "apex-o1", "apex"},
    {"apex-o2", "fp16", "on", "dynamic", "65536", "skip", "fp32", "norm-fp32", "apex"},
    {"apex-o3", "fp16", "off", "off", "", "apply", "storage"},
};

TEST(Presets, AreThoseOfTheTable) {
    for (const Row& row : kRows) {
        const Techniques techniques = parse_techniques(row.preset);
        const auto value = [&](const char* key) { return technique_value(techniques, key); };
        EXPECT_EQ(value("storage"), row.storage) << row.preset;
        EXPECT_EQ(value("op_policy"), row.op_policy) << row.preset;
        EXPECT_EQ(value("scaler"), row.scaler) << row.preset;
        EXPECT_EQ(value("master_weights"), row.master) << row.preset;
        EXPECT_EQ(value("loss_scaling"), row.scaling) << row.preset;
        if (*row.scale) {
            EXPECT_EQ(value("loss_scale"), row.scale) << row.preset;
        }
        EXPECT_EQ(value("on_nonfinite"), row.on_nonfinite) << row.preset;
        EXPECT_EQ(value("optimizer_state"), row.optimizer_state) << row.preset;
        // "All: ..."
        EXPECT_EQ(value("accumulate"), "fp32");
        EXPECT_EQ(value("reductions"), "fp32");
        EXPECT_EQ(value("update_rounding"), "nearest");
        EXPECT_EQ(value("subnormals"), "keep");
        EXPECT_EQ(value("clip_norm"), "none");
        EXPECT_EQ(value("clip_order"), "after-unscale");
        EXPECT_EQ(value("decay_order"), "after-unscale");
        EXPECT_EQ(value("schedule_on_skip"), "hold");
        EXPECT_EQ(refusal(techniques), "") << row.preset;
    }
}

TEST(Presets, StandInTheirOrder) {
    const char* names[] = {"fp32", "fp16",     "fp16-master", "fp16-scaled", "mixed",  "paper",
                           "bf16", "autocast", "apex-o1",     "apex-o2",     "apex-o3"};
    ASSERT_EQ(presets().size(), std::size(names));
    for (std::size_t i = 0; i < std::size(names); ++i) {
        EXPECT_EQ(presets()[i].name, names[i]);
        EXPECT_FALSE(presets()[i].description.empty());
        EXPECT_EQ(find_preset(names[i]), &presets()[i]);
    }
    EXPECT_EQ(find_preset("none"), nullptr);
}

TEST(Presets, DefaultsAreMixed) { EXPECT_EQ(parse_techniques("mixed"), Techniques{}); }

TEST(Presets, TakeDifferences) {
    const Techniques techniques = parse_techniques("mixed,loss_scaling=static,loss_scale=2^3");
    EXPECT_EQ(techniques.scaler.scaling, LossScaling::fixed);
    EXPECT_EQ(techniques.scaler.initial_scale, 8.0f);
    EXPECT_EQ(parse_techniques("fp16-scaled,update_rounding=kahan").update_rounding, UpdateRounding::kahan);
    EXPECT_EQ(parse_techniques("bf16,master_weights=off").master_weights, MasterWeights::off);
}

struct Refused {
    const char *text, *part;
};
constexpr Refused kRefused[] = {
    {"mixd", "did you mean 'mixed'"},
    {"", "unknown preset ''"},
    {"autocats", "did you mean 'autocast'"},
    {"fp32,op_policy=autocast", "no effect with storage=fp32"},
    {"autocast,master_weights=off", "needs master_weights=on"},
    {"autocast,update_rounding=kahan", "needs master_weights=off"},
    {"mixed,", "end with a comma"},
    {"mixed,,loss_scale=8", "key=value"},
    {"mixed,loss_scale", "key=value"},
    {"mixed,los_scale=8", "did you mean 'loss_scale'"},
    {"mixed,storage=fp15", "did you mean 'fp16'"},
    {"mixed,storage=fp8", "it is fp16, fp32 or bf16"},
    {"fp32,accumulate=fp16", "accumulate=fp16 needs storage=fp16"},
    {"mixed,accumulate=fp16,storage=bf16", "accumulate=fp16 needs storage=fp16"},
    {"mixed,update_rounding=stochastic", "needs master_weights=off"},
    {"fp32,update_rounding=kahan", "no effect with storage=fp32"},
    {"mixed,matmul_input=tf32", "needs storage=fp32"},
    {"fp32,reductions=storage", "no effect with storage=fp32"},
    {"fp32,gradient_accumulation=storage", "no effect with storage=fp32"},
    {"fp32,keep_fp32=fc1", "no effect with storage=fp32"},
    {"mixed,keep_fp32=", "is empty"},
    {"mixed,keep_fp32=fc1+", "between two '+'"},
    {"mixed,keep_fp32=+fc1", "between two '+'"},
    {"mixed,keep_fp32=op:linaer", "did you mean 'op:linear'"},
    {"mixed,min_scale=2^20,max_scale=2^10", "lies above max_scale"},
    {"mixed,loss_scale=2^25", "lies above max_scale"},
    {"mixed,min_scale=2^16", "lies below min_scale"},
};

TEST(Presets, BadTextIsOneSentence) {
    for (const Refused& row : kRefused) {
        try {
            parse_techniques(row.text);
            ADD_FAILURE() << row.text << " was taken";
        } catch (const InputError& error) {
            const std::string sentence = error.what();
            EXPECT_NE(sentence.find(row.part), std::string::npos) << sentence;
            EXPECT_EQ(sentence.find('\n'), std::string::npos);
        }
    }
}

}  // namespace
}  // namespace halfscope
