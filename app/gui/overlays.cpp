#include "gui/overlays.h"

#include <algorithm>
#include <array>

#include "gui/dialog.h"
#include "gui/files.h"
#include "gui/imgui_compat.h"
#include "gui/keys.h"
#include "gui/tensor_view.h"
#include "gui/widgets/controls.h"

namespace halfscope {
namespace {

constexpr int kMostToasts = 5;

/// One message with its symbol; errors stay until they are clicked away. Returns its height.
float draw_toast(const PanelContext& context, MessageLog::Entry& entry, int index, ImVec2 bottom_right) {
    const Theme& theme = context.theme;
    const bool is_error = entry.kind == Message::Kind::error;
    const float opacity = context.ui.messages.opacity(entry);
    ImGui::SetNextWindowPos(bottom_right, ImGuiCond_Always, ImVec2(1, 1));
    ImGui::SetNextWindowSizeConstraints(ImVec2(theme.px(180), 0), ImVec2(theme.px(520), theme.px(400)));
    ImGui::PushStyleVar(ImGuiStyleVar_Alpha, opacity);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, theme.px(1));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, theme.px(5));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(theme.px(10), theme.px(8)));
    ImGui::PushStyleColor(ImGuiCol_WindowBg, theme.panel_background);
    ImGui::PushStyleColor(ImGuiCol_Border, is_error ? theme.error : theme.accent);
    ImGuiWindowFlags flags = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_AlwaysAutoResize |
                             ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoFocusOnAppearing |
                             ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoMove;
    if (!is_error) flags |= ImGuiWindowFlags_NoInputs;
    const std::string id = "##toast" + std::to_string(index);
    ImGui::Begin(id.c_str(), nullptr, flags);
    coloured_text(is_error ? theme.error : theme.accent, is_error ? "!" : "i");
    ImGui::SameLine();
    ImGui::PushTextWrapPos(theme.px(480));
    const std::string repeats = entry.repeats > 1 ? " (" + std::to_string(entry.repeats) + " times)" : "";
    ImGui::TextUnformatted((entry.text + repeats).c_str());
    ImGui::PopTextWrapPos();
    if (is_error) {
        if (ImGui::Button("Dismiss")) entry.dismissed = true;
        context.ui.probe.item("message/dismiss");
        ImGui::SameLine();
        dim_text(theme, "Esc");
    }
    context.ui.probe.value(is_error ? "message/error" : "message/note", entry.text);
    const float height = ImGui::GetWindowHeight();
    ImGui::End();
    ImGui::PopStyleColor(2);
    ImGui::PopStyleVar(4);
    return height;
}

/// The newest at the bottom right, above the status bar.
void draw_toasts(const PanelContext& context) {
    std::deque<MessageLog::Entry>& entries = context.ui.messages.entries();
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    ImVec2 corner(size.x - context.theme.px(14), size.y - context.theme.px(38));
    int shown = 0;
    for (int index = static_cast<int>(entries.size()) - 1; index >= 0 && shown < kMostToasts; --index) {
        MessageLog::Entry& entry = entries[static_cast<std::size_t>(index)];
        if (context.ui.messages.opacity(entry) <= 0) continue;
        // By position, so that a window keeps its size while messages come and go.
        corner.y -= draw_toast(context, entry, shown, corner) + context.theme.px(6);
        ++shown;
    }
}

/// A box in the middle, above everything but dialogs, that stays until its cause is gone.
void begin_notice(const PanelContext& context, const char* id, ImU32 border) {
    const Theme& theme = context.theme;
    const ImVec2 size = ImGui::GetIO().DisplaySize;
    const float width = std::min(theme.px(420), size.x * 0.9f);
    ImGui::SetNextWindowPos(ImVec2(size.x * 0.5f, size.y * 0.4f), ImGuiCond_Always, ImVec2(0.5f, 0.5f));
    ImGui::SetNextWindowSizeConstraints(ImVec2(width, 0), ImVec2(width, size.y * 0.9f));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, theme.px(1));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, theme.px(6));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(theme.px(16), theme.px(12)));
    ImGui::PushStyleColor(ImGuiCol_WindowBg, theme.panel_background);
    ImGui::PushStyleColor(ImGuiCol_Border, border);
    ImGui::PushStyleColor(ImGuiCol_PlotHistogram, theme.accent);
    ImGui::Begin(id, nullptr,
                 ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_AlwaysAutoResize |
                     ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoFocusOnAppearing |
                     ImGuiWindowFlags_NoMove);
}
void end_notice() {
    ImGui::End();
    ImGui::PopStyleColor(3);
    ImGui::PopStyleVar(3);
}

