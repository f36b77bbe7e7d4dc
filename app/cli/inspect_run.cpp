#include "cli/inspect_run.h"

#include <cstdio>
#include <memory>
#include <utility>

#include "cli/inspect_table.h"
#include "cli/json_lines.h"
#include "cli/progress.h"
#include "data/printable_text.h"
#include "program/exit_codes.h"
#include "program/interrupt.h"
#include "train/tensor_inspection.h"

namespace halfscope {
namespace {

/// Where the tensors go, one after the other.
class Report {
  public:
    Report() = default;
    virtual ~Report() = default;
    Report(const Report&) = delete;
    Report& operator=(const Report&) = delete;

    virtual void begin_file(const std::string& file, const std::vector<TensorHeading>& tensors) = 0;
    virtual void add(const TensorHeading& heading, const InspectedTensor& tensor) = 0;
    virtual void skip(const TensorHeading& heading) = 0;
    virtual void end_file() = 0;
    virtual void end() = 0;
    /// False where stdout can no longer be written to.
    virtual bool flush() = 0;
};

class JsonReport final : public Report {
  public:
    void begin_file(const std::string& file, const std::vector<TensorHeading>&) override { file_ = file; }
    void add(const TensorHeading& heading, const InspectedTensor& tensor) override {
        lines_.write(inspected_object(file_, heading, tensor));
    }
    void skip(const TensorHeading& heading) override { lines_.write(skipped_object(file_, heading)); }
    void end_file() override {}
    void end() override {}
    bool flush() override { return lines_.flush(); }

  private:
    JsonLines lines_{"-"};
    std::string file_;
};

class TextReport final : public Report {
  public:
    void begin_file(const std::string& file, const std::vector<TensorHeading>& tensors) override {
        table_ = std::make_unique<InspectTable>(file, tensors);
    }
    void add(const TensorHeading& heading, const InspectedTensor& tensor) override {
        table_->add(heading, tensor);
    }
    void skip(const TensorHeading& heading) override { table_->skip(heading); }
    void end_file() override { table_->end(); }
    void end() override { print_inspect_legend(); }
    bool flush() override { return std::fflush(stdout) == 0 && std::ferror(stdout) == 0; }

  private:
    std::unique_ptr<InspectTable> table_;
};

/// One file; false where it was interrupted or nobody reads on.
bool inspect_file(const std::string& file, Report& report) {
    TensorInspection inspection(file);
    const std::vector<TensorHeading>& tensors = inspection.tensors();
    report.begin_file(file, tensors);
    Progress progress;
    for (std::size_t index = 0; index < tensors.size(); ++index) {
        if (tensors[index].type == ElementType::other) {
            report.skip(tensors[index]);
            continue;
        }
        const auto stop = [&] {
            progress.show_part(static_cast<double>(index) / static_cast<double>(tensors.size()),
                               file + ": " + short_name(tensors[index].name));
            return interrupted();
        };
        const std::optional<InspectedTensor> tensor = inspection.count(index, stop);
        progress.clear();
        if (!tensor) return false;
        report.add(tensors[index], *tensor);
        if (!report.flush()) return false;
    }
    report.end_file();
    return report.flush();
}

}  // namespace

int run_inspection(const InspectOptions& options) {
    // A bad header in the last file must not be found behind a screen full of rows.
    for (const std::string& file : options.files) TensorInspection judged(file);
    catch_interrupts();
    std::unique_ptr<Report> report;
    if (options.format == InspectFormat::json) {
        report = std::make_unique<JsonReport>();
    } else {
        report = std::make_unique<TextReport>();
    }
    for (const std::string& file : options.files)
        if (!inspect_file(file, *report)) return kExitInterrupted;
    report->end();
    return report->flush() ? kExitDone : kExitInterrupted;
}

}  // namespace halfscope
