// Where Halfscope keeps what belongs to the user. Used by the window's kept looks and the kept weights.
#pragma once

#include <string>

namespace halfscope {

/// $`variable`/halfscope, else ~/`below_home`/halfscope; empty where neither variable holds an absolute path
/// (XDG Base Directory Specification: one that is not is to be ignored). The folder need not exist.
std::string user_folder(const char* variable, const std::string& below_home);

}  // namespace halfscope
