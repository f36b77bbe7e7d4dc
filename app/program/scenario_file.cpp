#include "program/scenario_file.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>

// toml++ asserts, and with NDEBUG lets Clang assume, what a bad file breaks (a table header without a key):
// it shall do neither, as behind each such place it refuses the file.
#define TOML_ASSERT(expression) static_cast<void>(0)
#pragma push_macro("NDEBUG")
#undef NDEBUG
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

#include "data/data_error.h"
#include "data/file_bytes.h"
#include "data/printable_text.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

/// Words of somebody's file in a sentence of ours: one line, not endless.
std::string in_quotes(std::string_view word) {
    constexpr std::size_t kShown = 60;
    return "'" + short_line(word, kShown) + "'";
}

// toml++ before July 2026 meets undefined behaviour at some characters beyond ASCII (its issues 190 and 295):
// it gets none of them. A byte that is no ASCII, and the mark itself, travel as a mark and two hexadecimal
// digits.
constexpr char kMark = '~';
constexpr std::string_view kDigits = "0123456789ABCDEF";

std::string to_ascii(std::string_view text) {
    std::string ascii;
    ascii.reserve(text.size());
    for (const char byte : text) {
        const auto code = static_cast<unsigned char>(byte);
        ascii += code < 0x80 && byte != kMark ? byte : kMark;
        if (ascii.back() == kMark) (ascii += kDigits[code / 16]) += kDigits[code % 16];
    }
    return ascii;
}

std::string from_ascii(std::string_view ascii) {
    std::string text;
    for (std::size_t i = 0; i < ascii.size(); ++i) {
        text += ascii[i];
        if (ascii[i] != kMark || i + 2 >= ascii.size()) continue;
        const std::size_t high = kDigits.find(ascii[i + 1]), low = kDigits.find(ascii[i + 2]);
        if (high >= 16 || low >= 16) continue;
        text.back() = static_cast<char>(16 * high + low);
        i += 2;
    }
    return text;
}

class Reader {
  public:
    explicit Reader(const std::string& path) : path_(path) {}

    ScenarioFile read(std::string_view text) {
        const toml::parse_result parsed = toml::parse(to_ascii(text), path_);
        if (!parsed) {
            refuse(parsed.error().source(), "this is no TOML: " + from_ascii(parsed.error().description()));
        }
        const toml::table& root = parsed.table();
        check_keys(root, {"scenario", "title", "description", "seed", "text", "images", "labels", "settings",
                          "lane"});
        ScenarioFile file;
        file.scenario = required_text(root, "scenario", "such as scenario = \"spiral-mlp\"");
        file.title = optional_text(root, "title");
        file.description = optional_text(root, "description");
        const ScenarioInfo* info = nullptr;
        at(*root.get("scenario"), [&] { info = &find_scenario(file.scenario).info(); });
        file.settings.seed = seed(root);
        file.settings.text_path = data_path(root, "text");
        file.settings.images_path = data_path(root, "images");
        file.settings.labels_path = data_path(root, "labels");
        read_settings(root, *info, file.settings);
        at(root, [&] { resolve_settings(*info, file.settings); });
        read_lanes(root, file.lanes);
        return file;
    }

  private:
    [[noreturn]] void refuse(const toml::source_region& where, const std::string& reason) const {
        std::string place = "scenario file '" + path_ + "'";
        if (where.begin.line > 0) place += ", line " + std::to_string(where.begin.line);
        throw InputError(place + ": " + printable_line(reason));
    }
    [[noreturn]] void refuse(const toml::node& node, const std::string& reason) const {
        refuse(node.source(), reason);
    }
    /// What `work` refuses is said with the place of `node`.
    template <class Work>
    void at(const toml::node& node, const Work& work) const {
        try {
            work();
        } catch (const InputError& error) {
            refuse(node, error.what());
        }
    }

    void check_keys(const toml::table& table, const std::vector<std::string>& known) const {
        for (const auto& [key, value] : table) {
            if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
            const std::string near = closest(key.str(), known);
            refuse(value,
                   "there is no key " + in_quotes(from_ascii(key.str())) + " here" +
                       (near.empty() ? "; see the example in README.md" : ", did you mean '" + near + "'?"));
        }
    }

    std::string text_of(const toml::node& node, std::string_view key) const {
        const std::optional<std::string> ascii = node.value_exact<std::string>();
        if (!ascii) refuse(node, std::string(key) + " must be a text in quotes");
        std::string text = from_ascii(*ascii);
        if (text.find('\0') != std::string::npos) refuse(node, std::string(key) + " holds a zero byte");
        return text;
    }
    std::string optional_text(const toml::table& table, std::string_view key) const {
        const toml::node* node = table.get(key);
        return node ? text_of(*node, key) : std::string();
    }
    std::string required_text(const toml::table& table, std::string_view key,
                              const std::string& advice) const {
        std::string text = optional_text(table, key);
        if (text.empty()) refuse(table, std::string(key) + " is missing; give one, " + advice);
        return text;
    }

