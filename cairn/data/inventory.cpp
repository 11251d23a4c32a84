#include "cairn/data/inventory.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <vector>

#include "cairn/base/error.h"
#include "cairn/data/files.h"
#include "cairn/io/bytes.h"
#include "cairn/io/file.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 16;  // of folders in folders

struct Listed {
  fs::path path;
  int64_t bytes;
};

bool holds_run(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "config.json", ignored) &&
         fs::exists(folder / "metrics.jsonl", ignored);
}

// The folder is one of those that it lies in: what is below it was seen.
bool leads_back(const fs::path& link, const std::vector<fs::path>& above) {
  std::error_code ignored;
  return std::any_of(above.begin(), above.end(),
                     [&](const fs::path& a) { return fs::equivalent(a, link, ignored); });
}

void list_below(std::vector<fs::path>& above, std::vector<Listed>& files) {
  const fs::path folder = above.back();
  std::vector<fs::path> entries;
  try {
    entries = entries_of(folder);
  } catch (const Error&) { return files.push_back({folder, 0}); }
  for (const fs::path& entry : entries) {
    std::error_code unreadable;
    if (!is_folder(entry)) {
      const uintmax_t size = fs::file_size(entry, unreadable);
      files.push_back({entry, unreadable ? 0 : static_cast<int64_t>(size)});
    } else if (std::ssize(above) < kDeepest && !holds_run(entry) &&
               !(fs::is_symlink(entry, unreadable) && leads_back(entry, above))) {
      above.push_back(entry);
      list_below(above, files);
      above.pop_back();
    }
  }
}

uint32_t with_contents(const fs::path& path, uint32_t crc) {
  std::array<uint8_t, 1 << 16> some;
  std::ifstream file(path, std::ios::binary);
  while (file) {
    file.read(reinterpret_cast<char*>(some.data()), some.size());
    crc = io::crc32({some.data(), static_cast<size_t>(file.gcount())}, crc);
  }
  return crc;
}

}  // namespace

std::optional<Inventory> inventory_of(const std::string& source) {
  std::vector<Listed> files;
  std::error_code unreadable;
  const bool is_one = is_file(source);
  if (is_folder(source)) {
    std::vector<fs::path> above = {source};
    list_below(above, files);
  } else if (is_one) {
    const uintmax_t size = fs::file_size(source, unreadable);
    files.push_back({source, unreadable ? 0 : static_cast<int64_t>(size)});
  } else {
    return {};
  }
  Inventory all{.files = std::ssize(files)};
  for (const Listed& f : files) all.bytes += f.bytes;
  for (const Listed& f : files) {
    const std::string place = is_one ? "" : f.path.lexically_relative(source).string();
    all.fingerprint =
        io::crc32(io::bytes_of(fmt::format("{}\n{}\n", place, f.bytes)), all.fingerprint);
    if (all.bytes <= Inventory::kReadBytes && is_file(f.path))
      all.fingerprint = with_contents(f.path, all.fingerprint);
  }
  return all;
}

}  // namespace cairn::data
