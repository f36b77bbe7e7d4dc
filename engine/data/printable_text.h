// Makes bytes that a model generated, or that a file gives for a name, safe to show. Called by scenarios for
// their text view, and by readers for their refusals.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace halfscope {

/// U+FFFD, the replacement character, in UTF-8.
inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

/// `bytes` as UTF-8 on one line: white space becomes a space; control codes and bytes that are not part of a
/// valid UTF-8 sequence (Unicode 15, table 3-7) become U+FFFD, one each; C1 controls likewise.
std::string printable_line(std::string_view bytes);

/// printable_line() of at most so many bytes of `text`, cut between two characters, with "..." for the rest.
std::string short_line(std::string_view text, std::size_t most_bytes);
/// The same of a name from outside in a sentence.
std::string short_name(std::string_view name);
/// The same in quotes.
std::string quoted_name(std::string_view name);

}  // namespace halfscope
