#include "gui/fonts.h"

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "gui/imgui_compat.h"
#ifdef HALFSCOPE_IMGUI_FREETYPE
#include <imgui_freetype.h>
#endif

namespace halfscope {
namespace {

using Candidates = std::vector<const char*>;

// Debian and Ubuntu, Fedora, Arch, in this order.
const Candidates kText{"/usr/share/fonts/opentype/inter/Inter-Regular.otf",
                       "/usr/share/fonts/rsms-inter-fonts/Inter-Regular.otf",
                       "/usr/share/fonts/inter/Inter-Regular.ttf",
                       "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
                       "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
                       "/usr/share/fonts/TTF/DejaVuSans.ttf"};
const Candidates kBold{"/usr/share/fonts/opentype/inter/Inter-SemiBold.otf",
                       "/usr/share/fonts/rsms-inter-fonts/Inter-SemiBold.otf",
                       "/usr/share/fonts/inter/Inter-SemiBold.ttf",
                       "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
                       "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans-Bold.ttf",
                       "/usr/share/fonts/TTF/DejaVuSans-Bold.ttf"};
const Candidates kMono{"/usr/share/fonts/truetype/jetbrains-mono/JetBrainsMono-Regular.ttf",
                       "/usr/share/fonts/jetbrains-mono-fonts/JetBrainsMono-Regular.otf",
                       "/usr/share/fonts/TTF/JetBrainsMono-Regular.ttf",
                       "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
                       "/usr/share/fonts/dejavu-sans-mono-fonts/DejaVuSansMono.ttf",
                       "/usr/share/fonts/TTF/DejaVuSansMono.ttf"};
// Fills what the chosen text font lacks.
const Candidates kSymbols{"/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
                          "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
                          "/usr/share/fonts/TTF/DejaVuSans.ttf"};

// Latin, Greek and Cyrillic for text that networks write; punctuation, superscripts, arrows and signs for
// ours.
const ImWchar kRanges[] = {0x0020, 0x024f, 0x0370, 0x03ff, 0x0400, 0x04ff, 0x2010, 0x2027,
                           0x2030, 0x205e, 0x2070, 0x209c, 0x2190, 0x2193, 0x2200, 0x2265,
                           0x25a0, 0x25ff, 0x2713, 0x2717, 0xfffd, 0xfffd, 0};

const char* first_existing(const Candidates& candidates) {
    for (const char* path : candidates) {
        std::error_code ignored;
        if (std::filesystem::exists(path, ignored)) return path;
    }
    return nullptr;
}

ImFont* load(const Candidates& candidates, float pixels) {
    ImFontAtlas& atlas = *ImGui::GetIO().Fonts;
    const char* path = first_existing(candidates);
    ImFont* font = path ? atlas.AddFontFromFileTTF(path, pixels, nullptr, kRanges) : nullptr;
    if (!font) {
        ImFontConfig config;
        config.SizePixels = pixels;
        return atlas.AddFontDefault(&config);
    }
    if (const char* symbols = first_existing(kSymbols); symbols && std::string(symbols) != path) {
        ImFontConfig config;
        config.MergeMode = true;
        atlas.AddFontFromFileTTF(symbols, pixels, &config, kRanges);
    }
    return font;
}

}  // namespace

void load_fonts(Theme& theme, float pixels) {
    ImGuiIO& io = ImGui::GetIO();
    io.Fonts->Clear();
#ifdef HALFSCOPE_IMGUI_FREETYPE
    io.Fonts->FontBuilderIO = ImGuiFreeType::GetBuilderForFreeType();
    io.Fonts->FontBuilderFlags = ImGuiFreeTypeBuilderFlags_LightHinting;
#endif
    const float size = std::round(pixels);
    theme.text_font = load(kText, size);
    theme.bold_font = load(kBold, size);
    theme.mono_font = load(kMono, std::round(pixels * 0.93f));
    theme.small_font = load(kText, std::round(pixels * 0.87f));
    io.FontDefault = theme.text_font;
    io.Fonts->Build();
    theme.has_superscripts =
        compat::has_glyph(theme.text_font, 0x2074) && compat::has_glyph(theme.text_font, 0x207b);
}

}  // namespace halfscope
