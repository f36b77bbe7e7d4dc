#include "gui/input_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace halfscope {
namespace {

using Kind = InputEvent::Kind;
constexpr int kPress = 1, kRelease = 0;

/// What each frame sees, a letter an event: M moved, D button down, U button up, W wheel, k key down, r key
/// released, c character; frames are parted by '|'.
std::string frames_of(InputQueue& queue) {
    std::string text;
    while (!queue.empty()) {
        if (!text.empty()) text += '|';
        for (const InputEvent& event : queue.take_frame()) {
            switch (event.kind) {
                case Kind::cursor:
                    text += 'M';
                    break;
                case Kind::button:
                    text += event.action == kPress ? 'D' : 'U';
                    break;
                case Kind::scroll:
                    text += 'W';
                    break;
                case Kind::key:
                    text += event.action == kPress ? 'k' : 'r';
                    break;
                case Kind::character:
                    text += 'c';
                    break;
            }
        }
    }
    return text;
}

InputEvent moved(double x, double y) { return {Kind::cursor, 0, 0, 0, 0, x, y}; }
InputEvent button(int code, int action) { return {Kind::button, code, 0, action, 0, 0, 0}; }
InputEvent key(int code, int action) { return {Kind::key, code, 0, action, 0, 0, 0}; }
InputEvent character(int code) { return {Kind::character, code, 0, 0, 0, 0, 0}; }
InputEvent scroll(double y) { return {Kind::scroll, 0, 0, 0, 0, 0, y}; }

TEST(InputQueue, ADoubleClickBetweenTwoFramesTakesFour) {
    InputQueue queue;
    for (int click = 0; click < 2; ++click) {
        queue.push(button(0, kPress));
        queue.push(button(0, kRelease));
    }
    EXPECT_EQ(frames_of(queue), "D|U|D|U");
}

TEST(InputQueue, MovesAreOneFrameAndTheClickIsWhereTheyEnd) {
    InputQueue queue;
    for (int step = 0; step < 100; ++step) queue.push(moved(step, 0));
    queue.push(button(0, kPress));
    queue.push(moved(500, 0));
    queue.push(button(0, kRelease));
    EXPECT_EQ(frames_of(queue), std::string(100, 'M') + "D|MU");
}

TEST(InputQueue, TextAndTheKeyThatEndsItKeepTheirOrder) {
    InputQueue queue;
    queue.push(key('A', kPress));
    queue.push(character('a'));
    queue.push(key('A', kRelease));
    queue.push(key(257, kPress));
    queue.push(key(257, kRelease));
    EXPECT_EQ(frames_of(queue), "k|c|rk|r");
}

TEST(InputQueue, WheelAndButtonsDoNotMix) {
    InputQueue queue;
    queue.push(scroll(1));
    queue.push(scroll(1));
    queue.push(button(0, kPress));
    queue.push(scroll(-1));
    EXPECT_EQ(frames_of(queue), "WW|D|W");
}

TEST(InputQueue, NothingIsLostOrReordered) {
    InputQueue queue;
    constexpr int kEvents = 200;
    for (int i = 0; i < kEvents; ++i) {
        switch (i * 7 % 5) {
            case 0:
                queue.push(moved(i, i));
                break;
            case 1:
                queue.push(button(i % 3, i % 2));
                break;
            case 2:
                queue.push(key(i % 4, i % 2));
                break;
            case 3:
                queue.push(character(i));
                break;
            default:
                queue.push(scroll(i));
                break;
        }
        queue.push({Kind::cursor, i + 1, 0, 0, 0, 0, 0});  // carries its number
    }
    int next = 0;
    while (!queue.empty()) {
        const std::vector<InputEvent> frame = queue.take_frame();
        ASSERT_FALSE(frame.empty()) << "each frame takes at least one event";
        for (const InputEvent& event : frame) {
            if (event.kind == Kind::cursor && event.code > 0) {
                EXPECT_EQ(event.code, ++next);
            }
        }
    }
    EXPECT_EQ(next, kEvents);
}

TEST(DoubleClick, IsOneInSlowFramesAndAfterASlowOne) {
    DoubleClickPatience quick;
    for (int frame = 0; frame < 20; ++frame) EXPECT_FLOAT_EQ(quick.next(1.0f / 60), 0.3f);
    // Down, up, and down again in the third frame, the one before it having been slow.
    quick.next(0.4f);
    EXPECT_GT(quick.next(1.0f / 60), 0.4f + 1.0f / 60);
    DoubleClickPatience slow;
    for (int frame = 0; frame < 20; ++frame) slow.next(0.2f);
    EXPECT_NEAR(slow.next(0.2f), 1.0f, 1e-5f) << "five frames";
}

TEST(DoubleClick, IsNoneOfClicksThatAPauseWithoutFramesLiesBetween) {
    DoubleClickPatience patience;
    float since_click = 0, limit = 0;
    // A click is followed by some frames even where nothing changes.
    for (const float frame : {0.02f, 0.02f, 0.02f, 0.02f, 0.02f, 0.02f, 0.9f}) {
        limit = patience.next(frame);
        since_click += frame;
    }
    EXPECT_LT(limit, since_click);
}

}  // namespace
}  // namespace halfscope
