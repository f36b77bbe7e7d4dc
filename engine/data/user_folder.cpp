#include "data/user_folder.h"

#include <cstdlib>

namespace halfscope {
namespace {

/// Empty where it is none.
std::string absolute_path_in(const char* variable) {
    const char* value = std::getenv(variable);
    return value && value[0] == '/' ? value : "";
}

}  // namespace

std::string user_folder(const char* variable, const std::string& below_home) {
    if (const std::string given = absolute_path_in(variable); !given.empty()) return given + "/halfscope";
    if (const std::string home = absolute_path_in("HOME"); !home.empty())
        return home + "/" + below_home + "/halfscope";
    return {};
}

}  // namespace halfscope
