#include <csetjmp>
#include <cstdio>
// jpeglib.h needs FILE and size_t first.
#include <jerror.h>
#include <jpeglib.h>

#include <algorithm>

#include "cairn/io/image_codecs.h"

namespace cairn::io {
namespace {

constexpr int kMaxScans = 100;  // of a progressive file; more is an attack on time

// libjpeg reports errors by a call that must not return: it jumps back to decode_into. Nothing with
// a destructor lives in the frames that are jumped over.
struct Decoder {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf failure;
  char message[JMSG_LENGTH_MAX + 1];
};

[[noreturn]] void give_up(Decoder* decoder) { std::longjmp(decoder->failure, 1); }

void on_error(j_common_ptr info) {
  auto* decoder = static_cast<Decoder*>(info->client_data);
  info->err->format_message(info, decoder->message);
  give_up(decoder);
}

// Warnings are about damage that libjpeg papers over with grey; a file that ends early is an error
// here.
void on_message(j_common_ptr info, int level) {
  if (level < 0 && (info->err->msg_code == JWRN_JPEG_EOF || info->err->msg_code == JWRN_HIT_MARKER))
    on_error(info);
}

void on_progress(j_common_ptr info) {
  auto* decoder = static_cast<Decoder*>(info->client_data);
  if (decoder->info.input_scan_number <= kMaxScans) return;
  std::snprintf(decoder->message, sizeof decoder->message, "more than %d scans", kMaxScans);
  give_up(decoder);
}

void start(Decoder& d) {
  d.info.err = jpeg_std_error(&d.errors);
  d.errors.error_exit = on_error;
  d.errors.emit_message = on_message;
  d.info.client_data = &d;
}

// The EXIF orientation in an APP1 segment, 1 when there is none.
int orientation_of(Bytes segment) {
  return text_of(segment).starts_with("Exif") ? exif_orientation(segment) : 1;
}

// Adobe writes CMYK inverted: 255 is no ink.
void adobe_row_to_rgb(uint8_t* cmyk, uint8_t* rgb, int width) {
  for (int i = 0; i < 4 * width; ++i) cmyk[i] = static_cast<uint8_t>(255 - cmyk[i]);
  ink_to_rgb(cmyk, rgb, width);
}

// False when libjpeg gave up; the reason is then in d.message.
bool read_header(Decoder& d, Bytes bytes) {
  if (setjmp(d.failure)) return false;
  jpeg_create_decompress(&d.info);
  jpeg_mem_src(&d.info, bytes.data(), bytes.size());
  jpeg_save_markers(&d.info, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&d.info, TRUE);
  return true;
}

// What of the image is wanted, and the part of it that is decoded: whole blocks across, since
// chroma is smoothed over their borders.
struct Wanted {
  ImagePart part;
  bool whole = true;
};
constexpr int kChromaReach = 2;  // pixels whose chroma goes into their neighbours'

// Rows of `wanted` to `image`, which is as large. `row` holds one as it is decoded.
bool read_pixels(Decoder& d, const Wanted& wanted, Image& image, ByteVector& row) {
  if (setjmp(d.failure)) return false;
  d.progress.progress_monitor = on_progress;
  d.info.progress = &d.progress;
  jpeg_start_decompress(&d.info);
  const ImagePart& part = wanted.part;
  JDIMENSION left = 0;
  if (!wanted.whole) {
    left = static_cast<JDIMENSION>(std::max(0, part.left - kChromaReach));
    JDIMENSION width = std::min(d.info.output_width,
                                static_cast<JDIMENSION>(part.left + part.width + kChromaReach)) -
                       left;
    jpeg_crop_scanline(&d.info, &left, &width);
    if (part.top > 0) jpeg_skip_scanlines(&d.info, static_cast<JDIMENSION>(part.top));
  }
  const size_t first = (static_cast<size_t>(part.left) - left) * image.channels;
  const bool ink = d.info.out_color_space == JCS_CMYK;
  for (int y = 0; y < part.height; ++y) {
    uint8_t* out = image.at(0, y);
    uint8_t* target = wanted.whole && !ink ? out : row.data();
    jpeg_read_scanlines(&d.info, &target, 1);
    if (ink) adobe_row_to_rgb(row.data(), out, image.width);
    else if (!wanted.whole)
      std::copy_n(row.data() + first, static_cast<size_t>(image.width) * image.channels, out);
  }
  if (wanted.whole) jpeg_finish_decompress(&d.info);
  return true;
}

// `choose`: the part that is wanted; none: all.
Image decode(Bytes bytes, const std::string& name, const ImageLimits& limits,
             const ChoosePart* choose) {
  Decoder d{};
  start(d);
  struct Cleanup {
    Decoder& d;
    ~Cleanup() { jpeg_destroy_decompress(&d.info); }
  } cleanup{d};
  const auto damaged = [&] { fail("'{}': damaged or truncated JPEG ({})", name, d.message); };
  if (!read_header(d, bytes)) damaged();
  check_image_size(d.info.image_width, d.info.image_height, name, limits);

  const J_COLOR_SPACE space = d.info.jpeg_color_space;
  const bool grey = space == JCS_GRAYSCALE, ink = space == JCS_CMYK || space == JCS_YCCK;
  d.info.out_color_space = grey ? JCS_GRAYSCALE : ink ? JCS_CMYK : JCS_RGB;
  int orientation = 1;
  for (const auto* marker = d.info.marker_list; marker && orientation == 1; marker = marker->next)
    orientation = orientation_of({marker->data, marker->data_length});

  const int width = static_cast<int>(d.info.image_width),
            height = static_cast<int>(d.info.image_height);
  Wanted wanted{{0, 0, width, height}};
  const bool direct = choose && orientation == 1 && !ink;
  if (direct) wanted = {(*choose)(width, height), false}, check_part(wanted.part, width, height);
  Image image(wanted.part.width, wanted.part.height, grey ? 1 : 3);
  ByteVector row(size_t{4} * static_cast<size_t>(width));
  if (!read_pixels(d, wanted, image, row)) damaged();
  Image right = upright(image, orientation);
  return choose && !direct ? part_of(right, (*choose)(right.width, right.height)) : right;
}

}  // namespace

Image decode_jpeg(Bytes bytes, const std::string& name, const ImageLimits& limits) {
  return decode(bytes, name, limits, nullptr);
}

Image decode_jpeg_part(Bytes bytes, const std::string& name, const ImageLimits& limits,
                       const ChoosePart& choose) {
  return decode(bytes, name, limits, &choose);
}

}  // namespace cairn::io
