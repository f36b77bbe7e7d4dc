#include "data/image_folder.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "data/data_error.h"
#include "data/file_bytes.h"
#include "data/picture.h"

namespace halfscope {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHowItMustLook =
    "; it must hold one sub-folder for each of at least two classes, with PNG or JPEG files in it";

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
    throw DataError("folder '" + path + "' " + reason);
}

/// What was met and what was done, for the note.
struct Tally {
    std::int64_t other_files = 0;
    std::int64_t empty_classes = 0;
    std::int64_t resized = 0;
    std::int64_t transparent = 0;
    bool is_stretched = false;
    std::set<std::pair<int, int>> sizes;  ///< of those resized
};

/// Calls `visit` with each entry; refuses what cannot be listed.
template <class Visit>
void for_each_entry(const std::string& folder, const Visit& visit) {
    std::error_code error;
    fs::directory_iterator entry(folder, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) visit(*entry);
    if (error) refuse(folder, "cannot be listed (" + error.message() + "); check its permissions");
}

/// The sub-folders' names, sorted.
std::vector<std::string> list_classes(const std::string& folder, Tally& tally) {
    std::error_code error;
    const fs::file_status status = fs::status(folder, error);
    if (status.type() == fs::file_type::not_found) refuse(folder, "does not exist; check the path");
    if (error) refuse(folder, "cannot be looked at (" + error.message() + "); check the path");
    if (!fs::is_directory(status)) refuse(folder, "is not a folder" + std::string(kHowItMustLook));
    std::vector<std::string> names;
    for_each_entry(folder, [&](const fs::directory_entry& entry) {
        const std::string name = entry.path().filename().string();
        std::error_code lost;
        if (!entry.is_directory(lost)) {
            ++tally.other_files;
        } else if (!name.starts_with('.')) {
            names.push_back(name);
        }
    });
    std::sort(names.begin(), names.end());
    return names;
}

struct ListedPicture {
    std::string path;
    std::int32_t label;
};

/// The pictures of all classes, class by class; classes without any are taken out of `names`.
std::vector<ListedPicture> list_pictures(const std::string& folder, std::vector<std::string>& names,
                                         Tally& tally) {
    std::vector<ListedPicture> pictures;
    std::vector<std::string> filled;
    for (const std::string& name : names) {
        const std::size_t first = pictures.size();
        const auto label = static_cast<std::int32_t>(filled.size());
        for_each_entry((fs::path(folder) / name).string(), [&](const fs::directory_entry& entry) {
            std::error_code lost;
            if (!has_picture_name(entry.path().filename().string()) || !entry.is_regular_file(lost)) {
                ++tally.other_files;
                return;
            }
            pictures.push_back({entry.path().string(), label});
            if (static_cast<std::int64_t>(pictures.size()) > kMaximumFolderPictures) {
                refuse(folder, "holds more than " + std::to_string(kMaximumFolderPictures) +
                                   " pictures; give a part of them");
            }
        });
        std::sort(pictures.begin() + static_cast<std::ptrdiff_t>(first), pictures.end(),
                  [](const ListedPicture& a, const ListedPicture& b) { return a.path < b.path; });
        if (pictures.size() > first) filled.push_back(name);
    }
    tally.empty_classes = static_cast<std::int64_t>(names.size() - filled.size());
    names = filled;
    return pictures;
}

void check_floats(const std::string& folder, std::size_t count, int channels, int side) {
    const std::int64_t area = std::int64_t{side} * side;
    if (static_cast<std::int64_t>(count) <= kMaximumImageFloats / channels / area) return;
    const std::string size = std::to_string(side) + "x" + std::to_string(side);
    refuse(folder, "holds " + std::to_string(count) + " pictures, too many for 1 GiB at " + size +
                       "; choose a smaller size or give a part of them");
}

/// "1 file was", "3 files were".
std::string counted(std::int64_t count, const std::string& singular, const std::string& plural) {
    return std::to_string(count) + " " + (count == 1 ? singular : plural);
}

