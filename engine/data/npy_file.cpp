#include "data/npy_file.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <optional>
#include <utility>

#include "data/data_error.h"
#include "data/printable_text.h"

namespace halfscope {
namespace {

/// Of the dictionary. NumPy itself warns beyond 10,000; only records, which are refused, need more.
constexpr std::uint64_t kMaximumHeaderBytes = 1 << 16;

[[noreturn]] void refuse(const std::string& file, const std::string& reason) {
    throw DataError("npy file '" + file + "' " + reason);
}

/// The dictionary in the header: strings, truth values, and tuples of whole numbers, which is all that NumPy
/// writes.
class HeaderParser {
  public:
    /// `offset` of the text in the file, for refusals.
    HeaderParser(const std::string& file, std::string_view text, std::uint64_t offset)
        : file_(file), text_(text), offset_(offset) {}

    std::string descr;
    std::vector<std::int64_t> shape;

    void parse() {
        bool has_descr = false, has_order = false, has_shape = false;
        expect('{');
        while (!next_is('}')) {
            const std::string key = string("a key");
            expect(':');
            bool* const seen = key == "descr"           ? &has_descr
                               : key == "fortran_order" ? &has_order
                               : key == "shape"         ? &has_shape
                                                        : nullptr;
            if (!seen) fail("the unknown key " + quoted_name(key));
            if (std::exchange(*seen, true)) fail("a second " + key);
            // The order of the axes changes no count: it is checked and forgotten.
            if (seen == &has_order) truth_value();
            if (seen == &has_descr) parse_descr();
            if (seen == &has_shape) parse_shape();
            if (next_is('}')) break;
            expect(',');
        }
        expect('}');
        skip_space();
        if (position_ != text_.size()) fail("something behind its dictionary");
        for (const auto& [name, has] : {std::pair("descr", has_descr), std::pair("fortran_order", has_order),
                                        std::pair("shape", has_shape)}) {
            if (!has) refuse(file_, "has no " + std::string(name) + " in its header");
        }
    }

  private:
    [[noreturn]] void fail(const std::string& what) const {
        refuse(file_, "has " + what + " in its header, at offset " + std::to_string(offset_ + position_) +
                          "; it is damaged or was not written by NumPy");
    }
    void skip_space() {
        while (position_ < text_.size() &&
               std::string_view(" \t\r\n").find(text_[position_]) != std::string_view::npos)
            ++position_;
    }
    bool next_is(char letter) {
        skip_space();
        return position_ < text_.size() && text_[position_] == letter;
    }
    void expect(char letter) {
        if (!next_is(letter)) fail(std::string("no '") + letter + "'");
        ++position_;
    }
    std::string string(const char* what) {
        const char quote = next_is('"') ? '"' : '\'';
        if (!next_is(quote)) fail(std::string("no text for ") + what);
        const std::size_t end = text_.find(quote, position_ + 1);
        if (end == std::string_view::npos) fail("a text without an end");
        const std::string_view inside = text_.substr(position_ + 1, end - position_ - 1);
        if (inside.find('\\') != std::string_view::npos) fail("a backslash");
        position_ = end + 1;
        return std::string(inside);
    }
    void truth_value() {
        skip_space();
        for (const std::string_view word : {std::string_view("True"), std::string_view("False")}) {
            if (!text_.substr(position_).starts_with(word)) continue;
            position_ += word.size();
            return;
        }
        fail("neither True nor False for fortran_order");
    }
    void parse_descr() {
        if (next_is('[') || next_is('(')) {
            refuse(file_, "holds records of several fields (descr at offset " +
                              std::to_string(offset_ + position_) +
                              "); save each field as an array of its own");
        }
        descr = string("descr");
    }
    void parse_shape() {
        expect('(');
        while (!next_is(')')) {
            if (shape.size() == kMaximumTensorAxes)
                fail("more than " + std::to_string(kMaximumTensorAxes) + " axes");
            shape.push_back(whole_number());
            if (next_is(')')) break;
            expect(',');
        }
        expect(')');
    }
    std::int64_t whole_number() {
        constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
        const auto is_digit = [this] {
            return position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9';
        };
        skip_space();
        if (!is_digit()) fail("an axis that is no whole number from 0");
        std::int64_t number = 0;
        for (; is_digit(); ++position_) {
            const std::int64_t digit = text_[position_] - '0';
            if (number > (kMost - digit) / 10) fail("an axis of more than 2^63 - 1");
            number = number * 10 + digit;
        }
        if (position_ < text_.size() && text_[position_] == 'L') ++position_;  // Python 2
        return number;
    }

