// The CPU device: real, the default where no GPU is present, and the oracle for CUDA. Made by train/ or a
// test.
#pragma once

#include <memory>
#include <string>

#include "backend/backend.h"

namespace halfscope {

/// threads: including the calling one; 0 takes all cores. Results do not depend on it. `remark` stands
/// behind its name: why it is not another device.
std::unique_ptr<Backend> make_cpu_backend(int threads, const std::string& remark = "");

}  // namespace halfscope
