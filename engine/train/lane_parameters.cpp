// A lane's weights by name: out of it and into it.
#include <algorithm>
#include <set>

#include "train/input_error.h"
#include "train/lane_state.h"

namespace halfscope {
namespace {

/// The first few of them, quoted.
std::string list_text(const std::vector<std::string>& names) {
    constexpr std::size_t kShown = 4;
    std::string text;
    for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) {
        text += (text.empty() ? "'" : ", '") + names[i] + "'";
    }
    return names.size() > kShown ? text + " and " + std::to_string(names.size() - kShown) + " more" : text;
}

/// What PyTorch's batch norm counts and nothing here reads.
bool is_passed_over(const std::string& name) { return name.ends_with("num_batches_tracked"); }

/// Throws InputError where the names are not those of the model. The tensors of the model from
/// `first_optional` on may be missing.
void check_names(const std::vector<NamedValues>& wanted, std::size_t first_optional,
                 const std::vector<NamedValues>& given) {
    std::set<std::string> left;
    for (const NamedValues& one : given) {
        if (is_passed_over(one.name)) continue;
        if (!left.insert(one.name).second) throw InputError("the weights hold '" + one.name + "' twice");
    }
    std::vector<std::string> missing;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (left.erase(wanted[i].name) == 0 && i < first_optional) missing.push_back(wanted[i].name);
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

/// Throws InputError where shape or count is not the model's.
void check_shape(const NamedValues& expected, const NamedValues& given) {
    if (given.shape != expected.shape) {
        throw InputError("the weight '" + expected.name + "' has the shape " + bracketed_shape(given.shape) +
                         " where this model has " + bracketed_shape(expected.shape) +
                         "; give the settings it was trained with");
    }
    std::size_t elements = 1;
    for (const std::int64_t extent : expected.shape) elements *= static_cast<std::size_t>(extent);
    if (given.values.size() != elements) {
        throw InputError("the weight '" + expected.name + "' has " + std::to_string(given.values.size()) +
                         " numbers, not the " + std::to_string(elements) + " of its shape");
    }
}

/// The tensor of that name, or nullptr.
const NamedValues* find_named(const std::vector<NamedValues>& list, const std::string& name) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const NamedValues& one) { return one.name == name; });
    return found == list.end() ? nullptr : &*found;
}

}  // namespace

std::size_t Lane::State::parameter_named(std::string_view wanted) const {
    const Graph& graph = training->graph();
    const auto parameter = graph.parameter_index(graph.find(wanted));
    if (!parameter) throw InputError("no parameter '" + std::string(wanted) + "' in this model.");
    return *parameter;
}

NamedValues Lane::State::described(TensorId id) const {
    const TensorInfo& info = training->graph().tensor(id);
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
    const LaneBuffers& training = *state_->training;
    std::vector<NamedValues> all;
    for (std::size_t p = 0; p < training.graph().parameters().size(); ++p) {
        NamedValues& parameter = all.emplace_back(state_->described(training.graph().parameters()[p]));
        parameter.values = download_floats(state_->backend, state_->weight_of_record(p));
    }
    for (std::size_t b = 0; b < training.graph().buffers().size(); ++b) {
        NamedValues& buffer = all.emplace_back(state_->described(training.graph().buffers()[b]));
        buffer.values = download_floats(state_->backend, training.flat_buffer(b));
    }
    return all;
}

void Lane::load_parameters(const std::vector<NamedValues>& parameters) {
    const LaneBuffers& training = *state_->training;
    const Graph& graph = training.graph();
    std::vector<NamedValues> wanted;
    for (const TensorId id : graph.parameters()) wanted.push_back(state_->described(id));
    for (const TensorId id : graph.buffers()) wanted.push_back(state_->described(id));
    check_names(wanted, graph.parameters().size(), parameters);
    // Everything is judged before anything is stored.
    std::vector<const NamedValues*> found;
    for (const NamedValues& expected : wanted) {
        const NamedValues* given = found.emplace_back(find_named(parameters, expected.name));
        if (given) check_shape(expected, *given);
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (!found[i]) continue;
        const std::vector<float>& values = found[i]->values;
        if (i < graph.parameters().size()) {
            state_->store_parameter(i, values);
        } else {
            const TensorView buffer = training.flat_buffer(i - graph.parameters().size());
            state_->backend.upload(buffer.data, values.data(), values.size() * sizeof(float));
        }
    }
}

}  // namespace halfscope
