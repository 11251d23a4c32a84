#include "cairn/io/idx.h"

namespace cairn::io {
namespace {
constexpr int kUnsignedByte = 0x08, kMaxRank = 4;
}

bool is_idx(Bytes bytes) {
  return bytes.size() >= 4 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] >= 0x08 &&
         bytes[2] <= 0x0E && bytes[3] >= 1 && bytes[3] <= kMaxRank;
}

IdxArray parse_idx(Bytes bytes, const std::string& name) {
  ByteReader reader(name, bytes);
  const auto magic = reader.big<uint32_t>("the magic number");
  const int type = magic >> 8 & 0xff, rank = magic & 0xff;
  check(magic >> 16 == 0, "'{}' is no IDX file: its magic number is {:#010x}, of images 0x00000803",
        name, magic);
  check(type == kUnsignedByte,
        "'{}': IDX elements of type {:#04x}; only unsigned bytes (0x08) are read, convert the file",
        name, type);
  check(rank >= 1 && rank <= kMaxRank, "'{}': an IDX file of {} dimensions; 1 to {} are read", name,
        rank, kMaxRank);
  IdxArray array;
  for (int d = 0; d < rank; ++d) array.shape.push_back(reader.big<uint32_t>("a size"));
  const auto wanted = checked_bytes(array.shape, DType::u8);
  if (!wanted || *wanted > reader.remaining())
    reader.fail_here("truncated: sizes {} need {} bytes, {} are left; fetch the file again",
                     to_string(array.shape), wanted ? std::to_string(*wanted) : "far too many",
                     reader.remaining());
  array.data = reader.take(*wanted, "the data");
  if (reader.remaining() > 0)
    reader.fail_here("{} bytes more than sizes {} say; fetch the file again", reader.remaining(),
                     to_string(array.shape));
  return array;
}

}  // namespace cairn::io
