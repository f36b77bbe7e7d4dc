#include <algorithm>
#include <array>
#include <vector>

#include "data/picture_header.h"

namespace halfscope {
namespace {

constexpr std::size_t kTables = 4;  // of each kind

// Markers (table B.1), the byte behind 0xFF.
constexpr std::size_t kBaseline = 0xC0, kExtended = 0xC1, kProgressive = 0xC2, kHuffman = 0xC4;
constexpr std::size_t kFirstFrame = 0xC0, kLastFrame = 0xCF, kArithmetic = 0xCC, kReserved = 0xC8;
constexpr std::size_t kFirstRestart = 0xD0, kLastRestart = 0xD7, kStart = 0xD8, kEnd = 0xD9, kScan = 0xDA;
constexpr std::size_t kQuantization = 0xDB, kTemporary = 0x01;

struct Component {
    std::size_t id = 0, across = 0, down = 0, quantization = 0;
    bool has_first_scan = false;
};

/// Reads the file segment by segment, as the decoder will.
class JpegReader {
  public:
    JpegReader(std::string_view bytes, const std::string& path) : bytes_(bytes), path_(path) {}

    PictureHeader read() {
        while (true) {
            const std::size_t marker = next_marker();
            if (marker == kEnd) break;
            if (marker == kTemporary || (marker >= kFirstRestart && marker <= kStart) || marker == 0) {
                refuse("a marker where none may be");
            }
            const std::string_view segment = next_segment();
            if (marker == kHuffman) {
                read_huffman_tables(segment);
            } else if (marker == kQuantization) {
                read_quantization_tables(segment);
            } else if (marker == kScan) {
                read_scan(segment);
                skip_scan_data();
            } else if (marker >= kFirstFrame && marker <= kLastFrame && marker != kReserved &&
                       marker != kArithmetic) {
                read_frame(marker, segment);
            }
        }
        require(!components_.empty(), "an end before a frame");
        for (const Component& component : components_) {
            require(component.has_first_scan, "an end before the scan of a component");
        }
        return header_;
    }

  private:
    [[noreturn]] void refuse(const std::string& what) const {
        refuse_picture(path_, "is damaged, with " + what + " at byte " + std::to_string(offset_) +
                                  "; replace or remove it");
    }
    void require(bool is_so, const char* what_else) const {
        if (!is_so) refuse(what_else);
    }
    std::size_t byte(std::string_view segment, std::size_t index) const {
        require(index < segment.size(), "a segment that is too short");
        return static_cast<unsigned char>(segment[index]);
    }
    [[noreturn]] void refuse_as_cut_off() const {
        refuse_picture(path_,
                       "is cut off after " + std::to_string(bytes_.size()) + " bytes; replace or remove it");
    }

    /// Passes over what stands between segments, and over fill bytes.
    std::size_t next_marker() {
        offset_ = bytes_.find('\xFF', offset_);
        if (offset_ != std::string_view::npos) offset_ = bytes_.find_first_not_of('\xFF', offset_);
        if (offset_ == std::string_view::npos) refuse_as_cut_off();
        return big_endian_at(bytes_, offset_++, 1);
    }

    std::string_view next_segment() {
        if (offset_ + 2 > bytes_.size()) refuse_as_cut_off();
        const std::size_t length = big_endian_at(bytes_, offset_, 2);
        require(length >= 2, "a segment without a length");
        if (length > bytes_.size() - offset_) refuse_as_cut_off();
        const std::string_view segment = bytes_.substr(offset_ + 2, length - 2);
        offset_ += length;
        return segment;
    }

    /// Annex C: at most 256 codes, which the lengths leave room for; values that a coefficient can have.
    void read_huffman_tables(std::string_view segment) {
        while (!segment.empty()) {
            const std::size_t kind = byte(segment, 0) >> 4, table = byte(segment, 0) & 15;
            require(kind < 2 && table < kTables, "a Huffman table with an impossible number");
            std::size_t codes = 0, room = 1;
            for (std::size_t length = 1; length <= 16; ++length) {
                const std::size_t count = byte(segment, length);
                room *= 2;
                require(count <= room, "a Huffman table with too many codes of one length");
                room -= count;
                codes += count;
            }
            require(codes <= 256, "a Huffman table with too many codes");
            for (std::size_t i = 0; i < codes; ++i) {
                const std::size_t value = byte(segment, 17 + i);
                require(kind == 1 || value <= 15, "a Huffman table with a value out of range");
            }
            has_huffman_[kind][table] = true;
            segment.remove_prefix(17 + codes);
        }
    }

