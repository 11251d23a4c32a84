// libav's things, freed when they are left; for what reads and writes videos.
#pragma once
#include <memory>

#include "cairn/io/video_library.h"

namespace cairn::io::video {

inline void release(AVCodecContext* c) { av().codec.avcodec_free_context(&c); }
inline void release(AVFrame* f) { av().util.av_frame_free(&f); }
inline void release(AVPacket* p) { av().codec.av_packet_free(&p); }
inline void release(SwsContext* s) { av().scale.sws_freeContext(s); }
inline void release(AVIOContext* io) {
  av().util.av_free(io->buffer);
  av().format.avio_context_free(&io);
}
struct Free {
  template <class T>
  void operator()(T* thing) const {
    release(thing);
  }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

// Files are closed, frames are of memory.
struct CloseInput {
  void operator()(AVFormatContext* c) const { av().format.avformat_close_input(&c); }
};
struct FreeOutput {
  void operator()(AVFormatContext* c) const { av().format.avformat_free_context(c); }
};

constexpr int kBuffer = 1 << 16;  // bytes that libav reads or writes at once

}  // namespace cairn::io::video
