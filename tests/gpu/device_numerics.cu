#include "device_numerics.h"

#include <cuda_fp16.h>

#include "cuda_device.cuh"
#include "numerics/rounding.h"

namespace halfscope::device {
namespace {

template <class T>
class DeviceArray {
  public:
    DeviceArray(CudaDevice& device, std::size_t count)
        : device_(device), data_(static_cast<T*>(device.allocate(count * sizeof(T)))), count_(count) {}
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;
    ~DeviceArray() { device_.release(data_); }
    T* data() const { return data_; }
    void upload(const std::vector<T>& values) {
        device_.upload(data_, values.data(), values.size() * sizeof(T));
    }
    std::vector<T> download() const {
        std::vector<T> values(count_);
        device_.download(values.data(), data_, count_ * sizeof(T));
        return values;
    }

  private:
    CudaDevice& device_;
    T* data_;
    std::size_t count_;
};

template <class In, class Out, class F>
struct Transform {
    const In* in;
    Out* out;
    F f;
    HALFSCOPE_HD void operator()(std::int64_t item) const { out[item] = f(item, in[item]); }
};

/// out[i] = f(i, in[i]) on the device.
template <class Out, class In, class F>
std::vector<Out> transform(const std::vector<In>& in, F f) {
    CudaDevice device;
    DeviceArray<In> from(device, in.size());
    DeviceArray<Out> to(device, in.size());
    from.upload(in);
    device.run(static_cast<std::int64_t>(in.size()), plain::Work::parallel,
               Transform<In, Out, F>{from.data(), to.data(), f});
    return to.download();
}

struct Encode {
    Format format;
    Subnormals subnormals;
    HALFSCOPE_HD std::uint32_t operator()(std::int64_t, float x) const {
        return halfscope::encode(format, x, subnormals);
    }
};
struct Decode {
    Format format;
    HALFSCOPE_HD float operator()(std::int64_t, std::uint32_t code) const {
        return halfscope::decode(format, code);
    }
};
struct Round {
    Format format;
    Subnormals subnormals;
    HALFSCOPE_HD float operator()(std::int64_t, float x) const { return round_to(format, x, subnormals); }
};
struct RoundStochastic {
    Format format;
    RandomKey key;
    HALFSCOPE_HD float operator()(std::int64_t i, float x) const {
        return halfscope::round_stochastic(format, x, random_word(key, static_cast<std::uint64_t>(i)));
    }
};
struct CudaHalf {
    HALFSCOPE_HD std::uint32_t operator()(std::int64_t, float x) const {
        return __half_as_ushort(__float2half_rn(x));
    }
};
struct Apply {
    Function function;
    HALFSCOPE_HD float operator()(std::int64_t, float x) const { return apply(function, x); }
};
struct DrawAt {
    RandomKey key;
    HALFSCOPE_HD Draw operator()(std::int64_t, std::uint64_t index) const { return draw(key, index); }
};

struct Power {
    const float* values;
    float* out;
    std::int64_t half;
    HALFSCOPE_HD void operator()(std::int64_t i) const { out[i] = math::pow(values[i], values[half + i]); }
};

struct Scaler {
    ScalerRules rules;
    const StepResult* steps;
    ScalerState* states;
    std::int64_t count;
    HALFSCOPE_HD void operator()(std::int64_t) const {
        ScalerState state = initial_scaler_state(rules);
        for (std::int64_t i = 0; i < count; ++i) {
            advance(rules, state, steps[i].overflowed, steps[i].max_abs);
            states[i] = state;
        }
    }
};

}  // namespace

std::vector<std::uint32_t> encode(Format format, Subnormals subnormals, const std::vector<float>& values) {
    return transform<std::uint32_t>(values, Encode{format, subnormals});
}
std::vector<float> decode(Format format, const std::vector<std::uint32_t>& codes) {
    return transform<float>(codes, Decode{format});
}
std::vector<float> round(Format format, Subnormals subnormals, const std::vector<float>& values) {
    return transform<float>(values, Round{format, subnormals});
}
std::vector<float> round_stochastic(Format format, RandomKey key, const std::vector<float>& values) {
    return transform<float>(values, RoundStochastic{format, key});
}
std::vector<std::uint32_t> cuda_half(const std::vector<float>& values) {
    return transform<std::uint32_t>(values, CudaHalf{});
}
std::vector<float> apply_all(Function function, const std::vector<float>& values) {
    return transform<float>(values, Apply{function});
}
std::vector<Draw> draws(RandomKey key, const std::vector<std::uint64_t>& indices) {
    return transform<Draw>(indices, DrawAt{key});
}

std::vector<float> powers(const std::vector<float>& values) {
    CudaDevice device;
    const std::size_t half = values.size() / 2;
    DeviceArray<float> from(device, values.size()), to(device, half);
    from.upload(values);
    device.run(static_cast<std::int64_t>(half), plain::Work::parallel,
               Power{from.data(), to.data(), static_cast<std::int64_t>(half)});
    return to.download();
}

std::vector<ScalerState> scaler_states(const ScalerRules& rules, const std::vector<StepResult>& steps) {
    CudaDevice device;
    DeviceArray<StepResult> from(device, steps.size());
    DeviceArray<ScalerState> to(device, steps.size());
    from.upload(steps);
    device.run(1, plain::Work::serial,
               Scaler{rules, from.data(), to.data(), static_cast<std::int64_t>(steps.size())});
    return to.download();
}

}  // namespace halfscope::device