    void read_quantization_tables(std::string_view segment) {
        while (!segment.empty()) {
            const std::size_t precision = byte(segment, 0) >> 4, table = byte(segment, 0) & 15;
            require(precision < 2 && table < kTables, "a quantization table with an impossible number");
            const std::size_t length = 1 + 64 * (precision + 1);
            (void)byte(segment, length - 1);
            has_quantization_[table] = true;
            segment.remove_prefix(length);
        }
    }

    void read_frame(std::size_t marker, std::string_view segment) {
        if (marker != kBaseline && marker != kExtended && marker != kProgressive) {
            refuse_picture(path_,
                           "is a rare kind of JPEG (arithmetic, lossless or hierarchical); convert or "
                           "remove it");
        }
        require(components_.empty(), "a second frame");
        is_progressive_ = marker == kProgressive;
        const std::size_t count = byte(segment, 5);
        require(byte(segment, 0) == 8, "other than 8 bits a channel");
        require(count == 1 || count == 3 || count == 4, "an impossible number of channels");
        require(segment.size() == 6 + 3 * count, "a frame of the wrong length");
        header_.height = static_cast<std::int64_t>(big_endian_at(segment, 1, 2));
        header_.width = static_cast<std::int64_t>(big_endian_at(segment, 3, 2));
        std::size_t most_across = 1, most_down = 1;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t sampling = byte(segment, 7 + 3 * i);
            components_.push_back(
                {byte(segment, 6 + 3 * i), sampling >> 4, sampling & 15, byte(segment, 8 + 3 * i)});
            most_across = std::max(most_across, sampling >> 4);
            most_down = std::max(most_down, sampling & 15);
        }
        for (const Component& component : components_) {
            const std::size_t across = component.across, down = component.down;
            require(across >= 1 && across <= 4 && down >= 1 && down <= 4 && most_across % across == 0 &&
                        most_down % down == 0,
                    "channels of impossible sizes");
            require(component.quantization < kTables, "a quantization table with an impossible number");
        }
    }

    void read_scan(std::string_view segment) {
        require(!components_.empty(), "a scan before its frame");
        const std::size_t count = byte(segment, 0);
        require(count >= 1 && count <= components_.size() && segment.size() == 4 + 2 * count,
                "a scan of the wrong length");
        const std::size_t first = byte(segment, 1 + 2 * count), last = byte(segment, 2 + 2 * count);
        const bool is_refinement = byte(segment, 3 + 2 * count) >> 4 != 0;
        // The first coefficient has a table of its own; progressive scans hold either it or some of the rest.
        const bool has_first = first == 0, has_rest = !is_progressive_ || first > 0;
        if (is_progressive_) {
            require(first <= last && last <= 63 && (has_first ? last == 0 : count == 1),
                    "a scan of impossible coefficients");
        }
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t id = byte(segment, 1 + 2 * i), tables = byte(segment, 2 + 2 * i);
            const auto component = std::find_if(components_.begin(), components_.end(),
                                                [id](const Component& other) { return other.id == id; });
            require(component != components_.end(), "a scan of no component");
            require(tables >> 4 < kTables && (tables & 15) < kTables,
                    "a Huffman table with an impossible number");
            require(has_quantization_[component->quantization], "a scan before its quantization table");
            if (has_first && !is_refinement) {
                require(has_huffman_[0][tables >> 4], "a scan before its Huffman table");
                component->has_first_scan = true;
            }
            require(component->has_first_scan, "a scan before the first one of its component");
            require(!has_rest || has_huffman_[1][tables & 15], "a scan before its Huffman table");
        }
    }

    /// To the next marker that is neither a stuffed zero nor a restart (B.1.1.5).
    void skip_scan_data() {
        while ((offset_ = bytes_.find('\xFF', offset_)) != std::string_view::npos) {
            const std::size_t behind = bytes_.find_first_not_of('\xFF', offset_);
            if (behind == std::string_view::npos) break;
            const std::size_t marker = big_endian_at(bytes_, behind, 1);
            if (marker != 0 && (marker < kFirstRestart || marker > kLastRestart)) return;
            offset_ = behind + 1;
        }
        refuse_as_cut_off();
    }

    std::string_view bytes_;
    const std::string& path_;
    std::size_t offset_ = 2;  // behind the start
    PictureHeader header_;
    bool is_progressive_ = false;
    std::vector<Component> components_;
    std::array<std::array<bool, kTables>, 2> has_huffman_{};  // of first coefficients, of the rest
    std::array<bool, kTables> has_quantization_{};
};

}  // namespace

bool is_jpeg(std::string_view bytes) { return bytes.starts_with("\xFF\xD8\xFF"); }

PictureHeader read_jpeg_header(std::string_view bytes, const std::string& path) {
    return JpegReader(bytes, path).read();
}

}  // namespace halfscope
