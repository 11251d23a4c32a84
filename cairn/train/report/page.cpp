#include "cairn/train/report/page.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"

namespace cairn::train::report {
namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--ground:#fbfaf8;--paper:#fff;--ink:#22252a;--soft:#666d78;
--line:#e3e1dc;
--c0:#2f6fb2;--c1:#d0643a;--c2:#3a8f6b;--c3:#8a5bb5;--c4:#b08a1e;--over:#fff}
@media(prefers-color-scheme:dark){:root{--ground:#15171b;--paper:#1d2026;--ink:#e6e7ea;
--soft:#9aa1ad;
--line:#333842;--c0:#6aa8e8;--c1:#f0915f;--c2:#62c295;--c3:#b893e0;--c4:#dcb84a;--over:#10131a}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);
font:17px/1.6 system-ui,"DejaVu Sans",sans-serif}
main,header,footer{max-width:960px;margin:0 auto;padding:0 20px}
header{padding-top:56px}
h1{font-size:2.3em;line-height:1.15;margin:0 0 .3em;letter-spacing:-.02em}
h2{font-size:1.55em;margin:0 0 .4em;letter-spacing:-.01em}
h3{font-size:1.05em;margin:1.6em 0 .4em}
p{max-width:68ch;margin:.5em 0}
.headline{font-size:1.35em;line-height:1.35;font-weight:600;margin:.2em 0 .6em}
.lead{color:var(--soft);font-size:1.08em}
nav{display:flex;flex-wrap:wrap;gap:8px;margin:22px 0 8px}
nav a{color:var(--c0);text-decoration:none;border:1px solid var(--line);border-radius:99px;
padding:3px 14px;background:var(--paper)}
nav a:hover{border-color:var(--c0)}
section{background:var(--paper);border:1px solid var(--line);border-radius:14px;padding:28px 30px;
margin:26px 0}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:10px;margin:18px 0}
.facts div{border:1px solid var(--line);border-radius:10px;padding:8px 14px}
.facts dt{color:var(--soft);font-size:.8em}
.facts dd{margin:0;font-size:1.3em;font-variant-numeric:tabular-nums}
.row{display:flex;flex-wrap:wrap;gap:18px 24px;align-items:flex-start;margin:16px 0}
figure{margin:0;flex:0 1 auto;max-width:100%}figure:has(.chart){flex:1 1 330px;max-width:600px}
figcaption{color:var(--soft);font-size:.84em;margin-top:4px;max-width:60ch}
figure img{image-rendering:pixelated;max-width:100%;border-radius:6px;display:block;
border:1px solid var(--line)}
.chart{width:100%;height:auto;display:block;font-family:inherit}
.chart text{fill:var(--ink)}.chart .tick,.chart .label{fill:var(--soft);font-size:12px}
.chart .title{font-size:14px;font-weight:600}
.heat .label{font-size:1em}.heat .title{font-size:14px}
.chart .cell{font-family:ui-monospace,"DejaVu Sans Mono",monospace}.chart .over{fill:var(--over)}
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}
.reference{stroke:var(--soft);stroke-dasharray:5 4}
.curve{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}
.hit circle{fill:var(--c);opacity:0}.hit circle:hover,.few circle{opacity:1}
rect.heat{fill:var(--c0)}rect.heat:hover{stroke:var(--ink)}
.bars{border-collapse:collapse;width:100%;font-size:.9em}
.bars th{text-align:left;font-weight:400;padding:2px 10px 2px 0;white-space:nowrap}
.bars td:nth-child(2){width:100%}
.bars i{display:block;height:14px;border-radius:3px;background:var(--c0);min-width:1px}
.bars td:last-child{padding-left:8px;color:var(--soft);white-space:nowrap;
font-variant-numeric:tabular-nums}
.writing{margin:14px 0}.writing b{display:block;color:var(--soft);font-weight:400;font-size:.84em}
pre{white-space:pre-wrap;overflow-wrap:anywhere;
font:14px/1.55 ui-monospace,"DejaVu Sans Mono",monospace;margin:4px 0;padding:12px 16px;
border-left:3px solid var(--c0);background:var(--ground);border-radius:0 8px 8px 0}
pre.shell{border-left-color:var(--c2)}pre em{font-style:normal;color:var(--c1);font-weight:600}
footer{color:var(--soft);font-size:.85em;padding-bottom:60px}
@media print{section{break-inside:avoid}}
)";

}  // namespace

