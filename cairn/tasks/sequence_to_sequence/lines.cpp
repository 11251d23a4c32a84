#include <unistd.h>

#include <algorithm>
#include <utility>

#include "cairn/data/files.h"
#include "cairn/dist/share_out.h"
#include "cairn/io/file.h"
#include "cairn/io/lines.h"
#include "cairn/tasks/line_warnings.h"
#include "cairn/tasks/sequence_to_sequence/sequences.h"
#include "cairn/text/unicode.h"

namespace cairn::tasks::sequence_to_sequence {

namespace {

constexpr int64_t kBatchesAhead = 16;  // read at once, so that texts of like length meet,
constexpr size_t kBytesAhead = size_t{16} << 20;  // or so many bytes

std::string in_a_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

std::string SequenceEvalOptions::checked_split(const char* made) const {
  if (writes() && dist::leads()) io::check_writable(out);
  if (data.is_open() || data == made || data::is_folder(*data)) return split;
  split.require(!split.given(), "'{}' is a file, which has no parts: it is measured whole", *data);
  return "all";
}

std::vector<std::string> write_all(SequenceModel& model, const std::vector<std::string>& sources,
                                   const text::BeamOptions& how, const SequenceEvalOptions& o) {
  std::vector<std::string> said;
  std::string lines;
  for (Written& written : model.write(sources, how, o.batch)) {
    lines += in_a_line(written.text) + "\n";
    said.push_back(std::move(written.text));
  }
  if (dist::leads() && o.writes()) io::write_file_atomically(o.out, std::string_view(lines));
  return said;
}

int write_lines(SequenceModel& model, const std::vector<std::string>& files,
                const text::BeamOptions& how, int64_t batch, const SourceOf& source_of) {
  std::vector<std::string> waiting;
  int64_t replaced = 0;
  size_t bytes = 0;
  const auto flush = [&] {
    bytes = 0;
    for (const Written& written : model.write(std::exchange(waiting, {}), how, batch)) {
      if (written.is_cut)
        LineWarnings::add(
            fmt::format("the text is longer than {} tokens and was cut", model.coder().longest()));
      fmt::print(printed(), "{}\n", in_a_line(written.text));
    }
    std::fflush(printed());
  };
  const auto add = [&](std::string line, const std::string& file, int64_t number) {
    if (line.ends_with('\r')) line.pop_back();
    int64_t some = 0;
    line = text::with_replacements(line, &some);
    replaced += some;
    waiting.push_back(source_of ? source_of(line, file, number) : line);
    bytes += waiting.back().size();
    if (std::ssize(waiting) >= kBatchesAhead * batch || bytes >= kBytesAhead) flush();
  };
  try {
    for (const std::string& file : files) {
      int64_t number = 0;
      for (std::string& line : io::read_lines(file)) add(std::move(line), file, ++number);
    }
    io::LineReader input(STDIN_FILENO, "standard input");
    for (std::string line; files.empty() && input.next(line);) {
      add(line, "standard input", input.number());
      if (!waiting.empty() && !input.is_ready()) flush();  // whoever writes them waits
    }
  } catch (const Error&) {  // what is wrong with a line is no fault of those before it
    flush();
    throw;
  }
  flush();
  if (replaced > 0)
    fmt::print(stderr, "cairn: {} places that are not UTF-8 were replaced\n", replaced);
  if (model.coder().cut() > 0 && !Printed::lives())
    fmt::print(stderr, "cairn: {} texts are longer than {} tokens and were cut\n",
               model.coder().cut(), model.coder().longest());
  return 0;
}

}  // namespace cairn::tasks::sequence_to_sequence
