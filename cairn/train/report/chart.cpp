#include "cairn/train/report/chart.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/io/utf8.h"

namespace cairn::train::report {
namespace {

constexpr double kWidth = 420, kHeight = 270, kRight = 18, kBottom = 44;
constexpr double kTitle = 15.5, kLabel = 12;  // sizes of letters; the title's are 14, but bold
constexpr int kColors = 5;                    // --c0 .. --c4 of the page
constexpr size_t kFew = 12;                   // points that are drawn as dots too

struct Range {
  double low = INFINITY, high = -INFINITY;
  void take(double v) {
    if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  }
  void make_usable() {
    if (low > high) low = 0, high = 1;
    if (low == high) low -= 0.5, high += 0.5;
  }
};

// From values to pixels.
struct Scale {
  Range range;
  double from, to;
  double operator()(double v) const {
    return from + (v - range.low) / (range.high - range.low) * (to - from);
  }
};

std::string short_number(double v) {
  if (v != 0 && std::abs(v) >= 1e6) return fmt::format("{:g}M", v / 1e6);
  if (v != 0 && std::abs(v) >= 1e4) return fmt::format("{:g}k", v / 1e3);
  return fmt::format("{:.6g}", v);
}

double widest(const std::vector<std::string>& names, double size) {
  double most = 0;
  for (const std::string& name : names) most = std::max(most, text_width(name, size));
  return most;
}

std::string text(double x, double y, const std::string& anchor, const std::string& kind,
                 const std::string& content) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\">{}</text>\n",
                     x, y, anchor, kind, escape(content));
}

std::string axes(const LineChart& chart, const Scale& x, const Scale& y) {
  std::string out;
  for (double v : ticks(y.range.low, y.range.high, 5)) {
    out += fmt::format(
        "<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n", x.from,
        x.to, y(v), y(v));
    out += text(x.from - 8, y(v) + 4, "end", "tick", short_number(v));
  }
  for (double v : ticks(x.range.low, x.range.high, 6))
    if (chart.x_label != "step" || v == std::floor(v))  // there are no half steps
      out += text(x(v), y.from + 18, "middle", "tick", short_number(v));
  out += fmt::format(
      "<line class=\"axis\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n", x.from,
      x.to, y.from, y.from);
  out += text((x.from + x.to) / 2, kHeight - 6, "middle", "label", chart.x_label);
  out += fmt::format(
      "<text class=\"label\" text-anchor=\"middle\" transform=\"translate(14 {:.1f}) "
      "rotate(-90)\">{}</text>\n",
      (y.from + y.to) / 2, escape(chart.y_label));
  return out;
}

std::string curve(const Series& s, size_t color, const Scale& x, const Scale& y) {
  std::string points, dots;
  for (size_t i = 0; i < s.x.size(); ++i) {
    if (!std::isfinite(s.x[i]) || !std::isfinite(s.y[i])) continue;
    points += fmt::format("{:.1f},{:.1f} ", x(s.x[i]), y(s.y[i]));
    dots += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\"><title>{} {}: {:.5g}</title></circle>",
        x(s.x[i]), y(s.y[i]), s.is_cloud ? 2.5 : 4, escape(s.name), short_number(s.x[i]), s.y[i]);
  }
  if (s.is_cloud)
    return fmt::format("<g style=\"--c:var(--c{})\" class=\"hit cloud\">{}</g>\n", color % kColors,
                       dots);
  return fmt::format(
      "<g style=\"--c:var(--c{})\"><polyline class=\"curve\" points=\"{}\"/><g "
      "class=\"hit{}\">{}</g></g>\n",
      color % kColors, points, s.x.size() <= kFew ? " few" : "", dots);
}

// Names with a piece of their line, at the right end of a row whose letters stand on `y`.
constexpr double kMark = 22, kApart = 14;
double legend_width(const std::vector<Series>& all) {
  double width = 0;
  for (const Series& s : all) width += kMark + text_width(s.name, kLabel) + kApart;
  return all.size() < 2 ? 0 : width - kApart;
}
std::string legend(const std::vector<Series>& all, double y) {
  if (all.size() < 2) return "";
  std::string out;
  double x = kWidth - kRight - legend_width(all);
  for (size_t i = 0; i < all.size(); ++i) {
    out += fmt::format(
        "<line style=\"--c:var(--c{})\" class=\"curve\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" "
        "y2=\"{:.1f}\"/>\n",
        i % kColors, x, x + kMark - 6, y - 4, y - 4);
    out += text(x + kMark, y, "start", "label", all[i].name);
    x += kMark + text_width(all[i].name, kLabel) + kApart;
  }
  return out;
}

}  // namespace

double text_width(const std::string& text, double size) {
  double ems = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte & 0xC0) != 0x80) ems += byte >= 0xE3 ? 1.0 : 0.62;  // from U+3000 on: wide
  }
  return ems * size;
}

std::string escape(const std::string& text) {
  std::string out;
  for (char c : io::with_control_pictures(text)) switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  return out;
}

std::vector<double> ticks(double low, double high, int count) {
  const double rough = (high - low) / std::max(1, count);
  if (!(rough > 0) || !std::isfinite(rough)) return {};
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double lead = rough / power;
  const double step = (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10) * power;
  std::vector<double> out;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i)
    out.push_back(i * step == 0 ? 0 : i * step);
  return out;
}

