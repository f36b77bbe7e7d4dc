// npz files: every entry is read, packed or not, and no archive is believed what it says of itself.
#include "data/npz_file.h"

#include <gtest/gtest.h>

#include "data/tensor_file.h"
#include "support/array_samples.h"
#include "temporary_folder.h"

namespace halfscope {
namespace {

using samples::bytes_of;
using samples::npy;
using samples::values_of;

class NpzFile : public TemporaryFolder {};

#ifdef HALFSCOPE_HAS_LIBZIP
using samples::Packing;
using samples::zip_of;
using samples::ZipEntry;

std::string says(const std::string& bytes) {
    return refusal_naming("given.npz", [&] {
        const auto file = open_npz(bytes, "given.npz");
        for (std::size_t i = 0; i < file->tensors().size(); ++i)
            if (file->tensors()[i].type != ElementType::other) values_of(*file, i);
    });
}

std::vector<float> ramp(int count) {
    std::vector<float> values;
    for (int i = 0; i < count; ++i) values.push_back(static_cast<float>(i) / 7.0f);
    return values;
}
std::string ramp_file(int count) {
    return npy("<f4", "(" + std::to_string(count) + ",)", bytes_of(ramp(count)));
}

TEST_F(NpzFile, EveryEntryIsRead) {
    const std::string bytes = zip_of({{"fc1.weight.npy", ramp_file(300000), Packing::deflated},
                                      {"folder/", ""},
                                      {"folder/bias.npy", ramp_file(3)},
                                      {"steps.npy", npy("<i8", "(1,)", "12345678")},
                                      {"read me.txt", "text", Packing::deflated}});
    const std::string path = write("grads.npz", bytes);
    for (const auto& file : {open_npz(bytes, "given"), open_npz(path), open_tensor_file(path)}) {
        const std::vector<TensorHeading>& tensors = file->tensors();
        ASSERT_EQ(tensors.size(), 4u);
        EXPECT_EQ(tensors[0].name, "fc1.weight");
        EXPECT_EQ(tensors[0].shape, std::vector<std::int64_t>{300000});
        EXPECT_EQ(tensors[1].name, "folder/bias");
        EXPECT_EQ(tensors[2].not_read, "whole numbers");
        EXPECT_EQ(tensors[3].name, "read me.txt");
        EXPECT_EQ(tensors[3].not_read, "no npy array");
        EXPECT_EQ(values_of(*file, 1), ramp(3));
        EXPECT_EQ(values_of(*file, 0), ramp(300000));
    }
    const std::string nothing = "PK\x05\x06" + std::string(18, '\0');  // as np.savez writes it
    EXPECT_TRUE(open_npz(nothing, "given")->tensors().empty());
}

TEST_F(NpzFile, ReadingStopsWhereNoMoreIsWanted) {
    const std::string bytes = zip_of({{"a.npy", ramp_file(300000), Packing::deflated}});
    const auto file = open_npz(bytes, "given");
    int pieces = 0;
    file->read(0, [&pieces](std::string_view) { return ++pieces < 2; });
    EXPECT_EQ(pieces, 2);
}

TEST_F(NpzFile, OtherArchivesAreRefused) {
    EXPECT_SAYS(says(""), "cannot be opened as a zip archive");
    EXPECT_SAYS(says("PK\x03\x04 and so on"), "cannot be opened as a zip archive");
    EXPECT_SAYS(says(zip_of({{"text.txt", "text"}})), "holds no npy arrays");
    EXPECT_SAYS(says(zip_of({{"archive/data.pkl", "x"}, {"archive/data/0", "y"}})), "pickled Python objects");
    EXPECT_SAYS(says(zip_of({{"o.npy", npy("|O", "(1,)", "x")}})), "pickled Python objects");
    EXPECT_SAYS(says(zip_of({{"a.npy", "text"}})), "npy file 'given.npz/a.npy' begins with 74 65 78 74");
    EXPECT_SAYS(says(zip_of({{"a.npy", ""}})), "begins with nothing");
    EXPECT_SAYS(says(zip_of({{"a\nb.npy", npy("|V2", "(1,)", "12")}})),
                "'given.npz/a b.npy' has the descr '|V2'");
    const std::string folder = path("");
    EXPECT_SAYS(refusal_naming(folder, [&] { return open_npz(folder); }), "is a folder");
    EXPECT_SAYS(refusal_naming(path("lost.npz"), [&] { return open_npz(path("lost.npz")); }),
                "does not exist");
}

/// Writes other bytes behind each header of that kind: its magic is PK and two bytes.
std::string with_field(std::string archive, const std::string& magic, std::size_t offset,
                       const std::string& field) {
    std::size_t found = 0;
    for (std::size_t at = archive.find(magic); at != std::string::npos;
         at = archive.find(magic, at + 4), ++found)
        archive.replace(at + offset, field.size(), field);
    EXPECT_GT(found, 0u);
    return archive;
}
const std::string kLocal = "PK\x03\x04", kCentral = "PK\x01\x02";

TEST_F(NpzFile, OtherWaysOfPackingAreRefused) {
    const std::string whole = zip_of({{"a.npy", ramp_file(9)}});
    const std::string lzma = bytes_of<std::uint16_t>({14}), encrypted = bytes_of<std::uint16_t>({1});
    EXPECT_SAYS(says(with_field(with_field(whole, kLocal, 8, lzma), kCentral, 10, lzma)),
                "packed by method 14");
    EXPECT_SAYS(says(with_field(with_field(whole, kLocal, 6, encrypted), kCentral, 8, encrypted)),
                "an encrypted entry 'a.npy'");
    const std::string twice = zip_of({{"a.npy", ramp_file(9)}, {"b.npy", ramp_file(9)}});
    EXPECT_SAYS(says(with_field(with_field(twice, kLocal, 30, "a"), kCentral, 46, "a")),
                "two entries 'a.npy'");
}

/// Refused, or read as if nothing were wrong: what an archive says too much does no harm.
void expect_refused_or_right(const std::string& bytes, const std::vector<float>& values) {
    try {
        EXPECT_EQ(values_of(*open_npz(bytes, "given.npz")), values);
    } catch (const DataError& error) {
        EXPECT_SAYS(std::string(error.what()), "given.npz");
    }
}

TEST_F(NpzFile, SizesAreNotBelieved) {
    for (const Packing packing : {Packing::stored, Packing::deflated}) {
        const std::string whole = zip_of({{"a.npy", ramp_file(9000), packing}});
        const std::string none = bytes_of<std::uint32_t>({0});
        EXPECT_NE(says(with_field(whole, kCentral, 20, none)), "accepted");  // the size packed
        for (const std::uint32_t size : {0u, 1u, 4000u, 0x7FFFFFFFu, 0xFFFFFFFEu}) {
            const std::string field = bytes_of<std::uint32_t>({size});
            for (const auto& [header, offset] : {std::pair(kCentral, 20), std::pair(kCentral, 24),
                                                 std::pair(kLocal, 18), std::pair(kLocal, 22)})
                expect_refused_or_right(with_field(whole, header, static_cast<std::size_t>(offset), field),
                                        ramp(9000));
        }
    }
}

TEST_F(NpzFile, DamagedAndCutOffOnesAreRefused) {
    for (const Packing packing : {Packing::stored, Packing::deflated}) {
        const std::string whole = zip_of({{"a.npy", ramp_file(500), packing}});
        for (std::size_t length = 0; length < whole.size(); length += 7)
            EXPECT_NE(says(whole.substr(0, length)), "accepted") << length;
        for (std::size_t at = 40; at < whole.find(kCentral); at += 3) {
            std::string damaged = whole;
            damaged[at] ^= 0x55;
            EXPECT_NE(says(damaged), "accepted") << at;
        }
    }
}

TEST_F(NpzFile, ShapesThatTheEntryDoesNotHoldAreRefused) {
    const std::string few = npy("<f4", "(10,)", bytes_of(ramp(9))),
                      many = npy("<f4", "(8,)", bytes_of(ramp(9)));
    for (const Packing packing : {Packing::stored, Packing::deflated}) {
        EXPECT_SAYS(says(zip_of({{"a.npy", few, packing}})), "ends after 36 of the 40 bytes");
        EXPECT_SAYS(says(zip_of({{"a.npy", many, packing}})), "goes on behind the 32 bytes");
        EXPECT_SAYS(says(zip_of({{"a.npy", npy("<f4", "(2305843009213693951,)", "1234"), packing}})),
                    "ends after 4 of the 9223372036854775804 bytes");
    }
}

TEST_F(NpzFile, ABombIsNotUnpacked) {
    // 64 MiB of zeros behind a small array: reading stops one byte behind what the array's header declares.
    const std::string bomb =
        zip_of({{"a.npy", npy("<f4", "(1,)", std::string(std::size_t{64} << 20, '\0')), Packing::deflated}});
    EXPECT_LT(bomb.size(), 100000u);
    EXPECT_SAYS(says(bomb), "goes on behind the 4 bytes");
    // A header of an npy file is read no further than its limit.
    const std::string header = "\x93NUMPY\x02" + std::string(1, '\0') + bytes_of<std::uint32_t>({1u << 26}) +
                               std::string(1u << 26, ' ');
    EXPECT_SAYS(says(zip_of({{"a.npy", header, Packing::deflated}})), "a length of 67108864 bytes");
}
#else
TEST_F(NpzFile, IsRefusedWithoutLibzip) {
    const std::string path = write("a.npz", "PK\x03\x04");
    EXPECT_SAYS(refusal_naming(path, [&] { return open_tensor_file(path); }), "no libzip");
    EXPECT_SAYS(refusal_naming("given", [&] { return open_npz("PK\x03\x04", "given"); }), "no libzip");
}
#endif

}  // namespace
}  // namespace halfscope
