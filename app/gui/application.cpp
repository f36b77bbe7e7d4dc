#include "gui/application.h"

#include "gui/imgui_compat.h"

// After ImGui: GLFW brings the system's OpenGL header along.
#include <GLFW/glfw3.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

#include "gui/driver.h"
#include "gui/files.h"
#include "gui/frame_slice.h"
#include "gui/frame_times.h"
#include "gui/kept_looks.h"
#include "gui/keys.h"
#include "gui/widgets/export.h"
#include "gui/widgets/series_csv.h"
#include "gui/window.h"
#include "gui/workbench.h"
#include "program/exit_codes.h"
#include "program/interrupt.h"
#include "session/trainer.h"

namespace halfscope {
namespace {

using Clock = std::chrono::steady_clock;

// Seconds between frames: where a person acts, where only training goes on (drawing and training share the
// cores), and where nobody looks before a screenshot.
constexpr double kActiveFrame = 1.0 / 60, kTrainingFrame = 1.0 / 32, kUnwatchedFrame = 0.2, kIdleWait = 0.5;
// Frames drawn after each input event: hover, release and popups need a few to settle.
constexpr int kFramesAfterInput = 6;
constexpr double kActiveSeconds = 1.0;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// ImGui's context, made before and destroyed after everything that uses it.
struct ImGuiScope {
    ImGuiScope() {
        IMGUI_CHECKVERSION();
        ImGui::CreateContext();
        ImGui::GetIO().IniFilename = nullptr;  // the layout is our own
    }
    ~ImGuiScope() { ImGui::DestroyContext(); }
    ImGuiScope(const ImGuiScope&) = delete;
    ImGuiScope& operator=(const ImGuiScope&) = delete;
};

/// Pixels of the frame drawn last, from framebuffer 0.
PixelImage read_pixels(const Window& window, ImVec2 min, ImVec2 max) {
    int width = 0, height = 0, window_width = 1, window_height = 1;
    window.framebuffer_size(width, height);
    window.size(window_width, window_height);
    const float scale_x = static_cast<float>(width) / static_cast<float>(std::max(1, window_width));
    const float scale_y = static_cast<float>(height) / static_cast<float>(std::max(1, window_height));
    const int left = std::clamp(static_cast<int>(min.x * scale_x), 0, width);
    const int top = std::clamp(static_cast<int>(min.y * scale_y), 0, height);
    PixelImage image;
    image.width = std::clamp(static_cast<int>(max.x * scale_x), left, width) - left;
    image.height = std::clamp(static_cast<int>(max.y * scale_y), top, height) - top;
    if (image.width == 0 || image.height == 0) return image;
    const auto row = static_cast<std::size_t>(image.width) * 3;
    std::vector<unsigned char> upside_down(row * static_cast<std::size_t>(image.height));
    glPixelStorei(GL_PACK_ALIGNMENT, 1);
    glReadBuffer(GL_BACK);
    glReadPixels(left, height - top - image.height, image.width, image.height, GL_RGB, GL_UNSIGNED_BYTE,
                 upside_down.data());
    image.rgb.resize(upside_down.size());
    for (int y = 0; y < image.height; ++y) {
        const auto from = static_cast<std::ptrdiff_t>(row) * (image.height - 1 - y);
        std::copy_n(upside_down.begin() + from, row,
                    image.rgb.begin() + static_cast<std::ptrdiff_t>(row) * y);
    }
    return image;
}

class Application {
  public:
    explicit Application(const WindowOptions& options)
        : options_(options),
          window_(options.width, options.height),
          trainer_(make_backend(), trainer_options()) {
        UiState& ui = workbench_.ui();
        if (keeps_looks()) {
            if (const std::string sentence = load_looks(ui); !sentence.empty()) ui.messages.note(sentence);
        }
        trainer_.send(SetAlertRulesCommand{ui.alert_rules});
        if (options.theme) ui.theme = *options.theme;
        if (options.scale) ui.ui_scale = *options.scale;
        if (options.presenter) ui.text_size = TextSize::presenter;
        ui.selected_tensor = options.tensor;
        if (!options.experiment.greeting.empty()) ui.messages.note(options.experiment.greeting);
        if (options.driven) {
            ui.probe.enable();
            driver_ = std::make_unique<Driver>(&Window::wake);
        }
        window_.start_imgui();
        if (!options.open_path.empty()) window_.drop({options.open_path});
    }

