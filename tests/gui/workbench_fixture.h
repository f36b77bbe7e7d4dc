// A Workbench with ImGui but without a display: frames are built, nothing is rendered, the mouse is set by
// hand. The snapshot comes from a real run of a small scenario, so that every panel has something to draw.
#pragma once

#include <imgui.h>

#include <memory>
#include <vector>

#include "gui/workbench.h"
#include "session/command.h"
#include "session/snapshot.h"
#include "session/timeline.h"

namespace halfscope {

class RecordingSink : public CommandSink {
  public:
    void send(Command command) override { commands.push_back(std::move(command)); }
    std::vector<Command> commands;
};

class WorkbenchFixture {
  public:
    /// `steps` of the spiral on a tiny network, everything probed, a sweep and a search of lane fp16;
    /// pictures are taken away, because they need OpenGL.
    explicit WorkbenchFixture(int steps);
    ~WorkbenchFixture();

    /// Builds some frames at a window size; a slow control needs two to answer.
    void frames(int count = 2);
    /// Presses and releases the left button in the middle of what is registered under `id`.
    void click(const std::string& id);
    void press_at(ImVec2 point);

    Workbench workbench;
    Snapshot snapshot;
    Timeline timeline;
    RecordingSink sink;
    ImVec2 size{1280, 800};

  private:
    double now_s_ = 0;
};

}  // namespace halfscope
