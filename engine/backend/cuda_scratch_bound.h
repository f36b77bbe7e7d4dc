// How much scratch memory the operations of a network take of the CUDA device, from shapes and formats alone:
// what is checked before a lane is made, as scratch memory grows only when an operation first asks for it.
// Knows no CUDA. Used by cuda_scratch.h and cuda_executor.cuh, whose requests it foresees.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "backend/cuda_products.h"
#include "graph/plan.h"

namespace halfscope {

/// What lies beside each other within one operation.
enum class ScratchFor : std::uint8_t {
    partial_sums,
    products,
    counted,
    left_operand,
    right_operand,
    widened,  ///< an operand of 16 bits beside one of FP32
    checks    ///< kept from begin_check to finish_check
};
inline constexpr std::size_t kScratchPurposes = 7;

/// Bytes for each purpose: the most that an operation takes.
using ScratchBytes = std::array<std::uint64_t, kScratchPurposes>;

/// Of the passes of `plan`, at most: as if every product were counted and none were a small one. For plans
/// whose bytes fit into a memory: absurd sizes overflow.
ScratchBytes scratch_bound(const Graph& graph, const Plan& plan, CudaProducts products);

/// The larger of both for each purpose.
ScratchBytes larger_of(const ScratchBytes& a, const ScratchBytes& b);

}  // namespace halfscope
