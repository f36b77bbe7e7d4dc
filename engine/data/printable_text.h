// Makes bytes that a model generated safe to show. Called by scenarios for their text view.
#pragma once

#include <string>
#include <string_view>

namespace halfscope {

/// U+FFFD, the replacement character, in UTF-8.
inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

/// `bytes` as UTF-8 on one line: white space becomes a space; control codes and bytes that are not part of a
/// valid UTF-8 sequence (Unicode 15, table 3-7) become U+FFFD, one each; C1 controls likewise.
std::string printable_line(std::string_view bytes);

}  // namespace halfscope
