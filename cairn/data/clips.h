// Short videos of known classes, as networks take them: all with as many frames of one size.
#pragma once
#include <string>
#include <vector>

#include "cairn/io/image.h"

namespace cairn::data {

struct ClipShape {
  int channels = 0, frames = 0, height = 0, width = 0;
  size_t plane() const { return static_cast<size_t>(height) * static_cast<size_t>(width); }
  size_t size() const { return plane() * static_cast<size_t>(channels * frames); }
  bool operator==(const ClipShape&) const = default;
};

struct Clip {
  std::string name;  // its file, or its number among those drawn
  int label = 0;
  std::string group;      // what it has in common with others: a sequence, a person; "": nothing
  io::ByteVector pixels;  // [channels, frames, height, width]
};

struct ClipSet {
  ClipShape shape;
  std::vector<std::string> classes;
  std::string grouped_by;  // the column that the groups are from, "clip": each its own
  std::vector<Clip> clips;
  std::string left_out;
  std::vector<std::string> groups() const;  // numbers in their order, then names
};

struct ClipOptions {
  ClipShape shape;    // sizes of 0: the data's, at most 80 pixels wide and high; 24 frames
  std::string group;  // column of clips.tsv, or "clip"; "": sequence or group, where there is one
  bool skip_bad = false;
};

// `source`: "moves" (drawn), or a folder with
//   - clips-idx4-ubyte and labels-idx1-ubyte (or .gz), grey; classes.txt names the classes,
//     clips.tsv has a row a clip, in their order;
//   - clips.tsv (or .csv) with the columns file and label, and others to group by;
//   - one folder a class, with videos (any container) or folders of frames in it.
// Throws Error that names the file and the way out; with skip_bad videos that are damaged are left
// out and counted.
ClipSet open_clips(const std::string& source, const ClipOptions& how);

// A video file or a folder of pictures: `shape.frames` of its frames, evenly spread over its time,
// resized whatever their form. Throws Error that names the file.
io::ByteVector read_clip(const std::string& path, const ClipShape& shape);

// The frames themselves, in their own size, with the time of each in seconds.
struct Frames {
  std::vector<io::Image> images;
  std::vector<double> seconds;
};
Frames read_frames(const std::string& path, int64_t count);

// A folder that holds pictures and no folder or video: the frames of one video, in the order of
// their names, numbers by their value.
bool is_frame_folder(const std::string& path);
bool is_clip_file(const std::string& path);  // a video by its name

// Where in times of rising order `count` moments lie that are evenly spread from the first to the
// last: the frame that is nearest to each.
std::vector<size_t> evenly_timed(const std::vector<double>& seconds, int64_t count);

// Clip `index` of the endless sequence of `seed`: a disc or a square that rises, falls, swings,
// grows, shrinks or blinks on noisy ground; no single frame tells which. Grey.
inline constexpr ClipShape kMovesShape{1, 16, 32, 32};
std::vector<std::string> move_names();
Clip draw_move(uint64_t seed, int64_t index);
// A folder of frames for a clip of each kind, which no training has seen; returns the folders.
std::vector<std::string> write_moves(const std::string& folder);

}  // namespace cairn::data
