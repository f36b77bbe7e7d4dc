#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "data/atomic_file.h"
#include "data/safetensors.h"

namespace halfscope {
namespace {

using Json = nlohmann::ordered_json;

std::size_t element_count(const StoredTensor& tensor) {
    std::size_t count = 1;
    for (const std::int64_t extent : tensor.shape) count *= static_cast<std::size_t>(extent);
    return count;
}

/// Bytes of a tensor's data; std::invalid_argument for what cannot be written.
std::uint64_t checked_bytes(const StoredTensor& tensor) {
    const bool is_float = tensor.dtype == "F32";
    if (!is_float && tensor.dtype != "I64") {
        throw std::invalid_argument("tensor '" + tensor.name + "' of dtype " + tensor.dtype +
                                    " is not written");
    }
    const std::size_t given = is_float ? tensor.values.size() : tensor.integers.size();
    if (given != element_count(tensor)) {
        throw std::invalid_argument("tensor '" + tensor.name + "' has " + std::to_string(given) +
                                    " numbers, not those of its shape");
    }
    return given * (is_float ? sizeof(float) : sizeof(std::int64_t));
}

/// The eight bytes of length and the header, padded with spaces so that the data begin at a multiple of
/// eight.
std::string header_bytes(const std::vector<const StoredTensor*>& order,
                         const std::map<std::string, std::string>& metadata) {
    Json header = Json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    std::set<std::string> names{"__metadata__"};
    std::uint64_t offset = 0;
    for (const StoredTensor* tensor : order) {
        if (!names.insert(tensor->name).second) {
            throw std::invalid_argument("tensor '" + tensor->name + "' is given twice");
        }
        const std::uint64_t end = offset + checked_bytes(*tensor);
        header[tensor->name] = {
            {"dtype", tensor->dtype}, {"shape", tensor->shape}, {"data_offsets", {offset, end}}};
        offset = end;
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const std::uint64_t length = text.size();
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    return bytes + text;
}

/// I64 first: then everything is aligned to its own size.
std::vector<const StoredTensor*> aligned_order(const std::vector<StoredTensor>& tensors) {
    std::vector<const StoredTensor*> order;
    for (const bool floats : {false, true}) {
        for (const StoredTensor& tensor : tensors) {
            if ((tensor.dtype == "F32") == floats) order.push_back(&tensor);
        }
    }
    return order;
}

}  // namespace

void check_safetensors_target(const std::string& path, const std::vector<std::string>& names) {
    check_writable(path);
    for (const std::string& name : names) {
        try {
            Json(name).dump();
        } catch (const Json::exception&) {
            refuse_to_write(path, "the tensor name '" + name + "' is not UTF-8; choose another name");
        }
    }
}

void write_safetensors(const std::string& path, const std::vector<StoredTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
    AtomicFile file(path);
    const std::vector<const StoredTensor*> order = aligned_order(tensors);
    std::string header;
    try {
        header = header_bytes(order, metadata);
    } catch (const Json::exception&) {
        refuse_to_write(path, "a tensor name is not UTF-8; choose another name");
    }
    file.write(header);
    for (const StoredTensor* tensor : order) {
        if (tensor->dtype == "F32") {
            file.write(tensor->values.data(), tensor->values.size() * sizeof(float));
        } else {
            file.write(tensor->integers.data(), tensor->integers.size() * sizeof(std::int64_t));
        }
    }
    file.commit();
}

}  // namespace halfscope
