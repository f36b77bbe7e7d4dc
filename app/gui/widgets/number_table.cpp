#include "gui/widgets/number_table.h"

#include <algorithm>

#include "gui/imgui_compat.h"
#include "gui/widgets/controls.h"
#include "gui/widgets/draw.h"

namespace halfscope {
namespace {

float text_width(const std::string& text) { return ImGui::CalcTextSize(text.c_str()).x; }

/// Pixels between a row's start and its name: chip or swatch.
float mark_width(const Theme& theme, const NumberRow& row) {
    const float line = ImGui::GetTextLineHeight();
    if (row.lane_id >= 0) return line * 1.15f + theme.px(27);  // as lane_chip() draws it
    return row.swatch != 0 ? line * 0.7f + theme.px(5) : 0.0f;
}

/// What the names take: what the numbers that are always shown leave, at least a third.
float name_need(const Theme& theme, const std::string& title, const std::vector<NumberRow>& rows, float room,
                float numbers) {
    float need = text_width(title);
    for (const NumberRow& row : rows) need = std::max(need, mark_width(theme, row) + text_width(row.name));
    return std::max(
        1.0f, std::min(need + 2 * ImGui::GetStyle().CellPadding.x, std::max(room - numbers, room * 0.34f)));
}

std::vector<float> column_needs(const Theme& theme, const std::vector<NumberColumn>& columns,
                                const std::vector<NumberRow>& rows) {
    std::vector<float> needs;
    needs.reserve(columns.size());
    for (const NumberColumn& column : columns) needs.push_back(text_width(column.title));
    if (theme.mono_font) compat::push_font(theme.mono_font);
    for (const NumberRow& row : rows) {
        for (std::size_t index = 0; index < columns.size(); ++index) {
            needs[index] = std::max(needs[index], text_width(row.cells[index].text));
        }
    }
    if (theme.mono_font) ImGui::PopFont();
    for (float& need : needs) need += 2 * ImGui::GetStyle().CellPadding.x + 1;
    return needs;
}

void move_to_right_edge(float width) {
    const float room = ImGui::GetContentRegionAvail().x - width;
    if (room > 0) ImGui::SetCursorPosX(ImGui::GetCursorPosX() + room);
}

void draw_name(const Theme& theme, const NumberRow& row) {
    ImGui::TableNextColumn();
    if (row.lane_id >= 0) {
        lane_chip(theme, row.lane_id);
        ImGui::SameLine(0, theme.px(4));
    } else if (row.swatch != 0) {
        const ImVec2 at = ImGui::GetCursorScreenPos();
        const float line = ImGui::GetTextLineHeight();
        ImGui::GetWindowDrawList()->AddRectFilled(ImVec2(at.x, at.y + line * 0.2f),
                                                  ImVec2(at.x + line * 0.7f, at.y + line * 0.9f), row.swatch);
        ImGui::Dummy(ImVec2(line * 0.7f, line));
        ImGui::SameLine(0, theme.px(5));
    }
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float room = ImGui::GetContentRegionAvail().x;
    const bool is_cut = text_width(row.name) > room;
    draw_name_text(ImGui::GetWindowDrawList(), at, room, theme.text, row.name);
    ImGui::Dummy(ImVec2(std::max(1.0f, room), ImGui::GetTextLineHeight()));
    if (is_cut) item_tooltip(theme, row.name);
}

void draw_cell(const Theme& theme, const NumberCell& cell) {
    ImGui::TableNextColumn();
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float room = ImGui::GetContentRegionAvail().x;
    if (theme.mono_font) compat::push_font(theme.mono_font);
    move_to_right_edge(text_width(cell.text));
    coloured_text(cell.colour != 0 ? cell.colour : theme.text, cell.text.c_str());
    if (theme.mono_font) ImGui::PopFont();
    item_tooltip(theme, cell.help);
    if (cell.bar < 0) return;
    const float y = ImGui::GetItemRectMax().y;
    ImDrawList* draw = ImGui::GetWindowDrawList();
    draw->AddRectFilled(ImVec2(at.x, y - theme.px(1)), ImVec2(at.x + room, y + theme.px(1)), theme.grid);
    draw->AddRectFilled(ImVec2(at.x, y - theme.px(1)),
                        ImVec2(at.x + room * std::min(cell.bar, 1.0f), y + theme.px(1)),
                        cell.colour != 0 ? cell.colour : theme.accent);
}

}  // namespace

int shown_rank(const std::vector<NumberColumn>& columns, const std::vector<float>& needs, float room) {
    int rank = 0;
    for (const NumberColumn& column : columns) rank = std::max(rank, column.drop_rank);
    for (; rank > 0; --rank) {
        float width = 0;
        for (std::size_t index = 0; index < columns.size(); ++index) {
            if (columns[index].drop_rank <= rank) width += needs[index];
        }
        if (width <= room) break;
    }
    return rank;
}

void draw_number_table(const Theme& theme, UiProbe& probe, const char* id, const std::string& name_title,
                       const std::vector<NumberColumn>& columns, const std::vector<NumberRow>& rows) {
    const float room = ImGui::GetContentRegionAvail().x;
    const std::vector<float> needs = column_needs(theme, columns, rows);
    float least = 0;
    for (std::size_t index = 0; index < columns.size(); ++index)
        least += columns[index].drop_rank == 0 ? needs[index] : 0.0f;
    const float names = name_need(theme, name_title, rows, room, least);
    const int rank = shown_rank(columns, needs, room - names);
    std::vector<std::size_t> shown;
    for (std::size_t index = 0; index < columns.size(); ++index) {
        if (columns[index].drop_rank <= rank) shown.push_back(index);
    }
    constexpr ImGuiTableFlags kFlags =
        ImGuiTableFlags_BordersInnerH | ImGuiTableFlags_NoSavedSettings | ImGuiTableFlags_SizingStretchProp;
    // Another set of columns is another table to ImGui, or it would keep the widths of the old one.
    ImGui::PushID(static_cast<int>(shown.size()));
    if (ImGui::BeginTable(id, static_cast<int>(shown.size()) + 1, kFlags)) {
        ImGui::TableSetupColumn("", ImGuiTableColumnFlags_WidthStretch, names);
        for (const std::size_t index : shown) {
            ImGui::TableSetupColumn("", ImGuiTableColumnFlags_WidthStretch, needs[index]);
        }
        ImGui::TableNextRow();
        ImGui::TableNextColumn();
        dim_text(theme, name_title.c_str());
        for (const std::size_t index : shown) {
            ImGui::TableNextColumn();
            move_to_right_edge(text_width(columns[index].title));
            dim_text(theme, columns[index].title.c_str());
            item_tooltip(theme, columns[index].help);
        }
        for (const NumberRow& row : rows) {
            ImGui::TableNextRow();
            draw_name(theme, row);
            if (!row.probe.empty()) probe.item(row.probe);
            for (const std::size_t index : shown) draw_cell(theme, row.cells[index]);
        }
        ImGui::EndTable();
    }
    ImGui::PopID();
}

}  // namespace halfscope