    int run() {
        ask_for_whole_frames();
        while (!window_.should_close() && exit_code_ < 0) {
            wait();
            if (interrupted()) {
                exit_code_ = kExitInterrupted;
            } else if (is_due()) {
                draw_frame();
            }
        }
        if (keeps_looks()) {
            if (const std::string sentence = save_looks(workbench_.ui()); !sentence.empty())
                std::fprintf(stderr, "halfscope: %s\n", sentence.c_str());
        }
        return std::max(exit_code_, static_cast<int>(kExitDone));
    }

  private:
    std::function<std::unique_ptr<Backend>()> make_backend() const {
        return [experiment = options_.experiment] { return open_device(experiment); };
    }

    /// A picture is made with what the command line says alone.
    bool keeps_looks() const { return options_.screenshot.empty(); }

    TrainerOptions trainer_options() const {
        TrainerOptions options;
        options.scenario = options_.experiment.scenario;
        options.settings = options_.experiment.settings;
        options.lanes = options_.experiment.lanes;
        options.resume_path = options_.resume_path;
        options.start_running = !options_.paused;
        options.kept_records = 0;  // the window reads the timeline
        options.wake = &Window::wake;
        return options;
    }

    bool is_active() const { return seconds_since(last_input_) < kActiveSeconds; }
    double frame_interval_s() {
        const bool waits_for_steps = !options_.screenshot.empty() && frames_drawn_ >= options_.frames;
        if (waits_for_steps) return kUnwatchedFrame;
        return is_active() || (driver_ && driver_->is_waiting()) ? kActiveFrame : kTrainingFrame;
    }
    bool must_go_on() {
        return frames_to_draw_ > 0 || window_.has_input_waiting() ||
               workbench_.ui().messages.is_animating() || workbench_.ui().requests.another_frame ||
               workbench_.ui().tensors.needs_frame() || !options_.screenshot.empty() ||
               (driver_ && driver_->is_waiting());
    }

    /// Sleeps until something happens, at most until the next frame may be drawn.
    void wait() {
        const double to_frame = frame_interval_s() - seconds_since(last_frame_);
        const bool pending = must_go_on() || trainer_.snapshot()->generation != drawn_generation_;
        // Woken by each new snapshot, it looks again whether a frame is due.
        window_.wait_events(pending ? std::max(to_frame, 0.0) : kIdleWait);
        if (window_.input_events() != seen_input_) {
            seen_input_ = window_.input_events();
            last_input_ = Clock::now();
            frames_to_draw_ = kFramesAfterInput;
        }
    }

    bool is_due() {
        if (seconds_since(last_frame_) < frame_interval_s() * 0.9) return false;
        return must_go_on() || trainer_.snapshot()->generation != drawn_generation_ || frames_drawn_ == 0;
    }

    void draw_frame() {
        FrameTime time;
        time.interval = 1e3 * seconds_since(last_frame_);
        last_frame_ = Clock::now();
        const double cpu_ms = thread_cpu_ms();
        const std::shared_ptr<const Snapshot> snapshot = trainer_.snapshot();
        drawn_generation_ = snapshot->generation;
        if (workbench_.prepare(window_.content_scale())) window_.rebuild_font_texture();
        const PanelContext context = workbench_.context(*snapshot, trainer_.timeline(), trainer_);
        window_.deliver_input();
        handle_input(context);
        // A picture taken without a person shows no tooltip of wherever the pointer happens to be.
        window_.begin_frame(options_.screenshot.empty() ? Window::Mouse::here : Window::Mouse::away);
        workbench_.draw(context, seconds_since(start_));
        ImGui::Render();
        time.build = 1e3 * seconds_since(last_frame_);
        time.build_cpu = thread_cpu_ms() - cpu_ms;
        window_.render(workbench_.theme().window_background);
        const bool is_first = ++frames_drawn_ == 1;
        frames_to_draw_ = std::max(0, frames_to_draw_ - 1);
        after_frame(context);
        window_.present();
        time.total = 1e3 * seconds_since(last_frame_);
        if (!is_first) frame_times_.add(time);
        set_title(*snapshot);
    }

