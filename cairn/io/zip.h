// Zip archives whose files are stored as they are (not packed), as PyTorch writes them: APPNOTE
// 6.3.9, with zip64 and data descriptors. Sizes and places are taken from the central directory.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "cairn/io/bytes.h"

namespace cairn::io {

struct ZipEntry {
  std::string name;
  Bytes data;  // views the archive
};
// Throws Error naming the archive and the place: none, cut, packed or locked files, places that
// are not within.
std::vector<ZipEntry> read_zip(Bytes archive, const std::string& name);

// The pieces of an archive of those files, each of which begins at a multiple of 64; `pieces` view
// `headers` and the files' data. Throws Error where it would be larger than 4 GB.
struct ZipPieces {
  std::vector<ByteVector> headers;
  std::vector<Bytes> pieces;
};
ZipPieces zip_pieces(const std::vector<ZipEntry>& files, const std::string& name);

}  // namespace cairn::io
