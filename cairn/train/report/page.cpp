#include "cairn/train/report/page.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/io/base64.h"

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
header{padding-top:44px}
h1{font-size:2.1em;line-height:1.2;margin:0 0 .4em;letter-spacing:-.02em;overflow-wrap:anywhere}
h2{font-size:1.55em;margin:0 0 .4em;letter-spacing:-.01em}
h3{font-size:1.15em;margin:1.8em 0 .4em}section>h3:first-child{margin-top:0}
p{max-width:68ch;margin:.5em 0}
.kicker{color:var(--soft);font-weight:600;margin:0 0 .3em}
.kicker span{font-weight:400;margin-left:.6em;overflow-wrap:anywhere}
.headline{font-size:1.35em;line-height:1.35;font-weight:600;margin:.7em 0 .4em}
.lead{color:var(--soft);font-size:1.08em}
.origin{color:var(--soft);font-size:.88em;max-width:none;display:flex;flex-wrap:wrap;gap:2px 20px}
.origin b{color:var(--ink);font-weight:600;overflow-wrap:anywhere}
nav{display:flex;flex-wrap:wrap;gap:8px;margin:22px 0 8px}
nav a{color:var(--c0);text-decoration:none;border:1px solid var(--line);border-radius:99px;
padding:3px 14px;background:var(--paper)}
nav a:hover{border-color:var(--c0)}
section{background:var(--paper);border:1px solid var(--line);border-radius:14px;padding:26px 30px;
margin:22px 0}
.facts{display:flex;flex-wrap:wrap;gap:10px;margin:22px 0}
.facts div{border:1px solid var(--line);border-radius:10px;padding:7px 14px;flex:1 1 auto}
.facts dt{color:var(--soft);font-size:.8em}
.facts dd{margin:0;font-size:1.15em;font-variant-numeric:tabular-nums}
.row{display:flex;flex-wrap:wrap;gap:18px 24px;align-items:flex-start;margin:16px 0}
.kinds{display:flex;flex-wrap:wrap;gap:14px 22px;margin:14px 0}
.thumbnails{display:grid;grid-template-columns:repeat(auto-fill,minmax(104px,1fr));gap:16px 12px;
margin:16px 0}
figure{margin:0;flex:0 1 auto;max-width:100%}
figure:has(.chart){flex:1 1 310px;max-width:520px}figure:has(.line){max-width:420px}
figcaption{color:var(--soft);font-size:.84em;line-height:1.45;margin-top:4px;max-width:60ch;
overflow-wrap:anywhere}
figure img{image-rendering:pixelated;max-width:100%;border-radius:6px;display:block;
border:1px solid var(--line)}
details{margin:14px 0}summary{color:var(--c0);cursor:pointer}
.chart{width:100%;height:auto;display:block;font-family:inherit}
.chart text{fill:var(--ink)}.chart .tick,.chart .label{fill:var(--soft);font-size:12px}
.chart .title{font-size:14px;font-weight:600}
.heat .label{font-size:1em}.heat .title{font-size:14px}
.chart .cell{font-family:ui-monospace,"DejaVu Sans Mono",monospace}.chart .over{fill:var(--over)}
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}
.chart .over{paint-order:stroke;stroke:var(--paper);stroke-width:5px;fill:var(--ink)}
.reference{stroke:var(--soft);stroke-dasharray:5 4}
.curve{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round}
.hit circle{fill:var(--c);opacity:0}.hit circle:hover,.few circle{opacity:1}
.cloud circle{opacity:.6}
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
@media(max-width:520px){main,header,footer{padding:0 12px}header{padding-top:26px}
section{padding:18px 14px}h1{font-size:1.6em}.thumbnails{gap:14px 8px}}
@media print{section{break-inside:avoid}}
)";

// Percent of colour under letters that are still to be read, on a light and on a dark ground.
constexpr double kDeepest = 65;

}  // namespace

Figure figure(const LineChart& chart, std::string caption) {
  return {svg(chart), std::move(caption)};
}
Figure figure(const HeatMap& map, std::string caption) { return {svg(map), std::move(caption)}; }
Figure figure(const io::Image& image, std::string caption, int scale) {
  return {fmt::format("<img alt=\"{}\" width=\"{}\" src=\"data:image/png;base64,{}\">",
                      escape(caption), image.width * scale, io::to_base64(io::encode_png(image))),
          std::move(caption)};
}

Figure player(io::Bytes wav, std::string caption) {
  return {"<audio controls src=\"data:audio/wav;base64," + io::to_base64(wav) + "\"></audio>",
          std::move(caption)};
}

Page::Page(std::string title, std::string lead)
    : title_(std::move(title)), lead_(std::move(lead)) {}

void Page::section(const std::string& heading, const std::string& lead) {
  sections_.push_back({heading, lead, "", "", ""});
}
std::string& Page::body() {
  check(!sections_.empty(), "page '{}': has no section yet", title_);
  return sections_.back().body;
}