    void handle_input(const PanelContext& context) {
        // A name field takes a frame or two to get the keyboard; a letter typed meanwhile is no command.
        const bool typing = ImGui::GetIO().WantTextInput || context.ui.edits.lane.renamed_id >= 0;
        for (const KeyPress& press : window_.take_keys()) {
            if (typing && press.key != GLFW_KEY_ESCAPE && press.key < GLFW_KEY_F1) continue;
            handle_key(press, context);
        }
        const std::vector<std::string> files = window_.take_dropped_files();
        if (files.empty()) return;
        open_file(context, files.front());
        if (files.size() > 1) {
            context.ui.messages.note("only the first of the dropped files is opened: " + files.front());
        }
    }

    /// What was asked for while the frame was drawn; its pixels are still in the back buffer.
    void after_frame(const PanelContext& context) {
        UiState& ui = workbench_.ui();
        for (const ImageRequest& request : std::exchange(ui.requests.images, {})) {
            export_png(ui, request.path, read_pixels(window_, request.min, request.max));
        }
        if (std::exchange(ui.requests.screenshot, false)) {
            export_png(ui, export_path("window", context.snapshot.next_step, "png"), whole_window());
        }
        if (std::exchange(ui.requests.export_history, false)) {
            export_text(ui, export_path("curves", context.snapshot.next_step, "csv"),
                        history_csv(context.snapshot, context.timeline));
        }
        if (driver_) drive(context);
        if (!options_.screenshot.empty()) take_screenshot(context.snapshot);
        if (ui.requests.quit) window_.close();
    }

    PixelImage whole_window() const {
        int width = 0, height = 0;
        window_.size(width, height);
        return read_pixels(window_, ImVec2(0, 0),
                           ImVec2(static_cast<float>(width), static_cast<float>(height)));
    }

    void drive(const PanelContext& context) {
        const DriverActions actions{
            [this](int width, int height) { window_.set_size(width, height); },
            [this](const std::string& path) { window_.drop({path}); },
            [this](const std::string& path) { return export_png(workbench_.ui(), path, whole_window()); },
            frame_times_};
        driver_->after_frame(context, actions);
        if (driver_->is_finished()) window_.close();
    }

    /// --screenshot: once enough frames are drawn and enough steps done. A run that failed is shown as well,
    /// but ends with an error.
    void take_screenshot(const Snapshot& snapshot) {
        const bool failed = snapshot.state == RunState::failed;
        const bool stepped = snapshot.next_step >= options_.until_step || options_.paused;
        if (frames_drawn_ < options_.frames || !(stepped || failed)) return;
        if (!failed && (snapshot.state == RunState::loading || workbench_.ui().tensors.needs_frame())) return;
        const bool written = export_png(workbench_.ui(), options_.screenshot, whole_window());
        if (!written || failed) {
            throw std::runtime_error(workbench_.ui().messages.entries().back().text);
        }
        exit_code_ = kExitDone;
    }

    void set_title(const Snapshot& snapshot) {
        const std::string title =
            snapshot.scenario.name.empty() ? "Halfscope" : snapshot.scenario.name + " - Halfscope";
        if (title == title_) return;
        title_ = title;
        window_.set_title(title);
    }

    WindowOptions options_;
    ImGuiScope imgui_;
    Window window_;
    Trainer trainer_;
    Workbench workbench_;
    std::unique_ptr<Driver> driver_;
    FrameTimes frame_times_;

    Clock::time_point start_ = Clock::now(), last_frame_{}, last_input_ = Clock::now();
    std::int64_t drawn_generation_ = -1, frames_drawn_ = 0;
    long seen_input_ = 0;
    int frames_to_draw_ = kFramesAfterInput;
    int exit_code_ = -1;
    std::string title_;
};

}  // namespace

int run_application(const WindowOptions& options) {
    check_experiment(options.experiment);
    catch_interrupts();
    Application application(options);
    return application.run();
}

}  // namespace halfscope
