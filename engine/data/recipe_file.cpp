#include "data/recipe_file.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "data/atomic_file.h"
#include "data/data_error.h"
#include "data/file_bytes.h"
#include "data/printable_text.h"

namespace halfscope {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char *kVersion = "halfscope_recipe", *kSettings = "settings", *kLanes = "lanes",
                     *kChanges = "changes";
constexpr std::size_t kMostFields = 64;  // of one object; all that there are have fewer
constexpr std::size_t kBeginning = 512;  // bytes in which the version stands

/// Hears the JSON of a recipe; false from any call ends it, with the reason in problem().
class RecipeListener final : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit RecipeListener(RecipeFile& file) : file_(file) {}
    const std::string& problem() const { return problem_; }

    bool null() override { return refuse_value(); }
    bool boolean(bool) override { return refuse_value(); }
    bool binary(binary_t&) override { return refuse_value(); }
    bool number_integer(number_integer_t number) override { return take(static_cast<double>(number)); }
    bool number_unsigned(number_unsigned_t number) override { return take(std::uint64_t{number}); }
    bool number_float(number_float_t number, const string_t&) override { return take(double{number}); }
    bool string(string_t& text) override { return take(std::move(text)); }

    bool start_object(std::size_t) override {
        if (place_ == Place::outside) return enter(Place::top, &file_.run);
        if (place_ == Place::top && key_ == kSettings) return enter(Place::settings, &file_.settings);
        if (place_ != Place::list) return refuse_value();
        return enter(Place::entry, &list_->emplace_back());
    }
    bool end_object() override {
        switch (place_) {
            case Place::entry:
                return enter(Place::list, nullptr);
            case Place::settings:
                return enter(Place::top, &file_.run);
            default:
                return enter(Place::outside, nullptr);
        }
    }
    bool start_array(std::size_t) override {
        if (place_ != Place::top || (key_ != kLanes && key_ != kChanges)) return refuse_value();
        list_ = key_ == kLanes ? &file_.lanes : &file_.changes;
        return enter(Place::list, nullptr);
    }
    bool end_array() override { return enter(Place::top, &file_.run); }
    bool key(string_t& text) override {
        key_ = text;
        const bool is_new = place_ == Place::top
                                ? seen_.insert(text).second
                                : std::none_of(fields_->begin(), fields_->end(),
                                               [&](const auto& field) { return field.first == text; });
        if (!is_new) return refuse("says " + quoted_name(text) + " twice");
        return std::max(fields_->size(), seen_.size()) <= kMostFields || refuse("says too much in one place");
    }
    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
        return refuse("has no valid JSON at offset " + std::to_string(position == 0 ? 0 : position - 1));
    }

  private:
    enum class Place : std::uint8_t { outside, top, settings, list, entry };

    bool enter(Place place, RecipeFields* fields) {
        place_ = place;
        fields_ = fields;
        return true;
    }
    bool take(RecipeValue value) {
        const bool names_a_part =
            place_ == Place::top && (key_ == kSettings || key_ == kLanes || key_ == kChanges);
        if (!fields_ || names_a_part) return refuse_value();
        fields_->emplace_back(key_, std::move(value));
        return true;
    }
    bool refuse(std::string problem) {
        problem_ = std::move(problem);
        return false;
    }
    bool refuse_value() {
        return refuse(key_.empty() ? "is no recipe of Halfscope"
                                   : "has a value of the wrong kind for " + quoted_name(key_));
    }

    RecipeFile& file_;
    Place place_ = Place::outside;
    RecipeFields* fields_ = nullptr;  // that take a value now; null: none may
    std::vector<RecipeFields>* list_ = nullptr;
    std::set<std::string> seen_;  // keys of the whole
    std::string key_, problem_;
};

