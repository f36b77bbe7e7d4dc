// The plain driver of a fuzz target, for the normal test run: every seed, its beginnings, and copies of it
// with one byte changed. Usage: PROGRAM FOLDER. Ends with 1 where the folder holds no seeds.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz_target.h"

namespace {

constexpr std::size_t kVariantsOfSeed = 200;

/// In memory of its own and of exactly that size, so that the address sanitizer sees a step beyond.
void run(const std::vector<std::uint8_t>& bytes) {
    const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

void run_variants(const std::vector<std::uint8_t>& seed) {
    run(seed);
    const std::size_t stride = std::max<std::size_t>(1, seed.size() / kVariantsOfSeed);
    for (std::size_t i = 0; i < seed.size(); i += stride) {
        run({seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(i)});
        for (std::uint8_t change : {0x01, 0x80, 0xFF}) {
            std::vector<std::uint8_t> changed = seed;
            changed[i] = static_cast<std::uint8_t>(changed[i] ^ change);
            run(changed);
        }
    }
}

}  // namespace

int main(int count, char** arguments) {
    int seeds = 0;
    for (int i = 1; i < count; ++i) {
        for (const auto& entry : std::filesystem::directory_iterator(arguments[i])) {
            std::ifstream stream(entry.path(), std::ios::binary);
            run_variants({std::istreambuf_iterator<char>(stream), {}});
            ++seeds;
        }
    }
    std::printf("%d seeds and their variants\n", seeds);
    return seeds > 0 ? 0 : 1;
}
