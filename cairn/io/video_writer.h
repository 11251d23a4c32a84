// Writes a video: MPEG-4 in the container that the name's ending says (mp4, m4v, mov, mkv), by
// libav (opened at its first use). Each picture is shown until the next one's time.
//
//   io::VideoWriter video("painted.mp4");
//   while (reader.advance()) video.add(paint(reader.image()), reader.seconds());
//   video.finish();
#pragma once
#include <memory>
#include <string>

#include "cairn/io/image.h"

namespace cairn::io {

// Whether a VideoWriter can write a file of this name.
bool is_writable_video_name(const std::string& path);

class VideoWriter {
 public:
  // Throws Error for a place that cannot be written, and for other endings.
  explicit VideoWriter(const std::string& path);
  ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;

  // Times ascend (to the millisecond; the first is the beginning). All pictures have the size of
  // the first. Throws Error naming the file.
  void add(const Image& picture, double seconds);
  // The whole file at its place, at once; without it there is none.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::io
