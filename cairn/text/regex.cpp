#define PCRE2_CODE_UNIT_WIDTH 8
#include "cairn/text/regex.h"

#include <pcre2.h>

#include "cairn/base/error.h"
#include "cairn/text/unicode.h"

namespace cairn::text {

struct Regex::Code {
  pcre2_code* code = nullptr;
  Code() = default;
  Code(const Code&) = delete;
  ~Code() { pcre2_code_free(code); }
};

namespace {

std::string message_of(int error) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(error, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

// PCRE2 takes other characters for spaces and words: its own short forms are written out.
std::string with_classes_written_out(std::string_view pattern) {
  constexpr std::string_view kSpace = R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a})"
                                      R"(\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
  constexpr std::string_view kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c != '\\' || i + 1 == pattern.size()) {
      if (c == '[' && !in_class) {
        in_class = true;
        // A ] that is the first of a class is one of it.
        out += c;
        if (i + 1 < pattern.size() && pattern[i + 1] == '^') out += pattern[++i];
        if (i + 1 < pattern.size() && pattern[i + 1] == ']') out += pattern[++i];
        continue;
      }
      if (c == ']') in_class = false;
      out += c;
      continue;
    }
    const char kind = pattern[++i];
    const auto put = [&](std::string_view set, bool inverted) {
      if (in_class) out += set;
      else ((out += inverted ? "[^" : "[") += set) += ']';
    };
    if (kind == 's') put(kSpace, false);
    else if (kind == 'w') put(kWord, false);
    else if (kind == 'd') put("\\p{Nd}", false);
    else if (kind == 'S' && !in_class) put(kSpace, true);
    else if (kind == 'W' && !in_class) put(kWord, true);
    else if (kind == 'D' && !in_class) put("\\p{Nd}", true);
    else (out += '\\') += kind;
  }
  return out;
}

// What matching needs besides the code, one for each thread.
struct MatchMemory {
  pcre2_match_data* data = pcre2_match_data_create(64, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 << 10, 8 << 20, nullptr);
  MatchMemory() {
    if (context && stack) pcre2_jit_stack_assign(context, nullptr, stack);
  }
  MatchMemory(const MatchMemory&) = delete;
  ~MatchMemory() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
};

}  // namespace

Regex::Regex(const std::string& pattern, const std::string& where) : pattern_(pattern) {
  const std::string written = with_classes_written_out(pattern);
  int error = 0;
  PCRE2_SIZE at = 0;
  auto code = std::make_shared<Code>();
  code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(written.data()), written.size(),
                             PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at, nullptr);
  if (code->code == nullptr)
    fail("{}: '{}' is no regular expression that can be used: {}", where, pattern,
         message_of(error));
  pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE);  // where it cannot, it is interpreted
  code_ = std::move(code);
}

bool Regex::find(std::string_view text, size_t from, Match& match) const {
  thread_local MatchMemory memory;
  check(memory.data != nullptr, "regular expression: no memory");
  const int found = pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                from, PCRE2_NO_UTF_CHECK, memory.data, memory.context);
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) fail("regular expression '{}': {}", pattern_, message_of(found));
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(memory.data);
  match = {ends[0], ends[1]};
  return true;
}

size_t Regex::after(std::string_view text, size_t at) {
  if (at < text.size()) next_point(text, at);
  else ++at;
  return at;
}

std::string escape_regex(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x80 && !(u >= 'a' && u <= 'z') && !(u >= 'A' && u <= 'Z') && !(u >= '0' && u <= '9'))
      out += fmt::format("\\x{{{:x}}}", u);
    else out += c;
  }
  return out;
}

}  // namespace cairn::text
