// Texts with a class each, from a CSV or TSV file or made by the program.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cairn::data {

struct LabelledText {
  std::string source, text_column, label_column;
  std::vector<std::string> texts, classes;  // classes: all that occur, sorted
  std::vector<int64_t> labels;              // of each text, in `classes`

  LabelledText some(const std::vector<int64_t>& rows) const;
  // With numbers of other classes. Throws Error naming one that is not among them.
  LabelledText with_classes(const std::vector<std::string>& others) const;
};

// `data`: a file whose rows have a text and a class (.csv; .tsv, in which quotes are text; also
// .gz), or "requests": what one says to a machine at home, made by the program. `text`, `label`:
// columns by name, or by number from 1; "": 'text' or else the first, 'label' or else the last. A
// first row whose class occurs in the rows below is no header. Throws Error naming file and line: a
// row of another length, an unknown column, two of one name, an empty class, fewer than two
// classes, bytes that are no UTF-8.
LabelledText open_labelled_text(const std::string& data, const std::string& text,
                                const std::string& label);

// A few requests as a file, a line each; returns its path.
std::vector<std::string> write_requests(const std::string& folder);

}  // namespace cairn::data
