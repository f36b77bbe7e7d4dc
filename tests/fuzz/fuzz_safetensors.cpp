// Any bytes as a safetensors file: read, with every shape kept and every name once, or refused with one
// sentence; tensor by tensor as well as whole.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "data/data_error.h"
#include "data/safetensors.h"
#include "data/safetensors_file.h"
#include "fuzz_tensors.h"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void check(const halfscope::StoredTensor& tensor) {
    std::uint64_t elements = 1;
    for (const std::int64_t extent : tensor.shape) elements *= static_cast<std::uint64_t>(extent);
    require((tensor.is_float() ? tensor.values.size() : tensor.integers.size()) == elements);
    require(tensor.is_float() ? tensor.integers.empty() : tensor.values.empty());
}

/// What is read whole is read in pieces too; the other way round not, for want of room for U64 and the like.
void stream(std::string_view bytes, bool must_work) {
    try {
        const auto file =
            halfscope::open_safetensors(std::make_unique<halfscope::MemorySource>(bytes), "fuzzed");
        halfscope::fuzz::read_all(*file);
    } catch (const halfscope::DataError& error) {
        require(!must_work && std::string_view(error.what()).starts_with("safetensors file 'fuzzed'"));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    bool read = false;
    try {
        const halfscope::SafetensorsFile file = halfscope::parse_safetensors(bytes, "fuzzed");
        for (const halfscope::StoredTensor& tensor : file.tensors) {
            check(tensor);
            require(file.find(tensor.name) == &tensor);  // names are unique
        }
        read = true;
    } catch (const halfscope::DataError& error) {
        const std::string_view sentence = error.what();
        require(sentence.starts_with("safetensors file 'fuzzed'") && sentence.size() < 1000);
    }
    stream(bytes, read);
    return 0;
}
