// What making a workload may take seconds over (pretraining), seen by whoever waits for it: how far it is,
// and a way to stop it. Made by the session and the programs, passed to Scenario::prepare.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

namespace halfscope {

struct LoadingProgress {
    double fraction = 0;  ///< 0..1
    std::string text;     ///< "pretraining in FP32: step 240 of 600"
};

/// The one who waits wants no more of it. Nothing was changed.
class CancelledError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

struct Preparation {
    int threads = 0;  ///< CPU threads to use, 0: all cores; results do not depend on it
    /// Called often, at once at the beginning; false stops. Empty: nobody looks.
    std::function<bool(const LoadingProgress&)> report;

    /// Throws CancelledError, which names what was stopped, where report() says so.
    void reached(const LoadingProgress& progress) const {
        if (report && !report(progress)) throw CancelledError("cancelled while " + progress.text);
    }
};

}  // namespace halfscope