/// What an opening that takes long does, how far it is, and a way to end it.
void draw_loading(const PanelContext& context) {
    const LoadingProgress& loading = context.snapshot.loading;
    if (context.snapshot.state != RunState::loading || loading.text.empty()) {
        context.ui.loading_since_s.reset();
        return;
    }
    // A short way through the steps is seen on the time bar; a box would flash.
    constexpr double kShortWay_s = 0.4;
    const double now_s = ImGui::GetTime();
    if (!context.ui.loading_since_s) context.ui.loading_since_s = now_s;
    if (context.snapshot.going_to && now_s - *context.ui.loading_since_s < kShortWay_s) return;
    const Theme& theme = context.theme;
    begin_notice(context, "##loading", theme.accent);
    ImGui::TextWrapped("%s", loading.text.c_str());
    ImGui::ProgressBar(static_cast<float>(loading.fraction), ImVec2(-1, theme.px(8)), "");
    ImGui::Dummy(ImVec2(0, theme.px(2)));
    if (ImGui::Button("Cancel")) context.commands.send(CancelCommand{});
    context.ui.probe.item("loading/cancel");
    ImGui::SameLine();
    dim_text(theme, "Esc");
    context.ui.probe.value("loading", loading.text);
    end_notice();
}

/// The device is lost and a copy of the run is not: what can be done about it, in the middle.
void draw_rescue(const PanelContext& context) {
    if (!context.snapshot.rescued_steps) return;
    const Theme& theme = context.theme;
    begin_notice(context, "##rescue", theme.error);
    ImGui::TextWrapped("%s",
                       ("The GPU has failed, and what was in its memory is gone. A copy of the run after " +
                        count_text(*context.snapshot.rescued_steps) + " steps is kept.")
                           .c_str());
    ImGui::Dummy(ImVec2(0, theme.px(2)));
    if (ImGui::Button("Go on on the CPU")) context.commands.send(GoOnOnCpuCommand{});
    context.ui.probe.item("rescue/cpu");
    ImGui::SameLine();
    dim_text(theme, "Return");
    end_notice();
}

void draw_keys(const PanelContext& context) {
    if (begin_dialog(context, "Keys", context.ui.dialogs.keys, 560) && ImGui::BeginTable("keys", 2)) {
        ImGui::TableSetupColumn("key", ImGuiTableColumnFlags_WidthFixed, context.theme.px(170));
        ImGui::TableSetupColumn("meaning", ImGuiTableColumnFlags_WidthStretch);
        for (const KeyHelp& help : key_help()) {
            ImGui::TableNextRow();
            ImGui::TableNextColumn();
            mono_text(context.theme, help.key);
            ImGui::TableNextColumn();
            ImGui::TextWrapped("%s", help.meaning);
        }
        ImGui::EndTable();
        section_heading(context.theme, "IN A PLOT");
        ImGui::TextWrapped(
            "Drag: pan. Wheel: zoom steps; with Ctrl, or over the labels on the left, values. Right drag: "
            "zoom to a "
            "box. Double click: fit. Click a legend entry: hide the lane. Right click: menu with CSV and "
            "PNG.");
        context.ui.probe.value("dialog", "keys");
    }
    ImGui::End();
}

struct PaperRow {
    const char *section, *model, *fp32, *mixed, *scale;
};
// Micikevicius et al., "Mixed Precision Training", ICLR 2018 (arXiv 1710.03740v3), tables 1 to 3, figures 2
// to 6.
constexpr std::array<PaperRow, 13> kPaper{{
    {"4.1", "AlexNet, ILSVRC12 top-1", "56.77%", "56.93%", "not needed"},
    {"4.1", "VGG-D", "65.40%", "65.43%", "not needed"},
    {"4.1", "GoogLeNet (Inception v1)", "68.33%", "68.43%", "not needed"},
    {"4.1", "Inception v2", "70.03%", "70.02%", "not needed"},
    {"4.1", "Inception v3", "73.85%", "74.13%", "not needed"},
    {"4.1", "ResNet-50", "75.92%", "76.04%", "not needed"},
    {"4.2", "Faster R-CNN, VOC07 mAP", "69.1%", "69.7%", "helps slightly (68.6% without)"},
    {"4.2", "Multibox SSD", "76.9%", "77.1%", "8 (diverges without)"},
    {"4.3", "DeepSpeech 2 English, CER", "2.20", "1.99", "not needed"},
    {"4.3", "DeepSpeech 2 Mandarin, CER", "15.82", "15.01", "not needed; no FP32 master copy: 80% worse"},
    {"4.4", "seq2seq LSTM translation", "curve", "matches", "slight degradation without"},
    {"4.5", "bigLSTM language model", "curve", "matches at 128", "at 1 diverges after ~300K iterations"},
    {"4.6", "DCGAN faces", "faces", "faces", "not needed"},
}};