/// The version is the file's business alone.
void take_version(RecipeFile& file) {
    const auto place = std::find_if(file.run.begin(), file.run.end(),
                                    [](const auto& field) { return field.first == kVersion; });
    if (place == file.run.end())
        refuse_recipe(file.name, std::string("is no recipe of Halfscope: it does not say \"") + kVersion +
                                     "\": " + std::to_string(kRecipeVersion));
    const std::uint64_t* version = std::get_if<std::uint64_t>(&place->second);
    if (!version) refuse_recipe(file.name, "has a version that is no number");
    if (*version != kRecipeVersion)
        refuse_recipe(file.name, "has version " + std::to_string(*version) + "; this program reads version " +
                                     std::to_string(kRecipeVersion));
    file.run.erase(place);
}

Json json_of(const RecipeValue& value) {
    return std::visit([](const auto& kind) { return Json(kind); }, value);
}

Json json_of(const RecipeFields& fields) {
    Json object = Json::object();
    for (const auto& [key, value] : fields) object[key] = json_of(value);
    return object;
}

/// One object a line, so that a difference between two recipes is one of lines.
std::string json_list(const std::vector<RecipeFields>& list) {
    std::string text;
    for (const RecipeFields& fields : list)
        text += (text.empty() ? "\n    " : ",\n    ") + json_of(fields).dump();
    return "[" + text + (list.empty() ? "]" : "\n  ]");
}

bool is_finite(const RecipeFields& fields) {
    return std::all_of(fields.begin(), fields.end(), [](const auto& field) {
        const double* number = std::get_if<double>(&field.second);
        return !number || std::isfinite(*number);
    });
}

}  // namespace

void refuse_recipe(const std::string& file, const std::string& reason) {
    throw DataError("recipe '" + file + "' " + reason);
}

std::string recipe_text(const RecipeFile& file) {
    const auto all_finite = [](const std::vector<RecipeFields>& list) {
        return std::all_of(list.begin(), list.end(), is_finite);
    };
    if (!is_finite(file.run) || !is_finite(file.settings) || !all_finite(file.lanes) ||
        !all_finite(file.changes))
        refuse_to_write(file.name, "a number in it is not finite");
    std::string text;
    try {
        text = "{\n  \"" + std::string(kVersion) + "\": " + std::to_string(kRecipeVersion);
        for (const auto& [key, value] : file.run)
            text += ",\n  " + Json(key).dump() + ": " + json_of(value).dump();
        text += ",\n  \"" + std::string(kSettings) + "\": " + json_of(file.settings).dump();
        text += ",\n  \"" + std::string(kLanes) + "\": " + json_list(file.lanes);
        text += ",\n  \"" + std::string(kChanges) + "\": " + json_list(file.changes) + "\n}\n";
    } catch (const Json::exception&) {
        refuse_to_write(file.name, "a name or path in it is not UTF-8; choose another");
    }
    if (text.size() > kMaximumRecipeBytes) refuse_to_write(file.name, "the run has been changed too often");
    return text;
}

RecipeFile parse_recipe_file(std::string_view text, const std::string& name) {
    RecipeFile file;
    file.name = name;
    RecipeListener listener(file);
    if (!nlohmann::json::sax_parse(text, &listener)) refuse_recipe(name, listener.problem());
    take_version(file);
    return file;
}

RecipeFile read_recipe_file(const std::string& path) {
    const FileKind kind{"recipe", "give a recipe in it", "a recipe is a text of some pages"};
    return parse_recipe_file(read_file_bytes(path, kind, kMaximumRecipeBytes), path);
}

void write_recipe_file(const RecipeFile& file) {
    const std::string text = recipe_text(file);
    AtomicFile target(file.name);
    target.write(text);
    target.commit();
}

bool looks_like_recipe(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    std::string beginning(kBeginning, '\0');
    stream.read(beginning.data(), static_cast<std::streamsize>(beginning.size()));
    beginning.resize(static_cast<std::size_t>(stream.gcount()));
    const std::size_t first = beginning.find_first_not_of(" \t\r\n");
    return first != std::string::npos && beginning[first] == '{' &&
           beginning.find('"' + std::string(kVersion) + '"') != std::string::npos;
}

}  // namespace halfscope
