#include "cairn/data/picture_pairs.h"

#include <algorithm>
#include <map>

#include "cairn/base/error.h"
#include "cairn/data/files.h"
#include "cairn/data/folder.h"
#include "cairn/io/utf8.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLayouts =
    "wanted are pictures twice as wide as high, which hold a pair side by side, or folders input/ "
    "and target/ (or A/ and B/) with files of the same names; each with train/ and test/ above or "
    "without; or 'shapes', which are drawn";
constexpr int64_t kDrawn = 400, kDrawnToTest = 40;
constexpr size_t kMostLooks = 100;
constexpr int kLargestDefaultSide = 128;

std::string folder_named(const std::string& root, std::initializer_list<const char*> names) {
  for (const char* name : names)
    for (const fs::path& entry : entries_of(root))
      if (is_folder(entry) && entry.filename().string().size() == std::string(name).size() &&
          ends_with(entry, name))
        return entry.string();
  return "";
}

std::vector<fs::path> pictures_in(const std::string& folder, LeftOut& left_out) {
  std::vector<fs::path> files;
  for (const fs::path& entry : entries_of(folder)) {
    if (is_folder(entry)) continue;
    if (is_meant_as_image(entry.string())) files.push_back(entry);
    else left_out.add("no pictures", entry);
  }
  return files;
}

// Where the halves of a pair lie: one file for both, or one each.
struct Place {
  std::string input, target;
};

struct Reader {
  PairOptions options;
  LeftOut left_out;
  bool side_by_side = false;

  void miss(const fs::path& file, const fs::path& other) {
    if (!options.skip_bad)
      fail(
          "'{}' has no partner in '{}'; add it, or leave such pictures out with the option "
          "skip-bad",
          io::printable(file.string()), io::printable(other.string()));
    left_out.add("without a partner", file);
  }

  // Those that a partner can be found for: by their names without ending.
  std::vector<fs::path> named_once_in(const std::string& folder) {
    std::map<std::string, fs::path> by_name;
    std::vector<fs::path> files;
    for (const fs::path& file : pictures_in(folder, left_out)) {
      const auto [first, is_new] = by_name.emplace(file.stem().string(), file);
      if (is_new) {
        files.push_back(file);
        continue;
      }
      if (!options.skip_bad)
        fail(
            "'{}' and '{}' have one name, and one partner can be meant: remove or rename one, or "
            "leave such pictures out with the option skip-bad",
            io::printable(first->second.string()), io::printable(file.string()));
      left_out.add("of a name that another has", file);
    }
    return files;
  }

  std::vector<Place> of_folders(const std::string& inputs, const std::string& targets) {
    std::map<std::string, fs::path> partners;
    for (const fs::path& file : named_once_in(targets)) partners[file.stem().string()] = file;
    std::vector<Place> places;
    for (const fs::path& file : named_once_in(inputs)) {
      const auto it = partners.find(file.stem().string());
      if (it == partners.end()) {
        miss(file, targets);
        continue;
      }
      places.push_back({file.string(), it->second.string()});
      partners.erase(it);
    }
    for (const auto& [name, file] : partners) miss(file, inputs);
    return places;
  }

  std::vector<Place> places_in(const std::string& folder) {
    const std::string input = folder_named(folder, {"input", "inputs"});
    const std::string target = folder_named(folder, {"target", "targets"});
    if (!input.empty() && !target.empty()) return of_folders(input, target);
    const std::string a = folder_named(folder, {"a"}), b = folder_named(folder, {"b"});
    if (!a.empty() && !b.empty())
      return options.input_is_left ? of_folders(a, b) : of_folders(b, a);
    std::vector<Place> places;
    for (const fs::path& file : pictures_in(folder, left_out))
      places.push_back({file.string(), file.string()});
    side_by_side = side_by_side || !places.empty();
    return places;
  }

