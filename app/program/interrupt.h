// Ctrl-C and SIGTERM: the first one asks a run to end after the step in progress, a second one ends the
// program at once. Used by the train command. It must not do more in the handler than set a flag.
#pragma once

namespace halfscope {

/// Installs the handlers.
void catch_interrupts();
/// Whether an interrupt has come since.
bool interrupted();

}  // namespace halfscope
