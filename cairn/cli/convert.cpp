// cairn convert IN OUT: weights from one kind of file into another.
#include <memory>

#include "cairn/base/json.h"
#include "cairn/cli/commands.h"
#include "cairn/io/json.h"
#include "cairn/io/weight_files.h"
#include "cairn/tasks/outputs.h"

namespace cairn::cli {
namespace {

struct Conversion {
  std::string in, out, dtype;
  int64_t part_size = 5000;  // MB
};

// Copies of floating-point tensors in another type.
void convert_types(std::vector<io::NamedTensor>& tensors, DType dtype,
                   std::vector<io::ByteVector>& copies) {
  copies.reserve(tensors.size());
  for (io::NamedTensor& t : tensors) {
    if (!is_float(t.dtype) || t.dtype == dtype) continue;
    const size_t from = size_of(t.dtype), to = size_of(dtype), count = t.data.size() / from;
    io::ByteVector& copy = copies.emplace_back(count * to);
    for (size_t i = 0; i < count; ++i)
      store_element(copy.data() + i * to, dtype, load_element(t.data.data() + i * from, t.dtype));
    t.data = copy, t.dtype = dtype;
  }
}

// A file in whose place what is made of it would be is lost, with the precision that it had.
void keep_given_weights(const io::WeightFiles& given, const std::string& made) {
  tasks::keep_given(given.path(), made);
  for (const std::string& file : given.files()) tasks::keep_given(file, made);
}

// NAME.safetensors.index.json and NAME-00001-of-00003.safetensors beside it.
void write_parts(const std::string& index, const io::WeightFiles& given,
                 const std::vector<io::NamedTensor>& tensors, uint64_t part_bytes) {
  std::vector<std::vector<io::NamedTensor>> parts(1);
  uint64_t bytes = 0, total = 0;
  for (const io::NamedTensor& t : tensors) {
    if (bytes > 0 && bytes + t.data.size() > part_bytes) parts.emplace_back(), bytes = 0;
    parts.back().push_back(t);
    bytes += t.data.size(), total += t.data.size();
  }
  const std::string stem =
      index.substr(0, index.size() - std::string(".safetensors.index.json").size());
  const auto name_of_part = [&](size_t i) {
    return fmt::format("{}-{:05}-of-{:05}.safetensors", stem, i + 1, parts.size());
  };
  for (size_t i = 0; i < parts.size(); ++i) keep_given_weights(given, name_of_part(i));
  Json map = Json::object();
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string path = name_of_part(i);
    for (const io::NamedTensor& t : parts[i]) map[t.name] = path.substr(path.rfind('/') + 1);
    io::write_safetensors(path, std::move(parts[i]), {{"format", "pt"}});
  }
  const Json all = {{"metadata", {{"total_size", total}}}, {"weight_map", map}};
  io::write_file_atomically(index, std::string_view(io::dump_json(all, 2)));
}

int convert(const Conversion& given) {
  const io::WeightFiles files(given.in);
  keep_given_weights(files, given.out);
  std::vector<io::NamedTensor> tensors;
  for (const io::NamedTensor* t : files.tensors()) tensors.push_back(*t);
  check(!tensors.empty(), "'{}' has no tensors", files.path());
  std::vector<io::ByteVector> copies;
  if (!given.dtype.empty()) convert_types(tensors, dtype_from_name(given.dtype), copies);
  uint64_t bytes = 0;
  for (const io::NamedTensor& t : tensors) bytes += t.data.size();
  if (given.out.ends_with(".safetensors")) {
    io::Metadata metadata = files.metadata();
    metadata.erase(io::kChecksumKey);
    if (metadata.empty()) metadata["format"] = "pt";
    io::write_safetensors(given.out, tensors, metadata);
  } else if (io::is_torch_file_name(given.out)) {
    io::write_torch_file(given.out, tensors);
  } else if (given.out.ends_with(".safetensors.index.json")) {
    write_parts(given.out, files, tensors, static_cast<uint64_t>(given.part_size) * 1'000'000);
  } else {
    throw UsageError(
        fmt::format("'{}': the name of what is written ends in .safetensors, .pt, "
                    ".pth, .bin or .safetensors.index.json (parts)",
                    given.out));
  }
  fmt::print("{}: {} tensors, {}\n", given.out, tensors.size(), io::readable_size(bytes));
  return kDone;
}

}  // namespace

void add_convert(const Command& app) {
  const Command command =
      app.add_command("convert", "Write weights as another kind of file (PyTorch's, safetensors)");
  command.examples(
      "  cairn convert model.pt model.safetensors\n"
      "  cairn convert llama/ llama.safetensors --dtype bf16\n"
      "  cairn convert runs/mnist mnist.pt\n");
  const auto given = std::make_shared<Conversion>();
  command
      .option("in", given->in,
              "Weights: .safetensors, .pt, .pth, .bin, an index of parts, a folder of Hugging "
              "Face's transformers, or a run")
      .required();
  command
      .option("out", given->out,
              "File to write: .safetensors, .pt, .pth, .bin, or "
              ".safetensors.index.json with its parts beside it")
      .required();
  command.option("--dtype", given->dtype, "Of floating-point tensors; else as they are")
      .one_of({"f32", "f16", "bf16", "f64"});
  command.option("--part-size", given->part_size, "Largest part, in MB")
      .whole(1, 1 << 20)
      .shows_default();
  command.runs([given] { return convert(*given); });
}

}  // namespace cairn::cli
