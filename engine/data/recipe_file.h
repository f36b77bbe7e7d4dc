// The file of a recipe, whatever its words mean: what a run was made of and every change that was made to it,
// as JSON that people can read and write. Called by session/, which knows what a change is. A file comes from
// anybody: its form is checked while it is read, so that nothing nests deeper than here or is said twice.
//
//     {
//       "halfscope_recipe": 1,                             the version, kRecipeVersion
//       "scenario": "spiral-mlp", "seed": 0, "steps": 35,  texts and numbers
//       "settings": {"points": 64},
//       "lanes": [{"name": "mixed", "techniques": "mixed"}],
//       "changes": [{"step": 10, "change": "technique", "lane": "mixed", "key": "storage", "value": "bf16"}]
//     }
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace halfscope {

inline constexpr std::uint64_t kRecipeVersion = 1;
inline constexpr std::uintmax_t kMaximumRecipeBytes = 8'000'000;

/// Whole numbers from 0 on are the second kind, all others the third.
using RecipeValue = std::variant<std::string, std::uint64_t, double>;
/// Each key once, in the order of the file.
using RecipeFields = std::vector<std::pair<std::string, RecipeValue>>;

struct RecipeFile {
    std::string name;  ///< its path, for refusals
    RecipeFields run, settings;
    std::vector<RecipeFields> lanes, changes;
};

/// Throws DataError: "recipe 'x' ...", one line.
[[noreturn]] void refuse_recipe(const std::string& file, const std::string& reason);

/// The text of such a file. Throws DataError where a text is not UTF-8, a number not finite, or all of it
/// longer than kMaximumRecipeBytes.
std::string recipe_text(const RecipeFile& file);

/// Reads a whole file from memory; `name` stands for it in refusals. Throws DataError for what is no JSON, no
/// recipe, of another version or of another form.
RecipeFile parse_recipe_file(std::string_view text, const std::string& name);

/// The same from a path; besides, DataError for what is no regular file, cannot be read or is too large.
RecipeFile read_recipe_file(const std::string& path);

/// Replaces the file in one go (AtomicFile). Throws DataError with the path and the system's reason.
void write_recipe_file(const RecipeFile& file);

/// Whether the file begins as recipes do; false also where it cannot be read.
bool looks_like_recipe(const std::string& path);

}  // namespace halfscope
