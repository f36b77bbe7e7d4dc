#include "cli/ablate_run.h"

#include <cstdio>
#include <memory>

#include "cli/progress.h"
#include "data/atomic_file.h"
#include "data/data_error.h"
#include "program/ablation_table.h"
#include "program/exit_codes.h"
#include "program/interrupt.h"
#include "train/input_error.h"

namespace halfscope {
namespace {

bool is_file(const std::string& path) { return !path.empty() && path != "-"; }

/// A mistake in a path must not be found after an hour of training.
void check_files(const AblateOptions& options) {
    for (const std::string* path : {&options.csv_path, &options.runs_path, &options.markdown_path}) {
        if (!is_file(*path)) continue;
        try {
            check_writable(*path);
        } catch (const DataError& error) {
            throw InputError(error.what());
        }
    }
}

/// False where stdout can no longer be written to.
bool write_table(const std::string& path, const std::string& text) {
    if (path.empty()) return true;
    if (is_file(path)) {
        AtomicFile file(path);
        file.write(text);
        file.commit();
        return true;
    }
    std::fputs(text.c_str(), stdout);
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

}  // namespace

int run_ablate(const AblateOptions& options) {
    const std::unique_ptr<Backend> backend = open_device(options.experiment);
    check_files(options);
    catch_interrupts();
    Progress progress(planned_ablation(options.plan).steps_all);
    AblationWatch watch;
    watch.changed = [&progress](const AblationResults& now) {
        if (!progress.due()) return;
        const std::string runs = std::to_string(now.runs_done()) + " of " + std::to_string(now.runs_all());
        progress.show(now.steps_done, now.doing.empty() ? "runs " + runs : now.doing);
    };
    watch.cancelled = [] { return interrupted(); };
    const AblationResults results = run_ablation(*backend, options.plan, watch);
    progress.clear();
    const bool uses_stdout = options.csv_path == "-" || options.runs_path == "-";
    bool is_written = write_table(options.csv_path, ablation_csv(results));
    is_written = write_table(options.runs_path, ablation_runs_csv(results)) && is_written;
    const std::string markdown = ablation_markdown(results, options.base);
    is_written = write_table(options.markdown_path, markdown) && is_written;
    if (!uses_stdout && options.markdown_path != "-") is_written = write_table("-", markdown) && is_written;
    return results.state == AblationState::done && is_written ? kExitDone : kExitInterrupted;
}

}  // namespace halfscope
