// gzip (RFC 1952) through zlib.
#pragma once
#include "cairn/io/file.h"

namespace cairn::io {

bool is_gzip(Bytes bytes);

// The unpacked content of all members. `name` is the file in errors: truncated, damaged (checksum),
// something else after the end, or more than `limit` bytes when unpacked.
ByteVector gunzip(Bytes packed, const std::string& name, uint64_t limit = kDefaultReadLimit);

ByteVector gzip(Bytes content, int level = 6);

// A file, unpacked if it is gzip. `limit` bounds the unpacked size.
ByteVector read_maybe_gzip(const std::string& path, uint64_t limit = kDefaultReadLimit);

}  // namespace cairn::io
