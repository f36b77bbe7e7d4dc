#include "gui/panel_list.h"

#include "gui/panels/ablation_panel.h"
#include "gui/panels/accumulator_panel.h"
#include "gui/panels/alerts_panel.h"
#include "gui/panels/comparison_panel.h"
#include "gui/panels/gradients_panel.h"
#include "gui/panels/lanes_panel.h"
#include "gui/panels/loss_panel.h"
#include "gui/panels/loss_scale_panel.h"
#include "gui/panels/microscope_panel.h"
#include "gui/panels/model_view_panel.h"
#include "gui/panels/network_panel.h"
#include "gui/panels/overflow_panel.h"
#include "gui/panels/scale_sweep_panel.h"
#include "gui/panels/scenario_panel.h"
#include "gui/panels/staircase_panel.h"
#include "gui/panels/techniques_panel.h"
#include "gui/panels/validation_panel.h"

namespace halfscope {

namespace {

constexpr PanelGroup kRange{
    "RANGE",
    "Where values lie against what the format can hold: too small, they are flushed to zero; too large, they "
    "overflow."};
constexpr PanelGroup kEffect{
    "EFFECT",
    "What comes of it: for single updates and sums, for every gradient, for learning as a whole; and "
    "rules that watch for it."};

}  // namespace

const std::array<PanelEntry, kSlotCount>& panel_list() {
    static const std::array<PanelEntry, kSlotCount> panels{{
        {"scenario", "SCENARIO",
         "What is trained: network, data, optimizer. Everything here is the same for all lanes. A change "
         "starts the experiment anew.",
         draw_scenario_panel, Slot::scenario},
        {"lanes", "LANES",
         "Copies of one model, trained side by side under different techniques. They share initial weights "
         "and batches, so the only difference is precision. Click one to see and change its techniques.",
         draw_lanes_panel, Slot::lanes},
        {"techniques", "TECHNIQUES",
         "Every choice that \"Mixed Precision Training\" (Micikevicius et al., 2018) and the frameworks "
         "after it make, for the selected lane. A change takes effect at the next step, while the run goes "
         "on.",
         draw_techniques_panel, Slot::techniques},
        {"loss", "LOSS",
         "Training loss of each step. Dashed upright lines: a technique was switched. Drag: pan. Wheel: "
         "zoom steps, with Ctrl values. Right drag: zoom to a box. Double click: fit. Right click: menu.",
         draw_loss_panel, Slot::loss},
        {"validation", "VALIDATION",
         "The scenario's own measure on data that is not trained on (where there is such data), at the same "
         "steps for all lanes.",
         draw_validation_panel, Slot::validation},
        {"loss_scale", "LOSS SCALE",
         "The factor S by which the loss is multiplied before back-propagation, so that small gradients stay "
         "above FP16's smallest number 2^-24 (paper, section 3.2). Choosing S dynamically came after the "
         "paper, with the frameworks.",
         draw_loss_scale_panel, Slot::loss_scale, "Loss scale"},
        {"model_view", "WHAT THE MODEL DOES",
         "What the network produces at its present weights, one view for each lane, with the lane's own "
         "formats.",
         draw_model_view_panel, Slot::model_view, "What the model does"},
        {"gradients", "GRADIENTS vs FP16",
         "Where the values of each tensor lie on a log2 axis against what FP16 can store. F: flushed to "
         "zero, at most 2^-25. S: subnormal, stored with fewer bits. N: normal. O: overflow, 65520 and more "
         "becomes infinite. Counted exactly, as values are stored.",
         draw_gradients_panel, Slot::gradients, "Gradients", &kRange},
        {"staircase", "STAIRCASE",
         "Every layer in the order of depth on one log2 axis against what FP16 can store: the activation "
         "going "
         "forward, and its gradient coming back. Bars: exact counts; the line through them: the smallest to "
         "the "
         "largest value. Click a line to follow that tensor everywhere.",
         draw_staircase_panel, Slot::staircase, "Staircase", &kRange},
        {"scale_sweep", "ERROR OVER LOSS SCALE",
         "How far each weight gradient is from the true one under every loss scale: passes over the same "
         "batch at "
         "the same weights, one a scale, each compared with FP32 (the shadow pass). Too small a scale loses "
         "gradients to zero, too large a one to infinity; between the two walls the error is flat (paper, "
         "section 3.2).",
         draw_scale_sweep_panel, Slot::scale_sweep, "Scale sweep", &kRange},
        {"microscope", "UPDATE MICROSCOPE",
         "The update that the next step will make of one parameter, weight by weight: which updates are "
         "swallowed "
         "because the weight is too large beside them (paper, section 3.1), and, bit by bit, why. Click a "
         "weight.",
         draw_microscope_panel, Slot::microscope, "Updates", &kEffect},
        {"overflow", "OVERFLOWS",
         "Steps whose gradients were infinite or NaN. A click makes such a step again, beside the run, and "
         "finds the "
         "operation where it began, every tensor it reached, and the loss scale that would have been small "
         "enough.",
         draw_overflow_panel, Slot::overflow, "Overflows", &kRange},
        {"alerts", "ALERTS",
         "Rules that watch the run: NaN, infinity, flushed gradients, swallowed updates, the loss scale at "
         "its floor, lanes that drift apart. A rule marks the step, tells of it, or pauses the run there.",
         draw_alerts_panel, Slot::alerts, "Alerts", &kEffect},
        {"accumulator", "ACCUMULATOR LAB",
         "One sum of the live network, addend by addend, added up in six ways: what the precision of the "
         "running sum does "
         "to it (paper, section 3.3). Where the running sum has become too large, addends no longer move it.",
         draw_accumulator_panel, Slot::accumulator, "Sums", &kEffect},
        {"network", "NETWORK",
         "The engine's own graph, from the batch to the loss: every layer with its activation, the gradient "
         "that comes "
         "back to it, and its parameters' gradients, each with the class that stands out. Click one to "
         "follow it.",
         draw_network_panel, Slot::network, "Network", &kRange},
        {"ablation", "ABLATION",
         "Which technique matters? Every combination of the values you choose is trained alone under several "
         "seeds, in "
         "the background, while the run goes on; the table tells mean and spread.",
         draw_ablation_panel, Slot::ablation, "Ablation", &kEffect},
        {"comparison", "FP32 vs FP16",
         "The lanes side by side, and how far each lane's gradients are from the true ones: FP32 gradients "
         "at the same weights on the same batch (the shadow pass).",
         draw_comparison_panel, Slot::comparison, "FP32 vs FP16", &kEffect},
    }};
    return panels;
}

}  // namespace halfscope
