// A small residual network with batch normalisation (He et al. 2016, basic blocks) for pictures of any size.
// Called by scenarios while they record a graph; knows no data, no loss and no formats. Names are
// torchvision's for a ResNet, so that weights travel both ways.
#pragma once

#include <cstdint>

#include "graph/graph_builder.h"

namespace halfscope {

struct ResidualCnnShape {
    std::int64_t channels =
        16;  ///< of the first stage; each further stage has twice as many and half the extent
    std::int64_t stages = 2;
    std::int64_t blocks = 2;  ///< of each stage
    std::int64_t classes = 10;
};

/// Records conv1, bn1, relu, layer1.0 ... layerS.B-1, average pool and fc; returns the logits [images,
/// classes] for pictures [images, height, width, channels]. Convolutions start with He et al. 2015, fc with
/// PyTorch's default; batch norm has PyTorch's eps 1e-5 and momentum 0.1. Throws std::invalid_argument from
/// the builder where an extent does not fit.
TensorId residual_cnn(GraphBuilder& builder, TensorId pictures, const ResidualCnnShape& shape);

}  // namespace halfscope
