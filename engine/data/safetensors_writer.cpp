#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <system_error>

#include "data/data_error.h"
#include "data/safetensors.h"

namespace halfscope {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
    throw DataError("cannot write '" + path + "': " + reason);
}

std::string system_reason() { return std::string(std::strerror(errno)) + "; name another file"; }

/// What a symbolic link points to, so that the link is kept; else the path itself.
std::string real_target(const std::string& path) {
    std::error_code error;
    if (!fs::is_symlink(path, error)) return path;
    const fs::path target = fs::weakly_canonical(path, error);
    return error ? path : target.string();
}

std::string folder_of(const std::string& path) {
    const std::string folder = fs::path(path).parent_path().string();
    return folder.empty() ? "." : folder;
}

/// A device or a pipe must not be replaced by a file of its name.
void check_target(const std::string& path) {
    if (path.empty()) refuse(path, "the name is empty; name a file");
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::is_directory(status)) refuse(path, "it is a folder; name a file in it");
    if (fs::exists(status) && !fs::is_regular_file(status))
        refuse(path, "it is no regular file; name another");
}

/// A file beside the target that disappears again unless it takes the target's name.
class TemporaryFile {
  public:
    TemporaryFile(const std::string& path, const std::string& target)
        : path_(path), name_(target + ".XXXXXX") {
        descriptor_ = mkstemp(name_.data());
        if (descriptor_ < 0) refuse(path_, system_reason());
    }
    ~TemporaryFile() {
        if (descriptor_ >= 0) close(descriptor_);
        if (!name_.empty()) unlink(name_.c_str());
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    void write(const void* data, std::size_t bytes) {
        const char* from = static_cast<const char*>(data);
        while (bytes > 0) {
            const ssize_t written = ::write(descriptor_, from, bytes);
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) refuse(path_, system_reason());
            from += written;
            bytes -= static_cast<std::size_t>(written);
        }
    }

    void take_name(const std::string& target) {
        // mkstemp gives the owner alone access; a saved file is like any other.
        const mode_t mask = umask(0);
        umask(mask);
        if (fchmod(descriptor_, 0666 & ~mask) != 0 || fsync(descriptor_) != 0) refuse(path_, system_reason());
        const int descriptor = descriptor_;
        descriptor_ = -1;
        if (close(descriptor) != 0 || std::rename(name_.c_str(), target.c_str()) != 0)
            refuse(path_, system_reason());
        name_.clear();
        // The new name itself reaches the disk with the folder; where that cannot be asked for, the file is
        // whole all the same.
        const int folder = open(folder_of(target).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0) return;
        fsync(folder);
        close(folder);
    }

  private:
    const std::string& path_;
    std::string name_;
    int descriptor_ = -1;
};

std::size_t element_count(const StoredTensor& tensor) {
    std::size_t count = 1;
    for (const std::int64_t extent : tensor.shape) count *= static_cast<std::size_t>(extent);
    return count;
}

/// Bytes of a tensor's data; std::invalid_argument for what cannot be written.
std::uint64_t checked_bytes(const StoredTensor& tensor) {
    const bool is_float = tensor.dtype == "F32";
    if (!is_float && tensor.dtype != "I64") {
        throw std::invalid_argument("tensor '" + tensor.name + "' of dtype " + tensor.dtype +
                                    " is not written");
    }
    const std::size_t given = is_float ? tensor.values.size() : tensor.integers.size();
    if (given != element_count(tensor)) {
        throw std::invalid_argument("tensor '" + tensor.name + "' has " + std::to_string(given) +
                                    " numbers, not those of its shape");
    }
    return given * (is_float ? sizeof(float) : sizeof(std::int64_t));
}

/// The eight bytes of length and the header, padded with spaces so that the data begin at a multiple of
/// eight.
std::string header_bytes(const std::vector<const StoredTensor*>& order,
                         const std::map<std::string, std::string>& metadata) {
    Json header = Json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::set<std::string> names{"__metadata__"};
    std::uint64_t offset = 0;
    for (const StoredTensor* tensor : order) {
        if (!names.insert(tensor->name).second) {
            throw std::invalid_argument("tensor '" + tensor->name + "' is given twice");
        }
        const std::uint64_t end = offset + checked_bytes(*tensor);
        header[tensor->name] = {
            {"dtype", tensor->dtype}, {"shape", tensor->shape}, {"data_offsets", {offset, end}}};
        offset = end;
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = text.size();
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    return bytes + text;
}

/// I64 first: then everything is aligned to its own size.
std::vector<const StoredTensor*> aligned_order(const std::vector<StoredTensor>& tensors) {
    std::vector<const StoredTensor*> order;
    for (const bool floats : {false, true}) {
        for (const StoredTensor& tensor : tensors) {
            if ((tensor.dtype == "F32") == floats) order.push_back(&tensor);
        }
    }
    return order;
}

}  // namespace

void check_safetensors_target(const std::string& path, const std::vector<std::string>& names) {
    check_target(path);
    const TemporaryFile probe(path, real_target(path));
    for (const std::string& name : names) {
        try {
            Json(name).dump();
        } catch (const Json::exception&) {
            refuse(path, "the tensor name '" + name + "' is not UTF-8; choose another name");
        }
    }
}

void write_safetensors(const std::string& path, const std::vector<StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
    check_target(path);
    const std::vector<const StoredTensor*> order = aligned_order(tensors);
    std::string header;
    try {
        header = header_bytes(order, metadata);
    } catch (const Json::exception&) {
        refuse(path, "a tensor name is not UTF-8; choose another name");
    }
    const std::string target = real_target(path);
    TemporaryFile file(path, target);
    file.write(header.data(), header.size());
    for (const StoredTensor* tensor : order) {
        if (tensor->dtype == "F32") {
            file.write(tensor->values.data(), tensor->values.size() * sizeof(float));
        } else {
            file.write(tensor->integers.data(), tensor->integers.size() * sizeof(std::int64_t));
        }
    }
    file.take_name(target);
}

}  // namespace halfscope
