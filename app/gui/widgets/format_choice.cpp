#include "gui/widgets/format_choice.h"

#include <algorithm>
#include <array>

#include "gui/widgets/controls.h"
#include "gui/widgets/lane_choice.h"

namespace halfscope {
namespace {

struct FormatEntry {
    WhatIfKind kind;
    const char* id;
    const char* label;
};
constexpr std::array<FormatEntry, 6> kFormats{{{WhatIfKind::counted, "counted", "as counted (FP16)"},
                                               {WhatIfKind::fp16, "fp16", "FP16"},
                                               {WhatIfKind::bf16, "bf16", "BF16"},
                                               {WhatIfKind::e4m3, "e4m3", "FP8 E4M3"},
                                               {WhatIfKind::e5m2, "e5m2", "FP8 E5M2"},
                                               {WhatIfKind::custom, "custom", "custom split"}}};

const FormatEntry& entry_of(WhatIfKind kind) {
    return *std::find_if(kFormats.begin(), kFormats.end(),
                         [kind](const FormatEntry& entry) { return entry.kind == kind; });
}

constexpr float kBitsWidth = 84;  // pixels at scale 1

void draw_bits(const Theme& theme, UiState& ui, int& bits, int least, int most, const char* word,
               const char* tooltip, const std::string& id) {
    ImGui::PushID(id.c_str());
    ImGui::SetNextItemWidth(theme.px(kBitsWidth));
    ImGui::InputInt("##bits", &bits, 1, 1);
    ImGui::PopID();
    bits = std::clamp(bits, least, most);
    ui.probe.item(id);
    item_tooltip(theme, tooltip);
    ImGui::SameLine(0, theme.px(4));
    ImGui::AlignTextToFramePadding();
    dim_text(theme, word);
}

}  // namespace

NumberFormat format_of(const WhatIfFormat& choice) {
    switch (choice.kind) {
        case WhatIfKind::counted:
        case WhatIfKind::fp16:
            break;
        case WhatIfKind::bf16:
            return number_format(Format::bf16);
        case WhatIfKind::e4m3:
            return number_format(Format::e4m3);
        case WhatIfKind::e5m2:
            return number_format(Format::e5m2);
        case WhatIfKind::custom:
            return {choice.exponent_bits, choice.mantissa_bits};
    }
    return number_format(Format::fp16);
}

std::string format_name(const WhatIfFormat& choice) {
    if (choice.kind == WhatIfKind::counted) return "FP16";
    if (choice.kind != WhatIfKind::custom) return entry_of(choice.kind).label;
    return "1-" + std::to_string(choice.exponent_bits) + "-" + std::to_string(choice.mantissa_bits);
}

std::string format_limits(const Theme& theme, NumberFormat format) {
    const int smallest = format.min_exponent() - format.mantissa_bits;
    return "zero up to " + theme.power_of_two(smallest - 1) + ", normal from " +
           theme.power_of_two(format.min_exponent()) + ", largest " + number_text(format.max(), 5) +
           (format.beyond == Beyond::largest ? " (saturates: no infinity)" : "");
}

BandEdges band_edges(NumberFormat format) {
    const int least = format.min_exponent();
    return {static_cast<double>(least - format.mantissa_bits - 1), static_cast<double>(least),
            static_cast<double>(format.max_exponent() + 1)};
}

void draw_format_choice(const Theme& theme, UiState& ui, WhatIfFormat& choice, CountedChoice counted,
                        const std::string& id) {
    ImGui::SetNextItemWidth(ImGui::CalcTextSize("as counted (FP16)").x + theme.px(34));
    ImGui::PushID(id.c_str());
    const bool is_open = ImGui::BeginCombo("##format", entry_of(choice.kind).label);
    ui.probe.item(id);
    ui.probe.value(id, entry_of(choice.kind).id);
    if (!is_open) {
        item_tooltip(
            theme,
            "The format that these values are put into, value by value and exactly: round to nearest "
            "even, subnormals kept. E4M3 and E5M2 are those of the OCP specification; a custom split "
            "is IEEE-like, its top exponent infinity and NaN.");
    } else {
        for (const FormatEntry& entry : kFormats) {
            if (entry.kind == WhatIfKind::counted && counted == CountedChoice::none) continue;
            if (combo_entry(entry.label, entry.kind == choice.kind)) choice.kind = entry.kind;
            ui.probe.item(id + "/" + entry.id);
        }
        ImGui::EndCombo();
    }
    ImGui::PopID();
    if (choice.kind != WhatIfKind::custom) return;
    flow_to(2 * theme.px(kBitsWidth + 12) + ImGui::CalcTextSize("exponentmantissa").x);
    draw_bits(theme, ui, choice.exponent_bits, kLeastExponentBits, kMostExponentBits, "exponent",
              "exponent bits, 2 to 8; the bias is 2^(bits - 1) - 1", id + "/exponent_bits");
    ImGui::SameLine();
    draw_bits(theme, ui, choice.mantissa_bits, 0, kMostMantissaBits, "mantissa",
              "mantissa bits, 0 to 23, without the implicit one", id + "/mantissa_bits");
}

}  // namespace halfscope
