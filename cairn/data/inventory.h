// What files a data set is made of, whatever they mean: so that a run that goes on, or is measured
// later, can say that they are others than it began with.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace cairn::data {

struct Inventory {
  int64_t files = 0, bytes = 0;
  // Of every file's place and size and, where all files together have at most kReadBytes, of what
  // is in them. Not of dates: a copy is the same data. What it cannot see: another content of the
  // same size in larger data.
  uint32_t fingerprint = 0;

  static constexpr int64_t kReadBytes = int64_t{32} << 20;
  bool operator==(const Inventory&) const = default;
};

// `source`: a file, or a folder with all below it but clutter (files.h), links that lead back and
// folders of runs. Nothing for any other name: what the program draws. What cannot be read counts
// with its place alone; nothing is thrown.
std::optional<Inventory> inventory_of(const std::string& source);

}  // namespace cairn::data
