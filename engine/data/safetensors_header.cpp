#include "data/safetensors_header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "data/data_error.h"
#include "data/printable_text.h"
#include "data/safetensors.h"

namespace halfscope {
namespace {

struct TypeRow {
    SafetensorsType type;
    const char* name;
    std::uint64_t bytes;
    ElementType element = ElementType::other;
};
static_assert(std::endian::native == std::endian::little, "lengths are copied as they lie in the file");

constexpr std::uint64_t kLengthBytes = 8;

constexpr std::array<TypeRow, 17> kTypes{{{SafetensorsType::f64, "F64", 8, ElementType::f64},
                                          {SafetensorsType::f32, "F32", 4, ElementType::f32},
                                          {SafetensorsType::f16, "F16", 2, ElementType::f16},
                                          {SafetensorsType::bf16, "BF16", 2, ElementType::bf16},
                                          {SafetensorsType::e4m3, "F8_E4M3", 1, ElementType::e4m3},
                                          {SafetensorsType::e5m2, "F8_E5M2", 1, ElementType::e5m2},
                                          {SafetensorsType::e8m0, "F8_E8M0", 1},
                                          {SafetensorsType::c64, "C64", 8},
                                          {SafetensorsType::i64, "I64", 8},
                                          {SafetensorsType::i32, "I32", 4},
                                          {SafetensorsType::i16, "I16", 2},
                                          {SafetensorsType::i8, "I8", 1},
                                          {SafetensorsType::u64, "U64", 8},
                                          {SafetensorsType::u32, "U32", 4},
                                          {SafetensorsType::u16, "U16", 2},
                                          {SafetensorsType::u8, "U8", 1},
                                          {SafetensorsType::boolean, "BOOL", 1}}};

const TypeRow& row_of(SafetensorsType type) {
    return *std::find_if(kTypes.begin(), kTypes.end(),
                         [type](const TypeRow& row) { return row.type == type; });
}

/// Hears the JSON of a header; false from any call ends it, with the reason in problem().
class HeaderListener final : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit HeaderListener(SafetensorsHeader& header) : header_(header) {}
    const std::string& problem() const { return problem_; }

    bool null() override { return value("null"); }
    bool boolean(bool) override { return value("a truth value"); }
    bool number_integer(number_integer_t) override { return value("a negative number"); }
    bool number_float(number_float_t, const string_t&) override {
        return value("a number that is not whole or too large");
    }
    bool binary(binary_t&) override { return value("binary data"); }

    bool number_unsigned(number_unsigned_t number) override {
        if (place_ == Place::offsets) {
            if (offset_count_ == 2) return refuse(tensor() + " has more than two data_offsets");
            (offset_count_ == 0 ? entry_.begin : entry_.end) = number;
            ++offset_count_;
            return true;
        }
        if (place_ != Place::shape) return value("a number");
        if (number > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
            return refuse(tensor() + " has an axis of " + std::to_string(number) + ", more than 2^63 - 1");
        }
        if (entry_.shape.size() == kMaximumSafetensorsAxes) {
            return refuse(tensor() + " has more than " + std::to_string(kMaximumSafetensorsAxes) + " axes");
        }
        entry_.shape.push_back(static_cast<std::int64_t>(number));
        return true;
    }

    bool string(string_t& text) override {
        if (place_ == Place::metadata) {
            if (!header_.metadata.emplace(key_, text).second) {
                return refuse("gives the key " + quoted_name(key_) + " of __metadata__ twice");
            }
            return true;
        }
        if (place_ != Place::tensor || field_ != Field::dtype) return value("a text");
        const auto row = std::find_if(kTypes.begin(), kTypes.end(),
                                      [&](const TypeRow& known) { return known.name == text; });
        if (row == kTypes.end())
            return refuse(tensor() + " has the dtype " + quoted_name(text) + ", which is not read");
        entry_.type = row->type;
        return true;
    }

