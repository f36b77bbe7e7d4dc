#include "data/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "data/data_error.h"

namespace halfscope {
namespace {

namespace fs = std::filesystem;

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
    if (path.empty()) refuse_to_write(path, "the name is empty; name a file");
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::is_directory(status)) refuse_to_write(path, "it is a folder; name a file in it");
    if (fs::exists(status) && !fs::is_regular_file(status))
        refuse_to_write(path, "it is no regular file; name another");
}

}  // namespace

void refuse_to_write(const std::string& path, const std::string& reason) {
    throw DataError("cannot write '" + path + "': " + reason);
}

AtomicFile::AtomicFile(const std::string& path) : path_(path) {
    check_target(path);
    target_ = real_target(path);
    temporary_ = target_ + ".XXXXXX";
    descriptor_ = mkstemp(temporary_.data());
    if (descriptor_ < 0) refuse_to_write(path_, system_reason());
}

AtomicFile::~AtomicFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::write(const void* data, std::size_t bytes) {
    const char* from = static_cast<const char*>(data);
    while (bytes > 0) {
        const ssize_t written = ::write(descriptor_, from, bytes);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) refuse_to_write(path_, system_reason());
        from += written;
        bytes -= static_cast<std::size_t>(written);
    }
}

void AtomicFile::commit() {
    // mkstemp gives the owner alone access; a saved file is like any other.
    const mode_t mask = umask(0);
    umask(mask);
    if (fchmod(descriptor_, 0666 & ~mask) != 0 || fsync(descriptor_) != 0)
        refuse_to_write(path_, system_reason());
    const int descriptor = descriptor_;
    descriptor_ = -1;
    if (close(descriptor) != 0 || std::rename(temporary_.c_str(), target_.c_str()) != 0)
        refuse_to_write(path_, system_reason());
    temporary_.clear();
    // The new name itself reaches the disk with the folder; where that cannot be asked for, the file is whole
    // all the same.
    const int folder = open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    fsync(folder);
    close(folder);
}

void check_writable(const std::string& path) { const AtomicFile probe(path); }

}  // namespace halfscope
