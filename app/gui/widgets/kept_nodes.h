// Which nodes of the network a lane keeps in FP32 (technique keep_fp32), and what the key's value is after
// one more, or one less. Used by the panels that switch it; draws nothing.
#pragma once

#include <string>
#include <vector>

#include "session/graph_outline.h"
#include "train/techniques.h"

namespace halfscope {

enum class Keep : std::uint8_t { no, yes };

/// Whether the node is kept, by its name or with all of its operation.
bool is_node_kept(const Techniques& techniques, const OutlineNode& node);
/// Whether all nodes of the operation are.
bool is_op_kept(const Techniques& techniques, const std::vector<OutlineNode>& outline, const std::string& op);
std::size_t kept_count(const Techniques& techniques, const std::vector<OutlineNode>& outline);

/// The value of keep_fp32 with the node kept or not; where it was kept with its operation, the others of that
/// stay kept by name.
std::string value_with_node(const Techniques& techniques, const std::vector<OutlineNode>& outline,
                            const OutlineNode& node, Keep keep);
/// The same with all nodes of an operation.
std::string value_with_op(const Techniques& techniques, const std::vector<OutlineNode>& outline,
                          const std::string& op, Keep keep);
/// The operations of the network in the order in which they first come.
std::vector<std::string> ops_of(const std::vector<OutlineNode>& outline);

}  // namespace halfscope
