#include "data/tensor_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <utility>

#include "data/data_error.h"
#include "data/npy_file.h"
#include "data/npz_file.h"
#include "data/printable_text.h"
#include "data/safetensors_file.h"

namespace halfscope {
namespace {

constexpr const char* kKinds = ".npy, .npz or .safetensors";

/// In lower case: ".NPZ" is ".npz".
std::string extension_of(const std::string& path) {
    std::string extension = std::filesystem::path(path).extension().string();
    for (char& letter : extension) {
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    }
    return extension;
}

/// PyTorch's and Python's endings of files that pickle wrote.
bool is_name_of_pickle(const std::string& extension) {
    constexpr std::array<std::string_view, 7> kEndings{".pt",  ".pth",    ".bin",   ".ckpt",
                                                       ".pkl", ".pickle", ".joblib"};
    return std::find(kEndings.begin(), kEndings.end(), extension) != kEndings.end();
}

/// Pickle's protocols 2 to 5 begin with their number and end with a stop; older files have no mark.
bool is_pickle(std::string_view bytes) {
    return bytes.size() >= 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5;
}

/// The length of a header that could be, and the brace that it begins with.
bool is_safetensors(std::string_view bytes) {
    return bytes.size() >= 9 && bytes[8] == '{' && bytes.substr(4, 4) == std::string_view("\0\0\0\0", 4);
}

}  // namespace

std::unique_ptr<TensorFile> open_tensor_file(const std::string& path) {
    const std::string extension = extension_of(path);
    auto source = std::make_unique<FileSource>(
        path, FileKind{"tensor file", std::string("give a ") + kKinds + " file in it", ""});
    std::array<char, 16> first{};
    const std::string_view begin(first.data(), source->read(first));
    source->seek(0);
    if (begin.starts_with(kNpyMagic) || extension == ".npy")
        return open_npy(std::move(source), path, std::filesystem::path(path).stem().string());
    if (extension == ".safetensors" || is_safetensors(begin))
        return open_safetensors(std::move(source), path);
    if (is_name_of_pickle(extension) || is_pickle(begin)) refuse_pickled("file", path);
    if (is_zip(begin) || extension == ".npz") return open_npz(path);
    throw DataError("tensor file '" + path + "' is none of those that are read; give a " + kKinds + " file");
}

bool is_tensor_file_name(const std::string& path) {
    const std::string extension = extension_of(path);
    return extension == ".npy" || extension == ".npz" || extension == ".safetensors" ||
           is_name_of_pickle(extension);
}

void refuse_pickled(const std::string& kind, const std::string& file) {
    throw DataError(
        kind + " '" + file +
        "' holds pickled Python objects, which are programs and are not run here; save the tensors "
        "from PyTorch with safetensors.torch.save_file({name: tensor}, \"grads.safetensors\"), or one "
        "with numpy.save(\"grad.npy\", tensor.detach().float().cpu().numpy())");
}

bool count_elements(const std::vector<std::int64_t>& shape, std::uint64_t bytes_each, std::uint64_t& count) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    const std::uint64_t most = kMost / std::max<std::uint64_t>(bytes_each, 1);
    count = 1;
    for (const std::int64_t signed_extent : shape) {
        const auto extent = static_cast<std::uint64_t>(signed_extent);
        if (extent != 0 && count > most / extent) return false;
        count *= extent;
    }
    return count <= most;
}

}  // namespace halfscope
