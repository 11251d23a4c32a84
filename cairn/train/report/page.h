// A page of HTML that stands alone: style, charts and pictures inside it; nothing is fetched.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "cairn/io/image.h"
#include "cairn/train/report/chart.h"

namespace cairn::train::report {

// HTML with a line below it.
struct Figure {
  std::string html, caption;
};
Figure figure(const LineChart& chart, std::string caption = "");
Figure figure(const HeatMap& map, std::string caption = "");
// `scale`: screen pixels for one of the image's, kept sharp.
Figure figure(const io::Image& image, std::string caption = "", int scale = 1);
Figure player(io::Bytes wav, std::string caption = "");  // of a sound, which is inside the page

// Texts are escaped; they may hold any UTF-8.
class Page {
 public:
  Page(std::string title, std::string lead);

  // What follows belongs to it. A page of one section has its headline as title.
  void section(const std::string& heading, const std::string& lead = "");
  void headline(const std::string& text);       // what a section says, in one sentence
  void ends_headline(const std::string& text);  // and what comes after it: ", 16 s on one core"
  // Where a section comes from, in a line below its headline, and the command that makes its like.
  void origin(const std::vector<std::pair<std::string, std::string>>& name_and_value,
              const std::string& command);
  void heading(const std::string& text);
  void paragraph(const std::string& text);
  void facts(const std::vector<std::pair<std::string, std::string>>& name_and_value);
  void figures(const std::vector<Figure>& side_by_side);
  void thumbnails(const std::vector<Figure>& many);  // small ones in a grid
  // Shown when its summary is clicked.
  void folded(const std::string& summary, const std::vector<Figure>& figures);
  // What a model wrote: the prompt in another colour.
  void writing(const std::string& label, const std::string& prompt, const std::string& text);
  // A text whose pieces are coloured: value 1 in full in one colour, -1 in full in the other.
  void shaded(const std::string& label, const std::vector<std::pair<std::string, double>>& pieces);
  std::string html() const;
  void write(const std::string& path) const;  // all or nothing; throws Error naming the file

 private:
  struct Section {
    std::string heading, lead, headline, after_headline, origin, body;
  };
  std::string& body();  // of the section that was begun last
  std::string title_, lead_;
  std::vector<Section> sections_;
};

}  // namespace cairn::train::report
