#include "train/weight_cache.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include "data/data_error.h"
#include "data/safetensors.h"
#include "data/user_folder.h"
#include "train/signature.h"

namespace halfscope {
namespace {

namespace fs = std::filesystem;
using Weights = std::vector<NamedValues>;

constexpr std::size_t kKeptInMemory = 8;
constexpr std::uintmax_t kMaximumHeaderBytes = 1 << 16;
constexpr const char *kKeyEntry = "key", *kSignatureEntry = "signature", *kExtension = ".safetensors";

struct Memory {
    struct Entry {
        std::string key;
        std::shared_ptr<const Weights> weights;
    };
    std::mutex mutex;
    std::vector<Entry> entries;  // the latest used last

    std::shared_ptr<const Weights> find(const std::string& key) {
        const std::lock_guard lock(mutex);
        const auto found = std::find_if(entries.begin(), entries.end(),
                                        [&](const Entry& entry) { return entry.key == key; });
        if (found == entries.end()) return nullptr;
        std::rotate(found, found + 1, entries.end());
        return entries.back().weights;
    }
    void keep(const std::string& key, std::shared_ptr<const Weights> weights) {
        const std::lock_guard lock(mutex);
        if (entries.size() >= kKeptInMemory) entries.erase(entries.begin());
        entries.push_back({key, std::move(weights)});
    }
    void clear() {
        const std::lock_guard lock(mutex);
        entries.clear();
    }
};

Memory& memory() {
    static Memory all;
    return all;
}

std::string signature_of(const Weights& weights) {
    Signature signature;
    for (const NamedValues& one : weights) signature.add(one.values);
    return signature.text();
}

std::vector<std::int64_t> extents_of(const Shape& shape) {
    return {shape.extents.begin(), shape.extents.begin() + shape.rank};
}

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
    throw DataError("the kept weights in '" + path + "' " + reason);
}

/// The graph's parameters out of the file. Throws DataError for anything but what kept_weights wrote there.
Weights read_weights(const std::string& path, const std::string& key, const Graph& graph) {
    // A file of another size is not ours: no need to find memory for it.
    const auto floats = static_cast<std::uintmax_t>(graph.parameter_count());
    std::error_code error;
    const std::uintmax_t bytes = fs::file_size(path, error);
    if (!error && bytes > floats * sizeof(float) + kMaximumHeaderBytes) refuse(path, "are too long");
    SafetensorsFile file = read_safetensors(path);
    if (file.metadata[kKeyEntry] != key) refuse(path, "are other ones");
    Weights weights;
    for (const TensorId id : graph.parameters()) {
        const TensorInfo& info = graph.tensor(id);
        const StoredTensor* stored = file.find(info.name);
        if (!stored || stored->dtype != "F32" || stored->shape != extents_of(info.shape)) {
            refuse(path, "lack '" + info.name + "'");
        }
        weights.push_back({info.name, stored->shape, stored->values});
    }
    if (file.metadata[kSignatureEntry] != signature_of(weights)) refuse(path, "are damaged");
    return weights;
}

void write_weights(const std::string& path, const std::string& key, const Weights& weights) {
    std::vector<StoredTensor> tensors;
    for (const NamedValues& one : weights) tensors.push_back({one.name, "F32", one.shape, one.values, {}});
    write_safetensors(path, tensors, {{kKeyEntry, key}, {kSignatureEntry, signature_of(weights)}});
}

/// Removes the oldest of our files where there are more than kKeptFiles. What cannot be looked at or removed
/// stays.
void prune(const fs::path& folder) {
    constexpr std::size_t kKeptFiles = 32;
    std::vector<std::pair<fs::file_time_type, fs::path>> files;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        std::error_code unknown;
        const bool is_ours = entry->path().extension() == kExtension && entry->is_regular_file(unknown);
        const fs::file_time_type time = entry->last_write_time(unknown);
        if (is_ours && !unknown) files.emplace_back(time, entry->path());
    }
    if (files.size() <= kKeptFiles) return;
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    for (std::size_t i = kKeptFiles; i < files.size(); ++i) fs::remove(files[i].second, error);
}

/// Where the weights of that key are kept; empty where there is no folder and none can be made.
std::string file_of(const std::string& label, const std::string& key) {
    const std::string folder = weight_cache_folder();
    if (folder.empty()) return {};
    std::error_code error;
    fs::create_directories(folder, error);
    if (!fs::is_directory(folder, error)) return {};
    return (fs::path(folder) / (label + "-" + text_hash(key) + kExtension)).string();
}

}  // namespace

std::string text_hash(const std::string& text) {
    std::uint64_t hash = 0xcbf29ce484222325ull;
    for (const char letter : text) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3ull;
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
    return digits;
}

std::string weight_cache_folder() { return user_folder("XDG_CACHE_HOME", ".cache"); }

KeptWeights kept_weights(const std::string& label, const std::string& key, const Graph& graph,
                         const std::function<std::vector<NamedValues>()>& make) {
    if (auto known = memory().find(key)) return {std::move(known), {}};
    KeptWeights kept;
    const std::string path = file_of(label, key);
    std::error_code error;
    if (!path.empty() && fs::exists(fs::symlink_status(path, error))) {
        try {
            kept.weights = std::make_shared<const Weights>(read_weights(path, key, graph));
        } catch (const DataError& refusal) {
            kept.note = std::string(refusal.what()) + "; they were made anew";
        }
    }
    if (!kept.weights) {
        kept.weights = std::make_shared<const Weights>(make());
        try {
            if (!path.empty()) {
                write_weights(path, key, *kept.weights);
                prune(fs::path(path).parent_path());
            }
        } catch (const DataError& refusal) {
            if (!kept.note.empty()) kept.note += "; ";
            kept.note += "the weights were not kept for the next time: " + std::string(refusal.what());
        }
    }
    memory().keep(key, kept.weights);
    return kept;
}

void forget_kept_weights() { memory().clear(); }

}  // namespace halfscope
