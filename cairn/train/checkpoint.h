// Checkpoints: every State of a run in one safetensors file, written to a temporary file, synced
// and renamed; the one before is kept as "<path>.previous". A checksum is verified when it is
// loaded.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "cairn/io/safetensors.h"
#include "cairn/tensor/named_tensors.h"

namespace cairn::train {

using cairn::NamedTensors;

// `prefix` + "." + name for each: how a module, an optimizer, ... share one file.
NamedTensors with_prefix(const std::string& prefix, const NamedTensors& tensors);

void save_tensors(const std::string& path, const NamedTensors& tensors,
                  const io::Metadata& metadata = {}, bool keep_previous = false);

struct Loaded {
  NamedTensors tensors;
  io::Metadata metadata;
  NamedTensors part(const std::string& prefix) const;  // those of a prefix, without it
};
// Throws Error that names the file and what is wrong with it.
Loaded load_tensors(const std::string& path);
// The checkpoint at `path`, or, when it is damaged, the previous one (says so on standard error).
Loaded load_checkpoint(const std::string& path);

}  // namespace cairn::train
