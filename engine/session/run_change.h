// The changes of a run: the Commands that change its course, each with the step before which it was made, and
// what they do to lanes, said once for Session, which makes them as they come, and RecipePlayer, which makes
// them again. Knows no window, no file and no history.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "session/command.h"
#include "train/experiment.h"
#include "train/lane_record.h"

namespace halfscope {

/// A change of the run and the step before which it was made.
struct RunChange {
    std::int64_t step = 0;
    Command command;
};

/// What a run was made of, and what was changed in it so far: enough to make it again.
struct RunOrigin {
    std::vector<LaneSpec> lanes;  ///< that it started with
    std::vector<RunChange> changes;
    std::string why_none;  ///< where that is not enough to make it again, why; else empty
};

/// Of a run that started from a file of weights.
std::string why_no_recipe(const std::string& weights_path);

/// "mixed,loss_scale=8": a preset and what differs, of which parse_techniques() makes the same techniques.
std::string techniques_text(const Techniques& techniques);

/// What a lane's techniques become. Throws InputError where that is refused.
Techniques changed(Techniques techniques, const SetTechniqueCommand& command);
Techniques changed(const Techniques& techniques, const SetPresetCommand& command);
/// Throws InputError where the lane does not scale its loss. Returns the event's words.
std::string multiply_loss_scale(Lane& lane, const MultiplyLossScaleCommand& command);
/// An event's words.
std::string words_of(const AddLaneCommand& command);
std::string words_of(const RenameLaneCommand& command);

/// The past step that a change branches from, where it does; none: it branches from the present or not at
/// all.
std::optional<std::int64_t> past_step_of(const RunChange& change);

/// What a lane was at a step, after the changes made before that step. `changes[0, made)`: all that were made
/// before it has the name asked about.
struct LaneThen {
    std::string name;
    std::optional<std::size_t> added_by;  ///< the change that added it, whenever; none: it was there at first
    std::optional<std::int64_t> added_later;  ///< it was not there yet, but from this step on
};
LaneThen lane_then(const std::vector<RunChange>& changes, std::size_t made, const std::string& name,
                   std::int64_t step);

/// Lanes as they were at the past steps that later changes branch from, kept when the run comes through those
/// steps. Where nothing of the past is kept otherwise, or not enough, a run is made again all the same.
class BranchPoints {
  public:
    struct Point {
        LaneSpec lane;
        LaneRecord record;
    };
    /// Before a step, with all changes made that come before it. `changes` from `made` on are to come.
    void keep(const std::vector<RunChange>& changes, std::size_t made, const Experiment& experiment);
    /// The lane of that name at that step; null: not kept.
    const Point* find(std::int64_t step, const std::string& name) const;
    /// What was kept at that step or later is not so any more.
    void forget_from(std::int64_t step);

  private:
    std::map<std::pair<std::int64_t, std::string>, Point> points_;
};

}  // namespace halfscope
