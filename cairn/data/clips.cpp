#include "cairn/data/clips.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "cairn/base/invalid_option.h"
#include "cairn/data/files.h"
#include "cairn/data/folder.h"
#include "cairn/data/idx.h"
#include "cairn/io/csv.h"
#include "cairn/io/gzip.h"
#include "cairn/io/idx.h"
#include "cairn/io/utf8.h"
#include "cairn/io/video.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr int kLargestSide = 80, kUsualFrames = 24, kDrawn = 600;
constexpr uint64_t kMostBytes = uint64_t{8} << 30;

// "2.png" before "10.png": runs of digits by their value, everything else by its bytes.
bool before_by_number(const std::string& a, const std::string& b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    while (i < a.size() && a[i] == '0') ++i;
    while (j < b.size() && b[j] == '0') ++j;
    size_t m = i, n = j;
    while (m < a.size() && digit(a[m])) ++m;
    while (n < b.size() && digit(b[n])) ++n;
    if (m - i != n - j) return m - i < n - j;
    if (const int order = a.compare(i, m - i, b, j, n - j)) return order < 0;
    i = m, j = n;
  }
  return i == a.size() && j == b.size() ? a < b : i == a.size();
}

std::vector<std::string> frames_in(const std::string& folder) {
  std::vector<std::string> files;
  for (const fs::path& entry : entries_of(folder))
    if (is_file(entry) && is_meant_as_image(entry.string())) files.push_back(entry.string());
  std::ranges::sort(files, before_by_number);
  return files;
}

// The frames' times; counted by decoding them, whatever the container says.
std::vector<double> times_of(const std::string& path) {
  std::vector<double> seconds;
  io::VideoReader video(path);
  while (video.advance()) seconds.push_back(video.seconds());
  return seconds;
}

// Calls `use(i, image, seconds)` with the frames that are nearest to `count` evenly spread moments,
// in order, the same frame again where there are fewer.
template <class Use>
void for_frames_of(const std::string& path, int64_t count, const Use& use) {
  if (is_folder(path)) {
    const auto files = frames_in(path);
    check(!files.empty(), "'{}' has no frames: no pictures lie in it", io::printable(path));
    std::vector<double> number(files.size());
    for (size_t i = 0; i < number.size(); ++i) number[i] = static_cast<double>(i);
    for (const size_t at : evenly_timed(number, count)) use(io::read_image(files[at]), number[at]);
    return;
  }
  const std::vector<double> seconds = times_of(path);
  const std::vector<size_t> wanted = evenly_timed(seconds, count);
  io::VideoReader video(path);
  size_t done = 0;
  for (size_t at = 0; done < wanted.size() && video.advance(); ++at) {
    if (wanted[done] != at) continue;
    const io::Image image = video.image();
    for (; done < wanted.size() && wanted[done] == at; ++done) use(image, seconds[at]);
  }
  check(done == wanted.size(), "'{}' changed while it was read", io::printable(path));
}

void put_frame(const io::Image& image, const ClipShape& s, int frame, uint8_t* clip) {
  const io::Image fitted = io::resize(io::with_channels(image, s.channels), s.width, s.height);
  for (int c = 0; c < s.channels; ++c)
    for (size_t i = 0; i < s.plane(); ++i)
      clip[static_cast<size_t>(c * s.frames + frame) * s.plane() + i] =
          fitted.pixels[i * static_cast<size_t>(s.channels) + static_cast<size_t>(c)];
}

// Sizes that are open: as `given`, but no side larger than kLargestSide.
ClipShape settled(ClipShape wanted, const ClipShape& given) {
  const int longest = std::max({given.height, given.width, 1});
  const auto side = [&](int own) {
    return longest <= kLargestSide ? own : std::max(1, own * kLargestSide / longest);
  };
  if (wanted.channels == 0) wanted.channels = given.channels;
  if (wanted.frames == 0) wanted.frames = given.frames;
  if (wanted.height == 0) wanted.height = side(given.height);
  if (wanted.width == 0) wanted.width = side(given.width);
  return wanted;
}

std::string table_in(const std::string& folder) {
  for (const char* name : {"/clips.tsv", "/clips.csv"})
    if (is_file(folder + name)) return folder + name;
  return "";
}

