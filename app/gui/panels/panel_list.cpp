#include "gui/panels/panel_list.h"

#include "gui/panels/comparison_panel.h"
#include "gui/panels/gradients_panel.h"
#include "gui/panels/lanes_panel.h"
#include "gui/panels/loss_panel.h"
#include "gui/panels/loss_scale_panel.h"
#include "gui/panels/model_view_panel.h"
#include "gui/panels/scenario_panel.h"
#include "gui/panels/techniques_panel.h"
#include "gui/panels/validation_panel.h"

namespace halfscope {

const std::vector<PanelInfo>& panel_list() {
    static const std::vector<PanelInfo> panels{
        {"scenario", "Scenario", draw_scenario_panel},
        {"lanes", "Lanes", draw_lanes_panel},
        {"techniques", "Techniques", draw_techniques_panel},
        {"loss", "Loss", draw_loss_panel},
        {"validation", "Validation", draw_validation_panel},
        {"loss_scale", "Loss scale", draw_loss_scale_panel},
        {"model_view", "What the model does", draw_model_view_panel},
        {"gradients", "Gradients vs FP16", draw_gradients_panel},
        {"comparison", "FP32 vs FP16", draw_comparison_panel},
    };
    return panels;
}

const PanelInfo* find_panel(std::string_view id) {
    for (const PanelInfo& panel : panel_list()) {
        if (panel.id == id) return &panel;
    }
    return nullptr;
}

}  // namespace halfscope
