#include "cairn/io/video.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "cairn/io/image_codecs.h"
#include "cairn/io/pixels.h"
#include "cairn/io/utf8.h"
#include "cairn/io/video_owned.h"

namespace cairn::io {
namespace video {  // with a name, since State has members of them

// What libav reads from: a file, or one in memory. No place behind the end can be sought, so that
// a container whose index points there is known to be cut.
class Source {
 public:
  explicit Source(const std::string& path) {
    uint8_t first = 0;
    check(read_beginning(path, {&first, 1}) > 0, "'{}' is empty", printable(path));
    file_.reset(std::fopen(path.c_str(), "rb"));
    check(file_ && fseeko(file_.get(), 0, SEEK_END) == 0, "'{}' cannot be read from any place",
          printable(path));
    size_ = ftello(file_.get());
  }
  explicit Source(Bytes bytes) : bytes_(bytes), size_(static_cast<int64_t>(bytes.size())) {}

  int read(uint8_t* to, int wanted) {
    const auto count = static_cast<size_t>(std::min<int64_t>(wanted, size_ - at_));
    if (count == 0) return AVERROR_EOF;
    if (!file_) std::copy_n(bytes_.data() + at_, count, to);
    else if (fseeko(file_.get(), at_, SEEK_SET) != 0 ||
             std::fread(to, 1, count, file_.get()) != count)
      return AVERROR(EIO);
    at_ += static_cast<int64_t>(count);
    return static_cast<int>(count);
  }
  int64_t seek(int64_t offset, int whence) {
    if (whence & AVSEEK_SIZE) return size_;
    const int how = whence & ~AVSEEK_FORCE;
    const int64_t to = offset + (how == SEEK_CUR ? at_ : how == SEEK_END ? size_ : 0);
    if (to < 0 || to > size_) return AVERROR(EINVAL);
    return at_ = to;
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  Bytes bytes_;
  int64_t size_ = 0, at_ = 0;
};
int read_source(void* source, uint8_t* to, int wanted) {
  return static_cast<Source*>(source)->read(to, wanted);
}
int64_t seek_source(void* source, int64_t offset, int whence) {
  return static_cast<Source*>(source)->seek(offset, whence);
}
// How many bytes a Matroska or WebM file says that it has (RFC 8794: an EBML header, then the
// segment with its size); 0: it does not say, or is another.
int64_t size_that_ebml_states(Bytes head) {
  size_t at = 0;
  const auto number = [&](bool keeps_mark) -> int64_t {
    if (at >= head.size() || head[at] == 0) return -1;
    const int more = std::countl_zero(head[at]);
    int64_t value = keeps_mark ? head[at] : head[at] & (0x7f >> more);
    bool unknown = !keeps_mark && value == (0x7f >> more);
    ++at;
    for (int i = 0; i < more && at < head.size(); ++i, ++at) {
      unknown = unknown && head[at] == 0xff;
      value = value << 8 | head[at];
    }
    return unknown ? -1 : value & ((int64_t{1} << 56) - 1);
  };
  if (number(true) != 0x1A45DFA3) return 0;
  const int64_t header = number(false);
  if (header < 0 || header > static_cast<int64_t>(head.size())) return 0;
  at += static_cast<size_t>(header);
  if (number(true) != 0x18538067) return 0;
  const int64_t segment = number(false);
  return segment < 0 ? 0 : static_cast<int64_t>(at) + segment;
}

// The same of MP4, MOV and their like (ISO 14496-12: boxes one after another, each with its size);
// 0: it is another, or its last box goes on to the end.
int64_t size_that_boxes_state(Source& source, int64_t there) {
  int64_t at = 0;
  while (at < there) {
    uint8_t head[16] = {};
    source.seek(at, SEEK_SET);
    const int count = source.read(head, sizeof head);
    const auto number = [&](int from, int bytes) {
      uint64_t value = 0;
      for (int i = from; i < from + bytes; ++i) value = value << 8 | head[i];
      return value;
    };
    const std::string_view type(reinterpret_cast<const char*>(head) + 4, 4);
    if (at == 0 && type != "ftyp" && type != "moov" && type != "mdat" && type != "wide") return 0;
    if (count < 8) return at + 8;
    if (!std::ranges::all_of(type, [](char c) { return c >= ' ' && c <= '~'; })) return 0;
    const uint64_t small = number(0, 4), size = small == 1 ? number(8, 8) : small;
    if (size < 8 || size > (uint64_t{1} << 60)) return 0;
    at += static_cast<int64_t>(size);
  }
  return at;
}

// Play lists and the like name other files; none is opened.
int open_nothing(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
  return AVERROR(EPERM);
}

// As EXIF numbers orientations: where the matrix takes the axes of the picture as it is stored. 1
// for turns by other than quarters.
int orientation_of(const int32_t* m) {
  if (!m) return 1;
  const auto sign = [](int32_t v) { return (v > 0) - (v < 0); };
  const int xx = sign(m[0]), xy = sign(m[1]), yx = sign(m[3]), yy = sign(m[4]);
  if (xy == 0 && yx == 0) return xx > 0 ? (yy > 0 ? 1 : 4) : (yy > 0 ? 2 : 3);
  if (xx == 0 && yy == 0) return xy > 0 ? (yx > 0 ? 5 : 6) : (yx > 0 ? 8 : 7);
  return 1;
}

}  // namespace video

using namespace video;

struct VideoReader::State {
  std::string name;
  VideoLimits limits;
  Source source;
  Owned<AVIOContext> io;
  std::unique_ptr<AVFormatContext, CloseInput> container;
  Owned<AVCodecContext> decoder;
  Owned<AVPacket> packet{av().codec.av_packet_alloc()};
  Owned<AVFrame> frame{av().util.av_frame_alloc()};
  mutable Owned<SwsContext> scaler;
  int stream = -1;
  bool ended = false;
  int64_t frames = 0;
  std::optional<double> first;  // seconds
  double seconds = 0;