    const std::string& file_;
    std::string_view text_;
    std::uint64_t offset_;
    std::size_t position_ = 0;
};

/// A descr taken apart: '<', 'f', 4.
struct Descr {
    char order = 0, kind = 0;
    std::uint64_t size = 0;
};
std::optional<Descr> parse_descr(std::string_view text) {
    constexpr std::uint64_t kLargest = 1 << 30;
    if (text.size() < 2 || std::string_view("<>|").find(text[0]) == std::string_view::npos) return {};
    Descr descr{text[0], text[1], 0};
    std::string_view digits = text.substr(2);
    // Dates name their unit behind the size: "<M8[ns]".
    if (descr.kind == 'M' || descr.kind == 'm') digits = digits.substr(0, digits.find('['));
    if (digits.empty()) return {};
    for (const char letter : digits) {
        if (letter < '0' || letter > '9') return {};
        descr.size = descr.size * 10 + static_cast<std::uint64_t>(letter - '0');
        if (descr.size > kLargest) return {};
    }
    return descr;
}

[[noreturn]] void refuse_descr(const std::string& file, const std::string& descr, const std::string& why) {
    refuse(file, "has the descr " + quoted_name(descr) + ", " + why);
}

/// What NumPy's letters mean that are no floating-point numbers; nullptr for all others.
const char* name_of_kind(char kind) {
    switch (kind) {
        case 'b':
            return "truth values";
        case 'i':
        case 'u':
            return "whole numbers";
        case 'c':
            return "complex numbers";
        case 'S':
        case 'a':
        case 'U':
            return "text";
        case 'M':
        case 'm':
            return "dates or spans of time";
        default:
            return nullptr;
    }
}

/// Fills in what the descr says; returns the bytes of an element.
std::uint64_t understand_descr(const std::string& file, TensorHeading& heading) {
    const std::string& text = heading.dtype;
    const std::optional<Descr> descr = parse_descr(text);
    if (text.find('O') != std::string::npos && (!descr || descr->kind == 'O'))
        refuse_pickled("npy file", file);
    if (text.find("bfloat16") != std::string::npos || text.find("float8") != std::string::npos) {
        refuse_descr(file, text,
                     "which NumPy's format does not define; save it as safetensors, or as float32");
    }
    if (!descr) refuse_descr(file, text, "which is not read; save it as float32");
    if (descr->kind == 'V') {
        refuse_descr(file, text,
                     "raw bytes that may be bfloat16, another type of ml_dtypes or anything else; save it as "
                     "safetensors, or as float32: np.save(path, array.astype(np.float32))");
    }
    heading.order = descr->order == '>' ? std::endian::big : std::endian::little;
    if (const char* name = name_of_kind(descr->kind)) {
        heading.not_read = name;
        return descr->kind == 'U' ? 4 * descr->size : descr->size;
    }
    if (descr->kind != 'f') refuse_descr(file, text, "which is not read; save it as float32");
    if (descr->size == 2) heading.type = ElementType::f16;
    if (descr->size == 4) heading.type = ElementType::f32;
    if (descr->size == 8) heading.type = ElementType::f64;
    if (heading.type == ElementType::other) {
        refuse_descr(file, text,
                     "floating-point numbers of " + std::to_string(descr->size) +
                         " bytes, whose form depends on the machine; save it as float32 or float64");
    }
    if (descr->order == '|') refuse_descr(file, text, "which leaves the order of bytes open; it is damaged");
    return descr->size;
}

/// The next bytes, all of them.
std::string take(ByteSource& source, const std::string& file, std::uint64_t count, std::uint64_t offset) {
    std::string bytes(static_cast<std::size_t>(count), '\0');
    const std::size_t there = source.read(bytes);
    if (there < bytes.size()) {
        refuse(file, "ends at offset " + std::to_string(offset + there) + ", inside its header of " +
                         std::to_string(offset + count) + " bytes; it is cut off");
    }
    return bytes;
}

std::uint64_t little_endian(std::string_view bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
}

std::string hexadecimal(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) {
        std::array<char, 4> digits{};
        std::snprintf(digits.data(), digits.size(), "%02X", static_cast<unsigned char>(byte));
        text += (text.empty() ? "" : " ") + std::string(digits.data());
    }
    return text.empty() ? "nothing" : text;
}

void check_magic(const std::string& file, ByteSource& source) {
    std::string magic(kNpyMagic.size(), '\0');
    magic.resize(source.read(magic));
    if (magic == kNpyMagic) return;
    refuse(file, "begins with " + hexadecimal(magic) + " instead of " + hexadecimal(kNpyMagic) +
                     " (\\x93NUMPY); it is no npy file");
}

class NpyFile final : public TensorFile {
  public:
    NpyFile(std::unique_ptr<SeekableSource> source, std::string file, const std::string& name)
        : source_(std::move(source)), file_(std::move(file)), header_(read_npy_header(*source_, file_)) {
        const std::uint64_t there = source_->size() - std::min(source_->size(), header_.data_offset);
        if (there < header_.data_bytes) {
            refuse(file_, "ends at offset " + std::to_string(source_->size()) + ", with " +
                              std::to_string(there) + " of the " + std::to_string(header_.data_bytes) +
                              " bytes of data that its shape asks for; it is cut off");
        }
        if (there > header_.data_bytes) {
            refuse(file_, "goes on behind its " + std::to_string(header_.data_bytes) +
                              " bytes of data, at offset " +
                              std::to_string(header_.data_offset + header_.data_bytes) +
                              "; give several arrays as npz (np.savez)");
        }
        header_.heading.name = name;
        tensors_.push_back(header_.heading);
    }

