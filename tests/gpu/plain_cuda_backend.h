// Operations on a CUDA device through the plain executor, from the source the CPU runs. Called by the tests
// of tests/gpu. Must not be taken for the CUDA backend: it is slow on purpose.
#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"

namespace halfscope {

/// Why there is no device to run on; empty where there is one.
std::string why_no_device();

std::unique_ptr<Backend> make_plain_cuda_backend();

}  // namespace halfscope
