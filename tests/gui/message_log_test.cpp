// Messages: notes fade, errors stay, nothing is shown twice, nothing is lost.
#include "gui/message_log.h"

#include <gtest/gtest.h>

namespace halfscope {
namespace {

TEST(MessageLog, NotesFadeAndErrorsStayUntilDismissed) {
    MessageLog log;
    log.note("written");
    log.error("cannot open");
    EXPECT_EQ(log.opacity(log.entries()[0]), 1.0f);
    EXPECT_TRUE(log.is_animating());
    log.set_clock(MessageLog::kNoteSeconds - MessageLog::kFadeSeconds / 2);
    EXPECT_NEAR(log.opacity(log.entries()[0]), 0.5f, 0.01f);
    log.set_clock(1000);
    EXPECT_EQ(log.opacity(log.entries()[0]), 0.0f);
    EXPECT_EQ(log.opacity(log.entries()[1]), 1.0f);
    EXPECT_FALSE(log.is_animating());
    log.entries()[1].dismissed = true;
    EXPECT_EQ(log.opacity(log.entries()[1]), 0.0f);
    EXPECT_EQ(log.entries().size(), 2u);
}

TEST(MessageLog, TakesEachMessageOfASnapshotOnce) {
    MessageLog log;
    const std::vector<Message> messages{{Message::Kind::note, "one", 1}, {Message::Kind::error, "two", 2}};
    log.take(messages);
    log.take(messages);
    EXPECT_EQ(log.entries().size(), 2u);
    log.take({{Message::Kind::error, "two", 2}, {Message::Kind::error, "two", 3}});
    ASSERT_EQ(log.entries().size(), 2u);
    EXPECT_EQ(log.entries().back().repeats, 2);
}

TEST(MessageLog, ADismissedErrorThatComesAgainIsShownAgain) {
    MessageLog log;
    log.error("full");
    log.entries().back().dismissed = true;
    log.error("full");
    EXPECT_EQ(log.opacity(log.entries().back()), 1.0f);
}

TEST(MessageLog, IsBounded) {
    MessageLog log;
    for (int index = 0; index < 5000; ++index) log.note("note " + std::to_string(index));
    EXPECT_LE(log.entries().size(), 500u);
    EXPECT_EQ(log.entries().back().text, "note 4999");
}

}  // namespace
}  // namespace halfscope
