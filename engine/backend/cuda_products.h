// Who multiplies matrices on the CUDA device. Knows no CUDA.
#pragma once

#include <cstdint>

namespace halfscope {

/// exact: a kernel of our own in the CPU's order of summation (--exact).
enum class CudaProducts : std::uint8_t { cublas, exact };

}  // namespace halfscope
