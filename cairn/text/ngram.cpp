#include "cairn/text/ngram.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/io/gzip.h"
#include "cairn/io/utf8.h"
#include "cairn/text/unicode.h"

namespace cairn::text {
namespace {

constexpr int kMostOrder = 10;
constexpr double kLn10 = 2.302585092994046;

}  // namespace

size_t NgramModel::Hash::operator()(const Words& words) const {
  uint64_t h = 0x9E3779B97F4A7C15u;
  for (const int32_t w : words)
    h = (h ^ static_cast<uint32_t>(w)) * 0xD6E8FEB86659FD93u, h ^= h >> 32;
  return static_cast<size_t>(h);
}

NgramModel::NgramModel() {
  for (const char* special : {"<unk>", "<s>", "</s>"}) add_word(special);
}

int32_t NgramModel::add_word(const std::string& name) {
  const auto [at, is_new] = numbers_.emplace(name, static_cast<int32_t>(names_.size()));
  if (is_new) names_.push_back(name);
  return at->second;
}

int32_t NgramModel::word(std::string_view name) const {
  const auto at = numbers_.find(std::string(name));
  return at == numbers_.end() ? kUnknown : at->second;
}

double NgramModel::log_probability(std::span<const int32_t> context, int32_t word) const {
  const size_t most = std::min<size_t>(context.size(), grams_.size() - 1);
  context = context.subspan(context.size() - most);
  double backoff = 0;
  while (true) {
    Words gram(context.begin(), context.end());
    if (!gram.empty()) {
      gram.push_back(word);
      const Table& table = grams_[gram.size() - 1];
      if (const auto at = table.find(gram); at != table.end())
        return (backoff + at->second.log_p) * kLn10;
      gram.pop_back();
      const Table& shorter = grams_[gram.size() - 1];
      if (const auto at = shorter.find(gram); at != shorter.end()) backoff += at->second.backoff;
      context = context.subspan(1);
      continue;
    }
    const auto at = grams_[0].find({word});
    const auto unknown = grams_[0].find({kUnknown});
    const float log_p = at != grams_[0].end()        ? at->second.log_p
                        : unknown != grams_[0].end() ? unknown->second.log_p
                                                     : -100;
    return (backoff + log_p) * kLn10;
  }
}

NgramModel::Words NgramModel::next(std::span<const int32_t> context, int32_t word) const {
  Words all(context.begin(), context.end());
  all.push_back(word);
  const auto keep = static_cast<std::ptrdiff_t>(grams_.size()) - 1;
  if (std::ssize(all) > keep) all.erase(all.begin(), all.end() - keep);
  return all;
}

double NgramModel::log_probability(std::string_view text) const {
  Words context{kBegin};
  double sum = 0;
  for (const std::string_view part : split_at_spaces(text)) {
    const int32_t w = word(part);
    sum += log_probability(context, w), context = next(context, w);
  }
  return sum + log_probability(context, kEnd);
}

std::string NgramModel::to_arpa() const {
  std::string out = "\\data\\\n";
  for (int n = 1; n <= order(); ++n) out += fmt::format("ngram {}={}\n", n, grams(n));
  for (int n = 1; n <= order(); ++n) {
    out += fmt::format("\n\\{}-grams:\n", n);
    std::vector<const Table::value_type*> all;
    for (const auto& gram : grams_[n - 1]) all.push_back(&gram);
    std::sort(all.begin(), all.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
    for (const auto* gram : all) {
      out += fmt::format("{:.9g}\t", gram->second.log_p);
      for (size_t i = 0; i < gram->first.size(); ++i)
        out += (i ? " " : "") + names_[static_cast<size_t>(gram->first[i])];
      if (n < order()) out += fmt::format("\t{:.9g}", gram->second.backoff);
      out += '\n';
    }
  }
  return out + "\n\\end\\\n";
}

// Line by line; where a line stands is in every error.
class ArpaReader {
 public:
  ArpaReader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  NgramModel read() {
    NgramModel model;
    read_counts();
    for (size_t n = 1; n <= counts_.size(); ++n) read_grams(model, n);
    const bool ends = next();  // first, so that the message knows the line
    check(ends && line_ == "\\end\\", "{}: '\\end\\' is missing; the file is cut", place());
    return model;
  }

 private:
  std::string place() const { return fmt::format("'{}', line {}", name_, number_); }

  // The next line that is not empty.
  bool next() {
    while (at_ < text_.size()) {
      const size_t end = std::min(text_.find('\n', at_), text_.size());
      line_ = text_.substr(at_, end - at_);
      at_ = end + 1, ++number_;
      while (!line_.empty() && (line_.back() == '\r' || line_.back() == ' '))
        line_.remove_suffix(1);
      if (line_.empty()) continue;
      const size_t bad = io::find_invalid_utf8(line_);
      check(bad == line_.npos, "{}, byte {}: not UTF-8; convert it (iconv -t UTF-8)", place(), bad);
      return true;
    }
    line_ = {};
    return false;
  }

  template <class T>
  T number(std::string_view text, const char* what) const {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    check(error == std::errc() && end == text.data() + text.size(), "{}: '{}' is no {}", place(),
          text.substr(0, 40), what);
    return value;
  }

  void read_counts() {
    const bool begins = next();
    check(begins && line_ == "\\data\\", "{}: an ARPA file begins with '\\data\\'", place());
    while (next() && line_.starts_with("ngram ")) {
      const size_t equals = line_.find('=');
      check(equals != line_.npos, "{}: 'ngram LENGTH=COUNT' is wanted", place());
      const auto length = number<int>(line_.substr(6, equals - 6), "length");
      check(length == static_cast<int>(counts_.size()) + 1 && length <= kMostOrder,
            "{}: grams of {} words; lengths are 1, 2, ... at most {}", place(), length, kMostOrder);
      counts_.push_back(number<int64_t>(line_.substr(equals + 1), "count"));
    }
    check(!counts_.empty(), "{}: no grams are stated", place());
  }

  void read_grams(NgramModel& model, size_t n) {
    check(line_ == fmt::format("\\{}-grams:", n), "{}: '\\{}-grams:' is wanted", place(), n);
    model.grams_.emplace_back();
    for (int64_t i = 0; i < counts_[n - 1]; ++i) {
      const bool more = next();
      check(more && line_[0] != '\\', "{}: {} grams of {} words, {} are stated", place(), i, n,
            counts_[n - 1]);
      read_gram(model, n);
    }
    if (n < counts_.size()) next();
  }

  void read_gram(NgramModel& model, size_t n) {
    const std::string blanks = replaced_tabs();
    const auto cells = split_at_spaces(blanks);
    check(cells.size() == n + 1 || cells.size() == n + 2,
          "{}: {} words and numbers; a gram of {} has {} or {}", place(), cells.size(), n, n + 1,
          n + 2);
    NgramModel::Gram gram{number<float>(cells[0], "logarithm")};
    if (cells.size() == n + 2) gram.backoff = number<float>(cells[n + 1], "back-off");
    check(std::isfinite(gram.log_p) && gram.log_p <= 1e-3f && std::isfinite(gram.backoff),
          "{}: a logarithm of {}; of probabilities it is at most 0", place(), gram.log_p);
    NgramModel::Words words;
    for (size_t k = 1; k <= n; ++k) {
      const std::string word(cells[k]);
      if (n == 1) words.push_back(model.add_word(word == "<UNK>" ? "<unk>" : word));
      else words.push_back(known(model, word));
    }
    check(model.grams_[n - 1].emplace(std::move(words), gram).second, "{}: the gram stands twice",
          place());
  }

  int32_t known(const NgramModel& model, const std::string& word) const {
    const auto at = model.numbers_.find(word);
    check(at != model.numbers_.end(), "{}: '{}' is not among the words", place(), word);
    return at->second;
  }

  std::string replaced_tabs() const {
    std::string line(line_);
    std::replace(line.begin(), line.end(), '\t', ' ');
    return line;
  }

  std::string_view text_, line_;
  const std::string& name_;
  size_t at_ = 0;
  int64_t number_ = 0;
  std::vector<int64_t> counts_;
};

NgramModel parse_arpa(std::string_view text, const std::string& name) {
  return ArpaReader(text, name).read();
}

NgramModel read_arpa(const std::string& path) {
  const io::ByteVector bytes = io::read_maybe_gzip(path);
  return parse_arpa(io::text_of(bytes), path);
}

}  // namespace cairn::text
