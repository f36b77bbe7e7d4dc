// Names, ranges and texts of the scenarios' parameters: what is refused, and in which words.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>

#include "train/input_error.h"
#include "train/scenario.h"
#include "train/techniques.h"

namespace halfscope {
namespace {

const ScenarioInfo& spiral() { return find_scenario("spiral-mlp").info(); }

template <class Action>
std::string refusal_of(Action&& action) {
    try {
        action();
    } catch (const InputError& error) {
        return error.what();
    }
    return "accepted";
}

#define EXPECT_SAYS(sentence, part) EXPECT_NE((sentence).find(part), std::string::npos) << (sentence)

std::string refusal_of_value(const char* key, double value) {
    return refusal_of([&] {
        ScenarioSettings settings;
        settings.parameters[key] = value;
        (void)resolve_settings(spiral(), settings);
    });
}

std::string refusal_of_text(const char* key, const char* value) {
    return refusal_of([&] {
        ScenarioSettings settings;
        set_parameter(spiral(), settings, key, value);
    });
}

TEST(ScenarioList, DefaultComesFirstAndNamesAreUnique) {
    EXPECT_EQ(scenarios().front()->info().name, "spiral-mlp");
    std::set<std::string> names;
    for (const auto& scenario : scenarios()) {
        EXPECT_TRUE(names.insert(scenario->info().name).second);
        EXPECT_EQ(&find_scenario(scenario->info().name), scenario.get());
    }
    EXPECT_EQ(names,
              (std::set<std::string>{"char-gru", "digits-cnn", "gru-finetune", "image-fit", "spiral-mlp"}));
}

TEST(ScenarioList, UnknownNamesGetASuggestionOrTheList) {
    EXPECT_SAYS(refusal_of([] { (void)find_scenario("spiral-mpl"); }), "did you mean 'spiral-mlp'?");
    const std::string far = refusal_of([] { (void)find_scenario("qqqqqqqqqq"); });
    EXPECT_SAYS(far, "unknown scenario 'qqqqqqqqqq'; there are 'spiral-mlp', 'image-fit', 'char-gru'");
    EXPECT_SAYS(refusal_of([] { (void)find_scenario(""); }), "unknown scenario ''");
}

TEST(ScenarioInfo, EveryScenarioDescribesItselfWholly) {
    for (const auto& scenario : scenarios()) {
        const ScenarioInfo& info = scenario->info();
        SCOPED_TRACE(info.name);
        EXPECT_FALSE(info.title.empty() || info.description.empty() || info.validation.empty());
        EXPECT_GT(info.steps, 0);
        ASSERT_FALSE(info.lanes.empty());
        EXPECT_EQ(info.lanes.front().techniques, "fp32");
        for (const LaneDefault& lane : info.lanes) {
            EXPECT_EQ(refusal(parse_techniques(lane.techniques)), "") << lane.name;
        }
        std::set<std::string> names;
        for (const ScenarioParameter& parameter : info.parameters) {
            SCOPED_TRACE(parameter.name);
            EXPECT_TRUE(names.insert(parameter.name).second);
            EXPECT_FALSE(parameter.help.empty());
            EXPECT_LE(parameter.minimum, parameter.default_value);
            EXPECT_LE(parameter.default_value, parameter.maximum);
            EXPECT_TRUE(!parameter.logarithmic || parameter.minimum > 0);
            const bool is_choice = parameter.kind == ScenarioParameter::Kind::choice;
            EXPECT_EQ(parameter.choices.size(),
                      is_choice ? static_cast<std::size_t>(parameter.maximum) + 1 : 0u);
        }
        const ScenarioSettings resolved = resolve_settings(info, {});
        EXPECT_EQ(resolved.parameters.size(), info.parameters.size());
        EXPECT_EQ(resolved.parameters.at("steps"), static_cast<double>(info.steps));
    }
}

TEST(ResolveSettings, KeepsWhatWasSetAndFillsInTheRest) {
    ScenarioSettings settings;
    settings.parameters["points"] = 2048;
    settings.seed = 42;
    const ScenarioSettings resolved = resolve_settings(spiral(), settings);
    EXPECT_EQ(resolved.parameters.at("points"), 2048);
    EXPECT_EQ(resolved.parameters.at("batch"), 8192);
    EXPECT_EQ(resolved.parameters.at("lr"), 5e-3);
    EXPECT_EQ(resolved.seed, 42u);
}

TEST(ResolveSettings, NumbersOutsideTheirRangeAreRefused) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double infinity = std::numeric_limits<double>::infinity();
    for (double value : {nan, infinity, -infinity, -1.0, 0.0, 63.0, 65537.0, 1e300}) {
        EXPECT_SAYS(refusal_of_value("points", value),
                    "parameter 'points' must be a whole number from 64 to 65536");
    }
    for (double value : {nan, infinity, -1e-3, 0.0, 2.0}) {
        EXPECT_SAYS(refusal_of_value("lr", value), "parameter 'lr' must be a number from 1e-06 to 1");
    }
    EXPECT_SAYS(refusal_of_value("layers", 2.5), "must be a whole number from 1 to 12, not 2.5");
    EXPECT_EQ(refusal_of_value("layers", 12), "accepted");
    EXPECT_SAYS(refusal_of_value("activation", 4), "parameter 'activation'");
}

TEST(ResolveSettings, UnknownNamesGetASuggestionOrTheList) {
    EXPECT_SAYS(refusal_of_value("widh", 3), "has no parameter 'widh', did you mean 'width'?");
    EXPECT_SAYS(refusal_of_value("zzzzzzzzz", 3), "it has points, batch, layers");
}

TEST(ResolveSettings, ATextFileIsRefusedWhereNoneIsRead) {
    ScenarioSettings settings;
    settings.text_path = "book.txt";
    EXPECT_SAYS(refusal_of([&] { (void)resolve_settings(spiral(), settings); }), "reads no text file");
    EXPECT_EQ(refusal_of([&] { (void)resolve_settings(find_scenario("char-gru").info(), settings); }),
              "accepted");
}

TEST(SetParameter, ParsesNumbersAndChoices) {
    ScenarioSettings settings;
    set_parameter(spiral(), settings, "lr", "1e-2");
    set_parameter(spiral(), settings, "points", "4096");
    set_parameter(spiral(), settings, "activation", "relu");
    EXPECT_EQ(settings.parameters.at("lr"), 1e-2);
    EXPECT_EQ(settings.parameters.at("points"), 4096);
    EXPECT_EQ(settings.parameters.at("activation"), 2);
    EXPECT_EQ(settings.parameters.size(), 3u);
}

TEST(SetParameter, RefusesWhatIsNoValue) {
    for (const char* text : {"", "abc", "12abc", "1e", " 5", "0x10", "1,5"}) {
        EXPECT_SAYS(refusal_of_text("points", text),
                    "parameter 'points' must be a number from 64 to 65536, not '");
    }
    for (const char* text : {"nan", "inf", "-inf", "-5", "0", "1e5", "100.5"}) {
        EXPECT_SAYS(refusal_of_text("points", text), "parameter 'points' must be a whole number");
    }
    EXPECT_SAYS(refusal_of_text("activation", "sigmod"), "did you mean 'sigmoid'?");
    EXPECT_SAYS(refusal_of_text("activation", "0"), "must be one of sigmoid, tanh, relu, gelu, not '0'");
    EXPECT_SAYS(refusal_of_text("batchs", "5"), "did you mean 'batch'?");
}

}  // namespace
}  // namespace halfscope
