// Files that the window opens and saves, whatever way they come: from a dialog, a key, or dropped on it.
// Sends the Commands; the trainer thread reads and writes, and says how it went.
#pragma once

#include <string>

#include "gui/panels/panel.h"

namespace halfscope {

/// A checkpoint or a recipe is opened; a .safetensors file of the present network's weights is loaded into
/// all lanes, any other file of tensors is shown (tensor_view.h), a pickled one refused; a .toml file is an
/// experiment described; anything else is data to train on: digits-cnn on a folder or an IDX file of
/// pictures, char-gru on a text, with the present lanes where the scenario stays.
void open_file(const PanelContext& context, const std::string& path);
void open_scenario_file(const PanelContext& context, const std::string& path);
void open_data_file(const PanelContext& context, const std::string& path);
void open_checkpoint(const PanelContext& context, const std::string& path);
void open_recipe(const PanelContext& context, const std::string& path);

/// Saves to where it was saved or opened last, else to export_path(). A path that is given is remembered.
void save_checkpoint(const PanelContext& context, const std::string& path = "");

/// What a dialog proposes.
std::string proposed_checkpoint(const PanelContext& context);
std::string proposed_recipe(const PanelContext& context);

}  // namespace halfscope