void draw_paper(const PanelContext& context) {
    if (begin_dialog(context, "What the paper found", context.ui.dialogs.paper, 820)) {
        ImGui::TextWrapped(
            "Micikevicius et al., \"Mixed Precision Training\", ICLR 2018 (arXiv 1710.03740).");
        if (ImGui::BeginTable("paper", 5, ImGuiTableFlags_RowBg | ImGuiTableFlags_BordersInnerH)) {
            for (const char* title : {"section", "model", "FP32", "mixed precision", "loss scaling"}) {
                ImGui::TableSetupColumn(title);
            }
            ImGui::TableHeadersRow();
            for (const PaperRow& row : kPaper) {
                ImGui::TableNextRow();
                for (const char* cell : {row.section, row.model, row.fp32, row.mixed, row.scale}) {
                    ImGui::TableNextColumn();
                    ImGui::TextUnformatted(cell);
                }
            }
            ImGui::EndTable();
        }
        ImGui::Dummy(ImVec2(0, context.theme.px(4)));
        wrapped_dim_text(
            context.theme,
            "The networks built in here are small. Their histograms look like the paper's; the late "
            "divergence of bigLSTM and that of SSD do not appear at this size, and \"mixed a little better "
            "than FP32\" lies within the noise of seeds. Dynamic loss scaling is future work in the paper "
            "(section 5); its constants come from the frameworks.");
    }
    ImGui::End();
}

void draw_log(const PanelContext& context) {
    if (begin_dialog(context, "Messages so far", context.ui.dialogs.log, 640)) {
        if (context.ui.messages.entries().empty()) dim_text(context.theme, "no messages yet");
        for (const MessageLog::Entry& entry : context.ui.messages.entries()) {
            const bool is_error = entry.kind == Message::Kind::error;
            coloured_text(is_error ? context.theme.error : context.theme.text_dim, is_error ? "!" : "i");
            ImGui::SameLine();
            ImGui::TextWrapped("%s", entry.text.c_str());
        }
    }
    ImGui::End();
}

void draw_about(const PanelContext& context) {
    if (begin_dialog(context, "About Halfscope", context.ui.dialogs.about, 520)) {
        ImGui::TextUnformatted("Halfscope " HALFSCOPE_VERSION ", an oscilloscope for half precision.");
        ImGui::TextWrapped(
            "Nothing here is rigged: FP16 tensors occupy 16 bits, networks are textbook networks with "
            "default "
            "initialisation, and all lanes share initial weights and batches. Counts are exact.");
        dim_text(context.theme, context.snapshot.device.c_str());
        dim_text(context.theme,
                 "Dear ImGui " IMGUI_VERSION ", GLFW, stb, CLI11, nlohmann-json, toml++. MIT licence.");
    }
    ImGui::End();
}

/// A dialog for one path. Returns true, and closes, where the button or Enter was pressed on a path.
bool draw_path_dialog(const PanelContext& context, const char* title, bool& open, std::string& path,
                      const char* explanation, const char* button, const char* probe) {
    bool taken = false;
    if (begin_dialog(context, title, open, 560)) {
        const std::string id(probe);
        ImGui::TextWrapped("%s", explanation);
        if (ImGui::IsWindowAppearing()) ImGui::SetKeyboardFocusHere();
        ImGui::SetNextItemWidth(-1);
        const bool entered = ImGui::InputTextWithHint("##path", "path of the file or folder", &path,
                                                      ImGuiInputTextFlags_EnterReturnsTrue);
        context.ui.probe.item(id + "/path");
        const bool clicked = ImGui::Button(button);
        context.ui.probe.item(id + "/open");
        ImGui::SameLine();
        if (ImGui::Button("Cancel")) open = false;
        taken = (entered || clicked) && !path.empty();
        if (taken) open = false;
    }
    ImGui::End();
    return taken;
}

void draw_open_data(const PanelContext& context) {
    Dialogs& dialogs = context.ui.dialogs;
    if (draw_path_dialog(
            context, "Open data, a scenario or a recipe", dialogs.open_data, dialogs.data_path,
            "A text: a GRU learns to write like it, byte by byte. An IDX file of pictures, "
            "gzipped or not, or a "
            "folder with one sub-folder of PNG or JPEG files for each class: a residual network "
            "learns to tell "
            "them apart. A tenth is kept for validation. A .toml scenario file: the experiment that it "
            "describes. A recipe: the run that it was saved from, with every change at its step. Files and "
            "folders can also be dropped on the window.",
            "Open it", "open_data")) {
        open_file(context, dialogs.data_path);
    }
}

