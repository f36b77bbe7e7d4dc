#include "gui/kept_looks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "data/atomic_file.h"
#include "data/data_error.h"
#include "data/user_folder.h"
#include "gui/panel_list.h"
#include "gui/theme.h"
#include "train/experiment.h"

namespace halfscope {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr float kLeastShare = 0.02f, kMostShare = 1.0f;

bool is_number(const Json& object, const char* key, double least, double most) {
    const auto found = object.find(key);
    return found != object.end() && found->is_number() && found->get<double>() >= least &&
           found->get<double>() <= most;
}

void take_share(const Json& object, const char* key, float& share, float least) {
    if (is_number(object, key, static_cast<double>(least), static_cast<double>(kMostShare)))
        share = object[key].get<float>();
}

template <std::size_t N>
void take_shares(const Json& object, const char* key, std::array<float, N>& shares) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_array() || found->size() != N) return;
    std::array<float, N> taken{};
    for (std::size_t i = 0; i < N; ++i) {
        const Json& one = (*found)[i];
        if (!one.is_number()) return;
        taken[i] = one.get<float>();
        if (!(taken[i] >= kLeastShare && taken[i] <= kMostShare)) return;
    }
    shares = taken;
}

const char* slot_name(Slot slot) { return panel_of(slot).id; }

void take_slot(const Json& object, const char* key, Slot& slot) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) return;
    for (const PanelEntry& panel : panel_list())
        if (found->get<std::string>() == panel.id) slot = panel.slot;
}

Json alerts_json(const std::vector<AlertRule>& rules) {
    Json list = Json::array();
    for (const AlertRule& rule : rules) {
        list.push_back({{"what", alert_kind_key(rule.kind)},
                        {"threshold", rule.threshold},
                        {"lane", rule.lane_id ? Json(*rule.lane_id) : Json()},
                        {"action", alert_action_key(rule.action)},
                        {"on", rule.is_on}});
    }
    return list;
}

std::optional<AlertRule> alert_rule(const Json& object) {
    if (!object.is_object()) return std::nullopt;
    const auto text = [&object](const char* key) {
        const auto found = object.find(key);
        return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    const std::optional<AlertKind> kind = alert_kind_of(text("what"));
    const std::optional<AlertAction> action = alert_action_of(text("action"));
    const auto is_on = object.find("on");
    if (!kind || !action || is_on == object.end() || !is_on->is_boolean()) return std::nullopt;
    AlertRule rule{*kind, 0, std::nullopt, *action, is_on->get<bool>()};
    const auto threshold = object.find("threshold");
    if (threshold == object.end() || !threshold->is_number()) return std::nullopt;
    rule.threshold = threshold->get<double>();
    if (is_number(object, "lane", 0, static_cast<double>(kMaximumLanes) - 1))
        rule.lane_id = object["lane"].get<int>();
    return rule;
}

/// All of them or, where one is none, nothing: half of what somebody set up is not what they set up.
void take_alerts(const Json& looks, std::vector<AlertRule>& rules) {
    const auto found = looks.find("alerts");
    if (found == looks.end() || !found->is_array()) return;
    std::vector<AlertRule> taken;
    for (const Json& object : *found) {
        const std::optional<AlertRule> rule = alert_rule(object);
        if (!rule) return;
        taken.push_back(*rule);
    }
    if (refusal(taken).empty()) rules = std::move(taken);
}

}  // namespace

std::string looks_path() {
    const std::string folder = user_folder("XDG_CONFIG_HOME", ".config");
    return folder.empty() ? folder : folder + "/window.json";
}

std::string looks_text(const UiState& ui) {
    const LayoutState& layout = ui.layout;
    const Json looks = {{"theme", theme_key(ui.theme)},
                        {"presenter", ui.text_size == TextSize::presenter},
                        {"scale", ui.ui_scale},
                        {"left_folded", layout.left_folded},
                        {"left_share", layout.left_share},
                        {"middle_share", layout.middle_share},
                        {"left_rows", layout.left_rows},
                        {"middle_rows", layout.middle_rows},
                        {"right_rows", layout.right_rows},
                        {"middle_rows_narrow", layout.middle_rows_narrow},
                        {"middle_tab", slot_name(layout.middle_tab)},
                        {"right_tab", slot_name(layout.right_tab)},
                        {"alerts", alerts_json(ui.alert_rules)}};
    return looks.dump(2) + "\n";
}

std::string take_looks(std::string_view text, UiState& ui) {
    const Json looks = Json::parse(text, nullptr, false);
    if (!looks.is_object()) return "is not a JSON object";
    const auto flag = [&looks](const char* key, bool otherwise) {
        const auto found = looks.find(key);
        return found != looks.end() && found->is_boolean() ? found->get<bool>() : otherwise;
    };
    if (const auto theme = looks.find("theme"); theme != looks.end() && theme->is_string()) {
        for (const ThemeKind kind : {ThemeKind::light, ThemeKind::dark, ThemeKind::high_contrast})
            if (*theme == theme_key(kind)) ui.theme = kind;
    }
    ui.text_size =
        flag("presenter", ui.text_size == TextSize::presenter) ? TextSize::presenter : TextSize::ordinary;
    if (is_number(looks, "scale", 0.5, 4.0)) ui.ui_scale = looks["scale"].get<float>();
    LayoutState& layout = ui.layout;
    layout.left_folded = flag("left_folded", layout.left_folded);
    take_share(looks, "left_share", layout.left_share, 0.0f);
    take_share(looks, "middle_share", layout.middle_share, kLeastShare);
    take_shares(looks, "left_rows", layout.left_rows);
    take_shares(looks, "middle_rows", layout.middle_rows);
    take_shares(looks, "right_rows", layout.right_rows);
    take_shares(looks, "middle_rows_narrow", layout.middle_rows_narrow);
    take_slot(looks, "middle_tab", layout.middle_tab);
    take_slot(looks, "right_tab", layout.right_tab);
    take_alerts(looks, ui.alert_rules);
    return {};
}

std::string load_looks(UiState& ui) {
    const std::string path = looks_path();
    std::error_code error;
    if (path.empty() || !fs::is_regular_file(path, error)) return {};
    constexpr std::uintmax_t kMostBytes = 1 << 20;
    if (fs::file_size(path, error) > kMostBytes)
        return "'" + path + "' is too large to be the window's settings; delete it";
    std::ifstream file(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const std::string reason = take_looks(text, ui);
    return reason.empty() ? "" : "'" + path + "' " + reason + "; it will be written anew";
}

std::string save_looks(const UiState& ui) {
    const std::string path = looks_path();
    if (path.empty()) return {};
    try {
        std::error_code error;
        fs::create_directories(fs::path(path).parent_path(), error);
        AtomicFile file(path);
        file.write(looks_text(ui));
        file.commit();
    } catch (const DataError& failure) {
        return failure.what();
    }
    return {};
}

}  // namespace halfscope
