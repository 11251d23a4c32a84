// Options by the names that other programs give them.
#pragma once
#include <string>
#include <vector>

namespace cairn::cli {

// What a command that has the options `known` ("--lr", ...) answers to one of another name: "it is
// called --lr here", or that there is none and why; "": nothing is known of it.
std::string said_of_synonym(const std::string& flag, const std::vector<std::string>& known);

}  // namespace cairn::cli