    void read(std::size_t, const TakePiece& take_piece) override {
        source_->seek(header_.data_offset);
        const std::uint64_t there = read_pieces(*source_, header_.data_bytes, take_piece);
        if (there < header_.data_bytes)
            refuse(file_,
                   "ends at offset " + std::to_string(header_.data_offset + there) + "; it is cut off");
    }

  private:
    std::unique_ptr<SeekableSource> source_;
    std::string file_;
    NpyHeader header_;
};

}  // namespace

NpyHeader read_npy_header(ByteSource& source, const std::string& file) {
    check_magic(file, source);
    std::uint64_t offset = kNpyMagic.size();
    const std::string version = take(source, file, 2, offset);
    offset += version.size();
    const int major = static_cast<unsigned char>(version[0]);
    if (major < 1 || major > 3 || version[1] != 0) {
        refuse(file, "has the version " + std::to_string(major) + "." +
                         std::to_string(static_cast<unsigned char>(version[1])) +
                         " at offset 6; 1.0, 2.0 and 3.0 are read");
    }
    const std::string length_bytes = take(source, file, major == 1 ? 2 : 4, offset);
    const std::uint64_t length = little_endian(length_bytes);
    if (length > kMaximumHeaderBytes) {
        refuse(file, "gives its header a length of " + std::to_string(length) + " bytes at offset " +
                         std::to_string(offset) + ", more than the " + std::to_string(kMaximumHeaderBytes) +
                         " that are read; it is damaged");
    }
    offset += length_bytes.size();
    const std::string text = take(source, file, length, offset);
    HeaderParser parser(file, text, offset);
    parser.parse();

    NpyHeader header;
    TensorHeading& heading = header.heading;
    heading.dtype = std::move(parser.descr);
    heading.shape = std::move(parser.shape);
    const std::uint64_t bytes_each = understand_descr(file, heading);
    if (!count_elements(heading.shape, bytes_each, heading.count))
        refuse(file, "has a shape that overflows 64 bits of bytes, at offset " + std::to_string(offset));
    header.data_offset = offset + length;
    header.data_bytes = heading.count * bytes_each;
    return header;
}

std::unique_ptr<TensorFile> open_npy(std::unique_ptr<SeekableSource> source, const std::string& file,
                                     const std::string& name) {
    return std::make_unique<NpyFile>(std::move(source), file, name);
}

}  // namespace halfscope
