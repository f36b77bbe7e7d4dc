#include "data/npz_file.h"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "data/data_error.h"
#include "data/npy_file.h"
#include "data/printable_text.h"

#ifdef HALFSCOPE_HAS_LIBZIP
#include <zip.h>
#endif

namespace halfscope {

bool is_zip(std::string_view bytes) {
    return bytes.starts_with("PK\x03\x04") || bytes.starts_with("PK\x05\x06");  // the latter: an empty one
}

namespace {

[[noreturn]] void refuse(const std::string& file, const std::string& reason) {
    throw DataError("npz file '" + file + "' " + reason);
}

}  // namespace

#ifdef HALFSCOPE_HAS_LIBZIP
namespace {

struct CloseArchive {
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseEntry {
    void operator()(zip_file_t* entry) const { zip_fclose(entry); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;
using Entry = std::unique_ptr<zip_file_t, CloseEntry>;

/// An error of libzip in its own words.
class ZipError {
  public:
    ZipError() { zip_error_init(&error_); }
    explicit ZipError(int code) { zip_error_init_with_code(&error_, code); }
    ~ZipError() { zip_error_fini(&error_); }
    ZipError(const ZipError&) = delete;
    ZipError& operator=(const ZipError&) = delete;
    zip_error_t* get() { return &error_; }
    std::string text() { return zip_error_strerror(&error_); }

  private:
    zip_error_t error_;
};

[[noreturn]] void refuse_archive(const std::string& file, const std::string& reason) {
    refuse(file, "cannot be opened as a zip archive (" + reason + "); it is damaged or cut off");
}

/// libzip takes nothing at all for an archive of nothing.
void refuse_nothing(const std::string& file, std::uint64_t bytes) {
    if (bytes == 0) refuse_archive(file, "it has 0 bytes");
}

Archive open_archive(const std::string& path) {
    refuse_nothing(path, regular_file_size(path, {"npz file", "give an npz file in it", ""}));
    int code = 0;
    Archive archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
    if (!archive) refuse_archive(path, ZipError(code).text());
    return archive;
}

Archive open_archive(std::string_view bytes, const std::string& file) {
    refuse_nothing(file, bytes.size());
    ZipError error;
    zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, error.get());
    if (!source) refuse_archive(file, error.text());
    Archive archive(zip_open_from_source(source, ZIP_RDONLY, error.get()));
    if (archive) return archive;
    zip_source_free(source);
    refuse_archive(file, error.text());
}

/// What an entry unpacks to. libzip compares size and checksum when it comes to the end.
class EntrySource final : public ByteSource {
  public:
    EntrySource(zip_t* archive, zip_uint64_t index, std::string file, const std::string& name)
        : file_(std::move(file)), name_(name), entry_(zip_fopen_index(archive, index, 0)) {
        if (!entry_) damaged(zip_strerror(archive));
    }

    std::size_t read(std::span<char> buffer) override {
        std::size_t done = 0;
        while (done < buffer.size()) {
            const zip_int64_t count = zip_fread(entry_.get(), buffer.data() + done, buffer.size() - done);
            if (count < 0) damaged(zip_file_strerror(entry_.get()));
            if (count == 0) break;
            done += static_cast<std::size_t>(count);
        }
        position_ += done;
        return done;
    }

  private:
    [[noreturn]] void damaged(const std::string& reason) const {
        refuse(file_, "cannot be unpacked beyond offset " + std::to_string(position_) + " of its entry " +
                          quoted_name(name_) + " (" + reason + "); it is damaged or cut off");
    }

    std::string file_;
    const std::string& name_;
    Entry entry_;
    std::uint64_t position_ = 0;
};

class NpzFile final : public TensorFile {
  public:
    NpzFile(Archive archive, std::string file) : archive_(std::move(archive)), file_(std::move(file)) {
        list_entries();
        bool has_array = entries_.empty();
        for (const EntryOfArchive& entry : entries_) {
            has_array |= entry.is_array;
            TensorHeading heading;
            if (entry.is_array) {
                EntrySource source(archive_.get(), entry.index, file_, entry.name);
                heading = read_npy_header(source, label(entry)).heading;
                heading.name = entry.name.substr(0, entry.name.size() - kEnding.size());
            } else {
                heading.name = entry.name;
                heading.not_read = "no npy array";
            }
            tensors_.push_back(std::move(heading));
        }
        if (!has_array) refuse(file_, "holds no npy arrays; it is a zip archive of something else");
    }

    void read(std::size_t index, const TakePiece& take) override {
        const EntryOfArchive& entry = entries_.at(index);
        EntrySource source(archive_.get(), entry.index, file_, entry.name);
        const NpyHeader header = read_npy_header(source, label(entry));
        bool wanted = true;
        const std::uint64_t there = read_pieces(source, header.data_bytes, [&](std::string_view piece) {
            wanted = take(piece);
            return wanted;
        });
        if (!wanted) return;
        if (there < header.data_bytes) {
            refuse(file_, "ends after " + std::to_string(there) + " of the " +
                              std::to_string(header.data_bytes) +
                              " bytes of data that the shape asks for in its entry " +
                              quoted_name(entry.name) + "; it is cut off");
        }
        char behind = 0;
        if (source.read(std::span(&behind, 1)) > 0) {
            refuse(file_, "goes on behind the " + std::to_string(header.data_bytes) +
                              " bytes of data that the shape asks for in its entry " +
                              quoted_name(entry.name) + "; it is damaged");
        }
    }

  private:
    static constexpr std::string_view kEnding = ".npy";
    struct EntryOfArchive {
        zip_uint64_t index = 0;
        std::string name;
        bool is_array = false;
    };

    std::string label(const EntryOfArchive& entry) const { return file_ + "/" + short_name(entry.name); }

    void list_entries() {
        std::unordered_set<std::string> names;
        const zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
        for (zip_uint64_t index = 0; index < static_cast<zip_uint64_t>(std::max<zip_int64_t>(count, 0));
             ++index) {
            const char* raw_name = zip_get_name(archive_.get(), index, ZIP_FL_ENC_GUESS);
            if (!raw_name) refuse_archive(file_, zip_strerror(archive_.get()));
            EntryOfArchive entry{index, raw_name, false};
            if (entry.name.ends_with('/')) continue;  // a folder
            if (entry.name == "data.pkl" || entry.name.ends_with("/data.pkl")) refuse_pickled("file", file_);
            if (!names.insert(entry.name).second)
                refuse(file_, "has two entries " + quoted_name(entry.name) + "; it is ambiguous");
            entry.is_array = entry.name.ends_with(kEnding);
            if (entry.is_array) check_packing(entry);
            entries_.push_back(std::move(entry));
        }
    }

    /// Deflate needs 32 KiB whatever it unpacks; other methods may ask for any amount of memory.
    void check_packing(const EntryOfArchive& entry) {
        zip_stat_t stat;
        zip_stat_init(&stat);
        if (zip_stat_index(archive_.get(), entry.index, 0, &stat) != 0)
            refuse_archive(file_, zip_strerror(archive_.get()));
        if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE) {
            refuse(file_, "has an encrypted entry " + quoted_name(entry.name) + "; save it again without");
        }
        const bool known = (stat.valid & ZIP_STAT_COMP_METHOD) != 0;
        if (!known || (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)) {
            refuse(file_, "has the entry " + quoted_name(entry.name) + " packed by method " +
                              std::to_string(stat.comp_method) +
                              ", which is not read; save it with np.savez or np.savez_compressed");
        }
    }

    Archive archive_;
    std::string file_;
    std::vector<EntryOfArchive> entries_;  ///< as tensors_
};

}  // namespace

std::unique_ptr<TensorFile> open_npz(const std::string& path) {
    return std::make_unique<NpzFile>(open_archive(path), path);
}

std::unique_ptr<TensorFile> open_npz(std::string_view bytes, const std::string& file) {
    return std::make_unique<NpzFile>(open_archive(bytes, file), file);
}

#else

std::unique_ptr<TensorFile> open_npz(const std::string& path) {
    refuse(path,
           "cannot be unpacked, since this build has no libzip; save each array with np.save, or install "
           "libzip-dev and build again");
}

std::unique_ptr<TensorFile> open_npz(std::string_view, const std::string& file) { return open_npz(file); }

#endif

}  // namespace halfscope