std::string note_of(const Tally& tally, int side) {
    std::vector<std::string> parts;
    if (tally.resized > 0) {
        const auto& [width, height] = *tally.sizes.begin();
        const std::string sizes = tally.sizes.size() == 1
                                      ? std::to_string(width) + "x" + std::to_string(height)
                                      : std::to_string(tally.sizes.size()) + " different sizes";
        parts.push_back(counted(tally.resized, "picture", "pictures") + " of " + sizes +
                        (tally.resized == 1 ? " was" : " were") + " resized to " + std::to_string(side) +
                        "x" + std::to_string(side) +
                        (tally.is_stretched ? " without keeping their proportions" : ""));
    }
    if (tally.transparent > 0) {
        parts.push_back(counted(tally.transparent, "picture", "pictures") + " lost transparency");
    }
    if (tally.other_files > 0) {
        parts.push_back(counted(tally.other_files, "entry that is no", "entries that are no") +
                        " PNG or JPEG file of a class" + (tally.other_files == 1 ? " was" : " were") +
                        " left out");
    }
    if (tally.empty_classes > 0) {
        parts.push_back(counted(tally.empty_classes, "sub-folder", "sub-folders") + " without pictures" +
                        (tally.empty_classes == 1 ? " was" : " were") + " left out");
    }
    std::string note;
    for (const std::string& part : parts) note += (note.empty() ? "" : "; ") + part;
    return note;
}

/// From [count, side, side, 3] bytes to [count, channels, side, side] floats.
void fill_pixels(ImageSet& set, const std::vector<unsigned char>& rgb) {
    const auto area = static_cast<std::size_t>(set.height * set.width);
    const auto channels = static_cast<std::size_t>(set.channels);
    set.pixels.reserve(static_cast<std::size_t>(set.count) * channels * area);
    for (std::size_t picture = 0; picture < static_cast<std::size_t>(set.count); ++picture) {
        for (std::size_t channel = 0; channel < channels; ++channel) {
            for (std::size_t pixel = 0; pixel < area; ++pixel) {
                set.pixels.push_back(static_cast<float>(rgb[(picture * area + pixel) * 3 + channel]) /
                                     255.0f);
            }
        }
    }
}

}  // namespace

ImageSet read_image_folder(const std::string& folder, int side) {
    const FileKind kind{"picture", "remove it", "scale it down or remove it"};
    Tally tally;
    ImageSet set;
    set.class_names = list_classes(folder, tally);
    const std::vector<ListedPicture> listed = list_pictures(folder, set.class_names, tally);
    if (set.class_names.size() < 2) {
        refuse(folder,
               "has " +
                   counted(static_cast<std::int64_t>(set.class_names.size()), "sub-folder", "sub-folders") +
                   " with pictures" + std::string(kHowItMustLook));
    }
    check_floats(folder, listed.size(), 1, side);
    set.channels = 1;
    std::vector<unsigned char> rgb;
    for (const auto& [path, label] : listed) {
        const Picture picture = decode_picture(read_file_bytes(path, kind, kMaximumPictureBytes), path);
        if (!picture.is_grey && set.channels == 1) {
            set.channels = 3;
            check_floats(folder, listed.size(), 3, side);
        }
        if (picture.width != side || picture.height != side) {
            ++tally.resized;
            tally.sizes.emplace(picture.width, picture.height);
            tally.is_stretched = tally.is_stretched || picture.width != picture.height;
        }
        tally.transparent += picture.had_transparency ? 1 : 0;
        const std::vector<unsigned char> resized = resize_picture(picture, side, path);
        rgb.insert(rgb.end(), resized.begin(), resized.end());
        set.labels.push_back(label);
    }
    set.count = static_cast<std::int64_t>(listed.size());
    set.height = set.width = side;
    fill_pixels(set, rgb);
    set.note = note_of(tally, side);
    return set;
}

}  // namespace halfscope
