#include "gui/window.h"

#include "gui/imgui_compat.h"
#include "gui/keyboard_focus.h"

// After ImGui: GLFW brings the system's OpenGL header along.
#include <GLFW/glfw3.h>
#include <backends/imgui_impl_glfw.h>
#include <backends/imgui_impl_opengl3.h>

#include <algorithm>
#include <cfloat>
#include <utility>

namespace halfscope {
namespace {

std::string glfw_error() {
    const char* text = nullptr;
    glfwGetError(&text);
    return text ? text : "unknown reason";
}

Window& owner(GLFWwindow* window) { return *static_cast<Window*>(glfwGetWindowUserPointer(window)); }

// A default size that leaves room for the desktop's own bars.
void fit_to_monitor(int& width, int& height) {
    int x = 0, y = 0, available_width = 1920, available_height = 1080;
    if (GLFWmonitor* monitor = glfwGetPrimaryMonitor()) {
        glfwGetMonitorWorkarea(monitor, &x, &y, &available_width, &available_height);
    }
    if (width == 0) width = std::clamp(available_width, 640, 1920);
    if (height == 0) height = std::clamp(available_height, 400, 1080);
}

}  // namespace

Window::Window(int width, int height) {
    if (!glfwInit()) {
        throw NoDisplayError(
            "no display to open a window on (" + glfw_error() +
            "); run `halfscope-cli train` instead, or `xvfb-run -a halfscope --screenshot FILE.png`");
    }
    glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 3);
    glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 3);
    glfwWindowHint(GLFW_OPENGL_PROFILE, GLFW_OPENGL_CORE_PROFILE);
    glfwWindowHint(GLFW_OPENGL_FORWARD_COMPAT, GLFW_TRUE);
    fit_to_monitor(width, height);
    window_ = glfwCreateWindow(width, height, "Halfscope", nullptr, nullptr);
    if (!window_) {
        const std::string reason = glfw_error();
        glfwTerminate();
        throw NoDisplayError("no OpenGL 3.3 window could be opened (" + reason +
                             "); install Mesa's drivers (libgl1-mesa-dri), or run `halfscope-cli train`");
    }
    glfwSetWindowUserPointer(window_, this);
    glfwSetWindowSizeLimits(window_, 640, 400, GLFW_DONT_CARE, GLFW_DONT_CARE);
    glfwMakeContextCurrent(window_);
    glfwSwapInterval(1);
}

Window::~Window() {
    if (imgui_started_) {
        ImGui_ImplOpenGL3_Shutdown();
        ImGui_ImplGlfw_Shutdown();
    }
    glfwDestroyWindow(window_);
    glfwTerminate();
}

void Window::install_callbacks() {
    // ImGui's backend gets every event from deliver_input(), in its order and no two that one frame cannot
    // tell apart.
    using Kind = InputEvent::Kind;
    glfwSetKeyCallback(window_, [](GLFWwindow* window, int key, int scancode, int action, int modifiers) {
        owner(window).receive({Kind::key, key, scancode, action, modifiers, 0, 0});
    });
    glfwSetMouseButtonCallback(window_, [](GLFWwindow* window, int button, int action, int modifiers) {
        owner(window).receive({Kind::button, button, 0, action, modifiers, 0, 0});
    });
    glfwSetScrollCallback(window_, [](GLFWwindow* window, double x, double y) {
        owner(window).receive({Kind::scroll, 0, 0, 0, 0, x, y});
    });
    glfwSetCharCallback(window_, [](GLFWwindow* window, unsigned int character) {
        owner(window).receive({Kind::character, static_cast<int>(character), 0, 0, 0, 0, 0});
    });
    glfwSetCursorPosCallback(window_, [](GLFWwindow* window, double x, double y) {
        owner(window).receive({Kind::cursor, 0, 0, 0, 0, x, y});
    });
    glfwSetWindowRefreshCallback(window_, [](GLFWwindow* window) { ++owner(window).input_events_; });
    glfwSetFramebufferSizeCallback(window_,
                                   [](GLFWwindow* window, int, int) { ++owner(window).input_events_; });
    glfwSetWindowFocusCallback(window_, [](GLFWwindow* window, int focused) {
        ++owner(window).input_events_;
        ImGui_ImplGlfw_WindowFocusCallback(window, focused);
    });
    glfwSetCursorEnterCallback(window_, [](GLFWwindow* window, int entered) {
        ++owner(window).input_events_;
        ImGui_ImplGlfw_CursorEnterCallback(window, entered);
    });
    glfwSetMonitorCallback(ImGui_ImplGlfw_MonitorCallback);
    glfwSetDropCallback(window_, [](GLFWwindow* window, int count, const char** paths) {
        owner(window).drop(std::vector<std::string>(paths, paths + count));
    });
}

