#include "data/safetensors_header.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "data/data_error.h"
#include "data/safetensors.h"

namespace halfscope {
namespace {

struct TypeRow {
    SafetensorsType type;
    const char* name;
    std::uint64_t bytes;
};
constexpr std::array<TypeRow, 12> kTypes{{{SafetensorsType::f64, "F64", 8},
                                          {SafetensorsType::f32, "F32", 4},
                                          {SafetensorsType::f16, "F16", 2},
                                          {SafetensorsType::bf16, "BF16", 2},
                                          {SafetensorsType::i64, "I64", 8},
                                          {SafetensorsType::i32, "I32", 4},
                                          {SafetensorsType::i16, "I16", 2},
                                          {SafetensorsType::i8, "I8", 1},
                                          {SafetensorsType::u32, "U32", 4},
                                          {SafetensorsType::u16, "U16", 2},
                                          {SafetensorsType::u8, "U8", 1},
                                          {SafetensorsType::boolean, "BOOL", 1}}};

const TypeRow& row_of(SafetensorsType type) {
    return *std::find_if(kTypes.begin(), kTypes.end(),
                         [type](const TypeRow& row) { return row.type == type; });
}

/// A name from outside in a sentence: quoted, and cut where it is long.
std::string in_quotes(std::string_view name) {
    constexpr std::size_t kShown = 80;
    if (name.size() <= kShown) return "'" + std::string(name) + "'";
    std::size_t end = kShown;
    while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80)
        --end;  // between UTF-8 characters
    return "'" + std::string(name.substr(0, end)) + "...'";
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
                return refuse("gives the key " + in_quotes(key_) + " of __metadata__ twice");
            }
            return true;
        }
        if (place_ != Place::tensor || field_ != Field::dtype) return value("a text");
        const auto row = std::find_if(kTypes.begin(), kTypes.end(),
                                      [&](const TypeRow& known) { return known.name == text; });
        if (row == kTypes.end())
            return refuse(tensor() + " has the dtype " + in_quotes(text) + ", which is not read");
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
            return refuse("names the tensor " + in_quotes(text) + " twice");
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

    std::string tensor() const { return "tensor " + in_quotes(entry_.name); }

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
                return refuse("gives " + in_quotes(key_) + " " + what + " instead of an object");
            case Place::metadata:
                return refuse("gives the key " + in_quotes(key_) + " of __metadata__ " + what +
                              " instead of a text");
            default:
                return refuse(tensor() + " has " + what + " for its " +
                              kFields[static_cast<std::size_t>(field_)]);
        }
    }

    bool field(const std::string& text) {
        const auto found = std::find(kFields.begin(), kFields.end(), text);
        if (found == kFields.end()) return refuse(tensor() + " has the unknown key " + in_quotes(text));
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
                file, "has a tensor " + in_quotes(entry.name) + " whose shape overflows 64 bits of bytes");
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
                                         in_quotes(entry.name) + ", outside its " +
                                         std::to_string(data_bytes) + " bytes of data");
        }
        const std::uint64_t wanted = wanted_bytes(file, entry);
        if (entry.end - entry.begin != wanted) {
            refuse_safetensors(file, "has " + std::to_string(entry.end - entry.begin) +
                                         " bytes of data for tensor " + in_quotes(entry.name) +
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
                          in_quotes(entry->name));
        }
        end = entry->end;
    }
    if (end != data_bytes) {
        refuse_safetensors(file, "has " + std::to_string(data_bytes - end) +
                                     " bytes behind its last tensor, from offset " + std::to_string(end) +
                                     " of the data");
    }
}

}  // namespace

const char* safetensors_type_name(SafetensorsType type) { return row_of(type).name; }

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

}  // namespace halfscope
