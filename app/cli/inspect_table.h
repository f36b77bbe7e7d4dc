// The table of `halfscope-cli inspect` for people: a row a tensor, shares with their denominators. Printed to
// stdout by inspect_run.cpp, row by row. It does not count: what it shows is InspectedTensor's.
#pragma once

#include <string>
#include <vector>

#include "train/tensor_inspection.h"

namespace halfscope {

class InspectTable {
  public:
    /// Prints the heading; the tensors' names tell how wide the first column is.
    InspectTable(const std::string& file, const std::vector<TensorHeading>& tensors);

    void add(const TensorHeading& heading, const InspectedTensor& tensor);
    void skip(const TensorHeading& heading);
    /// Prints a row for all tensors together where there are several, and what is to be said of doubles.
    void end();

  private:
    void print_row(const std::string& name, const std::string& dtype, const InspectedTensor& tensor) const;

    std::size_t name_width_, dtype_width_;
    std::size_t counted_ = 0;
    InspectedTensor all_;
};

/// What the columns mean, once behind all tables.
void print_inspect_legend();

}  // namespace halfscope