  PicturePair read(const Place& place) const {
    if (place.input != place.target)
      return {place.input, io::read_image(place.input), io::read_image(place.target)};
    const io::Image both = io::read_image(place.input);
    check(holds_two(both), "'{}' is {} x {} pixels: a pair side by side is twice as wide as high",
          place.input, both.width, both.height);
    return {place.input, half_of(both, options.input_is_left),
            half_of(both, !options.input_is_left)};
  }

  std::vector<PicturePair> read_all(const std::vector<Place>& places) {
    std::vector<PicturePair> pairs;
    for (const Place& place : places) try {
        pairs.push_back(read(place));
      } catch (const Error& e) {
        if (!options.skip_bad)
          fail("{}; mend or remove it, or leave such pictures out with the option skip-bad",
               e.what());
        left_out.add("damaged", place.input);
      }
    return pairs;
  }
};

int side_for(const std::vector<PicturePair>& pairs) {
  std::vector<int> sides;
  for (size_t i = 0; i < std::min(pairs.size(), kMostLooks); ++i)
    sides.push_back(std::min(pairs[i].target.width, pairs[i].target.height));
  std::nth_element(sides.begin(), sides.begin() + sides.size() / 2, sides.end());
  const int side = std::min(kLargestDefaultSide, sides[sides.size() / 2]);
  return std::max(16, side / 4 * 4);
}

PairDataset fitted_to(std::vector<PicturePair> pairs, const PairSplits& s) {
  for (PicturePair& p : pairs) {
    p.input = fit_picture(p.input, {s.channels[0], s.side, s.side});
    p.target = fit_picture(p.target, {s.channels[1], s.side, s.side});
  }
  return from_items(std::move(pairs));
}

PairSplits drawn() {
  PairSplits s{kOutlineSide, {3, 3}, false, {}, {}, ""};
  s.train = cached(from_function(kDrawn, [](int64_t i) { return draw_outlines(1, i); }), kDrawn);
  s.test = cached(from_function(kDrawnToTest, [](int64_t i) { return draw_outlines(2, i); }),
                  kDrawnToTest);
  return s;
}

}  // namespace

bool holds_two(const io::Image& image) { return image.width == 2 * image.height; }

io::Image half_of(const io::Image& both, bool left) {
  io::Image half(both.width / 2, both.height, both.channels);
  for (int y = 0; y < half.height; ++y)
    std::copy_n(both.at(left ? 0 : both.width - half.width, y),
                static_cast<size_t>(half.width) * half.channels, half.at(0, y));
  return half;
}

PairSplits open_picture_pairs(const std::string& source, const PairOptions& options) {
  std::error_code ignored;
  const bool drawn_ones = source == "shapes" && !fs::exists(source, ignored);
  if (drawn_ones) return drawn();
  check(is_folder(source), "no such data: '{}'; {}", source, kLayouts);
  Reader reader{options, {}, false};
  const std::string train = folder_named(source, {"train", "training"});
  const std::string test = folder_named(source, {"test", "testing", "val", "valid", "validation"});
  const auto pairs = [&](const std::string& folder) {
    return folder.empty() ? std::vector<PicturePair>() : reader.read_all(reader.places_in(folder));
  };
  std::vector<PicturePair> learned = pairs(train.empty() ? source : train);
  std::vector<PicturePair> tested = pairs(train.empty() ? "" : test);
  PairSplits s;
  s.left_out = reader.left_out.in_words();
  check(!learned.empty(), "'{}' has no pairs of pictures{}; {}", source,
        s.left_out.empty() ? "" : " (" + s.left_out + ")", kLayouts);
  for (const auto* part : {&learned, &tested})
    for (const PicturePair& p : *part) {
      s.channels[0] = std::max(s.channels[0], p.input.channels);
      s.channels[1] = std::max(s.channels[1], p.target.channels);
    }
  s.side_by_side = reader.side_by_side;
  s.side = options.side > 0 ? options.side : side_for(learned);
  if (!tested.empty()) s.test = fitted_to(std::move(tested), s);
  s.train = fitted_to(std::move(learned), s);
  return s;
}

}  // namespace cairn::data