    bool start_object(std::size_t) override {
        if (place_ == Place::document) {
            place_ = Place::names;
            return true;
        }
        if (place_ != Place::names) return value("an object");
        place_ = key_ == "__metadata__" ? Place::metadata : Place::tensor;
        entry_ = {};
        entry_.name = key_;
        seen_ = {};
        offset_count_ = 0;
        return true;
    }

    bool key(string_t& text) override {
        if (place_ == Place::tensor) return field(text);
        if (place_ == Place::names && !names_.insert(text).second) {
            return refuse("names the tensor " + quoted_name(text) + " twice");
        }
        key_ = text;
        return true;
    }

    bool end_object() override {
        if (place_ == Place::tensor) {
            for (std::size_t i = 0; i < seen_.size(); ++i) {
                if (!seen_[i]) return refuse(tensor() + " has no " + kFields[i]);
            }
            header_.tensors.push_back(std::move(entry_));
        }
        place_ = place_ == Place::names ? Place::document : Place::names;
        return true;
    }

    bool start_array(std::size_t) override {
        if (place_ != Place::tensor || field_ == Field::dtype) return value("a list");
        place_ = field_ == Field::shape ? Place::shape : Place::offsets;
        return true;
    }

    bool end_array() override {
        if (place_ == Place::offsets && offset_count_ != 2)
            return refuse(tensor() + " has no two data_offsets");
        place_ = Place::tensor;
        return true;
    }

    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
        // The position counts characters read, the one in error included; eight bytes stand before the
        // header.
        return refuse("has no valid JSON in its header, at offset " + std::to_string(position + 7));
    }

  private:
    enum class Place : std::uint8_t { document, names, tensor, shape, offsets, metadata };
    enum class Field : std::uint8_t { dtype, shape, offsets };
    static constexpr std::array<const char*, 3> kFields{"dtype", "shape", "data_offsets"};

    std::string tensor() const { return "tensor " + quoted_name(entry_.name); }

    bool refuse(std::string problem) {
        problem_ = std::move(problem);
        return false;
    }

    /// A value where the format has none.
    bool value(const char* what) {
        switch (place_) {
            case Place::document:
                return refuse(std::string("has ") + what + " for a header instead of an object");
            case Place::names:
                return refuse("gives " + quoted_name(key_) + " " + what + " instead of an object");
            case Place::metadata:
                return refuse("gives the key " + quoted_name(key_) + " of __metadata__ " + what +
                              " instead of a text");
            default:
                return refuse(tensor() + " has " + what + " for its " +
                              kFields[static_cast<std::size_t>(field_)]);
        }
    }

    bool field(const std::string& text) {
        const auto found = std::find(kFields.begin(), kFields.end(), text);
        if (found == kFields.end()) return refuse(tensor() + " has the unknown key " + quoted_name(text));
        const auto index = static_cast<std::size_t>(found - kFields.begin());
        if (seen_[index]) return refuse(tensor() + " has two " + kFields[index]);
        seen_[index] = true;
        field_ = static_cast<Field>(index);
        return true;
    }

    SafetensorsHeader& header_;
    std::unordered_set<std::string> names_;
    std::string key_, problem_;
    SafetensorsEntry entry_;
    Place place_ = Place::document;
    Field field_ = Field::dtype;
    std::array<bool, 3> seen_{};
    int offset_count_ = 0;
};

std::string range_text(const SafetensorsEntry& entry) {
    return std::to_string(entry.begin) + " to " + std::to_string(entry.end);
}

/// The bytes that the shape asks for.
std::uint64_t wanted_bytes(const std::string& file, const SafetensorsEntry& entry) {
    std::uint64_t bytes = row_of(entry.type).bytes;
    for (const std::int64_t signed_extent : entry.shape) {
        const auto extent = static_cast<std::uint64_t>(signed_extent);
        if (extent != 0 && bytes > std::numeric_limits<std::uint64_t>::max() / extent) {
            refuse_safetensors(
                file, "has a tensor " + quoted_name(entry.name) + " whose shape overflows 64 bits of bytes");
        }
        bytes *= extent;
    }
    return bytes;
}

