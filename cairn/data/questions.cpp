#include "cairn/data/questions.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "cairn/base/error.h"
#include "cairn/base/json.h"
#include "cairn/data/files.h"
#include "cairn/io/gzip.h"
#include "cairn/io/json.h"
#include "cairn/io/utf8.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

bool begins_point(char byte) { return (static_cast<unsigned char>(byte) & 0xC0u) != 0x80u; }

// The byte at which code point `point` begins; npos: there are fewer.
size_t byte_of(std::string_view text, int64_t point) {
  if (point < 0) return std::string_view::npos;
  for (size_t i = 0; i < text.size(); ++i)
    if (begins_point(text[i]) && point-- == 0) return i;
  return point == 0 ? text.size() : std::string_view::npos;
}

// Where `part` stands nearest to `near`; npos: nowhere.
size_t nearest(std::string_view text, std::string_view part, size_t near) {
  const size_t from = std::min(near, text.size());
  const size_t before = text.rfind(part, from), after = text.find(part, from);
  if (before == text.npos || after == text.npos) return std::min(before, after);
  return from - before <= after - from ? before : after;
}

// What a message says of where it is.
struct Place {
  const std::string& file;
  std::string where;
};

const Json& member(const Json& of, const char* key, const Place& at) {
  check(of.is_object(), "'{}': {} is no JSON object", at.file, at.where);
  const auto it = of.find(key);
  check(it != of.end(), "'{}': {} has no \"{}\"; is it a file of SQuAD's kind?", at.file, at.where,
        key);
  return *it;
}
const Json& list(const Json& of, const char* key, const Place& at) {
  const Json& value = member(of, key, at);
  check(value.is_array(), "'{}': \"{}\" of {} is no list", at.file, key, at.where);
  return value;
}
const std::string& text(const Json& of, const char* key, const Place& at) {
  const Json& value = member(of, key, at);
  check(value.is_string(), "'{}': \"{}\" of {} is no text", at.file, key, at.where);
  return value.get_ref<const std::string&>();
}

void read_answers(const Json& list_of, const std::string& context, Questions& to, Question& q,
                  const Place& at) {
  for (size_t i = 0; i < list_of.size(); ++i) {
    const Place answer{at.file, fmt::format("{}, answer {}", at.where, i + 1)};
    const std::string& words = text(list_of[i], "text", answer);
    const Json& start = member(list_of[i], "answer_start", answer);
    check(start.is_number_integer(), "'{}': \"answer_start\" of {} is no whole number", at.file,
          answer.where);
    q.answers.push_back(words);
    if (words.empty()) continue;
    const size_t said = byte_of(context, start.get<int64_t>());
    size_t found = said;
    if (said == context.npos || std::string_view(context).substr(said, words.size()) != words) {
      found = nearest(context, words, std::min(said, context.size()));
      to.moved += found != context.npos;
    }
    if (found != context.npos) q.places.push_back({found, found + words.size()});
    else q.misplaced = true;
  }
  if (!q.places.empty()) q.misplaced = false;
  to.misplaced += q.misplaced;
}

// Where each id was first. One that comes twice is refused: answers are written by ids, and a
// question that is in two files may be in what is learned from and in what is validated by.
using Places = std::map<std::string, std::string>;
void take_id(const std::string& id, const std::string& file, const std::string& where,
             Places& places) {
  if (id.empty()) return;
  const auto [first, is_new] = places.emplace(id, fmt::format("'{}', {}", file, where));
  check(is_new, "'{}': {} has the id '{}' of {}; remove one, or give it another id", file, where,
        id, first->second);
}

void read_paragraph(const Json& paragraph, int64_t article, Questions& to, Places& places,
                    const Place& at) {
  const std::string& context = text(paragraph, "context", at);
  const Json& asked = list(paragraph, "qas", at);
  to.contexts.push_back(context);
  to.articles.push_back(article);
  for (size_t i = 0; i < asked.size(); ++i) {
    const Place place{at.file, fmt::format("{}, question {}", at.where, i + 1)};
    Question q{.text = text(asked[i], "question", place), .context = to.contexts.size() - 1};
    const auto id = asked[i].find("id");
    if (id != asked[i].end() && id->is_string()) q.id = id->get<std::string>();
    take_id(q.id, place.file, place.where, places);
    const auto impossible = asked[i].find("is_impossible");
    const bool none = impossible != asked[i].end() && impossible->is_boolean() && *impossible;
    if (!none) read_answers(list(asked[i], "answers", place), context, to, q, place);
    to.all.push_back(std::move(q));
  }
}

// ---- files

