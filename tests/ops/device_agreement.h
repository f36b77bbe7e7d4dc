// Every operation, convolutions of odd geometry, dropout, the optimizer's updates, the checks of gradients
// and the counts of probes, run on another Backend and on the CPU's: each stored value must have the same
// bits. NaNs count as equal, because processors do not agree on the bits of a NaN that arithmetic makes. Used
// by plain_backend_test.cpp and by tests/gpu.
#pragma once

#include <functional>
#include <memory>

#include "backend/backend.h"

namespace halfscope {

using MakeBackend = std::function<std::unique_ptr<Backend>()>;

// Each reports differences as failures of the running test.
void expect_operations_agree(const MakeBackend& make_backend);
/// Geometries drawn at random, weights with an infinity among them.
void expect_convolutions_agree(const MakeBackend& make_backend);
void expect_dropout_agrees(const MakeBackend& make_backend);
void expect_updates_agree(const MakeBackend& make_backend);
void expect_counts_agree(const MakeBackend& make_backend);
/// The checks of gradients, the decision on the update, and comparisons with a shadow pass.
void expect_checks_agree(const MakeBackend& make_backend);
/// Element-wise operations, updates and counts of more than half a million elements, which devices may treat
/// in other ways than few.
void expect_large_tensors_agree(const MakeBackend& make_backend);
/// Counts of so many values of one exponent that whoever counts in small fields must empty them on the way.
void expect_crowded_counts_agree(const MakeBackend& make_backend);
/// A linear layer of more rows than 65,535 blocks of a grid hold, and so its weight and bias gradients.
void expect_tall_tensors_agree(const MakeBackend& make_backend);

}  // namespace halfscope
