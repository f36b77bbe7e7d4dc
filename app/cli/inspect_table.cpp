#include "cli/inspect_table.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "data/printable_text.h"
#include "program/percent.h"

namespace halfscope {
namespace {

const char* const kAllTensors = "all of them";

struct Column {
    const char* title;
    const char* unit;
    int width;
};
/// Behind the tensor's name and dtype.
constexpr std::array<Column, 12> kColumns{{{"values", "count", 13},
                                           {"true zero", "% of all", 9},
                                           {"flushed", "% non-zero", 10},
                                           {"subnormal", "% non-zero", 10},
                                           {"normal", "% non-zero", 10},
                                           {"inf", "count", 9},
                                           {"incoming", "of inf", 9},
                                           {"nan", "count", 9},
                                           {"min |x|", "not zero", 9},
                                           {"max |x|", "finite", 9},
                                           {"best scale", "power of 2", 10},
                                           {"flushed then", "% non-zero", 12}}};

/// Columns that a terminal takes for it: UTF-8's following bytes take none.
std::size_t columns_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
        return (static_cast<unsigned char>(byte) & 0xC0u) != 0x80u;
    }));
}

std::string padded(std::string text, std::size_t width) {
    text.append(width - std::min(width, columns_of(text)), ' ');
    return text;
}

std::string share(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? "-" : percent_text(percent_of(part, whole));
}

std::string magnitude(float value) {
    if (value == 0.0f) return "-";
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2e", static_cast<double>(value));
    return text.data();
}

/// Whether any scale would do: there is nothing but zeros, inf and NaN.
bool has_nothing_to_scale(const InspectedTensor& tensor) {
    return tensor.counts.max_abs == 0.0f && tensor.fp32_inf() == 0;
}

std::string scale_text(const InspectedTensor& tensor, std::optional<int> scale) {
    if (!scale) return "none";
    return has_nothing_to_scale(tensor) ? "any" : "2^" + std::to_string(*scale);
}

}  // namespace

InspectTable::InspectTable(const std::string& file, const std::vector<TensorHeading>& tensors)
    : name_width_(std::max(columns_of(kAllTensors), columns_of("tensor"))), dtype_width_(5) {
    for (const TensorHeading& heading : tensors) {
        name_width_ = std::max(name_width_, columns_of(short_name(heading.name)));
        dtype_width_ = std::max(dtype_width_, columns_of(heading.dtype));
    }
    std::printf("%s: %zu tensor%s against FP16\n", printable_line(file).c_str(), tensors.size(),
                tensors.size() == 1 ? "" : "s");
    if (tensors.empty()) return;
    std::string titles = padded("tensor", name_width_) + "  " + padded("dtype", dtype_width_);
    std::string units(columns_of(titles), ' ');
    for (const Column& column : kColumns) {
        const auto width = static_cast<std::size_t>(column.width);
        for (auto& [line, word] : {std::pair(&titles, column.title), std::pair(&units, column.unit)})
            *line += "  " + std::string(width - std::min(width, columns_of(word)), ' ') + word;
    }
    std::printf("%s\n%s\n", titles.c_str(), units.c_str());
}

void InspectTable::print_row(const std::string& name, const std::string& dtype,
                             const InspectedTensor& tensor) const {
    const ClassCounts& classes = tensor.counts.fp16;
    const std::uint64_t count = classes.count(), non_zero = count - classes.true_zero;
    const std::optional<int> best = tensor.best_static_scale();
    const std::array<std::string, kColumns.size()> cells{
        std::to_string(count),
        share(classes.true_zero, count),
        share(classes.flushed, non_zero),
        share(classes.subnormal, non_zero),
        share(classes.normal, non_zero),
        std::to_string(classes.inf),
        std::to_string(classes.inf_incoming),
        std::to_string(classes.nan),
        magnitude(tensor.counts.min_abs),
        magnitude(tensor.counts.max_abs),
        scale_text(tensor, best),
        best ? share(tensor.at_scale(*best).flushed, non_zero) : "-"};
    std::string line = padded(name, name_width_) + "  " + padded(dtype, dtype_width_);
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const auto width = static_cast<std::size_t>(kColumns[i].width);
        line += "  " + std::string(width - std::min(width, cells[i].size()), ' ') + cells[i];
    }
    std::printf("%s\n", line.c_str());
}

void InspectTable::add(const TensorHeading& heading, const InspectedTensor& tensor) {
    print_row(short_name(heading.name), heading.dtype, tensor);
    all_.counts.merge(tensor.counts);
    ++counted_;
}

void InspectTable::skip(const TensorHeading& heading) {
    std::printf("%s  %s  skipped: %s\n", padded(short_name(heading.name), name_width_).c_str(),
                padded(heading.dtype, dtype_width_).c_str(), heading.not_read.c_str());
}

void InspectTable::end() {
    if (counted_ > 1) print_row(kAllTensors, "", all_);
    if (all_.fp32_inf() > 0 || all_.fp32_flushed() > 0) {
        std::printf(
            "Doubles that FP32 does not hold: %llu too large (in inf), %llu too small (in flushed).\n",
            static_cast<unsigned long long>(all_.fp32_inf()),
            static_cast<unsigned long long>(all_.fp32_flushed()));
    }
    std::printf("\n");
}

void print_inspect_legend() {
    std::printf(
        "flushed: stored as zero in FP16 (|x| up to 2^-25), subnormal: below 2^-14 with fewer bits, inf: "
        "from 65520 "
        "and incoming.\n"
        "%% non-zero: of all values but true zeros, inf and NaN among them.\n"
        "best scale: the largest power of two from 2^-24 to 2^30 at which no finite value overflows (any: "
        "nothing to "
        "scale,\nnone: even 2^-24 does); flushed then: under that scale.\n");
}

}  // namespace halfscope
