// Weights that take seconds to make and depend on nothing but their key: kept in memory while the program
// runs and, where there is a folder for it, on disk for the next time. Called by scenarios that pretrain;
// from any thread. It must not fail: without disk, or with a damaged file on it, weights are made anew. On
// disk the newest 32 are kept.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "train/named_values.h"

namespace halfscope {

/// $XDG_CACHE_HOME/halfscope, or ~/.cache/halfscope; empty where neither variable holds an absolute path. The
/// folder need not exist.
std::string weight_cache_folder();

/// What a text contributes to a key: 64-bit FNV-1a, 16 hexadecimal digits.
std::string text_hash(const std::string& text);

struct KeptWeights {
    std::shared_ptr<const std::vector<NamedValues>> weights;  ///< as Graph::parameters()
    std::string note;  ///< what was wrong with a file, one sentence; empty: nothing
};

/// The weights of that key for the graph's parameters: from memory, else from the file that `label` and the
/// key name, else from `make`, whose result is then kept. `key` tells in words everything that decides the
/// bits; `make` returns the graph's parameters in their order, and what it throws passes through with nothing
/// kept. Bits are those of `make` wherever they come from.
KeptWeights kept_weights(const std::string& label, const std::string& key, const Graph& graph,
                         const std::function<std::vector<NamedValues>()>& make);

/// Empties the memory, not the disk: what a new start of the program finds. For tests.
void forget_kept_weights();

}  // namespace halfscope