size_t column(const io::Csv& table, const std::string& name) {
  return static_cast<size_t>(std::ranges::find(table.names, name) - table.names.begin());
}

// The column to group by: as asked for, or one that is called so; "": none.
std::string group_column(const io::Csv& table, const std::string& asked, const std::string& file) {
  if (asked == "clip") return asked;
  if (!asked.empty()) {
    if (column(table, asked) == table.names.size())
      throw InvalidOption("folds", fmt::format("{}: '{}' has no such column, only {}", asked,
                                               io::printable(file), fmt::join(table.names, ", ")));
    return asked;
  }
  for (const char* usual : {"sequence", "group"})
    if (column(table, usual) < table.names.size()) return usual;
  return "";
}

void group_clips(ClipSet& set, const ClipOptions& how, const std::string& source,
                 const io::Csv* table, const std::string& file) {
  if (table) set.grouped_by = group_column(*table, how.group, file);
  else if (!how.group.empty() && how.group != "clip")
    throw InvalidOption(
        "folds", fmt::format("{}: '{}' has no clips.tsv with such a column; 'clip' is possible",
                             how.group, io::printable(source)));
  else set.grouped_by = how.group;
  if (set.grouped_by == "clip")
    for (size_t i = 0; i < set.clips.size(); ++i) set.clips[i].group = std::to_string(i);
  else if (table && !set.grouped_by.empty())
    for (size_t i = 0; i < set.clips.size(); ++i)
      set.clips[i].group = table->rows[i][column(*table, set.grouped_by)];
}

// Bytes [clips, frames, height, width] of one size.
std::string idx_in(const std::string& folder, const std::string& name) {
  for (const char* ending : {"", ".gz"})
    if (is_file(folder + "/" + name + ending)) return folder + "/" + name + ending;
  return "";
}

ClipSet open_idx_clips(const std::string& folder, const ClipOptions& how) {
  const std::string clips_file = idx_in(folder, "clips-idx4-ubyte"),
                    labels_file = idx_in(folder, "labels-idx1-ubyte");
  check(!labels_file.empty(), "'{}' has '{}' but no labels-idx1-ubyte (or .gz)",
        io::printable(folder), fs::path(clips_file).filename().string());
  const io::ByteVector clip_bytes = io::read_maybe_gzip(clips_file, kMostBytes),
                       label_bytes = io::read_maybe_gzip(labels_file);
  const io::IdxArray clips = io::parse_idx(clip_bytes, clips_file),
                     labels = io::parse_idx(label_bytes, labels_file);
  check(clips.shape.size() == 4,
        "'{}' has {} dimensions; clips have 4 (count, frames, height, "
        "width)",
        clips_file, clips.shape.size());
  check(labels.shape.size() == 1 && labels.shape[0] == clips.shape[0],
        "'{}' has {} clips, but '{}' {} labels", clips_file, clips.shape[0], labels_file,
        labels.data.size());
  for (int d = 0; d < 4; ++d)
    check(clips.shape[d] > 0 && (d == 0 || clips.shape[d] <= 4096),
          "'{}': a size of {}; clips have 1 to 4096 frames, rows and columns", clips_file,
          clips.shape[d]);
  const ClipShape own{1, static_cast<int>(clips.shape[1]), static_cast<int>(clips.shape[2]),
                      static_cast<int>(clips.shape[3])};
  ClipSet set;
  set.shape = settled(how.shape, own);
  set.classes = read_class_names(folder + "/classes.txt");
  const int most = *std::ranges::max_element(labels.data);
  if (set.classes.empty())
    for (int k = 0; k <= most; ++k) set.classes.push_back(std::to_string(k));
  check(most < std::ssize(set.classes), "'{}': label {} is out of range: '{}/classes.txt' names {}",
        labels_file, most, folder, set.classes.size());
  std::vector<double> times(static_cast<size_t>(own.frames));
  for (size_t i = 0; i < times.size(); ++i) times[i] = static_cast<double>(i);
  const auto chosen = evenly_timed(times, set.shape.frames);
  for (int64_t i = 0; i < clips.shape[0]; ++i) {
    Clip clip{std::to_string(i), labels.data[static_cast<size_t>(i)], "",
              io::ByteVector(set.shape.size())};
    io::Image frame(own.width, own.height, 1);
    for (int f = 0; f < set.shape.frames; ++f) {
      const size_t at = (static_cast<size_t>(i * own.frames) + chosen[static_cast<size_t>(f)]);
      std::copy_n(clips.data.data() + at * own.plane(), own.plane(), frame.pixels.begin());
      put_frame(frame, set.shape, f, clip.pixels.data());
    }
    set.clips.push_back(std::move(clip));
  }
  const std::string file = table_in(folder);
  if (file.empty()) group_clips(set, how, folder, nullptr, "");
  else {
    const io::Csv table = io::read_csv(file);
    check(std::ssize(table.rows) == clips.shape[0], "'{}' has {} rows, '{}' {} clips", file,
          table.rows.size(), clips_file, clips.shape[0]);
    group_clips(set, how, folder, &table, file);
  }
  return set;
}

