#include "data/row_table.h"

#include <gtest/gtest.h>

namespace halfscope {
namespace {

TEST(RowTable, SliceStopsAtTheEndWithZeroRows) {
    const RowTable table{3, 2, 0, {1, 2, 3, 4, 5, 6}, {}, {7, 8, 9}};
    const RowTable slice = slice_rows(table, 1, 4);
    EXPECT_EQ(slice.rows, 4);
    EXPECT_EQ(slice.x, (std::vector<float>{3, 4, 5, 6, 0, 0, 0, 0}));
    EXPECT_EQ(slice.labels, (std::vector<std::int32_t>{8, 9, 0, 0}));
    EXPECT_EQ(slice_rows(table, 3, 1).x, (std::vector<float>{0, 0}));
}

TEST(RowTable, SliceAndGatherKeepTargets) {
    const RowTable table{2, 1, 3, {1, 2}, {1, 2, 3, 4, 5, 6}, {}};
    EXPECT_EQ(slice_rows(table, 1, 2).targets, (std::vector<float>{4, 5, 6, 0, 0, 0}));
    EXPECT_TRUE(slice_rows(table, 0, 2).labels.empty());
    const RowTable gathered = gather_rows(table, {1, 0, 1});
    EXPECT_EQ(gathered.x, (std::vector<float>{2, 1, 2}));
    EXPECT_EQ(gathered.targets, (std::vector<float>{4, 5, 6, 1, 2, 3, 4, 5, 6}));
    EXPECT_TRUE(gathered.labels.empty());
}

}  // namespace
}  // namespace halfscope
