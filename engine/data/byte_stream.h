// Numbers and texts one behind another in a string of bytes, little-endian. Used by the parts of a
// checkpoint. A reader never reads beyond its end and never believes a length: it stops, and says so.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace halfscope {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie in the file");

class ByteWriter {
  public:
    template <class Number>
    void put(Number value) {
        static_assert(std::is_arithmetic_v<Number>);
        const std::size_t end = bytes_.size();
        bytes_.resize(end + sizeof value);
        std::memcpy(bytes_.data() + end, &value, sizeof value);
    }
    /// Its length in 32 bits, then its bytes.
    void put_text(std::string_view text) {
        put(static_cast<std::uint32_t>(text.size()));
        bytes_.append(text);
    }
    const std::string& bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

class ByteReader {
  public:
    explicit ByteReader(std::string_view bytes) : left_(bytes) {}

    /// The next number; 0 where the bytes have ended.
    template <class Number>
    Number take() {
        static_assert(std::is_arithmetic_v<Number>);
        Number value{};
        if (left_.size() < sizeof value) {
            fail();
            return value;
        }
        std::memcpy(&value, left_.data(), sizeof value);
        left_.remove_prefix(sizeof value);
        return value;
    }
    std::string take_text() {
        const auto length = take<std::uint32_t>();
        if (length > left_.size()) {
            fail();
            return {};
        }
        std::string text(left_.substr(0, length));
        left_.remove_prefix(length);
        return text;
    }
    /// How many items of that size can still follow: a count beyond it is wrong.
    std::uint64_t room_for(std::size_t item_bytes) const { return left_.size() / item_bytes; }
    void fail() {
        left_ = {};
        failed_ = true;
    }
    bool failed() const { return failed_; }
    /// Everything was there and nothing is left.
    bool complete() const { return !failed_ && left_.empty(); }

  private:
    std::string_view left_;
    bool failed_ = false;
};

}  // namespace halfscope
