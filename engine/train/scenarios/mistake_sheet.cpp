#include "train/scenarios/mistake_sheet.h"

#include <algorithm>
#include <cmath>

#include "train/scenarios/scores.h"

namespace halfscope {
namespace {

constexpr std::size_t kAcross = 4, kDown = 3, kShown = kAcross * kDown;

struct Mistake {
    std::size_t row;
    std::size_t read_as;
    float truth_share;  ///< probability of the true class; NaN counts as none
    bool is_nan;
};

std::vector<Mistake> find_mistakes(const std::vector<std::int32_t>& labels, const std::vector<float>& shares,
                                   std::size_t classes) {
    std::vector<Mistake> mistakes;
    for (std::size_t row = 0; row < labels.size(); ++row) {
        const float* of_row = shares.data() + row * classes;
        const auto truth = static_cast<std::size_t>(labels[row]);
        const bool is_nan = std::isnan(of_row[0]);
        const auto best = static_cast<std::size_t>(std::max_element(of_row, of_row + classes) - of_row);
        if (is_nan || best != truth) mistakes.push_back({row, best, is_nan ? 0.0f : of_row[truth], is_nan});
    }
    std::stable_sort(mistakes.begin(), mistakes.end(),
                     [](const Mistake& a, const Mistake& b) { return a.truth_share < b.truth_share; });
    return mistakes;
}

}  // namespace

ModelView mistake_sheet(const LabelledPictures& pictures, const std::vector<float>& logits) {
    const std::vector<std::int32_t>& labels = *pictures.labels;
    const std::size_t classes = pictures.class_names->size();
    const std::vector<float> shares = softmax_rows(logits, classes, 1.0f);
    const std::vector<Mistake> mistakes = find_mistakes(labels, shares, classes);
    const auto height = static_cast<std::size_t>(pictures.height);
    const auto width = static_cast<std::size_t>(pictures.width);
    const auto channels = static_cast<std::size_t>(pictures.channels);
    // A quarter of a picture below each for its label, an eighth between columns.
    const std::size_t cell_height = height + std::max<std::size_t>(2, height / 3);
    const std::size_t cell_width = width + std::max<std::size_t>(1, width / 8);
    ModelView view;
    Picture sheet;
    sheet.caption = std::to_string(mistakes.size()) + " of " + std::to_string(labels.size()) +
                    " held-out pictures are read wrongly; the worst of them";
    sheet.width = static_cast<int>(cell_width * kAcross);
    sheet.height = static_cast<int>(cell_height * kDown);
    sheet.values.assign(static_cast<std::size_t>(sheet.width) * static_cast<std::size_t>(sheet.height) * 3,
                        std::nanf(""));
    for (std::size_t place = 0; place < std::min(kShown, mistakes.size()); ++place) {
        const Mistake& mistake = mistakes[place];
        const std::size_t top = place / kAcross * cell_height, left = place % kAcross * cell_width;
        for (std::size_t y = 0; y < height; ++y) {
            for (std::size_t x = 0; x < width; ++x) {
                const float* from =
                    pictures.pixels->data() + ((mistake.row * height + y) * width + x) * channels;
                float* to =
                    sheet.values.data() + ((top + y) * static_cast<std::size_t>(sheet.width) + left + x) * 3;
                for (std::size_t c = 0; c < 3; ++c) to[c] = from[channels == 3 ? c : 0];
            }
        }
        const std::string truth = (*pictures.class_names)[static_cast<std::size_t>(labels[mistake.row])];
        view.labels.push_back(
            {static_cast<float>(left) / static_cast<float>(sheet.width),
             static_cast<float>(top + height) / static_cast<float>(sheet.height),
             static_cast<float>(width) / static_cast<float>(sheet.width),
             truth + " -> " + (mistake.is_nan ? "NaN" : (*pictures.class_names)[mistake.read_as])});
    }
    view.pictures.push_back(std::move(sheet));
    return view;
}

}  // namespace halfscope
