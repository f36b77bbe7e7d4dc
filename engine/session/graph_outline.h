// The training graph as the window draws it: nodes in order, who reads whom, and the names under which their
// tensors are probed. Made once by Session for each experiment; plain data.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace halfscope {

struct OutlineNode {
    std::string name;                     ///< the layer's: "fc1"
    std::string op;                       ///< "linear"
    std::string shape;                    ///< of the output: "8192 x 32"
    std::string output;                   ///< name of the tensor it writes
    std::vector<std::string> parameters;  ///< trained tensors it reads
    std::vector<int>
        sources;  ///< nodes whose outputs it reads, by index; none where it reads the batch alone
};

/// In execution order.
std::vector<OutlineNode> outline_of(const Graph& graph);

}  // namespace halfscope