  State(Source from, const std::string& path, VideoLimits most)
      : name(printable(path)), limits(most), source(std::move(from)) {
    limits.pixels = limited_pixels(limits.pixels);
    av().util.av_log_set_level(AV_LOG_QUIET);
    check_is_whole();
    open_container();
    open_decoder();
  }

  // A container whose parts stand one after another ends in silence where it is cut.
  void check_is_whole() {
    uint8_t head[256];
    const int count = std::max(0, source.read(head, sizeof head));
    const int64_t there = source.seek(0, AVSEEK_SIZE);
    const int64_t stated = std::max(size_that_ebml_states({head, static_cast<size_t>(count)}),
                                    size_that_boxes_state(source, there));
    check(stated <= there, "'{}' is cut off: it says that it has {} bytes, {} are there", name,
          stated, there);
    source.seek(0, SEEK_SET);
  }

  void open_container() {
    auto* buffer = static_cast<uint8_t*>(av().util.av_malloc(kBuffer));
    check(buffer && packet && frame, "'{}': no memory is left to read it", name);
    io.reset(av().format.avio_alloc_context(buffer, kBuffer, 0, &source, read_source, nullptr,
                                            seek_source));
    AVFormatContext* opened = av().format.avformat_alloc_context();
    check(io && opened, "'{}': no memory is left to read it", name);
    opened->pb = io.get(), opened->io_open = open_nothing;
    AVDictionary* options = nullptr;
    av().util.av_dict_set(&options, "protocol_whitelist", "none", 0);
    const int status = av().format.avformat_open_input(&opened, "", nullptr, &options);
    av().util.av_dict_free(&options);
    check(status >= 0,
          "'{}' is no video that can be read: its beginning is of no known container, or its index "
          "is missing (cut off?)",
          name);
    container.reset(opened);
    check(av().format.avformat_find_stream_info(opened, nullptr) >= 0,
          "'{}' is damaged: nothing can be learned of what it holds", name);
  }

