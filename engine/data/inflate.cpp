#include "data/inflate.h"

#include <algorithm>
#include <array>
#include <memory>

#include "data/data_error.h"

#ifdef HALFSCOPE_HAS_ZLIB
#include <zlib.h>
#endif

namespace halfscope {

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1F\x8B"); }

#ifdef HALFSCOPE_HAS_ZLIB
namespace {

constexpr int kGzipWindow = 15 + 16;  // a window of 32 KiB, with gzip's header and checksum
constexpr int kZlibWindow = 15;
constexpr std::size_t kChunk = std::size_t{1} << 16;

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
    throw DataError("gzip file '" + path + "' " + reason);
}

/// One zlib stream that is closed whatever happens.
class Inflater {
  public:
    explicit Inflater(int window_bits) : is_open_(inflateInit2(&stream_, window_bits) == Z_OK) {}
    ~Inflater() {
        if (is_open_) inflateEnd(&stream_);
    }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    bool is_open() const { return is_open_; }
    /// zlib takes 32-bit counts: larger input is fed in pieces.
    std::string_view feed(std::string_view input) {
        const std::size_t piece = std::min(input.size(), std::size_t{1} << 30);
        // zlib's interface is older than const: it does not write there.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
        stream_.avail_in = static_cast<uInt>(piece);
        return input.substr(piece);
    }
    std::size_t unread() const { return stream_.avail_in; }
    int reset() { return inflateReset(&stream_); }
    /// zlib's answer; `produced` of the chunk's bytes are new.
    int next(std::array<char, kChunk>& chunk, std::size_t& produced) {
        stream_.next_out = reinterpret_cast<Bytef*>(chunk.data());
        stream_.avail_out = static_cast<uInt>(chunk.size());
        const int answer = inflate(&stream_, Z_NO_FLUSH);
        produced = chunk.size() - stream_.avail_out;
        return answer;
    }

  private:
    z_stream stream_{};
    bool is_open_;
};

}  // namespace

std::string unpack_gzip(std::string_view bytes, const std::string& path, std::uint64_t limit) {
    Inflater inflater(kGzipWindow);
    if (!inflater.is_open()) refuse(path, "cannot be unpacked for want of memory; close other programs");
    const auto chunk = std::make_unique<std::array<char, kChunk>>();
    std::string unpacked;
    std::string_view rest = inflater.feed(bytes);
    while (true) {
        std::size_t produced = 0;
        const int answer = inflater.next(*chunk, produced);
        const std::uint64_t room = limit + 1 - unpacked.size();
        unpacked.append(chunk->data(), static_cast<std::size_t>(std::min<std::uint64_t>(produced, room)));
        if (unpacked.size() > limit) return unpacked;
        const std::size_t offset = bytes.size() - rest.size() - inflater.unread();
        if (answer == Z_STREAM_END) {
            if (offset == bytes.size()) return unpacked;
            if (!is_gzip(bytes.substr(offset))) {
                refuse(path, "goes on behind its end at byte " + std::to_string(offset) +
                                 " with something else; fetch it again");
            }
            inflater.reset();
            rest = inflater.feed(bytes.substr(offset));
        } else if (answer != Z_OK && answer != Z_BUF_ERROR) {
            refuse(path, "is damaged near byte " + std::to_string(offset) + "; fetch it again");
        } else if (inflater.unread() == 0 && produced < chunk->size()) {
            if (rest.empty()) {
                refuse(path,
                       "ends too early, after " + std::to_string(bytes.size()) + " bytes; fetch it again");
            }
            rest = inflater.feed(rest);
        }
    }
}

struct StreamCheck::Stream {
    std::uint64_t limit = 0, total = 0;
    StreamState state = StreamState::incomplete;
    Inflater inflater{kZlibWindow};
    std::array<char, kChunk> chunk{};
};

StreamCheck::StreamCheck(std::uint64_t limit) : stream_(std::make_unique<Stream>()) {
    stream_->limit = limit;
    if (!stream_->inflater.is_open()) stream_->state = StreamState::damaged;
}

StreamState StreamCheck::feed(std::string_view piece) {
    Stream& stream = *stream_;
    while (!piece.empty() && stream.state == StreamState::incomplete) {
        piece = stream.inflater.feed(piece);
        std::size_t produced = 0;
        int answer = Z_OK;
        do {
            answer = stream.inflater.next(stream.chunk, produced);
            stream.total += produced;
        } while (answer == Z_OK && stream.total <= stream.limit &&
                 (stream.inflater.unread() > 0 || produced == stream.chunk.size()));
        if (stream.total > stream.limit) {
            stream.state = StreamState::too_large;
        } else if (answer == Z_STREAM_END) {
            stream.state = StreamState::complete;
        } else if (answer != Z_OK && answer != Z_BUF_ERROR) {  // the latter: it wants the next piece
            stream.state = StreamState::damaged;
        }
    }
    return stream.state;
}

StreamState StreamCheck::state() const { return stream_->state; }

#else

std::string unpack_gzip(std::string_view, const std::string& path, std::uint64_t) {
    throw DataError("gzip file '" + path +
                    "' cannot be unpacked, since this build has no zlib; unpack it with gunzip, or install "
                    "zlib1g-dev and build again");
}

struct StreamCheck::Stream {};
StreamCheck::StreamCheck(std::uint64_t) {}
StreamState StreamCheck::feed(std::string_view) { return StreamState::complete; }
StreamState StreamCheck::state() const { return StreamState::complete; }

#endif

StreamCheck::~StreamCheck() = default;

}  // namespace halfscope
