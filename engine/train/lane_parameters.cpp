// A lane's weights by name: out of it and into it.
#include <algorithm>
#include <set>

#include "train/input_error.h"
#include "train/lane_state.h"

namespace halfscope {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
    std::string text;
    for (const std::int64_t extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
    return "[" + text + "]";
}

/// The first few of them, quoted.
std::string list_text(const std::vector<std::string>& names) {
    constexpr std::size_t kShown = 4;
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) {
        text += (text.empty() ? "'" : ", '") + names[i] + "'";
    }
    return names.size() > kShown ? text + " and " + std::to_string(names.size() - kShown) + " more" : text;
}

/// Throws InputError where the names are not those of the model.
void check_names(const std::vector<NamedValues>& wanted, const std::vector<NamedValues>& given) {
    std::set<std::string> left;
    for (const NamedValues& one : given) {
        if (!left.insert(one.name).second) throw InputError("the weights hold '" + one.name + "' twice");
    }
    std::vector<std::string> missing;
    for (const NamedValues& one : wanted) {
        if (left.erase(one.name) == 0) missing.push_back(one.name);
    }
    if (missing.empty() && left.empty()) return;
    std::string sentence = "the weights are not those of this model: ";
    if (!missing.empty()) sentence += "missing " + list_text(missing);
    if (!left.empty()) {
        sentence += std::string(missing.empty() ? "" : ", ") + "surplus " +
                    list_text(std::vector<std::string>(left.begin(), left.end()));
    }
    throw InputError(sentence);
}

const NamedValues& of_name(const std::vector<NamedValues>& list, const std::string& name) {
    return *std::find_if(list.begin(), list.end(), [&](const NamedValues& one) { return one.name == name; });
}

}  // namespace

NamedValues Lane::State::described(std::size_t parameter) const {
    const TensorInfo& info = training->graph().tensor(training->graph().parameters()[parameter]);
    NamedValues named;
    named.name = info.name;
    named.shape.assign(info.shape.extents.begin(), info.shape.extents.begin() + info.shape.rank);
    return named;
}

void Lane::State::store_parameter(std::size_t parameter, const std::vector<float>& values) {
    const DeviceMemory memory(backend, values.size() * sizeof(float));
    backend.upload(memory.data(), values.data(), values.size() * sizeof(float));
    const TensorView record = weight_of_record(parameter);
    TensorView source = record;
    source.data = memory.data();
    source.format = Format::fp32;
    backend.convert(record, source);
    const TensorView compute = training->flat_value(parameter);
    if (record.data != compute.data) backend.convert(compute, record);
}

std::vector<NamedValues> Lane::parameters() const {
    std::vector<NamedValues> all;
    for (std::size_t p = 0; p < state_->training->graph().parameters().size(); ++p) {
        NamedValues parameter = state_->described(p);
        parameter.values = download_floats(state_->backend, state_->weight_of_record(p));
        all.push_back(std::move(parameter));
    }
    return all;
}

void Lane::load_parameters(const std::vector<NamedValues>& parameters) {
    std::vector<NamedValues> wanted;
    for (std::size_t p = 0; p < state_->training->graph().parameters().size(); ++p) {
        wanted.push_back(state_->described(p));
    }
    check_names(wanted, parameters);
    // Everything is judged before anything is stored.
    for (const NamedValues& expected : wanted) {
        const NamedValues& given = of_name(parameters, expected.name);
        if (given.shape != expected.shape) {
            throw InputError("the weight '" + expected.name + "' has the shape " + shape_text(given.shape) +
                             " where this model has " + shape_text(expected.shape) +
                             "; give the settings it was trained with");
        }
        std::size_t elements = 1;
        for (const std::int64_t extent : expected.shape) elements *= static_cast<std::size_t>(extent);
        if (given.values.size() != elements) {
            throw InputError("the weight '" + expected.name + "' has " + std::to_string(given.values.size()) +
                             " numbers, not the " + std::to_string(elements) + " of its shape");
        }
    }
    for (std::size_t p = 0; p < wanted.size(); ++p) {
        state_->store_parameter(p, of_name(parameters, wanted[p].name).values);
    }
}

}  // namespace halfscope
