// Files that name classes by their order, as sets for detection have them.
#pragma once
#include <string>
#include <vector>

namespace cairn::data {

// A name a line (classes.txt, *.names), or the list of a .yaml or .yml: `names: [cat, dog]`, lines
// `- cat`, or lines `0: cat`. Blank lines do not count. Throws Error naming the file for a name
// that comes twice and for numbers that are not 0, 1, 2, ...
std::vector<std::string> names_of_classes(const std::string& path);
// The file of a folder that names the classes: classes.txt, else *.names, else a .yaml or .yml with
// names; "": none.
std::string class_names_file(const std::string& folder);

}  // namespace cairn::data