void check_ranges(const std::string& file, const SafetensorsHeader& header, std::uint64_t data_bytes) {
    std::vector<const SafetensorsEntry*> order;
    for (const SafetensorsEntry& entry : header.tensors) {
        if (entry.begin > entry.end || entry.end > data_bytes) {
            refuse_safetensors(file, "has data from offset " + range_text(entry) + " for tensor " +
                                         quoted_name(entry.name) + ", outside its " +
                                         std::to_string(data_bytes) + " bytes of data");
        }
        const std::uint64_t wanted = wanted_bytes(file, entry);
        if (entry.end - entry.begin != wanted) {
            refuse_safetensors(file, "has " + std::to_string(entry.end - entry.begin) +
                                         " bytes of data for tensor " + quoted_name(entry.name) +
                                         ", whose shape asks for " + std::to_string(wanted));
        }
        order.push_back(&entry);
    }
    std::sort(order.begin(), order.end(), [](const SafetensorsEntry* a, const SafetensorsEntry* b) {
        return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
    });
    std::uint64_t end = 0;
    for (const SafetensorsEntry* entry : order) {
        if (entry->begin != end) {
            refuse_safetensors(
                file, std::string(entry->begin < end ? "has data that overlap" : "has a hole in its data") +
                          " at offset " + std::to_string(std::min(end, entry->begin)) + ", before tensor " +
                          quoted_name(entry->name));
        }
        end = entry->end;
    }
    if (end != data_bytes) {
        refuse_safetensors(file, "has " + std::to_string(data_bytes - end) +
                                     " bytes behind its last tensor, from offset " + std::to_string(end) +
                                     " of the data");
    }
}

/// Of a file of `file_bytes` that starts with `length`.
void check_header_length(const std::string& file, std::uint64_t length, std::uint64_t file_bytes) {
    if (length > kMaximumSafetensorsHeaderBytes) {
        refuse_safetensors(file, "gives its header a length of " + std::to_string(length) +
                                     " bytes at offset 0; it is damaged or no safetensors file");
    }
    if (length > file_bytes - kLengthBytes) {
        refuse_safetensors(file, "ends at offset " + std::to_string(file_bytes) + ", inside its header of " +
                                     std::to_string(length) + " bytes; it is cut off or no safetensors file");
    }
}

}  // namespace

const char* safetensors_type_name(SafetensorsType type) { return row_of(type).name; }
ElementType safetensors_element_type(SafetensorsType type) { return row_of(type).element; }

void refuse_safetensors(const std::string& file, const std::string& reason) {
    throw DataError("safetensors file '" + file + "' " + reason);
}

SafetensorsHeader parse_safetensors_header(const std::string& file, std::string_view text,
                                           std::uint64_t data_bytes) {
    SafetensorsHeader header;
    HeaderListener listener(header);
    if (!nlohmann::json::sax_parse(text.begin(), text.end(), &listener)) {
        const std::string& problem = listener.problem();
        const bool of_tensor = problem.starts_with("tensor ");
        throw DataError("safetensors file '" + file + "'" + (of_tensor ? ": " : " ") + problem);
    }
    check_ranges(file, header, data_bytes);
    return header;
}

SafetensorsLayout read_safetensors_layout(SeekableSource& source, const std::string& file) {
    std::array<char, kLengthBytes> first{};
    source.seek(0);
    if (source.read(first) < first.size()) {
        refuse_safetensors(file,
                           "has only " + std::to_string(source.size()) +
                               " bytes, less than the header's length takes; it is no safetensors file");
    }
    std::uint64_t length = 0;
    std::memcpy(&length, first.data(), sizeof length);
    check_header_length(file, length, source.size());
    std::string text(static_cast<std::size_t>(length), '\0');
    text.resize(source.read(text));
    SafetensorsLayout layout;
    layout.data_offset = kLengthBytes + length;
    layout.data_bytes = source.size() - layout.data_offset;
    layout.header = parse_safetensors_header(file, text, layout.data_bytes);
    return layout;
}

}  // namespace halfscope
