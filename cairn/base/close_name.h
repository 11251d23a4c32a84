// What somebody meant who wrote a name that does not exist.
#pragma once
#include <string>
#include <vector>

namespace cairn {

// The entry of `known` that `name` is a slip of (a letter or two; in long names a third of them),
// or
// "": a suggestion that is not close only leads astray.
std::string close_name(const std::string& name, const std::vector<std::string>& known);

}  // namespace cairn
