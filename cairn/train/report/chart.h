// Charts as SVG text, for a page that needs nothing else. Colours are the page's CSS variables, so
// that a chart is readable on a light and on a dark ground.
#pragma once
#include <string>
#include <vector>

namespace cairn::train::report {

// `x` ascending, as long as `y`; points that are not finite are left out.
struct Series {
  std::string name;
  std::vector<double> x, y;
  bool is_cloud = false;  // points that no line connects
};

struct LineChart {
  std::string title, x_label, y_label;
  std::vector<Series> series;
  double reference = 0;  // a dashed horizontal line, when it has a name
  std::string reference_name;
};
std::string svg(const LineChart& chart);

// Values in [0, 1], row-major; labels may be empty. `print`: what stands in each cell, "" for none.
struct HeatMap {
  std::string title, row_label, column_label;
  std::vector<std::string> rows, columns;
  std::vector<double> values;
  std::vector<std::string> print;
  int cell = 26;     // pixels
  double gamma = 1;  // a cell's colour is as strong as its value to this power
};
std::string svg(const HeatMap& map);

// Horizontal bars of values in [0, 1] with a text at the end of each.
struct Bar {
  std::string name;
  double value;
  std::string text;
};
std::string bars(const std::vector<Bar>& all);

// About `count` round numbers (1, 2 or 5 times a power of ten) inside [low, high].
std::vector<double> ticks(double low, double high, int count);

std::string escape(const std::string& text);  // for HTML and XML

// About how many pixels a text takes in letters of `size`; rather more than fewer.
double text_width(const std::string& text, double size);

}  // namespace cairn::train::report
