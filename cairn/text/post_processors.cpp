#include <algorithm>

#include "cairn/text/subword_tokenizer.h"
#include "cairn/text/unicode.h"

namespace cairn::text {
namespace {

using TokenText = std::function<std::string(int64_t)>;

// Spaces that belong to tokens of bytes go out of their offsets.
void trim_offsets(Encoding& e, bool prefix_space, const TokenText& text_of) {
  const auto counts = [](char32_t c) { return c == byte_characters()[' '] || is_white_space(c); };
  for (size_t i = 0; i < e.ids.size(); ++i) {
    const std::u32string points = [&] {
      std::u32string all;
      const std::string text = text_of(e.ids[i]);
      for (size_t at = 0; at < text.size();) all += next_point(text, at);
      return all;
    }();
    uint32_t leading = 0, trailing = 0;
    while (leading < points.size() && counts(points[leading])) ++leading;
    while (trailing < points.size() && counts(points[points.size() - 1 - trailing])) ++trailing;
    Span& s = e.offsets[i];
    if (leading > 0) {
      // A single one was added; where there are more, all were in the text.
      if ((i == 0 || s.begin == 0) && prefix_space && leading == 1) leading = 0;
      s.begin = std::min(s.begin + leading, s.end);
    }
    if (trailing > 0 && s.end >= trailing) s.end = std::max(s.end - trailing, s.begin);
  }
}

void append(Encoding& to, const Encoding& from) {
  to.ids.insert(to.ids.end(), from.ids.begin(), from.ids.end());
  to.offsets.insert(to.offsets.end(), from.offsets.begin(), from.offsets.end());
  to.type_ids.insert(to.type_ids.end(), from.type_ids.begin(), from.type_ids.end());
  to.special.insert(to.special.end(), from.special.begin(), from.special.end());
}

void append_special(Encoding& to, int64_t id, int64_t type_id) {
  to.ids.push_back(id), to.offsets.push_back({0, 0});
  to.type_ids.push_back(type_id), to.special.push_back(true);
}

int64_t special_number(const Fields& f, const char* key) {  // ["[SEP]", 102]
  const auto& pair = f.list(key);
  check(pair.size() == 2 && pair[0].is_string() && pair[1].is_number_integer(),
        "{}: a token and its number are wanted", f.path(key));
  return pair[1].get<int64_t>();
}

PostProcessor bert_or_roberta(const Fields& f, bool roberta, const TokenText& text_of) {
  const int64_t sep = special_number(f, "sep"), cls = special_number(f, "cls");
  const bool trims = roberta && f.flag("trim_offsets", true);
  const bool prefix = f.flag("add_prefix_space", true);
  return [=](std::vector<Encoding>& all, bool add_special) {
    for (Encoding& e : all) {
      if (roberta) e.type_ids.assign(e.ids.size(), 0);
      if (trims) trim_offsets(e, prefix, text_of);
    }
    if (!add_special) return;
    for (size_t i = 0; i < all.size(); ++i) {
      const int64_t type = roberta ? 0 : static_cast<int64_t>(i);
      Encoding e;
      if (i == 0) append_special(e, cls, type);
      else if (roberta) append_special(e, sep, type);
      append(e, all[i]);
      append_special(e, sep, type);
      all[i] = std::move(e);
    }
  };
}

// A template is a list of {"Sequence": {"id": "A", "type_id": 0}} and {"SpecialToken": ...}.
struct TemplatePiece {
  int sequence = -1;         // 0: A, 1: B; -1: special
  std::vector<int64_t> ids;  // of a special one
  int64_t type_id = 0;
};

std::vector<TemplatePiece> read_template(const Fields& f, const char* key) {
  std::vector<TemplatePiece> pieces;
  for (const auto& entry : f.list(key)) {
    const Fields piece(entry, f.path(key));
    const bool special = piece.has("SpecialToken");
    const Fields what = piece.object(special ? "SpecialToken" : "Sequence");
    TemplatePiece p;
    p.type_id = what.whole("type_id", 0, 1 << 20);
    const std::string id = what.text("id");
    if (special) {
      for (const auto& number : f.object("special_tokens").object(id.c_str()).list("ids")) {
        check(number.is_number_integer(), "{}: a number is wanted", f.path("special_tokens"));
        p.ids.push_back(number.get<int64_t>());
      }
    } else {
      check(id == "A" || id == "B", "{}: the sequence '{}' is neither A nor B", what.where(), id);
      p.sequence = id == "B";
    }
    pieces.push_back(std::move(p));
  }
  return pieces;
}

PostProcessor template_processor(const Fields& f) {
  const auto single = read_template(f, "single"), pair = read_template(f, "pair");
  return [=, where = f.where()](std::vector<Encoding>& all, bool add_special) {
    Encoding e;
    for (const TemplatePiece& p : all.size() == 1 ? single : pair) {
      if (p.sequence < 0) {
        for (const int64_t id : p.ids)
          if (add_special) append_special(e, id, p.type_id);
        continue;
      }
      check(static_cast<size_t>(p.sequence) < all.size(),
            "{}: the template wants a second text, and there is none", where);
      Encoding part = all[static_cast<size_t>(p.sequence)];
      part.type_ids.assign(part.ids.size(), p.type_id);
      append(e, part);
    }
    all = {std::move(e)};
  };
}

}  // namespace

PostProcessor make_post_processor(const Fields& f, const TokenText& text_of) {
  const std::string type = f.text("type");
  if (type == "BertProcessing") return bert_or_roberta(f, false, text_of);
  if (type == "RobertaProcessing") return bert_or_roberta(f, true, text_of);
  if (type == "TemplateProcessing") return template_processor(f);
  if (type == "ByteLevel")
    return [trims = f.flag("trim_offsets", true), prefix = f.flag("add_prefix_space", true),
            text_of](std::vector<Encoding>& all, bool) {
      for (Encoding& e : all)
        if (trims) trim_offsets(e, prefix, text_of);
    };
  if (type == "Sequence") {
    std::vector<PostProcessor> parts;
    for (const auto& part : f.list("processors"))
      parts.push_back(make_post_processor({part, f.path("processors")}, text_of));
    return [parts](std::vector<Encoding>& all, bool add_special) {
      for (const PostProcessor& process : parts) process(all, add_special);
    };
  }
  fail(
      "{}: the post-processor '{}' is unknown; this version reads BertProcessing, "
      "RobertaProcessing, ByteLevel, TemplateProcessing and Sequence",
      f.where(), type);
}

}  // namespace cairn::text
