#include "cairn/io/video_writer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>

#include "cairn/io/file.h"
#include "cairn/io/utf8.h"
#include "cairn/io/video_owned.h"

namespace cairn::io {
namespace {

using namespace video;

constexpr int kTicks = 1000;    // a second
constexpr int kQuality = 3;     // quantiser: 1 the best, 31 the worst
constexpr int kKeyFrames = 50;  // frames between those that need no other

struct Container {
  const char *ending, *format;
};
constexpr std::array<Container, 4> kContainers = {
    {{".mp4", "mp4"}, {".m4v", "mp4"}, {".mov", "mov"}, {".mkv", "matroska"}}};

const Container* container_of(const std::string& path) {
  const auto* found = std::find_if(kContainers.begin(), kContainers.end(),
                                   [&](const Container& c) { return path.ends_with(c.ending); });
  return found == kContainers.end() ? nullptr : found;
}

int write_scratch(void* file, uint8_t* bytes, int count) {
  auto* to = static_cast<std::FILE*>(file);
  const auto wanted = static_cast<size_t>(count);
  return std::fwrite(bytes, 1, wanted, to) == wanted ? count : AVERROR(errno);
}
int64_t seek_scratch(void* file, int64_t offset, int whence) {
  if (whence & AVSEEK_SIZE) return AVERROR(ENOSYS);
  auto* in = static_cast<std::FILE*>(file);
  return fseeko(in, offset, whence & ~AVSEEK_FORCE) == 0 ? ftello(in) : AVERROR(errno);
}

// The file without a name that the video is written to, as its place's content.
void take_to_its_place(std::FILE* scratch, const std::string& path) {
  check(std::fflush(scratch) == 0 && fseeko(scratch, 0, SEEK_END) == 0, "cannot write '{}': {}",
        printable(path), std::strerror(errno));
  const auto size = static_cast<size_t>(ftello(scratch));
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fileno(scratch), 0);
  check(mapped != MAP_FAILED, "cannot write '{}': {}", printable(path), std::strerror(errno));
  struct Unmap {
    void* data;
    size_t size;
    ~Unmap() { ::munmap(data, size); }
  } const unmap{mapped, size};
  write_file_atomically(path, Bytes(static_cast<const uint8_t*>(mapped), size));
}

}  // namespace

bool is_writable_video_name(const std::string& path) { return container_of(path) != nullptr; }

struct VideoWriter::State {
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path, name;
  std::unique_ptr<std::FILE, CloseFile> scratch;
  Owned<AVIOContext> io;
  std::unique_ptr<AVFormatContext, FreeOutput> container;
  Owned<AVCodecContext> encoder;
  Owned<AVPacket> packet;
  Owned<AVFrame> frame;
  Owned<SwsContext> scaler;
  AVStream* stream = nullptr;
  int64_t last = -1;  // tick of the picture before
  int64_t step = 40;  // ticks that the last picture is shown: as many as the one before
  double first = 0;   // seconds

  explicit State(const std::string& to) : path(to), name(printable(to)) {
    check(container_of(path), "'{}': a video's name ends with .mp4, .m4v, .mov or .mkv", name);
    check_writable(path);
  }

  void must(bool holds, const char* what) const {
    check(holds, "'{}': {} by this system's libav", name, what);
  }

  void begin(int width, int height) {
    av().util.av_log_set_level(AV_LOG_QUIET);
    scratch.reset(std::tmpfile());
    check(scratch != nullptr, "'{}': no scratch file can be made: {}", name, std::strerror(errno));
    packet.reset(av().codec.av_packet_alloc()), frame.reset(av().util.av_frame_alloc());
    auto* buffer = static_cast<uint8_t*>(av().util.av_malloc(kBuffer));
    check(packet && frame && buffer, "'{}': no memory is left to write it", name);
    io.reset(av().format.avio_alloc_context(buffer, kBuffer, 1, scratch.get(), nullptr,
                                            write_scratch, seek_scratch));
    AVFormatContext* made = nullptr;
    must(io && av().format.avformat_alloc_output_context2(&made, nullptr,
                                                          container_of(path)->format, nullptr) >= 0,
         "its container is not written");
    container.reset(made);
    made->pb = io.get(), made->flags |= AVFMT_FLAG_CUSTOM_IO;
    open_encoder(width, height);
    stream = av().format.avformat_new_stream(made, nullptr);
    check(stream != nullptr, "'{}': no memory is left to write it", name);
    stream->time_base = encoder->time_base;
    must(av().codec.avcodec_parameters_from_context(stream->codecpar, encoder.get()) >= 0 &&
             av().format.avformat_write_header(made, nullptr) >= 0,
         "MPEG-4 is not written into its container");
  }

