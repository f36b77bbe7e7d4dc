#include "models/residual_cnn.h"

#include <string>

namespace halfscope {
namespace {

constexpr float kEps = 1e-5f, kMomentum = 0.1f;

TensorId convolution_and_norm(GraphBuilder& builder, TensorId x, const std::string& convolution,
                              const std::string& norm, const Conv2d& shape) {
    return builder.batch_norm(norm, builder.conv2d(convolution, x, shape), kEps, kMomentum);
}

/// relu(norm(conv(relu(norm(conv(x))))) + x), with a 1 x 1 convolution beside where the shape changes.
TensorId block(GraphBuilder& builder, const std::string& name, TensorId x, std::int64_t channels,
               std::int64_t stride) {
    const bool changes = stride != 1 || builder.tensor(x).shape.columns() != channels;
    TensorId y = convolution_and_norm(builder, x, name + ".conv1", name + ".bn1", {channels, 3, stride, 1});
    y = builder.relu(name + ".relu1", y);
    y = convolution_and_norm(builder, y, name + ".conv2", name + ".bn2", {channels, 3, 1, 1});
    const TensorId beside = changes ? convolution_and_norm(builder, x, name + ".downsample.0",
                                                           name + ".downsample.1", {channels, 1, stride, 0})
                                    : x;
    return builder.relu(name + ".relu2", builder.add(name + ".add", y, beside));
}

}  // namespace

TensorId residual_cnn(GraphBuilder& builder, TensorId pictures, const ResidualCnnShape& shape) {
    TensorId y = convolution_and_norm(builder, pictures, "conv1", "bn1", {shape.channels, 3, 1, 1});
    y = builder.relu("relu", y);
    std::int64_t channels = shape.channels;
    for (std::int64_t stage = 0; stage < shape.stages; ++stage) {
        for (std::int64_t index = 0; index < shape.blocks; ++index) {
            const std::string name = "layer" + std::to_string(stage + 1) + "." + std::to_string(index);
            y = block(builder, name, y, channels, stage > 0 && index == 0 ? 2 : 1);
        }
        channels *= 2;
    }
    return builder.linear("fc", builder.global_average_pool("avgpool", y), shape.classes,
                          WeightInit::fan_in_uniform);
}

}  // namespace halfscope
