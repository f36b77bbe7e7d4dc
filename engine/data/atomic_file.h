// A file that is replaced in one go: the bytes go to a temporary file beside the target, are synchronised
// with the disk, and then take the target's name, so that a reader sees the old file or the whole new one.
// Called by the writers of data/. A symbolic link stays one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace halfscope {

class AtomicFile {
  public:
    /// Throws DataError, "cannot write 'path': " and the reason, for a folder, a device, a pipe, and where no
    /// file can be made beside the target. The same holds for write() and commit().
    explicit AtomicFile(const std::string& path);
    /// Without commit() nothing has happened.
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(const void* data, std::size_t bytes);
    void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
    void commit();

  private:
    std::string path_, target_, temporary_;
    int descriptor_ = -1;
};

/// Throws DataError: "cannot write 'path': reason".
[[noreturn]] void refuse_to_write(const std::string& path, const std::string& reason);

/// Whether an AtomicFile could be made there; throws as it does. To be asked before an hour of training.
void check_writable(const std::string& path);

}  // namespace halfscope