  void open_encoder(int width, int height) {
    const AVCodec* codec = av().codec.avcodec_find_encoder(AV_CODEC_ID_MPEG4);
    must(codec != nullptr, "MPEG-4 is not encoded");
    encoder.reset(av().codec.avcodec_alloc_context3(codec));
    check(encoder != nullptr, "'{}': no memory is left to write it", name);
    AVCodecContext& e = *encoder;
    e.width = width, e.height = height, e.pix_fmt = AV_PIX_FMT_YUV420P;
    e.time_base = {1, kTicks}, e.gop_size = kKeyFrames, e.thread_count = 1;
    e.flags |= AV_CODEC_FLAG_QSCALE, e.global_quality = kQuality * FF_QP2LAMBDA;
    e.colorspace = AVCOL_SPC_SMPTE170M, e.color_range = AVCOL_RANGE_MPEG;  // BT.601
    if (container->oformat->flags & AVFMT_GLOBALHEADER) e.flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    must(av().codec.avcodec_open2(&e, codec, nullptr) >= 0, "frames of this size are not encoded");
    frame->format = e.pix_fmt, frame->width = width, frame->height = height;
    check(av().util.av_frame_get_buffer(frame.get(), 0) >= 0, "'{}': no memory is left to write it",
          name);
    scaler.reset(av().scale.sws_getCachedContext(nullptr, width, height, AV_PIX_FMT_RGB24, width,
                                                 height, e.pix_fmt, SWS_BICUBIC, nullptr, nullptr,
                                                 nullptr));
    must(scaler != nullptr, "pictures are not converted");
  }

  void add(const Image& given, double seconds) {
    const Image image = with_channels(given, 3);
    if (!encoder) begin(image.width, image.height), first = seconds;
    check(image.width == encoder->width && image.height == encoder->height,
          "'{}': a picture of {} x {} in a video of {} x {}", name, image.width, image.height,
          encoder->width, encoder->height);
    check(av().util.av_frame_make_writable(frame.get()) >= 0, "'{}': no memory is left to write it",
          name);
    const uint8_t* from[] = {image.pixels.data(), nullptr, nullptr, nullptr};
    const int steps[] = {3 * image.width, 0, 0, 0};
    must(av().scale.sws_scale(scaler.get(), from, steps, 0, image.height, frame->data,
                              frame->linesize) == image.height,
         "pictures are not converted");
    const int64_t now = std::max<int64_t>(last + 1, std::llround((seconds - first) * kTicks));
    if (last >= 0) step = now - last;
    frame->pts = last = now;
    frame->quality = encoder->global_quality;
    encode(frame.get());
  }

  void encode(const AVFrame* picture) {  // null: what is left
    must(av().codec.avcodec_send_frame(encoder.get(), picture) >= 0, "a frame is not encoded");
    while (av().codec.avcodec_receive_packet(encoder.get(), packet.get()) >= 0) {
      packet->stream_index = stream->index;
      packet->duration = step;  // an mp4's last picture is not shown without one
      av().codec.av_packet_rescale_ts(packet.get(), encoder->time_base, stream->time_base);
      check(av().format.av_interleaved_write_frame(container.get(), packet.get()) >= 0,
            "cannot write '{}': {}", name, std::strerror(errno));
    }
  }

  void finish() {
    check(encoder != nullptr, "'{}': a video without a picture", name);
    encode(nullptr);
    check(av().format.av_write_trailer(container.get()) >= 0, "cannot write '{}': {}", name,
          std::strerror(errno));
    av().format.avio_flush(io.get());
    take_to_its_place(scratch.get(), path);
  }
};

VideoWriter::VideoWriter(const std::string& path) : state_(std::make_unique<State>(path)) {}
VideoWriter::~VideoWriter() = default;
void VideoWriter::add(const Image& picture, double seconds) { state_->add(picture, seconds); }
void VideoWriter::finish() { state_->finish(); }

}  // namespace cairn::io
