// The behaviour signature: one number that proves that training did the same, bit for bit. Used by Lane and
// tests.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace halfscope {

/// 64-bit FNV-1a over the bit patterns of FP32 values, lowest byte first on every machine. All NaNs are one:
/// their sign and payload depend on the order in which an instruction takes its operands (IEEE
/// 754-2019, 6.2.3).
class Signature {
  public:
    void add(std::span<const float> values);
    /// 16 hexadecimal digits.
    std::string text() const;

  private:
    std::uint64_t hash_ = 0xcbf29ce484222325ull;
};

}  // namespace halfscope
