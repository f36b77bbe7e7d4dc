#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace halfscope {
namespace {

constexpr std::chrono::milliseconds kRedrawInterval{100};
constexpr std::size_t kBarWidth = 24;

std::size_t terminal_columns() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

Progress::Progress(std::int64_t steps)
    : steps_(steps), terminal_(isatty(STDERR_FILENO) == 1), start_(std::chrono::steady_clock::now()) {}

Progress::~Progress() { clear(); }

bool Progress::due() const {
    return terminal_ && std::chrono::steady_clock::now() - last_ >= kRedrawInterval;
}

void Progress::show(std::int64_t done, const std::string& details) {
    if (!due()) return;
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - start_).count();
    char rate[48];
    std::snprintf(rate, sizeof rate, "%.1f steps/s", seconds > 0 ? static_cast<double>(done) / seconds : 0.0);
    draw(static_cast<double>(done) / static_cast<double>(std::max<std::int64_t>(steps_, 1)),
         std::to_string(done) + "/" + std::to_string(steps_) + "  " + rate + "  " + details);
}

void Progress::show_part(double fraction, const std::string& text) {
    if (due()) draw(fraction, text);
}

void Progress::draw(double fraction, const std::string& text) {
    last_ = std::chrono::steady_clock::now();
    const auto filled = static_cast<std::size_t>(std::clamp(fraction, 0.0, 1.0) * kBarWidth);
    std::string line = "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "] " + text;
    line.resize(std::min(line.size(), terminal_columns() - 1));
    std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
    std::fflush(stderr);
    drawn_ = true;
}

void Progress::clear() {
    if (!drawn_) return;
    std::fputs("\r\x1b[K", stderr);
    std::fflush(stderr);
    drawn_ = false;
}

}  // namespace halfscope
