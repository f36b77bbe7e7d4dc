// What the fuzz targets of files of tensors share: reading all that is in one, with what every reader
// promises.
#pragma once

#include <vector>

#include "data/tensor_file.h"
#include "fuzz_target.h"

namespace halfscope::fuzz {

/// Reads every tensor; the pieces must hold as many elements as the heading says, and nothing may be lost but
/// doubles.
inline void read_all(TensorFile& file) {
    for (std::size_t index = 0; index < file.tensors().size(); ++index) {
        const TensorHeading& heading = file.tensors()[index];
        expect((heading.type == ElementType::other) != heading.not_read.empty());
        if (heading.type == ElementType::other) continue;
        std::uint64_t elements = 1, found = 0;
        for (const std::int64_t extent : heading.shape) elements *= static_cast<std::uint64_t>(extent);
        expect(elements == heading.count);
        LostDoubles lost;
        file.read(index, [&](std::string_view piece) {
            std::vector<float> values(piece.size() / element_bytes(heading.type));
            expect(values.size() * element_bytes(heading.type) == piece.size());
            widen_elements(heading.type, heading.order, piece, values.data(), lost);
            found += values.size();
            return true;
        });
        expect(found == heading.count);
        expect(heading.type == ElementType::f64 || lost == LostDoubles());
    }
}

}  // namespace halfscope::fuzz
