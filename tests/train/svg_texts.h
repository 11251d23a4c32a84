// The texts of a page's charts, with the room that they take: whether they are inside their picture
// and apart from each other.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <regex>
#include <string>
#include <vector>

#include "cairn/train/report/chart.h"

namespace cairn::train::report {

struct SvgText {
  std::string content;
  double left, right, top, bottom;
  bool is_aslant;  // its box is larger than it is
};

inline std::string unescaped(std::string text) {
  const std::pair<const char*, const char*> all[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&amp;", "&"}};
  for (const auto& [from, to] : all)
    for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + 1))
      text.replace(at, std::string(from).size(), to);
  return text;
}

inline SvgText text_at(double x, double y, double width, double size, const std::string& anchor,
                       double degrees, const std::string& content) {
  const double start = anchor == "end" ? -width : anchor == "middle" ? -width / 2 : 0;
  SvgText t{content, INFINITY, -INFINITY, INFINITY, -INFINITY, std::fmod(degrees, 90) != 0};
  const double turn = degrees * M_PI / 180;
  for (double along : {start, start + width})
    for (double up : {-0.75 * size, 0.2 * size}) {
      const double px = x + along * std::cos(turn) - up * std::sin(turn);
      const double py = y + along * std::sin(turn) + up * std::cos(turn);
      t.left = std::min(t.left, px), t.right = std::max(t.right, px);
      t.top = std::min(t.top, py), t.bottom = std::max(t.bottom, py);
    }
  return t;
}

// The size of letters of a class, as the page's style says.
inline double size_of(const std::string& kind, double own) {
  return kind == "title" ? 15.5 : kind.starts_with("cell") ? own : 12;
}

inline std::vector<SvgText> texts_of(const std::string& svg, double own_size) {
  static const std::regex plain(
      "<text x=\"([-0-9.]+)\" y=\"([-0-9.]+)\" text-anchor=\"([a-z]+)\" "
      "class=\"([a-z ]+)\">([^<]*)</text>");
  static const std::regex turned(
      "<text class=\"([a-z]+)\"( text-anchor=\"middle\")? transform=\"translate\\(([-0-9.]+) "
      "([-0-9.]+)\\) rotate\\(([-0-9.]+)\\)\">([^<]*)</text>");
  std::vector<SvgText> all;
  for (std::sregex_iterator it(svg.begin(), svg.end(), plain), end; it != end; ++it) {
    const auto& m = *it;
    const std::string content = unescaped(m[5]);
    const double size = size_of(m[4], own_size);
    all.push_back(text_at(std::stod(m[1]), std::stod(m[2]), text_width(content, size), size, m[3],
                          0, content));
  }
  for (std::sregex_iterator it(svg.begin(), svg.end(), turned), end; it != end; ++it) {
    const auto& m = *it;
    const std::string content = unescaped(m[6]);
    const double size = size_of(m[1], own_size);
    all.push_back(text_at(std::stod(m[3]), std::stod(m[4]), text_width(content, size), size,
                          m[2].matched ? "middle" : "start", std::stod(m[5]), content));
  }
  return all;
}

// Every chart of the page: no text outside its picture, and none over another.
inline int expect_texts_have_room(const std::string& html) {
  static const std::regex picture("<svg [^>]*viewBox=\"0 0 ([0-9.]+) ([0-9.]+)\"[^>]*>");
  static const std::regex own("font-size=\"([0-9.]+)\"");
  int pictures = 0;
  for (std::sregex_iterator it(html.begin(), html.end(), picture), none; it != none;
       ++it, ++pictures) {
    const double width = std::stod((*it)[1]), height = std::stod((*it)[2]);
    const std::string head = it->str();
    std::smatch size;
    const double own_size = std::regex_search(head, size, own) ? std::stod(size[1]) : 12;
    const size_t begin = static_cast<size_t>(it->position()), end = html.find("</svg>", begin);
    const auto texts = texts_of(html.substr(begin, end - begin), own_size);
    EXPECT_GE(texts.size(), 3u) << head;
    for (const SvgText& t : texts) {
      EXPECT_GE(t.left, -1) << t.content << " in " << head;
      EXPECT_LE(t.right, width + 1) << t.content << " in " << head;
      EXPECT_GE(t.top, -1) << t.content << " in " << head;
      EXPECT_LE(t.bottom, height + 1) << t.content << " in " << head;
    }
    for (size_t a = 0; a < texts.size(); ++a)
      for (size_t b = a + 1; b < texts.size(); ++b) {
        const SvgText &s = texts[a], &t = texts[b];
        if (s.is_aslant || t.is_aslant) continue;
        const bool apart = s.right <= t.left + 1 || t.right <= s.left + 1 ||
                           s.bottom <= t.top + 1 || t.bottom <= s.top + 1;
        EXPECT_TRUE(apart) << "'" << s.content << "' over '" << t.content << "' in " << head;
      }
  }
  return pictures;
}

}  // namespace cairn::train::report
