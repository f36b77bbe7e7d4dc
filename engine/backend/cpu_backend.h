// The CPU device: real, the default where no GPU is present, and the oracle for CUDA. Made by train/ or a
// test.
#pragma once

#include <memory>

#include "backend/backend.h"

namespace halfscope {

/// threads: including the calling one; 0 takes all cores. Results do not depend on it.
std::unique_ptr<Backend> make_cpu_backend(int threads);

}  // namespace halfscope