std::string svg(const LineChart& chart) {
  Range xs, ys;
  for (const Series& s : chart.series) {
    check(s.x.size() == s.y.size(), "chart '{}': series '{}' has {} places and {} values",
          chart.title, s.name, s.x.size(), s.y.size());
    for (size_t i = 0; i < s.x.size(); ++i)
      if (std::isfinite(s.x[i]) && std::isfinite(s.y[i])) xs.take(s.x[i]), ys.take(s.y[i]);
  }
  if (!chart.reference_name.empty()) ys.take(chart.reference);
  const bool has_cloud = std::any_of(chart.series.begin(), chart.series.end(),
                                     [](const Series& s) { return s.is_cloud; });
  if (!has_cloud && xs.low > 0) xs.low = 0;  // trainings begin at step 0
  xs.make_usable(), ys.make_usable();
  const double margin = (ys.high - ys.low) * 0.06;
  ys.low = ys.low >= 0 && ys.low - margin < 0 ? 0 : ys.low - margin, ys.high += margin;
  const double left = 8, free = kWidth - kRight - left - text_width(chart.title, kTitle) - kApart;
  const bool two_rows = legend_width(chart.series) > free;
  // The axis' label stands upright, then come the numbers.
  double numbers = 0;
  for (double v : ticks(ys.low, ys.high, 5))
    numbers = std::max(numbers, text_width(short_number(v), kLabel));
  const Scale x{xs, 30 + numbers, kWidth - kRight},
      y{ys, kHeight - kBottom, two_rows ? 58.0 : 40.0};
  std::string out = fmt::format(
      "<svg class=\"chart line\" viewBox=\"0 0 {} {}\" role=\"img\" "
      "aria-label=\"{}\">\n",
      kWidth, kHeight, escape(chart.title));
  out += text(left, 20, "start", "title", chart.title) + legend(chart.series, two_rows ? 40 : 20) +
         axes(chart, x, y);
  if (!chart.reference_name.empty()) {
    out += fmt::format(
        "<line class=\"reference\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
        x.from, x.to, y(chart.reference), y(chart.reference));
  }
  for (size_t i = 0; i < chart.series.size(); ++i) out += curve(chart.series[i], i, x, y);
  if (!chart.reference_name.empty())  // above the curves, which may be anywhere
    out += text(x.to, y(chart.reference) - 5, "end", "tick over", chart.reference_name);
  return out + "</svg>\n";
}

std::string svg(const HeatMap& map) {
  const size_t rows = map.rows.size(), columns = map.columns.size();
  check(map.values.size() == rows * columns &&
            (map.print.empty() || map.print.size() == rows * columns),
        "heat map '{}': {} values for {} x {} cells", map.title, map.values.size(), rows, columns);
  const double cell = map.cell, size = std::min(12.0, cell * 0.62);
  const double row_names = widest(map.rows, size), column_names = widest(map.columns, size);
  const bool slanted = column_names > cell - 3;  // side by side they would overlap
  const double left = 34 + row_names, top = 62 + (slanted ? column_names * 0.87 - 8 : 0);
  const double overhang = slanted ? column_names * 0.5 : 12;  // of the last name
  const double width = std::max(left + cell * static_cast<double>(columns) + overhang,
                                16 + text_width(map.title, kTitle));
  const double height = top + cell * static_cast<double>(rows) + 8;
  std::string out = fmt::format(
      "<svg class=\"chart heat\" style=\"max-width:{:.0f}px\" viewBox=\"0 0 {:.0f} {:.0f}\" "
      "role=\"img\" aria-label=\"{}\" font-size=\"{:.1f}\">\n",
      width, width, height, escape(map.title), size);
  out += text(8, 18, "start", "title", map.title);
  out +=
      text(left + cell * static_cast<double>(columns) / 2, 38, "middle", "label", map.column_label);
  out += fmt::format(
      "<text class=\"label\" text-anchor=\"middle\" transform=\"translate(14 {:.1f}) "
      "rotate(-90)\">{}</text>\n",
      top + cell * static_cast<double>(rows) / 2, escape(map.row_label));
  for (size_t c = 0; c < columns; ++c) {
    const double x = left + cell * (static_cast<double>(c) + 0.5);
    if (!slanted) out += text(x, top - 6, "middle", "cell", map.columns[c]);
    else
      out += fmt::format(
          "<text class=\"cell\" transform=\"translate({:.1f} {:.1f}) rotate(-60)\">{}</text>\n",
          x + size * 0.3, top - 5, escape(map.columns[c]));
  }
  for (size_t r = 0; r < rows; ++r) {
    const double y = top + cell * static_cast<double>(r);
    out += text(left - 6, y + cell / 2 + size * 0.35, "end", "cell", map.rows[r]);
    for (size_t c = 0; c < columns; ++c) {
      const double v = std::clamp(map.values[r * columns + c], 0.0, 1.0);
      const double x = left + cell * static_cast<double>(c);
      const std::string& print = map.print.empty() ? "" : map.print[r * columns + c];
      if (v < 0.004 && print.empty()) continue;
      const double strength = std::pow(v, map.gamma);
      out += fmt::format(
          "<rect class=\"heat\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
          "fill-opacity=\"{:.3f}\"><title>{} &#8594; {}: {}</title></rect>\n",
          x, y, cell - 1, cell - 1, strength, escape(map.rows[r]), escape(map.columns[c]),
          print.empty() ? fmt::format("{:.3f}", v) : escape(print));
      if (!print.empty())
        out += text(x + cell / 2, y + cell / 2 + size * 0.35, "middle",
                    strength > 0.55 ? "cell over" : "cell", print);
    }
  }
  return out + "</svg>\n";
}

std::string bars(const std::vector<Bar>& all) {
  std::string out = "<table class=\"bars\">\n";
  for (const Bar& b : all)
    out += fmt::format("<tr><th>{}</th><td><i style=\"width:{:.1f}%\"></i></td><td>{}</td></tr>\n",
                       escape(b.name), std::clamp(b.value, 0.0, 1.0) * 100, escape(b.text));
  return out + "</table>\n";
}

}  // namespace cairn::train::report