void draw_open_checkpoint(const PanelContext& context) {
    Dialogs& dialogs = context.ui.dialogs;
    if (draw_path_dialog(
            context, "Open a checkpoint", dialogs.open_checkpoint, dialogs.checkpoint_path,
            "A whole run as it was when it was saved, here or by halfscope-cli train --checkpoint: it goes "
            "on "
            "bit for bit as it would have gone on. A .safetensors file of its weights starts every lane of "
            "the "
            "present scenario from them. Both can also be dropped on the window.",
            "Open it", "open_checkpoint")) {
        open_file(context, dialogs.checkpoint_path);
    }
}

void draw_open_tensors(const PanelContext& context) {
    Dialogs& dialogs = context.ui.dialogs;
    if (draw_path_dialog(
            context, "Open tensors", dialogs.open_tensors, dialogs.tensors_path,
            "Tensors of any training, as .npy, .npz or .safetensors, each against the range of FP16 and of "
            "other formats, with the loss scale that would be best. Help says how to write gradients from "
            "PyTorch. The file can also be dropped on the window.",
            "Open it", "open_tensors")) {
        open_tensors(context, dialogs.tensors_path, TensorPurpose::look);
    }
}

constexpr const char* kDumpLines =
    "from safetensors.torch import save_file\n"
    "# after loss.backward(), before optimizer.step()\n"
    "save_file({name: p.grad for name, p in model.named_parameters()\n"
    "           if p.grad is not None}, \"grads.safetensors\")\n";

void draw_dump_help(const PanelContext& context) {
    if (begin_dialog(context, "Your gradients from PyTorch", context.ui.dialogs.dump_help, 640)) {
        ImGui::TextWrapped(
            "These lines write the gradients of a step of your own training. Drop the file on this window, "
            "or open it with File > Open tensors..., and see what FP16 and other formats make of them.");
        ImGui::Dummy(ImVec2(0, context.theme.px(4)));
        mono_text(context.theme, kDumpLines);
        if (ImGui::Button("Copy these lines")) {
            ImGui::SetClipboardText(kDumpLines);
            context.ui.messages.note("copied to the clipboard");
        }
        context.ui.probe.item("dump_help/copy");
        item_tooltip(context.theme, "to the clipboard");
        wrapped_dim_text(
            context.theme,
            "With a GradScaler the gradients contain its scale until scaler.unscale_(optimizer). One array "
            "alone: numpy.save(\"grad.npy\", p.grad.float().cpu().numpy()). Pickled files (.pt, .pth, .bin) "
            "are programs and are not read.");
        context.ui.probe.value("dialog", "dump_help");
    }
    ImGui::End();
}

void draw_save_checkpoint(const PanelContext& context) {
    Dialogs& dialogs = context.ui.dialogs;
    if (dialogs.checkpoint_path.empty()) dialogs.checkpoint_path = proposed_checkpoint(context);
    if (draw_path_dialog(context, "Save a checkpoint", dialogs.save_checkpoint, dialogs.checkpoint_path,
                         "The whole run: weights, master copies, optimizer state, loss scalers, lanes with "
                         "their techniques, "
                         "curves and events. A file of that name is replaced. Ctrl S saves there again.",
                         "Save", "save_checkpoint")) {
        save_checkpoint(context, dialogs.checkpoint_path);
    }
}

void draw_save_recipe(const PanelContext& context) {
    Dialogs& dialogs = context.ui.dialogs;
    if (dialogs.recipe_path.empty()) dialogs.recipe_path = proposed_recipe(context);
    if (draw_path_dialog(
            context, "Save the recipe of this run", dialogs.save_recipe, dialogs.recipe_path,
            "A short text from which the run is made again, here or by halfscope-cli train "
            "--recipe, on the CPU bit for bit: scenario, settings, seed, the lanes it started with, "
            "and every change of techniques and lanes at its step, those ahead too. It holds no "
            "weights. A file of that name is replaced.",
            "Save", "save_recipe")) {
        context.commands.send(SaveRecipeCommand{dialogs.recipe_path});
    }
}

}  // namespace

void draw_overlays(const PanelContext& context) {
    Dialogs& dialogs = context.ui.dialogs;
    draw_tensor_view(context);
    draw_loading(context);
    draw_rescue(context);
    if (dialogs.keys) draw_keys(context);
    if (dialogs.paper) draw_paper(context);
    if (dialogs.log) draw_log(context);
    if (dialogs.about) draw_about(context);
    if (dialogs.open_data) draw_open_data(context);
    if (dialogs.open_checkpoint) draw_open_checkpoint(context);
    if (dialogs.save_checkpoint) draw_save_checkpoint(context);
    if (dialogs.save_recipe) draw_save_recipe(context);
    if (dialogs.open_tensors) draw_open_tensors(context);
    if (dialogs.dump_help) draw_dump_help(context);
    draw_toasts(context);
}

}  // namespace halfscope