void Page::headline(const std::string& text) {
  body(), sections_.back().headline = text + sections_.back().after_headline;
}
void Page::ends_headline(const std::string& text) {
  body(), sections_.back().after_headline = text;
}
void Page::heading(const std::string& text) {
  body() += fmt::format("<h3>{}</h3>\n", escape(text));
}
void Page::paragraph(const std::string& text) {
  body() += fmt::format("<p>{}</p>\n", escape(text));
}

void Page::origin(const std::vector<std::pair<std::string, std::string>>& name_and_value,
                  const std::string& command) {
  std::string& out = sections_.back().origin;
  out = "<p class=\"origin\">";
  for (const auto& [name, value] : name_and_value)
    if (!value.empty()) out += fmt::format("<span>{} <b>{}</b></span> ", name, escape(value));
  out += fmt::format("</p>\n<pre class=\"shell\">{}</pre>\n", escape(command));
}

void Page::facts(const std::vector<std::pair<std::string, std::string>>& name_and_value) {
  body() += "<dl class=\"facts\">";
  for (const auto& [name, value] : name_and_value)
    if (!value.empty())
      body() += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(value));
  body() += "</dl>\n";
}

namespace {

std::string figures_html(const std::vector<Figure>& all, const char* kind) {
  std::string out = fmt::format("<div class=\"{}\">", kind);
  for (const Figure& f : all) {
    out += "<figure>" + f.html;
    if (!f.caption.empty()) out += fmt::format("<figcaption>{}</figcaption>", escape(f.caption));
    out += "</figure>";
  }
  return out + "</div>\n";
}

}  // namespace

void Page::figures(const std::vector<Figure>& side_by_side) {
  if (!side_by_side.empty()) body() += figures_html(side_by_side, "row");
}
void Page::thumbnails(const std::vector<Figure>& many) {
  if (!many.empty()) body() += figures_html(many, "thumbnails");
}
void Page::folded(const std::string& summary, const std::vector<Figure>& figures) {
  body() += fmt::format("<details><summary>{}</summary>{}</details>\n", escape(summary),
                        figures_html(figures, "kinds"));
}

void Page::writing(const std::string& label, const std::string& prompt, const std::string& text) {
  body() += fmt::format("<div class=\"writing\"><b>{}</b><pre><em>{}</em>{}</pre></div>\n",
                        escape(label), escape(prompt), escape(text));
}

void Page::shaded(const std::string& label,
                  const std::vector<std::pair<std::string, double>>& pieces) {
  std::string& out = body();
  out += fmt::format("<div class=\"writing\"><b>{}</b><pre>", escape(label));
  for (const auto& [text, value] : pieces) {
    const double part = std::isfinite(value) ? std::clamp(value, -1.0, 1.0) : 0;
    const int percent = static_cast<int>(std::lround(std::abs(part) * kDeepest));
    if (percent == 0) {
      out += escape(text);
      continue;
    }
    out += fmt::format(
        "<span style=\"background:color-mix(in srgb,var(--c{}) {}%,transparent)\">{}</span>",
        part > 0 ? 1 : 0, percent, escape(text));
  }
  out += "</pre></div>\n";
}

std::string Page::html() const {
  const bool one = sections_.size() == 1;
  std::string contents, body, top = fmt::format("<h1>{}</h1>", escape(title_));
  std::string title = title_;
  if (one) {
    const Section& s = sections_.front();
    if (!s.headline.empty()) title = s.headline + ", " + title_;
    top =
        fmt::format("<p class=\"kicker\">{} <span>{}</span></p><h1>{}</h1>\n{}", escape(s.heading),
                    escape(title_), escape(s.headline.empty() ? title_ : s.headline), s.origin);
  }
  if (!lead_.empty()) top += fmt::format("<p class=\"lead\">{}</p>", escape(lead_));
  for (size_t i = 0; i < sections_.size(); ++i) {
    const Section& s = sections_[i];
    if (!one) contents += fmt::format("<a href=\"#s{}\">{}</a>", i, escape(s.heading));
    body += fmt::format("<section id=\"s{}\">", i);
    if (!one) body += fmt::format("<h2>{}</h2>\n", escape(s.heading));
    if (!s.lead.empty()) body += fmt::format("<p class=\"lead\">{}</p>\n", escape(s.lead));
    if (!one) body += fmt::format("<p class=\"headline\">{}</p>\n{}", escape(s.headline), s.origin);
    body += s.body + "</section>\n";
  }
  if (!contents.empty()) contents = "<nav>" + contents + "</nav>";
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">\n<title>{}</title>\n<style>{}</style></head>"
      "<body>\n<header>{}{}</header>\n<main>\n{}</main>\n<footer>Written by cairn.</footer>\n"
      "</body></html>\n",
      escape(title), kStyle, top, contents, body);
}

void Page::write(const std::string& path) const { io::write_file_atomically(path, html()); }

}  // namespace cairn::train::report
