// Any bytes as a recipe: taken, and then its text makes the same recipe again, or refused with one sentence.
#include "fuzz_target.h"
#include "session/recipe.h"
#include "train/input_error.h"

using namespace halfscope;

namespace {

void expect_sentence(const std::exception& error) {
    const std::string_view sentence = error.what();
    fuzz::expect(sentence.starts_with("recipe 'fuzzed' ") && sentence.size() < 1000);
    fuzz::expect(sentence.find('\n') == std::string_view::npos);
}

Recipe recipe_in(std::string_view text) { return recipe_from(parse_recipe_file(text, "fuzzed")); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Recipe recipe;
    try {
        recipe = recipe_in(fuzz::view_of(data, size));
    } catch (const DataError& error) {
        expect_sentence(error);
        return 0;
    } catch (const InputError& error) {
        expect_sentence(error);
        return 0;
    }
    fuzz::expect(!recipe.lanes.empty() && recipe.lanes.size() <= kMaximumLanes);
    for (const LaneSpec& lane : recipe.lanes) fuzz::expect(refusal(lane.techniques).empty());
    std::int64_t step = 0;
    for (const RunChange& change : recipe.changes) {
        fuzz::expect(changes_run(change.command) && change.step >= step && change.step <= recipe.steps);
        step = change.step;
    }
    // What was taken is written so that it is taken again, and then written in the same words.
    const std::string text = recipe_text(recipe_file(recipe, "fuzzed"));
    fuzz::expect(recipe_text(recipe_file(recipe_in(text), "fuzzed")) == text);
    return 0;
}
