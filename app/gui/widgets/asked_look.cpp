#include "gui/widgets/asked_look.h"

#include <imgui.h>

namespace halfscope {
namespace {

constexpr double kRefresh_s = 0.5;  // while training runs

}  // namespace

bool is_look_due(AskedLook& asked, const Snapshot& snapshot, const LaneSnapshot& lane,
                 const std::string& what) {
    if (snapshot.state == RunState::loading || snapshot.state == RunState::failed) return false;
    const bool is_same = asked.lane_id == lane.id && asked.what == what && asked.run == snapshot.run &&
                         asked.techniques == lane.techniques;
    const double now_s = ImGui::GetTime();
    const bool is_old = asked.step != snapshot.next_step &&
                        (snapshot.state == RunState::paused || now_s - asked.at_s > kRefresh_s);
    if (is_same && !is_old) return false;
    asked = {lane.id, what, snapshot.next_step, snapshot.run, lane.techniques, now_s};
    return true;
}

}  // namespace halfscope