// Files and what class each is of.
struct ClipFiles {
  std::vector<std::string> paths, labels;
  LeftOut left_out;
};

ClipFiles files_by_class(const std::string& folder) {
  ClipFiles files;
  for (const fs::path& of_class : entries_of(folder)) {
    if (!is_folder(of_class)) {
      files.left_out.add("beside the class folders", of_class);
      continue;
    }
    const size_t before = files.paths.size();
    for (const fs::path& entry : entries_of(of_class)) {
      const bool one = is_folder(entry) ? is_frame_folder(entry.string())
                                        : is_file(entry) && is_clip_file(entry.string());
      if (!one) {
        files.left_out.add("no videos", entry);
        continue;
      }
      files.paths.push_back(entry.string());
      files.labels.push_back(io::printable(of_class.filename().string()));
    }
    check(files.paths.size() > before,
          "the class folder '{}' has no videos (files of a container like .mp4, or folders of "
          "frames){}; add some or remove it",
          io::printable(of_class.string()),
          files.left_out.empty() ? "" : " (" + files.left_out.in_words() + ")");
  }
  check(!files.paths.empty(),
        "'{}' has no clips: wanted is a folder of videos for each class, a clips.tsv with the "
        "columns file and label, or clips-idx4-ubyte with labels-idx1-ubyte",
        io::printable(folder));
  return files;
}

ClipFiles files_of_table(const io::Csv& table, const std::string& file) {
  const size_t name = column(table, "file"), label = column(table, "label");
  check(name < table.names.size() && label < table.names.size(),
        "'{}' needs the columns file and label; it has {}", file, fmt::join(table.names, ", "));
  check(!table.rows.empty(), "'{}' has no rows", file);
  ClipFiles files;
  for (const auto& row : table.rows) {
    files.paths.push_back((fs::path(file).parent_path() / row[name]).string());
    files.labels.push_back(row[label]);
  }
  return files;
}

// Nothing can be learned of a class whose clips are all left out.
void check_each_class(const ClipSet& set, const ClipFiles& files) {
  for (size_t c = 0; c < set.classes.size(); ++c)
    check(std::ranges::any_of(set.clips,
                              [&](const Clip& clip) { return clip.label == static_cast<int>(c); }),
          "all {} clips of '{}' are damaged ({})", std::ranges::count(files.labels, set.classes[c]),
          set.classes[c], files.left_out.in_words());
}

ClipSet read_files(ClipFiles files, const ClipOptions& how, io::Csv* table) {
  ClipSet set;
  const std::set<std::string> names(files.labels.begin(), files.labels.end());
  set.classes.assign(names.begin(), names.end());
  std::vector<std::vector<std::string>> rows;
  std::optional<ClipShape> shape;
  for (size_t i = 0; i < files.paths.size(); ++i) {
    try {
      if (!shape) {
        const io::Image first = read_frames(files.paths[i], 1).images[0];
        shape = settled(how.shape, {first.channels, kUsualFrames, first.height, first.width});
        check(shape->size() * files.paths.size() <= kMostBytes,
              "'{}' and {} other clips of {} x {} x {} pixels are more than 8 GB: choose smaller "
              "ones (frames, height, width)",
              files.paths[i], files.paths.size() - 1, shape->frames, shape->height, shape->width);
      }
      const auto label = std::ranges::find(set.classes, files.labels[i]) - set.classes.begin();
      set.clips.push_back(
          {files.paths[i], static_cast<int>(label), "", read_clip(files.paths[i], *shape)});
      if (table) rows.push_back(table->rows[i]);
    } catch (const Error&) {
      if (!how.skip_bad) throw;
      files.left_out.add("damaged", files.paths[i]);
    }
  }
  check(!set.clips.empty(), "no clip could be read: {}", files.left_out.in_words());
  check_each_class(set, files);
  if (table) table->rows = std::move(rows);
  set.shape = *shape, set.left_out = files.left_out.in_words();
  return set;
}

