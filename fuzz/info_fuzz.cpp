#include "fuzz/fuzz.h"

#include <unistd.h>

#include "cairn/io/file.h"
#include "cairn/io/info.h"
#include "cairn/io/gzip.h"

using namespace cairn::io;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  detect_kind(input);
  is_gzip(input);
  static const std::string path = "/dev/shm/cairn-info-fuzz-" + std::to_string(getpid());
  std::FILE* file = std::fopen(path.c_str(), "wb");
  std::fwrite(data, 1, size, file);
  std::fclose(file);
  fuzz([&] {
    const FileInfo info = inspect_file(path);
    to_text(info);
    to_json(info);
  });
  std::remove(path.c_str());
  return 0;
}
