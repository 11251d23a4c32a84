// libav's functions, opened at their first use; for what reads and writes videos alone.
#pragma once
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include "cairn/base/library.h"

namespace cairn::io {

// The version that the headers are of: structures of another lie otherwise.
#define CAIRN_AV_FILE(name, major) "lib" name ".so." AV_STRINGIFY(major)
#define CAIRN_AV_PACKAGE(name, major) "lib" name AV_STRINGIFY(major)

struct AvUtil : Library {
  AvUtil()
      : Library(CAIRN_AV_FILE("avutil", LIBAVUTIL_VERSION_MAJOR), "a video",
                CAIRN_AV_PACKAGE("avutil", LIBAVUTIL_VERSION_MAJOR)) {}
  CAIRN_OF_LIBRARY(av_dict_free);
  CAIRN_OF_LIBRARY(av_dict_set);
  CAIRN_OF_LIBRARY(av_frame_alloc);
  CAIRN_OF_LIBRARY(av_frame_free);
  CAIRN_OF_LIBRARY(av_frame_get_buffer);
  CAIRN_OF_LIBRARY(av_frame_get_side_data);
  CAIRN_OF_LIBRARY(av_frame_make_writable);
  CAIRN_OF_LIBRARY(av_free);
  CAIRN_OF_LIBRARY(av_log_set_level);
  CAIRN_OF_LIBRARY(av_malloc);
  CAIRN_OF_LIBRARY(av_pix_fmt_desc_get);
};
struct AvCodec : Library {
  AvCodec()
      : Library(CAIRN_AV_FILE("avcodec", LIBAVCODEC_VERSION_MAJOR), "a video",
                CAIRN_AV_PACKAGE("avcodec", LIBAVCODEC_VERSION_MAJOR)) {}
  CAIRN_OF_LIBRARY(av_packet_alloc);
  CAIRN_OF_LIBRARY(av_packet_free);
  CAIRN_OF_LIBRARY(av_packet_rescale_ts);
  CAIRN_OF_LIBRARY(av_packet_unref);
  CAIRN_OF_LIBRARY(avcodec_alloc_context3);
  CAIRN_OF_LIBRARY(avcodec_find_encoder);
  CAIRN_OF_LIBRARY(avcodec_free_context);
  CAIRN_OF_LIBRARY(avcodec_get_name);
  CAIRN_OF_LIBRARY(avcodec_open2);
  CAIRN_OF_LIBRARY(avcodec_parameters_from_context);
  CAIRN_OF_LIBRARY(avcodec_parameters_to_context);
  CAIRN_OF_LIBRARY(avcodec_receive_frame);
  CAIRN_OF_LIBRARY(avcodec_receive_packet);
  CAIRN_OF_LIBRARY(avcodec_send_frame);
  CAIRN_OF_LIBRARY(avcodec_send_packet);
};
struct AvFormat : Library {
  AvFormat()
      : Library(CAIRN_AV_FILE("avformat", LIBAVFORMAT_VERSION_MAJOR), "a video",
                CAIRN_AV_PACKAGE("avformat", LIBAVFORMAT_VERSION_MAJOR)) {}
  CAIRN_OF_LIBRARY(av_find_best_stream);
  CAIRN_OF_LIBRARY(av_interleaved_write_frame);
  CAIRN_OF_LIBRARY(av_read_frame);
  CAIRN_OF_LIBRARY(av_stream_get_side_data);
  CAIRN_OF_LIBRARY(av_write_trailer);
  CAIRN_OF_LIBRARY(avformat_alloc_context);
  CAIRN_OF_LIBRARY(avformat_alloc_output_context2);
  CAIRN_OF_LIBRARY(avformat_close_input);
  CAIRN_OF_LIBRARY(avformat_find_stream_info);
  CAIRN_OF_LIBRARY(avformat_free_context);
  CAIRN_OF_LIBRARY(avformat_new_stream);
  CAIRN_OF_LIBRARY(avformat_open_input);
  CAIRN_OF_LIBRARY(avformat_write_header);
  CAIRN_OF_LIBRARY(avio_alloc_context);
  CAIRN_OF_LIBRARY(avio_context_free);
  CAIRN_OF_LIBRARY(avio_flush);
};
struct Swscale : Library {
  Swscale()
      : Library(CAIRN_AV_FILE("swscale", LIBSWSCALE_VERSION_MAJOR), "a video",
                CAIRN_AV_PACKAGE("swscale", LIBSWSCALE_VERSION_MAJOR)) {}
  CAIRN_OF_LIBRARY(sws_freeContext);
  CAIRN_OF_LIBRARY(sws_getCachedContext);
  CAIRN_OF_LIBRARY(sws_getCoefficients);
  CAIRN_OF_LIBRARY(sws_scale);
  CAIRN_OF_LIBRARY(sws_setColorspaceDetails);
};
struct Libav {
  AvUtil util;
  AvCodec codec;
  AvFormat format;
  Swscale scale;
};
inline const Libav& av() {
  static const Libav all;
  return all;
}

}  // namespace cairn::io