ClipSet open_clip_folder(const std::string& folder, const ClipOptions& how) {
  check(is_folder(folder), "'{}' is no folder of clips, and not 'moves'", io::printable(folder));
  if (!idx_in(folder, "clips-idx4-ubyte").empty()) return open_idx_clips(folder, how);
  const std::string file = table_in(folder);
  if (file.empty()) {
    ClipSet set = read_files(files_by_class(folder), how, nullptr);
    group_clips(set, how, folder, nullptr, "");
    return set;
  }
  io::Csv table = io::read_csv(file);
  ClipSet set = read_files(files_of_table(table, file), how, &table);
  group_clips(set, how, folder, &table, file);
  return set;
}

}  // namespace

std::vector<std::string> ClipSet::groups() const {
  std::set<std::string> all;
  for (const Clip& clip : clips) all.insert(clip.group);
  std::vector<std::string> sorted(all.begin(), all.end());
  std::ranges::sort(sorted, before_by_number);
  return sorted;
}

ClipSet open_clips(const std::string& source, const ClipOptions& how) {
  if (source != "moves") {
    ClipSet set = open_clip_folder(source, how);
    check(set.classes.size() > 1, "'{}' has one class ('{}'): there is nothing to tell apart",
          io::printable(source), set.classes.empty() ? "" : set.classes[0]);
    return set;
  }
  constexpr uint64_t kSeed = 1;
  ClipSet set;
  set.shape = settled(how.shape, kMovesShape), set.classes = move_names();
  if (set.shape != kMovesShape)
    throw InvalidOption("data",
                        fmt::format("moves are drawn with {} frames of {} x {} pixels, grey",
                                    kMovesShape.frames, kMovesShape.height, kMovesShape.width));
  for (int i = 0; i < kDrawn; ++i) set.clips.push_back(draw_move(kSeed, i));
  group_clips(set, how, source, nullptr, "");
  return set;
}

io::ByteVector read_clip(const std::string& path, const ClipShape& shape) {
  io::ByteVector pixels(shape.size());
  int frame = 0;
  for_frames_of(path, shape.frames, [&](const io::Image& image, double) {
    put_frame(image, shape, frame++, pixels.data());
  });
  return pixels;
}

Frames read_frames(const std::string& path, int64_t count) {
  Frames frames;
  for_frames_of(path, count, [&](const io::Image& image, double seconds) {
    frames.images.push_back(image), frames.seconds.push_back(seconds);
  });
  return frames;
}

bool is_frame_folder(const std::string& path) {
  if (!is_folder(path)) return false;
  bool pictures = false;
  for (const fs::path& entry : entries_of(path)) {
    if (is_folder(entry) || is_clip_file(entry.string())) return false;
    pictures = pictures || is_meant_as_image(entry.string());
  }
  return pictures;
}

bool is_clip_file(const std::string& path) {
  return io::is_video_name(path) && !is_clutter(fs::path(path));
}

std::vector<size_t> evenly_timed(const std::vector<double>& seconds, int64_t count) {
  std::vector<size_t> places;
  const double begin = seconds.front(), end = seconds.back();
  for (int64_t i = 0; i < count; ++i) {
    const double wanted = count == 1 ? (begin + end) / 2
                                     : begin + (end - begin) * static_cast<double>(i) /
                                                   static_cast<double>(count - 1);
    const auto after = std::ranges::lower_bound(seconds, wanted);
    auto at = static_cast<size_t>(after - seconds.begin());
    if (at == seconds.size() || (at > 0 && wanted - seconds[at - 1] <= seconds[at] - wanted)) --at;
    places.push_back(at);
  }
  return places;
}

}  // namespace cairn::data