  void open_decoder() {
    const AVCodec* codec = nullptr;
    stream =
        av().format.av_find_best_stream(container.get(), AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    const AVStream* pictured = nullptr;
    for (unsigned i = 0; i < container->nb_streams; ++i) {
      const AVStream* s = container->streams[i];
      if (s->codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
          !(s->disposition & AV_DISPOSITION_ATTACHED_PIC) && (!pictured || s->index == stream))
        pictured = s;
    }
    check(pictured, "'{}' holds no video, only sound or other data", name);
    check(stream == pictured->index && codec,
          "'{}' is of a codec that this system's libavcodec does not decode ('{}'): write it anew "
          "as H.264, VP9 or MPEG-4",
          name, av().codec.avcodec_get_name(pictured->codecpar->codec_id));
    decoder.reset(av().codec.avcodec_alloc_context3(codec));
    check(
        decoder && av().codec.avcodec_parameters_to_context(decoder.get(), pictured->codecpar) >= 0,
        "'{}' is damaged: its video stream cannot be described", name);
    decoder->pkt_timebase = pictured->time_base, decoder->thread_count = 1;
    decoder->max_pixels = limits.pixels;
    if (int64_t{decoder->width} * decoder->height > limits.pixels)
      throw TooManyPixels(fmt::format("'{}': frames of {} x {} pixels; at most {} pixels are read",
                                      name, decoder->width, decoder->height, limits.pixels));
    check(av().codec.avcodec_open2(decoder.get(), codec, nullptr) >= 0,
          "'{}' is damaged: its {} stream cannot be decoded", name,
          av().codec.avcodec_get_name(codec->id));
  }

  [[noreturn]] void fail_damaged() const {
    fail("'{}' is damaged or cut off behind frame {} ({:.2f} s): fetch or copy it again", name,
         frames, seconds);
  }

  // The next packet into the decoder; behind the last one an empty one, which asks for what is
  // left. What comes before the first frame may be cut from a longer video, and lack what it
  // refers to.
  void feed() {
    int status = 0;
    do {
      av().codec.av_packet_unref(packet.get());
      status = av().format.av_read_frame(container.get(), packet.get());
    } while (status >= 0 && packet->stream_index != stream);
    if (status == AVERROR_EOF) ended = true;
    else if (status < 0 || (packet->flags & AV_PKT_FLAG_CORRUPT)) fail_damaged();
    const int sent = av().codec.avcodec_send_packet(decoder.get(), ended ? nullptr : packet.get());
    if (sent < 0 && sent != AVERROR_EOF && frames > 0) fail_damaged();
  }

  bool advance() {
    while (true) {
      const int status = av().codec.avcodec_receive_frame(decoder.get(), frame.get());
      if (status == AVERROR_EOF) break;
      if (status == AVERROR(EAGAIN)) {
        if (ended) break;
        feed();
        continue;
      }
      if (status < 0) {
        if (frames > 0 || ended) fail_damaged();
        feed();
        continue;
      }
      constexpr int kWrong = FF_DECODE_ERROR_INVALID_BITSTREAM | FF_DECODE_ERROR_CONCEALMENT_ACTIVE;
      if (frames > 0 && (frame->decode_error_flags & kWrong)) fail_damaged();
      note_time();
      check(++frames <= limits.frames, "'{}' has more than {} frames", name, limits.frames);
      return true;
    }
    check(frames > 0, "'{}' has no frame that can be decoded", name);
    return false;
  }

  void note_time() {
    const AVStream& s = *container->streams[stream];
    const auto rate = av_q2d(s.avg_frame_rate.num ? s.avg_frame_rate : s.r_frame_rate);
    const double step = std::isfinite(rate) && rate > 0 ? 1 / rate : 0.04;
    if (frame->best_effort_timestamp == AV_NOPTS_VALUE) {
      seconds = frames == 0 ? 0 : seconds + step;
      return;
    }
    const double now = static_cast<double>(frame->best_effort_timestamp) * av_q2d(s.time_base);
    if (!first) first = now - (frames == 0 ? 0 : seconds + step);
    seconds = frames == 0 ? 0 : std::max(seconds, now - *first);
  }

  Image image() const {
    const int width = frame->width, height = frame->height;
    const auto format = static_cast<AVPixelFormat>(frame->format);
    const AVPixFmtDescriptor* kind = av().util.av_pix_fmt_desc_get(format);
    check(width > 0 && height > 0 && kind && int64_t{width} * height <= limits.pixels,
          "'{}', frame {}: no picture of a size that can be read", name, frames);
    scaler.reset(av().scale.sws_getCachedContext(scaler.release(), width, height, format, width,
                                                 height, AV_PIX_FMT_RGB24, SWS_BICUBIC, nullptr,
                                                 nullptr, nullptr));
    check(scaler != nullptr, "'{}', frame {}: pixels of kind '{}' are not read", name, frames,
          kind->name);
    // A stream that states no matrix is BT.601, whatever its size.
    const int* matrix = av().scale.sws_getCoefficients(
        frame->colorspace == AVCOL_SPC_UNSPECIFIED ? SWS_CS_DEFAULT : frame->colorspace);
    const bool full = frame->color_range == AVCOL_RANGE_JPEG;
    constexpr int kOne = 1 << 16;
    av().scale.sws_setColorspaceDetails(scaler.get(), matrix, full, matrix, 1, 0, kOne, kOne);
    // Rows end where swscale's vectors do.
    const int row = (3 * width + 63) / 64 * 64;
    ByteVector rows(static_cast<size_t>(row) * height + 64);
    uint8_t* const to[] = {rows.data(), nullptr, nullptr, nullptr};
    const int steps[] = {row, 0, 0, 0};
    check(av().scale.sws_scale(scaler.get(), frame->data, frame->linesize, 0, height, to, steps) ==
              height,
          "'{}', frame {}: its pixels cannot be converted", name, frames);
    Image image(width, height, 3);
    for (int y = 0; y < height; ++y)
      std::copy_n(&rows[static_cast<size_t>(y) * row], 3 * width, image.at(0, y));
    return upright(image, orientation());
  }

  int orientation() const {
    if (const AVFrameSideData* side =
            av().util.av_frame_get_side_data(frame.get(), AV_FRAME_DATA_DISPLAYMATRIX);
        side && side->size >= 9 * sizeof(int32_t))
      return orientation_of(reinterpret_cast<const int32_t*>(side->data));
    size_t size = 0;
    const uint8_t* side = av().format.av_stream_get_side_data(container->streams[stream],
                                                              AV_PKT_DATA_DISPLAYMATRIX, &size);
    return size >= 9 * sizeof(int32_t) ? orientation_of(reinterpret_cast<const int32_t*>(side)) : 1;
  }
};

VideoReader::VideoReader(const std::string& path, VideoLimits limits)
    : state_(std::make_unique<State>(Source(path), path, limits)) {}
VideoReader::VideoReader(Bytes bytes, const std::string& name, VideoLimits limits)
    : state_(std::make_unique<State>(Source(bytes), name, limits)) {}
VideoReader::~VideoReader() = default;

bool VideoReader::advance() { return state_->advance(); }
double VideoReader::seconds() const { return state_->seconds; }
Image VideoReader::image() const {
  check(state_->frames > 0 && state_->frame->width > 0, "'{}': no frame was decoded yet",
        state_->name);
  return state_->image();
}

bool is_video_name(const std::string& path) {
  static constexpr const char* kEndings[] = {
      "3gp", "asf", "avi", "flv", "m2ts", "m4v", "mj2", "mkv", "mov",  "mp4", "mpeg",
      "mpg", "mts", "mxf", "nut", "ogm",  "ogv", "ts",  "vob", "webm", "wmv", "y4m"};
  const size_t dot = path.rfind('.');
  if (dot == path.npos) return false;
  std::string ending = path.substr(dot + 1);
  for (char& c : ending) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return std::ranges::any_of(kEndings, [&](const char* known) { return ending == known; });
}

}  // namespace cairn::io
