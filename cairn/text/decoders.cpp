#include <algorithm>

#include "cairn/io/utf8.h"
#include "cairn/text/normalizers.h"
#include "cairn/text/unicode.h"

namespace cairn::text {
namespace {

using Tokens = std::vector<std::string>;

std::string joined(const Tokens& tokens) {
  std::string all;
  for (const std::string& t : tokens) all += t;
  return all;
}

void exchange(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

void bytes_of_characters(Tokens& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) {
    std::string own;
    for (size_t at = 0; at < token.size();) {
      const int byte = byte_of_character(next_point(token, at));
      if (byte < 0) {  // written as something else: taken as it is
        own = token;
        break;
      }
      own += static_cast<char>(byte);
    }
    bytes += own;
  }
  tokens = {with_replacements(bytes)};
}

// English punctuation back to its word.
void clean_up(std::string& text) {
  constexpr std::pair<const char*, const char*> kRules[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) exchange(text, from, to);
}

void word_pieces(Tokens& tokens, const std::string& prefix, bool cleans) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) {
      if (!prefix.empty() && tokens[i].starts_with(prefix)) tokens[i].erase(0, prefix.size());
      else tokens[i].insert(0, " ");
    }
    if (cleans) clean_up(tokens[i]);
  }
}

int hexadecimal_byte(const std::string& token) {  // <0xE4>; -1: another token
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int value = 0;
  for (const char c : {token[3], token[4]}) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

// Runs of byte tokens become characters; in a run that is not UTF-8 every byte becomes U+FFFD.
void byte_fallback(Tokens& tokens) {
  Tokens out;
  std::string run;
  const auto end_run = [&] {
    if (run.empty()) return;
    if (io::find_invalid_utf8(run) == std::string::npos) out.push_back(run);
    else out.insert(out.end(), run.size(), "\xEF\xBF\xBD");
    run.clear();
  };
  for (std::string& token : tokens)
    if (const int byte = hexadecimal_byte(token); byte >= 0) run += static_cast<char>(byte);
    else end_run(), out.push_back(std::move(token));
  end_run();
  tokens = std::move(out);
}

void spaces_of_marks(Tokens& tokens, const std::string& mark, bool first_goes) {
  for (size_t i = 0; i < tokens.size(); ++i)
    exchange(tokens[i], mark, i == 0 && first_goes ? "" : " ");
}

void strip_ends(std::string& token, const std::string& content, int64_t start, int64_t stop) {
  for (; start > 0 && token.starts_with(content); --start) token.erase(0, content.size());
  for (; stop > 0 && token.ends_with(content); --stop) token.erase(token.size() - content.size());
}

void ctc(Tokens& tokens, const std::string& pad, const std::string& delimiter, bool cleans) {
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  Tokens out;
  for (std::string& token : tokens) {
    if (!pad.empty()) exchange(token, pad, "");
    if (cleans) {
      clean_up(token);
      if (!delimiter.empty()) exchange(token, delimiter, " ");
    }
    if (!token.empty()) out.push_back(std::move(token));
  }
  tokens = std::move(out);
}

}  // namespace

Decoder make_decoder(const Fields& f) {
  const std::string type = f.text("type");
  if (type == "ByteLevel") return bytes_of_characters;
  if (type == "ByteFallback") return byte_fallback;
  if (type == "Fuse") return [](Tokens& tokens) { tokens = {joined(tokens)}; };
  if (type == "WordPiece")
    return [prefix = f.text("prefix", "##"), cleans = f.flag("cleanup", true)](Tokens& tokens) {
      word_pieces(tokens, prefix, cleans);
    };
  if (type == "BPEDecoder")
    return [suffix = f.text("suffix", "</w>")](Tokens& tokens) {
      for (size_t i = 0; i < tokens.size() && !suffix.empty(); ++i)
        exchange(tokens[i], suffix, i + 1 == tokens.size() ? "" : " ");
    };
  if (type == "Metaspace")
    return [mark = f.text("replacement", "▁"),
            first_goes = f.text("prepend_scheme", "always") != "never" &&
                         f.flag("add_prefix_space", true)](Tokens& tokens) {
      spaces_of_marks(tokens, mark, first_goes);
    };
  if (type == "Strip")
    return [content = f.text("content"), start = f.whole("start", 0, 1 << 20),
            stop = f.whole("stop", 0, 1 << 20)](Tokens& tokens) {
      for (std::string& token : tokens)
        if (!content.empty()) strip_ends(token, content, start, stop);
    };
  if (type == "Replace")
    return [pattern = Pattern(f, "pattern"), by = f.text("content")](Tokens& tokens) {
      for (std::string& token : tokens) {
        std::string out;
        for (const Part& p : pattern.parts(token))
          out += p.match ? std::string_view(by)
                         : std::string_view(token).substr(p.begin, p.end - p.begin);
        token = std::move(out);
      }
    };
  if (type == "CTC")
    return
        [pad = f.text("pad_token", "<pad>"), delimiter = f.text("word_delimiter_token", "|"),
         cleans = f.flag("cleanup", true)](Tokens& tokens) { ctc(tokens, pad, delimiter, cleans); };
  if (type == "Sequence") {
    std::vector<Decoder> all;
    for (const auto& part : f.list("decoders"))
      all.push_back(make_decoder({part, f.path("decoders")}));
    return [all](Tokens& tokens) {
      for (const Decoder& decode : all) decode(tokens);
    };
  }
  fail(
      "{}: the decoder '{}' is unknown; this version reads ByteLevel, WordPiece, BPEDecoder, "
      "Metaspace, ByteFallback, Fuse, Strip, Replace, CTC and Sequence",
      f.where(), type);
}

}  // namespace cairn::text
