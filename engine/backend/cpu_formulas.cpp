#include "backend/cpu_formulas.h"

#include <algorithm>

namespace halfscope {

std::vector<float>& CpuFormulas::prepared(std::int64_t count) {
    if (prepared_used_ == prepared_.size()) prepared_.emplace_back();
    std::vector<float>& values = prepared_[prepared_used_++];
    const auto needed = static_cast<std::size_t>(std::max<std::int64_t>(count, 1));
    if (values.size() < needed) values.resize(needed);
    return values;
}

const float* CpuFormulas::dense(const TensorView& view, std::int64_t count, std::int64_t stride) {
    if (view.format == Format::fp32 && stride == 1) return static_cast<const float*>(view.data);
    std::vector<float>& values = prepared(count);
    const int bytes = format_info(view.format).bytes;
    if (stride == 1) {
        widen(view.format, view.data, values.data(), count);
    } else {
        for (std::int64_t i = 0; i < count; ++i)
            widen(view.format, static_cast<const char*>(view.data) + i * stride * bytes,
                  &values[static_cast<std::size_t>(i)], 1);
    }
    return values.data();
}

const float* CpuFormulas::repeated(const float* values, std::int64_t rows, std::int64_t cols) {
    const std::int64_t count = std::min(kSegment + cols, rows * cols);
    float* out = prepared(count).data();
    std::int64_t done = std::min(cols, count);
    std::copy_n(values, done, out);
    for (; done < count; done += std::min(done, count - done))
        std::copy_n(out, std::min(done, count - done), out + done);
    return out;
}

float* CpuFormulas::scratch(std::int64_t count) {
    if (scratch_used_ == scratch_.size()) scratch_.emplace_back();
    std::vector<float>& values = scratch_[scratch_used_++];
    const auto needed = static_cast<std::size_t>(std::max<std::int64_t>(count, 1));
    if (values.size() < needed) values.resize(needed);
    return values.data();
}

void CpuFormulas::store_all(const TensorView& out, const float* values) {
    TensorView in;
    in.data = const_cast<float*>(values);
    in.rows = out.rows;
    in.cols = out.cols;
    in.row_stride = out.cols;
    copy(out, in);
}

}  // namespace halfscope
