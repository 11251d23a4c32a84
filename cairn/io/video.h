// Videos, of any container and codec that libav (FFmpeg's libraries, opened at their first use)
// reads: the frames one after another, upright, in colour. docs/video.md says what is decided.
//
//   io::VideoReader video("clip.mp4");
//   while (video.advance()) use(video.seconds(), video.image());
#pragma once
#include <memory>
#include <string>

#include "cairn/io/image.h"

namespace cairn::io {

struct VideoLimits {
  int64_t pixels = int64_t{1} << 26;  // of a frame
  int64_t frames = 10'000'000;
};

class VideoReader {
 public:
  // Opens the first video stream. Throws Error that names the file: no video, without pictures, of
  // a codec that is not there, too large.
  explicit VideoReader(const std::string& path, VideoLimits limits = {});
  // Of a file in memory, which must live as long; `name` is in errors.
  VideoReader(Bytes bytes, const std::string& name, VideoLimits limits = {});
  ~VideoReader();
  VideoReader(const VideoReader&) = delete;

  // Decodes the next frame; false behind the last one. Throws Error that names the file and the
  // frame where it is cut off or damaged, and where it ends without one frame.
  bool advance();
  // Of the frame that was decoded last: when it is shown, from the first frame on, and its picture,
  // turned as the stream says, red-green-blue by its colour matrix and range.
  double seconds() const;
  Image image() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// By the ending of its name: mp4, mkv, webm, avi, mov, ...
bool is_video_name(const std::string& path);

}  // namespace cairn::io
