// Lowers the priority of the thread that trains, so that a window on the same cores keeps its frames. Called
// by the trainer thread before it makes its backend (threads made later inherit it). It must not touch other
// threads of the process.
#pragma once

namespace halfscope {

/// Linux: adds 5 to the calling thread's nice value (setpriority(2), which is per thread there). Elsewhere:
/// nothing.
void lower_thread_priority();

}  // namespace halfscope
