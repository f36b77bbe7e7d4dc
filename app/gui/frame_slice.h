// Asks the system to let the thread that draws finish its part of a frame before another thread gets the
// core. Called once by the application, on that thread, when everything else has started. It must not touch
// other threads, and takes nothing from them: who runs longer at a time runs more rarely.
#pragma once

namespace halfscope {

/// Linux 6.12 and later: a slice of 8 ms for the calling thread (sched_setattr(2), the runtime of an ordinary
/// thread; no privileges needed), longer than a frame takes to build. Threads it starts later have the
/// system's own. Elsewhere: nothing.
void ask_for_whole_frames();

}  // namespace halfscope
