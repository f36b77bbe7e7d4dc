// Any bytes as a zip archive of npy files. An input that begins with a zero is the inside of one: it becomes
// the one entry of a right archive, since no mutation hits upon a checksum. A build without libzip refuses
// all.
#include "data/npz_file.h"
#include "fuzz_tensors.h"
#include "support/array_samples.h"

using namespace halfscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string archive(fuzz::view_of(data, size));
#ifdef HALFSCOPE_HAS_LIBZIP
    if (size > 0 && data[0] == 0)
        archive = samples::zip_of({{"a.npy", archive.substr(1), samples::Packing::deflated}});
#endif
    fuzz::read_or_refuse("fuzzed.npz", [&] {
        const auto file = open_npz(archive, "fuzzed.npz");
        fuzz::read_all(*file);
    });
    return 0;
}
