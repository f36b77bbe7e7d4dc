// Any bytes as an npy file: every element counted, or refused with one sentence.
#include "data/npy_file.h"
#include "fuzz_tensors.h"

using namespace halfscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = fuzz::view_of(data, size);
    fuzz::read_or_refuse("fuzzed.npy", [&] {
        const auto file = open_npy(std::make_unique<MemorySource>(bytes), "fuzzed.npy", "fuzzed");
        fuzz::expect(file->tensors().size() == 1);
        fuzz::read_all(*file);
    });
    return 0;
}