std::string base64(io::Bytes bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t have = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = group << 8 | (k < have ? bytes[i + k] : 0);
    for (size_t k = 0; k < 4; ++k) out += k <= have ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

Figure figure(const LineChart& chart, std::string caption) {
  return {svg(chart), std::move(caption)};
}
Figure figure(const HeatMap& map, std::string caption) { return {svg(map), std::move(caption)}; }
Figure figure(const io::Image& image, std::string caption, int scale) {
  return {fmt::format("<img alt=\"{}\" width=\"{}\" src=\"data:image/png;base64,{}\">",
                      escape(caption), image.width * scale, base64(io::encode_png(image))),
          std::move(caption)};
}

Page::Page(std::string title, std::string lead)
    : title_(std::move(title)), lead_(std::move(lead)) {}

void Page::section(const std::string& heading, const std::string& lead) {
  body_ += fmt::format("{}<section id=\"s{}\"><h2>{}</h2>\n",
                       sections_.empty() ? "" : "</section>\n", sections_.size(), escape(heading));
  if (!lead.empty()) body_ += fmt::format("<p class=\"lead\">{}</p>\n", escape(lead));
  sections_.push_back(heading);
}

void Page::heading(const std::string& text) { body_ += fmt::format("<h3>{}</h3>\n", escape(text)); }
void Page::headline(const std::string& text) {
  body_ += fmt::format("<p class=\"headline\">{}</p>\n", escape(text));
}
void Page::paragraph(const std::string& text) { body_ += fmt::format("<p>{}</p>\n", escape(text)); }

void Page::facts(const std::vector<std::pair<std::string, std::string>>& name_and_value) {
  body_ += "<dl class=\"facts\">";
  for (const auto& [name, value] : name_and_value)
    body_ += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(value));
  body_ += "</dl>\n";
}

void Page::figures(const std::vector<Figure>& side_by_side) {
  body_ += "<div class=\"row\">";
  for (const Figure& f : side_by_side) {
    body_ += "<figure>" + f.html;
    if (!f.caption.empty()) body_ += fmt::format("<figcaption>{}</figcaption>", escape(f.caption));
    body_ += "</figure>";
  }
  body_ += "</div>\n";
}

void Page::writing(const std::string& label, const std::string& prompt, const std::string& text) {
  body_ += fmt::format("<div class=\"writing\"><b>{}</b><pre><em>{}</em>{}</pre></div>\n",
                       escape(label), escape(prompt), escape(text));
}

void Page::shaded(const std::string& label,
                  const std::vector<std::pair<std::string, double>>& pieces) {
  body_ += fmt::format("<div class=\"writing\"><b>{}</b><pre>", escape(label));
  for (const auto& [text, value] : pieces) {
    const double part = std::isfinite(value) ? std::clamp(value, -1.0, 1.0) : 0;
    const int percent = static_cast<int>(std::lround(std::abs(part) * 100));
    if (percent == 0) {
      body_ += escape(text);
      continue;
    }
    body_ += fmt::format(
        "<span style=\"background:color-mix(in srgb,var(--c{}) {}%,transparent)\">{}</span>",
        part > 0 ? 1 : 0, percent, escape(text));
  }
  body_ += "</pre></div>\n";
}

void Page::command(const std::string& line) {
  body_ += fmt::format("<pre class=\"shell\">{}</pre>\n", escape(line));
}

std::string Page::html() const {
  std::string contents;
  for (size_t i = 0; sections_.size() > 1 && i < sections_.size(); ++i)
    contents += fmt::format("<a href=\"#s{}\">{}</a>", i, escape(sections_[i]));
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">\n<title>{0}</title>\n<style>{1}</style></"
      "head>"
      "<body>\n<header><h1>{0}</h1><p class=\"lead\">{2}</p><nav>{3}</nav></header>\n"
      "<main>\n{4}{5}</main>\n<footer>Written by cairn.</footer>\n</body></html>\n",
      escape(title_), kStyle, escape(lead_), contents, body_,
      sections_.empty() ? "" : "</section>\n");
}

void Page::write(const std::string& path) const { io::write_file_atomically(path, html()); }

}  // namespace cairn::train::report
