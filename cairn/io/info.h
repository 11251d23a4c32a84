// What is in a file: for `cairn info FILE`.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "cairn/io/bytes.h"

namespace cairn::io {

enum class FileKind {
  safetensors,
  npy,
  png,
  jpeg,
  webp,
  gif,
  tiff,
  bmp,
  pnm,
  idx,
  jsonl,
  json,
  text,
  tensorboard,
  onnx,  // this and the next two are described above this layer
  sound,
  midi,
  torch,         // by the name: a zip archive may be anything
  transformers,  // a folder of Hugging Face's, described above this layer
  unknown
};

const char* name_of(FileKind kind);

// Told by content, not by name. `bytes` are unpacked already (see is_gzip).
FileKind detect_kind(Bytes bytes);

struct FileInfo {
  std::string path;
  FileKind kind = FileKind::unknown;
  bool gzip = false;
  uint64_t file_bytes = 0;
  std::vector<std::pair<std::string, std::string>> facts;  // in the order to be shown
  std::vector<std::vector<std::string>> table;  // tensors: a row of titles, then name, dtype, ...
};

// Reads and checks the whole file: throws the reader's Error when it is damaged, and an Error that
// lists the known kinds when it is none of them.
FileInfo inspect_file(const std::string& path);

// Of the weights in a folder of Hugging Face's transformers (weight_files.h), together.
FileInfo inspect_weights(const std::string& folder);

std::string to_text(const FileInfo& info);  // for people: aligned lines
std::string to_json(const FileInfo& info);  // one object in one line

}  // namespace cairn::io
