#include "session/recipe.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <type_traits>
#include <utility>
#include <variant>

#include "data/atomic_file.h"
#include "data/data_error.h"
#include "data/printable_text.h"
#include "train/experiment_record.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

constexpr double kWholeBelow = 9007199254740992.0;  // 2^53
constexpr const char* kChange = "change";

/// Numbers that are whole are written so.
RecipeValue value_of(double number) {
    if (number >= 0 && number < kWholeBelow && number == std::floor(number))
        return static_cast<std::uint64_t>(number);
    return number;
}

RecipeValue step_value(std::int64_t step) { return static_cast<std::uint64_t>(step); }

/// Takes an object's fields by name and refuses what is left.
class FieldReader {
  public:
    /// `who`: "change 3", or nothing for the whole.
    FieldReader(const RecipeFile& file, const RecipeFields& fields, std::string who)
        : file_(file), fields_(fields), who_(std::move(who)) {}

    [[noreturn]] void refuse(const std::string& reason) const {
        constexpr std::size_t kShown = 400;
        const std::string place = who_.empty() ? "is refused: " : "is refused at " + who_ + ": ";
        throw InputError("recipe '" + file_.name + "' " + place + short_line(reason, kShown));
    }
    const RecipeValue* find(const std::string& key) {
        const auto place = std::find_if(fields_.begin(), fields_.end(),
                                        [&](const auto& field) { return field.first == key; });
        if (place == fields_.end()) return nullptr;
        taken_.insert(key);
        return &place->second;
    }
    std::string text(const std::string& key) {
        const RecipeValue& value = required(key);
        const std::string* text = std::get_if<std::string>(&value);
        if (!text) refuse("\"" + key + "\" must be a text");
        if (text->empty()) refuse("\"" + key + "\" is empty");
        if (text->find('\0') != std::string::npos) refuse("\"" + key + "\" holds a zero byte");
        return *text;
    }
    std::string optional_text(const std::string& key) { return find(key) ? text(key) : std::string(); }
    std::uint64_t whole(const std::string& key, std::uint64_t most) {
        const std::uint64_t* whole = std::get_if<std::uint64_t>(&required(key));
        if (!whole || *whole > most)
            refuse("\"" + key + "\" must be a whole number from 0 to " + std::to_string(most));
        return *whole;
    }
    std::int64_t step(const std::string& key) {
        return static_cast<std::int64_t>(whole(key, static_cast<std::uint64_t>(kMaximumStep)));
    }
    double number(const std::string& key) {
        const RecipeValue& value = required(key);
        if (const std::uint64_t* whole = std::get_if<std::uint64_t>(&value))
            return static_cast<double>(*whole);
        const double* number = std::get_if<double>(&value);
        if (!number) refuse("\"" + key + "\" must be a number");
        return *number;
    }
    /// What `work` throws is said with the place.
    template <class Work>
    auto at(const Work& work) const {
        try {
            return work();
        } catch (const InputError& error) {
            refuse(error.what());
        }
    }
    /// After everything else.
    void refuse_others() const {
        for (const auto& [key, value] : fields_) {
            if (!taken_.contains(key)) refuse("there is no " + quoted_name(key) + " here");
        }
    }

  private:
    const RecipeValue& required(const std::string& key) {
        const RecipeValue* value = find(key);
        if (!value) refuse("\"" + key + "\" is missing");
        return *value;
    }

    const RecipeFile& file_;
    const RecipeFields& fields_;
    std::string who_;
    std::set<std::string> taken_;
};

/// The lanes of a run, as changes leave them, without their tensors.
class LaneBook {
  public:
    explicit LaneBook(std::vector<LaneSpec> lanes) : lanes_(std::move(lanes)) {
        if (lanes_.empty()) throw InputError("it has no lanes");
        if (lanes_.size() > kMaximumLanes) throw InputError("it has more than four lanes");
        for (auto lane = lanes_.begin(); lane != lanes_.end(); ++lane) {
            const bool is_twice = std::any_of(
                lanes_.begin(), lane, [&](const LaneSpec& earlier) { return earlier.name == lane->name; });
            if (is_twice) throw InputError("two lanes are named '" + lane->name + "'");
        }
    }
    /// Throws InputError where the change cannot be made.
    void apply(const RunChange& change, const std::vector<RunChange>& changes, std::size_t index) {
        std::visit(
            [&]<class Kind>(const Kind& command) {
                if constexpr (std::is_same_v<Kind, AddLaneCommand>) {
                    add(command, changes, index);
                } else {
                    apply(command);
                }
            },
            change.command);
    }

  private:
    LaneSpec& lane(const std::string& name) {
        const auto place = std::find_if(lanes_.begin(), lanes_.end(),
                                        [&](const LaneSpec& lane) { return lane.name == name; });
        if (place == lanes_.end()) throw InputError("there is no lane '" + name + "' then");
        return *place;
    }
    void refuse_taken(const std::string& name) const {
        for (const LaneSpec& lane : lanes_)
            if (lane.name == name) throw InputError("there is a lane '" + name + "' already");
    }
    void set(LaneSpec& lane, const Techniques& techniques) {
        if (const std::string sentence = refusal(techniques); !sentence.empty()) throw InputError(sentence);
        lane.techniques = techniques;
    }

