#include "gui/widgets/kept_nodes.h"

#include <algorithm>
#include <set>

#include "graph/precision_policy.h"

namespace halfscope {
namespace {

using Kept = std::set<std::string>;

std::string whole(const std::string& op) { return kOpPrefix + op; }

Kept kept_of(const Techniques& techniques) {
    return Kept(techniques.keep_fp32.begin(), techniques.keep_fp32.end());
}

std::string value_of(const Kept& kept) { return kept_nodes_text({kept.begin(), kept.end()}); }

}  // namespace

bool is_node_kept(const Techniques& techniques, const OutlineNode& node) {
    const Kept kept = kept_of(techniques);
    return kept.contains(node.name) || kept.contains(whole(node.op));
}

bool is_op_kept(const Techniques& techniques, const std::vector<OutlineNode>& outline,
                const std::string& op) {
    return std::all_of(outline.begin(), outline.end(), [&](const OutlineNode& node) {
        return node.op != op || is_node_kept(techniques, node);
    });
}

std::size_t kept_count(const Techniques& techniques, const std::vector<OutlineNode>& outline) {
    return static_cast<std::size_t>(
        std::count_if(outline.begin(), outline.end(),
                      [&](const OutlineNode& node) { return is_node_kept(techniques, node); }));
}

std::string value_with_node(const Techniques& techniques, const std::vector<OutlineNode>& outline,
                            const OutlineNode& node, Keep keep) {
    Kept kept = kept_of(techniques);
    if (keep == Keep::yes) {
        kept.insert(node.name);
        return value_of(kept);
    }
    if (kept.erase(whole(node.op)) > 0) {
        for (const OutlineNode& other : outline)
            if (other.op == node.op) kept.insert(other.name);
    }
    kept.erase(node.name);
    return value_of(kept);
}

std::string value_with_op(const Techniques& techniques, const std::vector<OutlineNode>& outline,
                          const std::string& op, Keep keep) {
    Kept kept = kept_of(techniques);
    for (const OutlineNode& node : outline)
        if (node.op == op) kept.erase(node.name);
    kept.erase(whole(op));
    if (keep == Keep::yes) kept.insert(whole(op));
    return value_of(kept);
}

std::vector<std::string> ops_of(const std::vector<OutlineNode>& outline) {
    std::vector<std::string> ops;
    for (const OutlineNode& node : outline)
        if (std::find(ops.begin(), ops.end(), node.op) == ops.end()) ops.push_back(node.op);
    return ops;
}

}  // namespace halfscope
