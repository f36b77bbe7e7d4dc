#include "gui/workbench_fixture.h"

#include <gtest/gtest.h>

#include "backend/cpu_backend.h"
#include "session/session.h"

namespace halfscope {
namespace {

/// ImGui's context must exist before the Workbench builds fonts.
void start_imgui() {
    ImGui::CreateContext();
    ImGui::GetIO().IniFilename = nullptr;
}

}  // namespace

WorkbenchFixture::WorkbenchFixture(int steps) {
    start_imgui();
    const std::unique_ptr<Backend> backend = make_cpu_backend(1);
    Session session(
        *backend, timeline, [](int, const StepRecord&) {}, [] {});
    OpenScenarioCommand command;
    command.scenario = "spiral-mlp";
    command.settings.parameters = {{"points", 64}, {"width", 8}, {"layers", 2}};
    session.begin(command, RunState::paused);
    session.apply(SetCadenceCommand{1, 1});
    session.apply(StepCommand{steps});
    while (session.running()) session.step();
    session.apply(SweepScalesCommand{"fp16"});
    session.apply(PeekUpdateCommand{"fp16", "fc1.weight"});
    for (const DotSource& source : *session.make_snapshot().dot_sources)
        if (source.layer == "fc2" && source.kind == DotKind::weight_gradient)
            session.apply(CaptureDotCommand{"fp16", source, 1, 2});
    session.apply(RetainGradientsCommand{"fp16", ProbeKind::weight_gradient, {"fc1.weight", "fc1.bias"}});
    session.apply(RetainGradientsCommand{"mixed", ProbeKind::weight_gradient, {"fc1.weight"}});
    while (session.has_work()) session.work();
    session.apply(SearchPrecisionCommand{"fp16", 1e-4});
    while (session.has_work()) session.work();
    snapshot = session.make_snapshot();
    snapshot.target.reset();
    for (LaneSnapshot& lane : snapshot.lanes) lane.view.reset();
    workbench.ui().probe.enable();
}

WorkbenchFixture::~WorkbenchFixture() { ImGui::DestroyContext(); }

void WorkbenchFixture::frames(int count) {
    for (int frame = 0; frame < count; ++frame) {
        ImGuiIO& io = ImGui::GetIO();
        io.DisplaySize = size;
        io.DeltaTime = 1.0f / 60;
        workbench.prepare(1.0f);
        ImGui::NewFrame();
        now_s_ += 1.0 / 60;
        workbench.draw(workbench.context(snapshot, timeline, sink), now_s_);
        ImGui::Render();
    }
}

void WorkbenchFixture::press_at(ImVec2 point) {
    ImGuiIO& io = ImGui::GetIO();
    io.MousePos = point;
    frames(2);
    io.MouseDown[0] = true;
    frames(2);
    io.MouseDown[0] = false;
    frames(2);
}

void WorkbenchFixture::click(const std::string& id) {
    workbench.ui().probe.reveal(id);
    frames(3);
    const auto found = workbench.ui().probe.find_rectangle(id);
    ASSERT_TRUE(found.has_value()) << id << " is not drawn";
    ASSERT_TRUE(found->visible) << id << " is not visible";
    press_at(ImVec2((found->min.x + found->max.x) / 2, (found->min.y + found->max.y) / 2));
}

}  // namespace halfscope
