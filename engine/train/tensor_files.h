// Weights, batches and gradients in safetensors files, under the names that the graph gives them. Used by the
// programs; the format itself is data/safetensors.h. Everything here throws InputError with one sentence that
// names the file and the tensor.
#pragma once

#include <string>
#include <vector>

#include "data/safetensors.h"
#include "graph/graph.h"
#include "train/named_values.h"
#include "train/scenario.h"

namespace halfscope {

/// Every tensor of the file, floating-point ones alone; PyTorch's num_batches_tracked is passed over.
std::vector<NamedValues> read_named_values(const std::string& path);
/// Replaces the file in one go (write_safetensors), all FP32.
void write_named_values(const std::string& path, std::vector<NamedValues> tensors);
/// Whether that would work there, for tensors of these names.
void check_named_values_target(const std::string& path, const std::vector<std::string>& names);

/// A file that holds a batch, and where it came from.
struct BatchFile {
    std::string path;
    SafetensorsFile content;
};
BatchFile read_batch_file(const std::string& path);
/// The first extent of the first of the graph's inputs: the batch size the file asks for, whatever the
/// graph's own.
std::int64_t batch_size_of(const BatchFile& file, const Graph& graph);
/// The batch for the graph's inputs: names, shapes and dtypes must fit, and every token must be one that the
/// operations which read it know. Pictures may come as [N, C, H, W] where the graph has [N, H, W, C]; where
/// a shape can be read as both, it is the graph's.
Batch batch_of(const BatchFile& file, const Graph& graph);

}  // namespace halfscope
