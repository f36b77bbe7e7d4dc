#include "train/lane_state.h"

namespace halfscope {
namespace {

void copy_slot(Backend& backend, const LaneBuffers& from, int from_slot, const LaneBuffers& to, int to_slot,
               std::size_t parameter) {
    const TensorView source = from.state_or_none(parameter, from_slot);
    const TensorView target = to.state_or_none(parameter, to_slot);
    if (source && target) backend.convert(target, source);
}

}  // namespace

void transfer_state(Backend& backend, const LaneBuffers& from, const StateSlots& from_slots,
                    const LaneBuffers& to, const StateSlots& to_slots) {
    for (std::size_t p = 0; p < to.graph().parameters().size(); ++p) {
        const TensorView kept = from.state_or_none(p, from_slots.master);
        const TensorView master = to.state_or_none(p, to_slots.master);
        const TensorView source = kept ? kept : from.flat_value(p);
        if (master) {
            backend.convert(master, source);
            backend.convert(to.flat_value(p), master);
        } else {
            backend.convert(to.flat_value(p), source);
        }
        copy_slot(backend, from, from_slots.moment1, to, to_slots.moment1, p);
        copy_slot(backend, from, from_slots.moment2, to, to_slots.moment2, p);
        copy_slot(backend, from, from_slots.compensation, to, to_slots.compensation, p);
    }
    for (std::size_t b = 0; b < to.graph().buffers().size(); ++b)
        backend.convert(to.flat_buffer(b), from.flat_buffer(b));
}

}  // namespace halfscope
