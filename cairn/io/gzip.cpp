#include "cairn/io/gzip.h"

#include <zlib.h>

#include <algorithm>

namespace cairn::io {
namespace {

constexpr int kGzipWindow = 15 + 16;  // largest window, gzip wrapper

struct Inflater {
  z_stream stream{};
  Inflater() { check(inflateInit2(&stream, kGzipWindow) == Z_OK, "gzip: out of memory"); }
  Inflater(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream); }
};

size_t first_size(Bytes packed, uint64_t limit) {
  const uint64_t guess = std::max<uint64_t>(uint64_t{packed.size()} * 4, 1 << 12);
  return static_cast<size_t>(std::min(guess, limit + 1));
}

bool only_zeros(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; });
}

}  // namespace

bool is_gzip(Bytes bytes) { return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b; }

ByteVector gunzip(Bytes packed, const std::string& name, uint64_t limit) {
  Inflater inflater;
  z_stream& z = inflater.stream;
  ByteVector out(first_size(packed, limit));
  size_t used = 0, read = 0;
  while (true) {
    if (used == out.size()) out.resize(std::min<uint64_t>(limit + 1, used + used / 2 + 4096));
    const size_t in_now = std::min<size_t>(packed.size() - read, 1 << 30);
    const size_t out_now = std::min<size_t>(out.size() - used, 1 << 30);
    z.next_in = const_cast<Bytef*>(packed.data() + read);
    z.avail_in = static_cast<uInt>(in_now);
    z.next_out = out.data() + used;
    z.avail_out = static_cast<uInt>(out_now);
    const int status = inflate(&z, Z_NO_FLUSH);
    read += in_now - z.avail_in;
    used += out_now - z.avail_out;
    check(used <= limit, "'{}' unpacks to more than the {} that are accepted", name,
          readable_size(limit));
    if (status == Z_STREAM_END) {
      const Bytes rest = packed.subspan(read);
      if (only_zeros(rest)) break;  // padding of tapes and block devices
      check(is_gzip(rest), "'{}', byte {}: {} bytes after the end of the gzip data", name, read,
            rest.size());
      inflateReset(&z);
    } else if (status == Z_BUF_ERROR ||
               (status == Z_OK && read == packed.size() && used < out.size())) {
      fail("'{}' is truncated: the gzip data ends at byte {} before its own end; fetch it again",
           name, read);
    } else if (status != Z_OK) {
      fail("'{}', byte {}: the gzip data is damaged ({}); fetch it again", name, read,
           z.msg ? z.msg : "unknown error");
    }
  }
  out.resize(used);
  return out;
}

ByteVector gzip(Bytes content, int level) {
  check(content.size() < uint64_t{1} << 32, "gzip: {} are too much for one call",
        readable_size(content.size()));
  z_stream z{};
  check(deflateInit2(&z, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK,
        "gzip: out of memory");
  ByteVector out(deflateBound(&z, content.size()));
  z.next_in = const_cast<Bytef*>(content.data());
  z.avail_in = static_cast<uInt>(content.size());
  z.next_out = out.data();
  z.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  check(status == Z_STREAM_END, "gzip: packing failed");
  return out;
}

ByteVector read_maybe_gzip(const std::string& path, uint64_t limit) {
  ByteVector raw = read_file(path, limit);
  return is_gzip(raw) ? gunzip(raw, path, limit) : raw;
}

}  // namespace cairn::io
