#include "cairn/data/series.h"
#include "fuzz/fuzz.h"

using namespace cairn::io;
using namespace cairn::data;

// The first byte chooses how times are meant.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  SeriesFormat format;
  if (data[0] & 1) format.time_zone = "Europe/Berlin";
  if (data[0] & 2) format.time_format = "%d/%m/%Y %H:%M";
  if (data[0] & 4) format.wanted = {"x"};
  const Bytes input(data + 1, size - 1);
  fuzz([&] {
    const Series series = parse_series(text_of(input), "input", format);
    promise(series.rows() * series.columns() == int64_t(series.values.size()), "rows are whole");
    promise(series.times.empty() || int64_t(series.times.size()) == series.rows(),
            "times are whole");
    promise(series.season() >= 1, "a season");
    series.time_of(series.rows() + 2);
    to_csv(series);
  });
  return 0;
}
