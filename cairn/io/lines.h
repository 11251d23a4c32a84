// Lines of text that nobody vouches for: one without an end must not fill the memory, nor keep a
// tokenizer busy for ever.
#pragma once
#include <cstdint>
#include <istream>
#include <string>

namespace cairn::io {

inline constexpr size_t kLongestLine = size_t{16} << 20;  // bytes

// Throws Error that says how long line `number` (from 1) of `name` is, when it is longer.
void check_line(size_t bytes, const std::string& name, int64_t number);

// The next line, without its end; false where there is none. Never holds more than the longest;
// throws Error as above.
bool next_line(std::istream& in, std::string& line, const std::string& name, int64_t number);

// Whether reading standard input would not have to wait: there is more, or its end.
bool more_is_there();

}  // namespace cairn::io
