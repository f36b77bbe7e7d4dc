// The main function of tests that need a device: linked by halfscope_add_test where the label is gpu. It
// tells ctest "skipped" where every case that ran was skipped, and never hides a failure or a program in
// which something passed.
#include <gtest/gtest.h>

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    const int status = RUN_ALL_TESTS();
    const testing::UnitTest& results = *testing::UnitTest::GetInstance();
    const bool all_skipped = results.skipped_test_count() > 0 && results.successful_test_count() == 0;
    return status == 0 && all_skipped ? HALFSCOPE_SKIP_EXIT_CODE : status;
}
