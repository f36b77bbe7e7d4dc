#include "program/interrupt.h"

#include <csignal>

namespace halfscope {
namespace {

volatile std::sig_atomic_t interrupt_came = 0;

extern "C" void note_interrupt(int signal_number) {
    interrupt_came = 1;
    std::signal(signal_number, SIG_DFL);
}

}  // namespace

void catch_interrupts() {
    std::signal(SIGINT, note_interrupt);
    std::signal(SIGTERM, note_interrupt);
}

bool interrupted() { return interrupt_came != 0; }

}  // namespace halfscope
