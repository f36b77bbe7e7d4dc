// The options of an experiment beside --resume: what is not given comes from the checkpoint, and what is
// given must not contradict it. Used by both programs.
#pragma once

#include "program/experiment_options.h"
#include "train/experiment_record.h"

namespace halfscope {

/// The options of the run that `record` describes. Throws InputError with one sentence that names the option
/// and the file where something given is another than the checkpoint's.
ExperimentOptions parse_resumed_options(const ExperimentText& text, const ExperimentRecord& record,
                                        const std::string& path);

}  // namespace halfscope