Questions parse(std::string_view json, const std::string& name, Places& places) {
  const Json file = io::parse_json(json, fmt::format("'{}'", name));
  Questions all;
  const Json& articles = list(file, "data", {name, "the file"});
  for (size_t a = 0; a < articles.size(); ++a) {
    const Place article{name, fmt::format("article {}", a + 1)};
    const Json& paragraphs = list(articles[a], "paragraphs", article);
    for (size_t p = 0; p < paragraphs.size(); ++p)
      read_paragraph(paragraphs[p], static_cast<int64_t>(a), all, places,
                     {name, fmt::format("{}, paragraph {}", article.where, p + 1)});
  }
  return all;
}

Questions read_squad(const fs::path& path, Places& places) {
  const auto bytes = io::read_maybe_gzip(path.string());
  return parse(io::without_mark(io::text_of(bytes)), path.string(), places);
}

void append(Questions& to, Questions&& more) {
  const size_t contexts = to.contexts.size();
  const int64_t articles = to.articles.empty() ? 0 : to.articles.back() + 1;
  for (std::string& c : more.contexts) to.contexts.push_back(std::move(c));
  for (const int64_t a : more.articles) to.articles.push_back(articles + a);
  for (Question& q : more.all) q.context += contexts, to.all.push_back(std::move(q));
  to.moved += more.moved, to.misplaced += more.misplaced;
}

// The contexts `from` to `to` with their questions.
Questions part_of(const Questions& whole, size_t from, size_t to) {
  Questions some;
  for (size_t i = from; i < to; ++i)
    some.contexts.push_back(whole.contexts[i]), some.articles.push_back(whole.articles[i]);
  for (const Question& q : whole.all) {
    if (q.context < from || q.context >= to) continue;
    some.all.push_back(q);
    some.all.back().context -= from;
    some.misplaced += q.misplaced;
  }
  return some;
}

// The last articles to validate by, the others to learn from.
void divide(const Questions& whole, double part, QuestionSplits& into) {
  if (whole.contexts.empty()) return;
  const int64_t articles = whole.articles.back() + 1;
  const auto kept = [&](int64_t count) {
    return count - std::llround(part * static_cast<double>(count));
  };
  size_t from = static_cast<size_t>(kept(std::ssize(whole.contexts)));
  if (articles > 1)
    from = static_cast<size_t>(
        std::lower_bound(whole.articles.begin(), whole.articles.end(), kept(articles)) -
        whole.articles.begin());
  append(into.train, part_of(whole, 0, from));
  append(into.validation, part_of(whole, from, whole.contexts.size()));
  into.train.moved += whole.moved;
}

std::vector<fs::path> files_of(const std::string& data) {
  if (!is_folder(data)) return {data};
  std::vector<fs::path> files;
  for (const fs::path& path : entries_of(data))
    if (ends_with(path, ".json") || path.string().ends_with(".json.gz")) files.push_back(path);
  check(!files.empty(), "the folder '{}' holds no SQuAD file (*.json, *.json.gz)", data);
  return files;
}

bool any_begins(const std::vector<fs::path>& files, std::initializer_list<const char*> with) {
  return std::any_of(files.begin(), files.end(), [&](const fs::path& f) {
    return std::any_of(with.begin(), with.end(), [&](const char* beginning) {
      return f.filename().string().starts_with(beginning);
    });
  });
}

}  // namespace

int64_t points_before(std::string_view text, size_t byte) {
  const std::string_view before = text.substr(0, byte);
  return std::count_if(before.begin(), before.end(), begins_point);
}

Questions parse_squad(std::string_view json, const std::string& name) {
  Places places;
  return parse(json, name, places);
}

QuestionSplits open_questions(const std::string& data, double held_back) {
  QuestionSplits splits;
  if (data == "people") {
    divide(made_questions(), held_back, splits);
    return splits;
  }
  const auto files = files_of(data);
  const bool has_own = any_begins(files, {"dev", "val"}), shifts = any_begins(files, {"new_wiki"});
  Places places;
  for (const fs::path& file : files) {
    Questions all = read_squad(file, places);
    if (has_own)
      append(any_begins({file}, {"dev", "val"}) ? splits.validation : splits.train, std::move(all));
    else divide(all, shifts && !any_begins({file}, {"new_wiki"}) ? 0 : held_back, splits);
  }
  check(!splits.train.all.empty(), "'{}' has no question to learn from", data);
  return splits;
}

Questions open_all_questions(const std::string& data) {
  if (data == "people") return made_questions();
  Questions all;
  Places places;
  for (const fs::path& file : files_of(data)) append(all, read_squad(file, places));
  check(!all.all.empty(), "'{}' has no question", data);
  return all;
}

}  // namespace cairn::data
