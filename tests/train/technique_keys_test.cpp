#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "train/techniques.h"

namespace halfscope {
namespace {

// The keys of techniques.md, in its order, and two more.
constexpr const char* kKeys[] = {"storage",          "op_policy",       "matmul_input",
                                 "accumulate",       "reductions",      "master_weights",
                                 "update_rounding",  "scaler",          "loss_scaling",
                                 "loss_scale",       "growth_factor",   "backoff_factor",
                                 "growth_interval",  "min_scale",       "max_scale",
                                 "hysteresis",       "at_floor",        "on_nonfinite",
                                 "clip_norm",        "clip_order",      "decay_order",
                                 "schedule_on_skip", "optimizer_state", "eps_format",
                                 "loss_reduction",   "subnormals",      "gradient_accumulation",
                                 "keep_fp32"};

TEST(TechniqueKeys, AreAllThereAndExplained) {
    ASSERT_EQ(technique_keys().size(), std::size(kKeys));
    for (std::size_t i = 0; i < std::size(kKeys); ++i) {
        const TechniqueKey& key = technique_keys()[i];
        EXPECT_EQ(key.name, kKeys[i]);
        EXPECT_FALSE(key.meaning.empty()) << key.name;
        EXPECT_FALSE(key.source.empty()) << key.name;
        if (key.kind == TechniqueKey::Kind::number) {
            EXPECT_LT(key.minimum, key.maximum) << key.name;
        }
        if (key.kind == TechniqueKey::Kind::choice) {
            EXPECT_FALSE(key.choices.empty()) << key.name;
        }
    }
    EXPECT_THROW(technique_value(Techniques{}, "no_such_key"), std::out_of_range);
}

TEST(TechniqueKeys, FirstChoiceIsTheDefaultOfMixed) {
    for (const TechniqueKey& key : technique_keys()) {
        if (key.kind == TechniqueKey::Kind::choice) {
            EXPECT_EQ(technique_value(Techniques{}, key.name), key.choices.front());
        }
    }
}

TEST(TechniqueKeys, EveryChoiceGoesThereAndBack) {
    for (const TechniqueKey& key : technique_keys()) {
        std::set<std::string> seen;
        for (const std::string& value : key.choices) {
            Techniques techniques;
            EXPECT_EQ(set_technique(techniques, key.name, value), "") << key.name << "=" << value;
            EXPECT_EQ(technique_value(techniques, key.name), value) << key.name;
            seen.insert(value);
            // All keys printed and read into another setting give the same one.
            Techniques other = find_preset("fp32")->techniques;
            for (const TechniqueKey& each : technique_keys()) {
                EXPECT_EQ(set_technique(other, each.name, technique_value(techniques, each.name)), "");
            }
            EXPECT_EQ(other, techniques) << key.name << "=" << value;
        }
        EXPECT_EQ(seen.size(), key.choices.size());
    }
}

TEST(TechniqueKeys, EveryNumberGoesThereAndBack) {
    for (const TechniqueKey& key : technique_keys()) {
        if (key.kind != TechniqueKey::Kind::number) continue;
        for (double number : {key.minimum, key.maximum, 3.0, 0.3, 1e-3, 65536.0, 12345.678}) {
            char text[64];
            std::snprintf(text, sizeof text, "%.17g", number);
            Techniques techniques;
            if (!set_technique(techniques, key.name, text).empty()) continue;
            const std::string printed = technique_value(techniques, key.name);
            Techniques again;
            EXPECT_EQ(set_technique(again, key.name, printed), "") << key.name << "=" << printed;
            EXPECT_EQ(again, techniques) << key.name << "=" << text << " printed as " << printed;
        }
        Techniques techniques;
        char text[64];
        std::snprintf(text, sizeof text, "%.17g", key.maximum);
        EXPECT_EQ(set_technique(techniques, key.name, text), "") << key.name;
    }
}

TEST(TechniqueKeys, NumbersMayBePowersOfTwo) {
    Techniques techniques;
    EXPECT_EQ(set_technique(techniques, "loss_scale", "2^15"), "");
    EXPECT_EQ(technique_value(techniques, "loss_scale"), "32768");
    EXPECT_EQ(set_technique(techniques, "loss_scale", "2^-3"), "");
    EXPECT_EQ(technique_value(techniques, "loss_scale"), "0.125");
    EXPECT_EQ(set_technique(techniques, "loss_scale", "1e3"), "");
    EXPECT_EQ(techniques.scaler.initial_scale, 1000.0f);
    EXPECT_EQ(set_technique(techniques, "loss_scale", "2^32"), "");
    EXPECT_EQ(technique_value(techniques, "loss_scale"), "4294967296");
    EXPECT_EQ(set_technique(techniques, "min_scale", "1e-4"), "");
    EXPECT_EQ(technique_value(techniques, "min_scale"), "1e-04");
    EXPECT_EQ(set_technique(techniques, "max_scale", "none"), "");
    EXPECT_EQ(techniques.scaler.max_scale, 0.0f);
    EXPECT_EQ(set_technique(techniques, "clip_norm", "0.5"), "");
    EXPECT_EQ(technique_value(techniques, "clip_norm"), "0.5");
}

TEST(TechniqueKeys, BadNumbersAreRefusedAndChangeNothing) {
    const char* words[] = {"nan", "NaN", "inf", "-inf", "-1",    "0",      "",      " ",    "8 ",
                           "8x",  "2^",  "^3",  "3^2",  "2^0.5", "2^9999", "1e999", "0x10", "two"};
    for (const TechniqueKey& key : technique_keys()) {
        if (key.kind != TechniqueKey::Kind::number) continue;
        for (const char* word : words) {
            Techniques techniques;
            const std::string sentence = set_technique(techniques, key.name, word);
            EXPECT_NE(sentence.find(key.name), std::string::npos) << key.name << "=" << word;
            EXPECT_EQ(techniques, Techniques{}) << key.name << "=" << word;
        }
    }
    Techniques techniques;
    EXPECT_NE(set_technique(techniques, "growth_interval", "2.5"), "");
    EXPECT_NE(set_technique(techniques, "backoff_factor", "1"), "");
    EXPECT_NE(set_technique(techniques, "growth_factor", "0.5"), "");
    EXPECT_NE(set_technique(techniques, "loss_scale", "none"), "");
    EXPECT_EQ(techniques, Techniques{});
}

TEST(TechniqueKeys, NodesAreAListWithoutOrderOrRepetition) {
    Techniques techniques;
    EXPECT_EQ(set_technique(techniques, "keep_fp32", "fc2+op:gru+fc1+fc2"), "");
    EXPECT_EQ(technique_value(techniques, "keep_fp32"), "fc1+fc2+op:gru");
    EXPECT_EQ(techniques, parse_techniques("mixed,keep_fp32=op:gru+fc1+fc2"));
    EXPECT_EQ(set_technique(techniques, "keep_fp32", "none"), "");
    EXPECT_EQ(techniques, Techniques{});
}

TEST(TechniqueKeys, UnknownWordsGetAGuess) {
    Techniques techniques;
    EXPECT_NE(set_technique(techniques, "storge", "fp16").find("did you mean 'storage'"), std::string::npos);
    EXPECT_NE(set_technique(techniques, "storage", "fp61").find("did you mean 'fp16'"), std::string::npos);
    EXPECT_NE(set_technique(techniques, "scaler", "pytroch").find("did you mean 'pytorch'"),
              std::string::npos);
    EXPECT_NE(set_technique(techniques, "master_weights", "yes").find("it is on or off"), std::string::npos);
    EXPECT_NE(set_technique(techniques, "op_policy", "autocats").find("did you mean 'autocast'"),
              std::string::npos);
    EXPECT_NE(set_technique(techniques, "storage", "e4m3").find("not built yet"), std::string::npos);
    EXPECT_NE(set_technique(techniques, "storage", "tf32").find("matmul_input=tf32"), std::string::npos);
    EXPECT_EQ(techniques, Techniques{});
}

TEST(TechniqueKeys, ScalerSetsItsOtherKeys) {
    Techniques techniques;
    EXPECT_EQ(set_technique(techniques, "scaler", "megatron"), "");
    EXPECT_EQ(technique_value(techniques, "loss_scale"), "4294967296");
    EXPECT_EQ(technique_value(techniques, "growth_interval"), "1000");
    EXPECT_EQ(technique_value(techniques, "min_scale"), "1");
    EXPECT_EQ(technique_value(techniques, "max_scale"), "none");
    EXPECT_EQ(technique_value(techniques, "hysteresis"), "2");
    EXPECT_EQ(set_technique(techniques, "growth_interval", "50"), "");
    EXPECT_EQ(technique_value(techniques, "scaler"), "megatron");
}

TEST(TechniqueKeys, OneToggleIntoNonsenseNamesTheKeyToChange) {
    Techniques techniques;
    techniques.accumulate = Accumulate::fp16;
    EXPECT_EQ(refusal(techniques), "");
    EXPECT_EQ(set_technique(techniques, "storage", "fp32"), "");
    EXPECT_NE(refusal(techniques).find("set accumulate=fp32 first"), std::string::npos);
}

TEST(Closest, ForgivesTypingErrorsOnly) {
    const std::vector<std::string> words{"spiral-mlp", "char-gru", "image-fit"};
    EXPECT_EQ(closest("spiral-mpl", words), "spiral-mlp");
    EXPECT_EQ(closest("Spiral-MLP", words), "spiral-mlp");
    EXPECT_EQ(closest("chargru", words), "char-gru");
    EXPECT_EQ(closest("image", words), "image-fit");
    EXPECT_EQ(closest("resnet", words), "");
    EXPECT_EQ(closest("", words), "");
    EXPECT_EQ(closest("x", {"y"}), "");
    EXPECT_EQ(closest("x", {}), "");
}

TEST(Techniques, BecomeAPolicy) {
    Techniques techniques;
    techniques.reductions = Reductions::storage;
    techniques.eps_format = FormatChoice::storage;
    techniques.accumulate = Accumulate::fp16;
    techniques.loss_reduction = LossReduction::sum;
    techniques.subnormals = Subnormals::flush;
    const PrecisionPolicy policy = techniques.policy();
    EXPECT_EQ(policy.storage, Format::fp16);
    EXPECT_EQ(policy.arithmetic.accumulate, Accumulate::fp16);
    EXPECT_EQ(policy.arithmetic.reduction_format, Format::fp16);
    EXPECT_EQ(policy.arithmetic.eps_format, Format::fp16);
    EXPECT_EQ(policy.arithmetic.matmul_operands, Format::fp32);
    EXPECT_EQ(policy.arithmetic.loss_reduction, LossReduction::sum);
    EXPECT_EQ(policy.arithmetic.subnormals, Subnormals::flush);
    EXPECT_EQ(find_preset("fp32")->techniques.policy(), PrecisionPolicy{});
    Techniques tf32 = find_preset("fp32")->techniques;
    tf32.matmul_input = MatmulInput::tf32;
    EXPECT_EQ(tf32.policy().arithmetic.matmul_operands, Format::tf32);
}

}  // namespace
}  // namespace halfscope
