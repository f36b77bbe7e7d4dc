#include "cli/grads_command.h"

#include <CLI/CLI.hpp>

#include "train/input_error.h"

namespace halfscope {
namespace {

const char* const kGradsFooter =
    R"(One forward and one backward pass at the given weights, and no update. All files are safetensors, with the names
and layouts that `halfscope-cli list --json` prints under tensors (those of PyTorch).
  --weights  every parameter, with running statistics or without; F32, F16, BF16 or F64 (rounded to FP32)
  --batch    every input, target and tokens tensor; the first axis of the first one is the batch size, whatever the
             scenario's default; pictures as [N,H,W,C] or, as PyTorch has them, [N,C,H,W]
  --out      every gradient, without the loss scale, under its parameter's name, and loss [1], all F32; NaN and inf
             are results like any other
Without --lane, the scenario's first lane; its loss scale is the one that training would start with.

Exit codes: 0 done, 2 bad usage or input, 3 no such device.)";

void require(const std::string& value, const char* sentence) {
    if (value.empty()) throw InputError(sentence);
}

}  // namespace

void declare_grads_options(CLI::App& command, GradsText& text) {
    declare_experiment_options(command, text.experiment);
    command.add_option("--weights", text.weights, "Weights to compute at")->type_name("W.safetensors");
    command.add_option("--batch", text.batch, "The batch to compute on")->type_name("B.safetensors");
    command.add_option("--out", text.out, "Where the loss and the gradients go")->type_name("G.safetensors");
    command.footer(kGradsFooter);
}

GradsOptions parse_grads_options(const GradsText& text) {
    require(text.experiment.scenario, "--scenario is missing; `halfscope-cli list` names the scenarios");
    require(text.weights, "--weights is missing; name a safetensors file, such as one of train --save");
    require(text.batch,
            "--batch is missing; name a safetensors file with the tensors that `list --json` names");
    require(text.out, "--out is missing; name the safetensors file to write");
    GradsOptions options;
    options.experiment = parse_experiment_options(text.experiment);
    if (options.experiment.lanes.size() > 1) {
        throw InputError("--lane: gradients are those of one lane, and " +
                         std::to_string(options.experiment.lanes.size()) + " are given; give one");
    }
    options.weights_path = text.weights;
    options.batch_path = text.batch;
    options.out_path = text.out;
    return options;
}

}  // namespace halfscope