    template <class Other>
    void apply(const Other&) {}
    void apply(const SetTechniqueCommand& command) {
        LaneSpec& changing = lane(command.lane);
        set(changing, changed(changing.techniques, command));
    }
    void apply(const SetPresetCommand& command) {
        LaneSpec& changing = lane(command.lane);
        set(changing, changed(changing.techniques, command));
    }
    void apply(const MultiplyLossScaleCommand& command) {
        if (!(command.factor > 0.0)) throw InputError("\"times\" must be more than 0");
        if (lane(command.lane).techniques.scaler.scaling == LossScaling::off)
            throw InputError("lane '" + command.lane + "' runs without loss scaling then");
    }
    void apply(const RemoveLaneCommand& command) {
        const LaneSpec& victim = lane(command.lane);
        if (lanes_.size() == 1) throw InputError("'" + command.lane + "' is the last lane then");
        lanes_.erase(lanes_.begin() + (&victim - lanes_.data()));
    }
    void apply(const RenameLaneCommand& command) {
        LaneSpec& renamed = lane(command.from);
        if (command.from != command.to) refuse_taken(command.to);
        renamed.name = command.to;
    }
    void add(const AddLaneCommand& command, const std::vector<RunChange>& changes, std::size_t index) {
        refuse_taken(command.lane.name);
        if (lanes_.size() == kMaximumLanes) throw InputError("there are four lanes already");
        if (!command.branch_from.empty()) lane(command.branch_from);
        if (const auto past = past_step_of(changes[index])) {
            const LaneThen then = lane_then(changes, index, command.branch_from, *past);
            if (then.added_later)
                throw InputError("'" + command.branch_from + "' was not there yet at step " +
                                 std::to_string(*past));
        }
        lanes_.push_back(command.lane);
    }

    std::vector<LaneSpec> lanes_;
};

/// A change's fields behind its step.
struct ChangeFields {
    RecipeFields& fields;
    void text(const char* key, const std::string& value) { fields.emplace_back(key, value); }

    void operator()(const SetTechniqueCommand& command) {
        text(kChange, "technique");
        text("lane", command.lane);
        text("key", command.key);
        text("value", command.value);
    }
    void operator()(const SetPresetCommand& command) {
        text(kChange, "preset");
        text("lane", command.lane);
        text("preset", command.preset);
    }
    void operator()(const AddLaneCommand& command) {
        text(kChange, "add");
        text("lane", command.lane.name);
        text("techniques", techniques_text(command.lane.techniques));
        if (command.branch_from.empty()) return;
        text("from", command.branch_from);
        if (command.at_step)
            fields.emplace_back("at_step", step_value(std::max<std::int64_t>(0, *command.at_step)));
    }
    void operator()(const RemoveLaneCommand& command) {
        text(kChange, "remove");
        text("lane", command.lane);
    }
    void operator()(const RenameLaneCommand& command) {
        text(kChange, "rename");
        text("lane", command.from);
        text("to", command.to);
    }
    void operator()(const MultiplyLossScaleCommand& command) {
        text(kChange, "loss_scale");
        text("lane", command.lane);
        fields.emplace_back("times", value_of(command.factor));
    }
    template <class Other>
    void operator()(const Other&) {}  // changes_run() is false for all of them
};

/// A lane's name is one line wherever it is drawn.
std::string read_name(FieldReader& fields, const std::string& key) {
    std::string name = fields.text(key);
    if (printable_line(name) != name) fields.refuse("a lane's name must be one line");
    return name;
}

LaneSpec read_lane(FieldReader& fields, const std::string& name_key) {
    LaneSpec lane;
    lane.name = read_name(fields, name_key);
    const std::string techniques = fields.text("techniques");
    lane.techniques = fields.at([&] { return parse_techniques(techniques); });
    return lane;
}

Command read_command(FieldReader& fields) {
    const std::string kind = fields.text(kChange);
    if (kind == "add") {
        AddLaneCommand command;
        command.lane = read_lane(fields, "lane");
        command.branch_from = fields.optional_text("from");
        if (fields.find("at_step")) command.at_step = fields.step("at_step");
        if (command.at_step && command.branch_from.empty())
            fields.refuse("\"at_step\" needs \"from\", the lane that it was");
        return command;
    }
    const std::string lane = fields.text("lane");
    if (kind == "technique") return SetTechniqueCommand{lane, fields.text("key"), fields.text("value")};
    if (kind == "preset") return SetPresetCommand{lane, fields.text("preset")};
    if (kind == "loss_scale") return MultiplyLossScaleCommand{lane, fields.number("times")};
    if (kind == "rename") return RenameLaneCommand{lane, read_name(fields, "to")};
    if (kind == "remove") return RemoveLaneCommand{lane};
    fields.refuse("there is no change " + quoted_name(kind) +
                  "; there are technique, preset, loss_scale, add, rename and remove");
}

