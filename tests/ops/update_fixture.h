// One parameter with gradient, master copy, moments and compensation on the host, for the tests of the
// optimizer update.
#pragma once

#include <memory>
#include <vector>

#include "backend/cpu_backend.h"
#include "op_harness.h"
#include "ops/update_call.h"

namespace halfscope {

struct UpdateFixture {
    UpdateCall call;
    HostTensor gradient, weight, master, moment1, moment2, compensation;
    bool has_master = false, has_moment1 = false, has_moment2 = false;
    std::unique_ptr<Backend> backend;
    int steps = 0;

    UpdateFixture(OptimizerKind kind, Format storage, const std::vector<float>& weights, bool with_master,
                  Format state_format = Format::fp32, int threads = 2)
        : weight(storage, weights),
          master(Format::fp32, weights),
          moment1(state_format, std::vector<float>(weights.size())),
          moment2(state_format, std::vector<float>(weights.size())),
          compensation(storage, std::vector<float>(weights.size())),
          has_master(with_master),
          has_moment1(true),
          has_moment2(kind != OptimizerKind::sgd),
          backend(make_cpu_backend(threads)) {
        call.optimizer.kind = kind;
        call.optimizer.state_format = state_format;
        call.random = RandomKey{5, 6, 0};
    }

    /// One update with these gradients, stored in `format` (times whatever scale the caller put into them).
    void step(const std::vector<float>& gradients, Format format, UpdateCounts* counts = nullptr) {
        ++steps;
        gradient = HostTensor(format, gradients);
        OptimizerStep& o = call.optimizer;
        double power1 = 1, power2 = 1;
        for (int i = 0; i < steps; ++i) power1 *= o.beta1, power2 *= o.beta2;
        o.bias_correction1 = static_cast<float>(1 - power1);
        o.bias_correction2 = static_cast<float>(1 - power2);
        call.gradient = gradient.view();
        call.weight = weight.view();
        call.master = has_master ? master.view() : TensorView{};
        call.moment1 = has_moment1 ? moment1.view() : TensorView{};
        call.moment2 = has_moment2 ? moment2.view() : TensorView{};
        call.compensation = call.rounding == UpdateRounding::kahan ? compensation.view() : TensorView{};
        call.counts = counts;
        backend->update({&call, 1});
        ++call.random.step;
    }
};

}  // namespace halfscope