    /// A value as the command line would have it typed.
    std::string typed(const toml::node& node, std::string_view key) const {
        if (const auto text = node.value_exact<std::string>()) return from_ascii(*text);
        if (const auto whole = node.value_exact<std::int64_t>()) return std::to_string(*whole);
        if (const auto is_on = node.value_exact<bool>()) return *is_on ? "on" : "off";
        if (const auto number = node.value_exact<double>()) {
            char buffer[40];
            std::snprintf(buffer, sizeof buffer, "%.17g", *number);
            return buffer;
        }
        refuse(node, in_quotes(key) + " must be a number, a text in quotes, true or false");
    }

    std::uint64_t seed(const toml::table& root) const {
        const toml::node* node = root.get("seed");
        if (!node) return 0;
        const std::optional<std::int64_t> value = node->value_exact<std::int64_t>();
        if (!value || *value < 0) refuse(*node, "seed must be a whole number, 0 or more");
        return static_cast<std::uint64_t>(*value);
    }

    /// A path in the file is meant from the folder of the file.
    std::string data_path(const toml::table& root, std::string_view key) const {
        const std::string path = optional_text(root, key);
        return path.empty() ? std::string() : (std::filesystem::path(path_).parent_path() / path).string();
    }

    void read_settings(const toml::table& root, const ScenarioInfo& info, ScenarioSettings& settings) const {
        const toml::node* node = root.get("settings");
        if (!node) return;
        if (!node->is_table()) refuse(*node, "settings must be a table, [settings]");
        for (const auto& [key, value] : *node->as_table()) {
            const std::string name(key.str()), text = typed(value, name);
            at(value, [&] { set_parameter(info, settings, name, text); });
        }
    }

    void read_lanes(const toml::table& root, std::vector<LaneSpec>& lanes) const {
        const toml::node* node = root.get("lane");
        if (!node) return;
        if (!node->is_array_of_tables()) refuse(*node, "each lane must be a table of its own, [[lane]]");
        std::set<std::string> names;
        for (const toml::node& entry : *node->as_array()) {
            LaneSpec lane = read_lane(*entry.as_table());
            if (!names.insert(lane.name).second) {
                refuse(entry,
                       "the lane " + in_quotes(lane.name) + " is there twice; give every lane its own name");
            }
            lanes.push_back(std::move(lane));
            if (lanes.size() > kMaximumLanes) {
                refuse(entry,
                       "more than " + std::to_string(kMaximumLanes) + " lanes are too many; leave some out");
            }
        }
    }

    LaneSpec read_lane(const toml::table& table) const {
        LaneSpec lane;
        lane.name = required_text(table, "name", "such as name = \"mixed\"");
        if (printable_line(lane.name) != lane.name)
            refuse(*table.get("name"), "a lane's name must be one line");
        const std::string preset = required_text(table, "preset", "such as preset = \"mixed\"");
        if (preset.find_first_of(",=") != std::string::npos)
            refuse(*table.get("preset"), "preset is one name; give each key a line of its own, key = value");
        at(*table.get("preset"), [&] { lane.techniques = parse_techniques(preset); });
        set_keys(table, lane.techniques);
        if (const std::string reason = refusal(lane.techniques); !reason.empty()) refuse(table, reason);
        return lane;
    }

    /// `scaler` goes first, because it sets other keys too.
    void set_keys(const toml::table& table, Techniques& techniques) const {
        for (const bool is_scaler : {true, false}) {
            for (const auto& [key, value] : table) {
                if (key.str() == "name" || key.str() == "preset") continue;
                if ((key.str() == "scaler") != is_scaler) continue;
                const std::string reason = set_technique(techniques, key.str(), typed(value, key.str()));
                if (!reason.empty()) refuse(value, reason);
            }
        }
    }

    const std::string& path_;
};

}  // namespace

std::string greeting(const ScenarioFile& file) {
    if (file.title.empty() || file.description.empty()) return file.title + file.description;
    return file.title + ": " + file.description;
}

bool is_scenario_file(const std::string& path) { return std::filesystem::path(path).extension() == ".toml"; }

ScenarioFile parse_scenario_file(std::string_view text, const std::string& path) {
    return Reader(path).read(text);
}

ScenarioFile read_scenario_file(const std::string& path) {
    const FileKind kind{"scenario file", "give a .toml file in it", "a scenario file is a page of text"};
    try {
        return parse_scenario_file(read_file_bytes(path, kind, kMaximumScenarioFileBytes), path);
    } catch (const DataError& error) {
        throw InputError(error.what());
    }
}

}  // namespace halfscope