void read_run(const RecipeFile& file, Recipe& recipe) {
    FieldReader fields(file, file.run, "");
    recipe.scenario = fields.text("scenario");
    const ScenarioInfo& info =
        fields.at([&]() -> const ScenarioInfo& { return find_scenario(recipe.scenario).info(); });
    recipe.settings.seed = fields.find("seed") ? fields.whole("seed", UINT64_MAX) : 0;
    recipe.steps = fields.find("steps") ? fields.step("steps") : 0;
    recipe.data = fields.optional_text("data");
    recipe.settings.text_path = fields.optional_text("text");
    recipe.settings.images_path = fields.optional_text("images");
    recipe.settings.labels_path = fields.optional_text("labels");
    if (!recipe.settings.text_path.empty() && !info.reads_text) fields.refuse(info.name + " reads no text");
    if (!recipe.settings.images_path.empty() && !info.reads_images)
        fields.refuse(info.name + " reads no pictures");
    fields.refuse_others();
    FieldReader settings(file, file.settings, "its settings");
    for (const auto& [name, value] : file.settings) recipe.settings.parameters[name] = settings.number(name);
    settings.at([&] { resolve_settings(info, recipe.settings); });
}

void read_changes(const RecipeFile& file, Recipe& recipe) {
    LaneBook lanes(recipe.lanes);
    std::int64_t step = 0;
    for (std::size_t index = 0; index < file.changes.size(); ++index) {
        FieldReader fields(file, file.changes[index], "change " + std::to_string(index + 1));
        RunChange change;
        change.step = fields.step("step");
        change.command = read_command(fields);
        fields.refuse_others();
        if (change.step < std::exchange(step, change.step))
            fields.refuse("it is of an earlier step than the change before it");
        recipe.changes.push_back(std::move(change));
        fields.at([&] { lanes.apply(recipe.changes.back(), recipe.changes, index); });
    }
}

}  // namespace

Recipe recipe_of(const Workload& workload, const RunOrigin& origin, std::int64_t steps) {
    if (!origin.why_none.empty()) throw InputError(origin.why_none);
    Recipe recipe;
    recipe.scenario = workload.info().name;
    recipe.settings = workload.settings();
    for (std::string* path :
         {&recipe.settings.text_path, &recipe.settings.images_path, &recipe.settings.labels_path})
        *path = absolute_path(*path);
    recipe.lanes = origin.lanes;
    recipe.changes = origin.changes;
    recipe.steps = steps;
    recipe.data = data_signature(workload, 0);
    return recipe;
}

RecipeFile recipe_file(const Recipe& recipe, const std::string& path) {
    RecipeFile file;
    file.name = path;
    file.run = {
        {"scenario", recipe.scenario}, {"seed", recipe.settings.seed}, {"steps", step_value(recipe.steps)}};
    const auto add_text = [&](const char* key, const std::string& text) {
        if (!text.empty()) file.run.emplace_back(key, text);
    };
    add_text("data", recipe.data);
    add_text("text", recipe.settings.text_path);
    add_text("images", recipe.settings.images_path);
    add_text("labels", recipe.settings.labels_path);
    for (const auto& [name, value] : recipe.settings.parameters)
        file.settings.emplace_back(name, value_of(value));
    for (const LaneSpec& lane : recipe.lanes)
        file.lanes.push_back({{"name", lane.name}, {"techniques", techniques_text(lane.techniques)}});
    for (const RunChange& change : recipe.changes) {
        RecipeFields& fields = file.changes.emplace_back();
        fields.emplace_back("step", step_value(change.step));
        std::visit(ChangeFields{fields}, change.command);
    }
    return file;
}

Recipe recipe_from(const RecipeFile& file) {
    Recipe recipe;
    read_run(file, recipe);
    for (std::size_t index = 0; index < file.lanes.size(); ++index) {
        FieldReader fields(file, file.lanes[index], "lane " + std::to_string(index + 1));
        recipe.lanes.push_back(read_lane(fields, "name"));
        fields.refuse_others();
    }
    const RecipeFields none;
    FieldReader(file, none, "its lanes").at([&] { LaneBook{recipe.lanes}; });
    read_changes(file, recipe);
    if (!recipe.changes.empty()) recipe.steps = std::max(recipe.steps, recipe.changes.back().step);
    return recipe;
}

void check_recipe_target(const std::string& path, const Recipe& recipe) {
    as_input_error([&] {
        check_writable(path);
        recipe_text(recipe_file(recipe, path));
    });
}

void write_recipe(const std::string& path, const Recipe& recipe) {
    const RecipeFile file = recipe_file(recipe, path);
    recipe_from(file);  // what could not be opened again is not written
    as_input_error([&] { write_recipe_file(file); });
}

Recipe read_recipe(const std::string& path) {
    RecipeFile file;
    as_input_error([&] { file = read_recipe_file(path); });
    return recipe_from(file);
}

void check_data(const Recipe& recipe, const Workload& workload, const std::string& path) {
    if (recipe.data.empty() || recipe.data == data_signature(workload, 0)) return;
    throw InputError("recipe '" + path +
                     "' was saved with other data than those that are there now; restore the file, or take "
                     "\"data\" out of the recipe to train on these");
}

}  // namespace halfscope
