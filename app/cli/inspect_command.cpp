#include "cli/inspect_command.h"

#include <CLI/CLI.hpp>

#include "train/input_error.h"

namespace halfscope {
namespace {

const char* const kInspectFooter =
    R"(Reads .npy, .npz and .safetensors files tensor by tensor, whatever their size, and counts what storing the values
in FP16 (round to nearest even, subnormals kept) does to them. Gradients of PyTorch, after loss.backward():
  from safetensors.torch import save_file
  save_file({n: p.grad for n, p in model.named_parameters() if p.grad is not None}, "grads.safetensors")

F64, F32, F16, BF16 and the 8-bit F8_E4M3 and F8_E5M2 are counted; whole numbers and the like are skipped, and a line
says so. F64 is rounded to FP32 first; doubles that FP32 does not hold are counted as inf or flushed, which they are in
FP16 too, and are told. Pickled files (.pt, .pth, .bin) are programs and are refused.

best scale: the largest power of two from 2^-24 to 2^30 at which no finite value overflows FP16, exactly. It holds for
the values of the file: what was flushed or overflowed before they were written cannot be seen in them.

--json writes one object a line and tensor, with the keys of train's probes; numbers are numbers:
  probe    file, tensor, dtype, shape, six class counts that add up to count (true_zero, flushed, subnormal, normal,
           inf, nan), against (fp16), scale (1), inf_incoming, min_abs and max_abs of finite values but zero,
           exponents [[e, n], ...], fp32_inf and fp32_flushed (doubles that FP32 does not hold; not in exponents),
           best_static_scale and flushed_at_best_static_scale (null: even 2^-24 overflows)
  skipped  file, tensor, dtype, shape, reason

Exit codes: 0 done, 2 bad usage or input, 130 interrupted.)";

}  // namespace

void declare_inspect_options(CLI::App& command, InspectText& text) {
    command.add_option("FILE", text.files, "Files of tensors: .npy, .npz, .safetensors")->type_name("");
    command.add_flag("--json", text.as_json, "One JSON object a tensor instead of a table");
    command.footer(kInspectFooter);
}

InspectOptions parse_inspect_options(const InspectText& text) {
    if (text.files.empty()) {
        throw InputError(
            "inspect: a FILE is missing; name .npy, .npz or .safetensors files, see halfscope-cli inspect "
            "--help");
    }
    return {text.files, text.as_json ? InspectFormat::json : InspectFormat::text};
}

}  // namespace halfscope
