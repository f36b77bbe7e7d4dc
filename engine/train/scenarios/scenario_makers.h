// One maker per built-in scenario. Called by scenario_list.cpp alone; everybody else asks scenarios() or
// find_scenario().
#pragma once

#include <memory>

#include "train/scenario.h"

namespace halfscope {

/// A deep MLP tells three spiral arms apart: where small gradients underflow without loss scaling.
std::unique_ptr<Scenario> make_spiral_mlp();
/// A coordinate network fits a picture: where small updates vanish without master weights.
std::unique_ptr<Scenario> make_image_fit();
/// A GRU learns to write characters: a recurrent network in FP16, on built-in text or a file.
std::unique_ptr<Scenario> make_char_gru();
/// A trained GRU learns new words at a small learning rate: where small updates vanish without
/// master weights.
std::unique_ptr<Scenario> make_gru_finetune();
/// A residual network reads digits: convolution and batch normalisation in FP16, on drawn glyphs or picture
/// files.
std::unique_ptr<Scenario> make_digits_cnn();

}  // namespace halfscope
