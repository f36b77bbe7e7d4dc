#include "gui/driven_window.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace halfscope {
namespace {

using namespace std::chrono_literals;

/// What a command prints, without the last line break.
std::string output_of(const std::string& command) {
    std::string text;
    FILE* pipe = popen(command.c_str(), "r");
    if (!pipe) return text;
    char piece[256];
    while (std::fgets(piece, sizeof piece, pipe)) text += piece;
    pclose(pipe);
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

}  // namespace

std::string why_no_window() {
    if (!std::getenv("DISPLAY")) return "no display: run the tests through ./dev test, or under xvfb-run";
    if (output_of("command -v xdotool").empty()) return "xdotool is not installed";
    return "";
}

/// Windows of tests keep their looks apart from the user's, and start without any.
void use_own_configuration(DrivenWindow::Looks looks) {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("halfscope-config-" + std::to_string(getpid()));
    if (looks == DrivenWindow::Looks::fresh) std::filesystem::remove_all(folder);
    setenv("XDG_CONFIG_HOME", folder.c_str(), 1);
}

DrivenWindow::DrivenWindow(const std::vector<std::string>& arguments, Looks looks) {
    use_own_configuration(looks);
    std::vector<std::string> all{"--drive"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    process_ = std::make_unique<ChildProcess>(HALFSCOPE_PROGRAM, all);
    wait_frames(3);
    window_id_ = output_of("xdotool search --sync --pid " + std::to_string(process_->id()) +
                           " --onlyvisible --name Halfscope 2>/dev/null | tail -n 1");
    if (window_id_.empty()) throw std::runtime_error("the window is not found on the display");
    xdotool("windowfocus --sync " + window_id_);
    wait_frames(3);
}

nlohmann::json DrivenWindow::try_ask(const std::string& line) {
    process_->write_line(line);
    const std::optional<std::string> answer = process_->read_line(90s);
    if (!answer) throw std::runtime_error("no answer to '" + line + "'; stderr: " + process_->errors());
    return nlohmann::json::parse(*answer);
}

nlohmann::json DrivenWindow::ask(const std::string& line) {
    nlohmann::json answer = try_ask(line);
    if (answer.contains("error")) throw std::runtime_error(line + ": " + answer["error"].get<std::string>());
    return answer;
}

nlohmann::json DrivenWindow::lane(const std::string& name) {
    const nlohmann::json now = snapshot();
    for (const nlohmann::json& lane : now["lanes"]) {
        if (lane["name"] == name) return lane;
    }
    throw std::runtime_error("no lane " + name);
}

std::string DrivenWindow::value(const std::string& id) { return ask("value " + id)["value"]; }
double DrivenWindow::number(const std::string& id) { return std::strtod(value(id).c_str(), nullptr); }
void DrivenWindow::wait_value(const std::string& id, const std::string& text) {
    ask("wait_value " + id + " " + text);
}

DrivenWindow::Point DrivenWindow::centre(const std::string& id) {
    // Scrolled into view first; a control inside its panel needs a frame for that.
    ask("reveal " + id);
    wait_frames(3);
    const nlohmann::json answer = ask("rect " + id);
    if (!answer["visible"].get<bool>()) throw std::runtime_error(id + " is not visible");
    const auto& rect = answer["rect"];
    return {static_cast<int>((rect[0].get<double>() + rect[2].get<double>()) / 2),
            static_cast<int>((rect[1].get<double>() + rect[3].get<double>()) / 2)};
}

void DrivenWindow::xdotool(const std::string& arguments) {
    if (std::system(("xdotool " + arguments + " >/dev/null 2>&1").c_str()) != 0) {
        throw std::runtime_error("xdotool " + arguments + " failed");
    }
}

void DrivenWindow::move_to(const std::string& id) {
    const Point at = centre(id);
    xdotool("mousemove --window " + window_id_ + " " + std::to_string(at.x) + " " + std::to_string(at.y));
    wait_frames(3);
}

void DrivenWindow::click(const std::string& id, int button) {
    move_to(id);
    // A frame between press and release: what lies between two frames is one event to ImGui 1.86.
    xdotool("mousedown " + std::to_string(button));
    wait_frames(2);
    xdotool("mouseup " + std::to_string(button));
    wait_frames(3);
}

void DrivenWindow::double_click(const std::string& id) {
    move_to(id);
    // In one go: questions between the presses would make them two single clicks on a busy machine. What took
    // longer than a double click may was none: it is made again, after a while, so that no two of its presses
    // are taken for one.
    for (int attempt = 0; attempt < 10; ++attempt) {
        const auto start = std::chrono::steady_clock::now();
        xdotool("click --repeat 2 --delay 40 1");
        const bool was_quick = std::chrono::steady_clock::now() - start < 250ms;
        wait_frames(6);  // a frame for each of the four events, and some for what they do
        if (was_quick) return;
        std::this_thread::sleep_for(500ms);
    }
    throw std::runtime_error("this machine is too busy for a double click");
}

void DrivenWindow::drag(const std::string& id, int dx, int dy, int button) {
    move_to(id);
    xdotool("mousedown " + std::to_string(button));
    wait_frames(2);
    constexpr int kPieces = 4;
    for (int piece = 0; piece < kPieces; ++piece) {
        xdotool("mousemove_relative -- " + std::to_string(dx / kPieces) + " " + std::to_string(dy / kPieces));
        wait_frames(2);
    }
    xdotool("mouseup " + std::to_string(button));
    wait_frames(3);
}

void DrivenWindow::scroll(const std::string& id, int notches) {
    move_to(id);
    for (int notch = 0; notch < std::abs(notches); ++notch) {
        xdotool(notches > 0 ? "click 4" : "click 5");
        wait_frames(2);
    }
    wait_frames(2);
}

void DrivenWindow::key(const std::string& name) {
    xdotool("key " + name);
    wait_frames(4);
}

void DrivenWindow::type(const std::string& text) {
    xdotool("type --delay 40 -- '" + text + "'");
    wait_frames(4);
}

int DrivenWindow::quit() {
    ask("quit");
    return process_->wait(20s);
}

}  // namespace halfscope