void Window::receive(const InputEvent& event) {
    ++input_events_;
    queue_.push(event);
}

void Window::deliver_input() {
    for (const InputEvent& event : queue_.take_frame()) {
        switch (event.kind) {
            case InputEvent::Kind::cursor:
#if IMGUI_VERSION_NUM >= 18700
                ImGui_ImplGlfw_CursorPosCallback(window_, event.x, event.y);
#endif
                cursor_ = ImVec2(static_cast<float>(event.x), static_cast<float>(event.y));
                break;
            case InputEvent::Kind::button:
                ImGui_ImplGlfw_MouseButtonCallback(window_, event.code, event.action, event.modifiers);
                if (event.code < IM_ARRAYSIZE(buttons_down_))
                    buttons_down_[event.code] = event.action == GLFW_PRESS;
                break;
            case InputEvent::Kind::scroll:
                ImGui_ImplGlfw_ScrollCallback(window_, event.x, event.y);
                break;
            case InputEvent::Kind::key:
                if (!is_kept_from_imgui(event.code, event.modifiers) || event.action == GLFW_RELEASE) {
                    ImGui_ImplGlfw_KeyCallback(window_, event.code, event.scancode, event.action,
                                               event.modifiers);
                }
                if (event.action != GLFW_RELEASE) keys_.push_back({event.code, event.modifiers});
                break;
            case InputEvent::Kind::character:
                ImGui_ImplGlfw_CharCallback(window_, static_cast<unsigned int>(event.code));
                break;
        }
    }
}

void Window::start_imgui() {
    ImGui_ImplGlfw_InitForOpenGL(window_, false);
    install_callbacks();
    ImGui_ImplOpenGL3_Init("#version 330 core");
    imgui_started_ = true;
}

bool Window::should_close() const { return glfwWindowShouldClose(window_) != 0; }
void Window::close() { glfwSetWindowShouldClose(window_, GLFW_TRUE); }

void Window::wait_events(double seconds) {
    if (seconds > 0) {
        glfwWaitEventsTimeout(seconds);
    } else {
        glfwPollEvents();
    }
}

void Window::wake() { glfwPostEmptyEvent(); }

void Window::begin_frame(Mouse mouse) {
    ImGui_ImplOpenGL3_NewFrame();
    ImGui_ImplGlfw_NewFrame();
    ImGuiIO& io = ImGui::GetIO();
    io.MouseDoubleClickTime = double_click_.next(io.DeltaTime);
    // Before 1.87 the backend has just asked GLFW for the state of now, which may be ahead of what was
    // delivered.
    compat::set_mouse_state(cursor_, buttons_down_);
    if (mouse == Mouse::away) ImGui::GetIO().MousePos = ImVec2(-FLT_MAX, -FLT_MAX);
    ImGui::NewFrame();
}

void Window::render(unsigned int clear_color) {
    int width = 0, height = 0;
    framebuffer_size(width, height);
    glViewport(0, 0, width, height);
    const ImVec4 color = ImGui::ColorConvertU32ToFloat4(clear_color);
    glClearColor(color.x, color.y, color.z, 1.0f);
    glClear(GL_COLOR_BUFFER_BIT);
    ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
}

void Window::present() { glfwSwapBuffers(window_); }

void Window::rebuild_font_texture() {
#if IMGUI_VERSION_NUM < 19200
    ImGui_ImplOpenGL3_DestroyFontsTexture();
    ImGui_ImplOpenGL3_CreateFontsTexture();
#endif
}

void Window::size(int& width, int& height) const { glfwGetWindowSize(window_, &width, &height); }
void Window::framebuffer_size(int& width, int& height) const {
    glfwGetFramebufferSize(window_, &width, &height);
}

float Window::content_scale() const {
    float x = 1.0f, y = 1.0f;
    glfwGetWindowContentScale(window_, &x, &y);
    return std::clamp(x, 0.5f, 4.0f);
}

void Window::set_size(int width, int height) { glfwSetWindowSize(window_, width, height); }
void Window::set_title(const std::string& title) { glfwSetWindowTitle(window_, title.c_str()); }

std::vector<KeyPress> Window::take_keys() { return std::exchange(keys_, {}); }
std::vector<std::string> Window::take_dropped_files() { return std::exchange(dropped_, {}); }

void Window::drop(std::vector<std::string> files) {
    ++input_events_;
    dropped_.insert(dropped_.end(), files.begin(), files.end());
}

}  // namespace halfscope
