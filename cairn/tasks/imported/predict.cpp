// The verb "predict" of an ONNX file.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "cairn/data/files.h"
#include "cairn/data/folder.h"
#include "cairn/io/json.h"
#include "cairn/io/npy.h"
#include "cairn/io/zip.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/files.h"
#include "cairn/tasks/imported/model.h"

namespace cairn::tasks::imported {
namespace {

using train::Open, train::Option, train::whole, train::between;

struct PredictOptions : FileOptions {
  Option<int64_t> top{this, "top", 5, whole(1, 1'000'000), "How many classes to print"};
  Option<std::string> labels{this, "labels", "", "Text file with the name of a class a line"};
  Option<std::string> out{this, "out", "",
                          "Write the outputs to this .npz file (or .npy, where there is one)"};
  Option<int64_t> image_size{this, "image_size", Open{"what the file says, else 224"},
                             whole(1, 1 << 14), "Pictures of this side"};
  Option<double> crop{this, "crop", 0.875, between(0.01, 1),
                      "Part of a picture's shorter side that is used, from the middle"};
  Option<std::vector<float>> mean{this, "mean", Open{"0.485 0.456 0.406, grey 0"},
                                  "Subtracted from values of 0 to 1, a channel each"};
  Option<std::vector<float>> std_{this, "std", Open{"0.229 0.224 0.225, grey 1"}, train::positive(),
                                  "Divides them, a channel each"};

  Preparation preparation() const {
    return {image_size.is_open() ? 0 : *image_size, crop,
            mean.is_open() ? std::vector<float>() : *mean,
            std_.is_open() ? std::vector<float>() : *std_};
  }
};

bool is_array(const std::string& path) { return path.ends_with(".npy") || path.ends_with(".npz"); }
bool is_input(const std::string& path) { return is_array(path) || data::is_meant_as_image(path); }

// NumPy's types; bf16 and f8 as f32.
Tensor for_numpy(const Tensor& t) {
  const bool plain =
      t.dtype() != DType::bf16 && t.dtype() != DType::f8e4m3 && t.dtype() != DType::f8e5m2;
  return contiguous(plain ? t : cast(t, DType::f32));
}
io::ByteVector bytes_of(const Tensor& t) {
  io::ByteVector bytes(static_cast<size_t>(t.numel()) * size_of(t.dtype()));
  copy_to_host(t, bytes.data());
  return bytes;
}

void write_outputs(const std::string& path, const std::vector<std::string>& names,
                   const Tensors& outputs) {
  if (path.ends_with(".npy")) {
    check(outputs.size() == 1, "'{}': the network gives {} outputs; name an .npz file", path,
          outputs.size());
    const Tensor t = for_numpy(outputs[0]);
    return io::write_npy(path, t.dtype(), t.shape(), bytes_of(t));
  }
  std::vector<io::ByteVector> arrays;
  std::vector<io::ZipEntry> files;
  for (const Tensor& output : outputs) {
    const Tensor t = for_numpy(output);
    arrays.push_back(io::npy_header(t.dtype(), t.shape(), path));
    const io::ByteVector data = bytes_of(t);
    arrays.back().insert(arrays.back().end(), data.begin(), data.end());
  }
  for (size_t i = 0; i < arrays.size(); ++i) files.push_back({names[i] + ".npy", arrays[i]});
  const io::ZipPieces archive = io::zip_pieces(files, path);
  io::write_file_atomically(path, archive.pieces);
}

// One row of numbers for all classes: [1, C], or [1, C, 1, 1].
bool looks_like_classes(const Tensor& t, size_t labels) {
  if (!is_float(t.dtype()) || t.rank() < 2 || t.size(0) != 1 || t.size(1) != t.numel())
    return false;
  return labels ? static_cast<size_t>(t.numel()) == labels : t.numel() >= 2;
}
// As they are, where they are probabilities.
std::vector<double> probabilities_of(const Tensor& t) {
  auto p = cast(t, DType::f64).to_vector<double>();
  const bool are = std::all_of(p.begin(), p.end(), [](double v) { return v >= 0; }) &&
                   std::abs(std::accumulate(p.begin(), p.end(), 0.0) - 1) < 1e-3;
  if (are) return p;
  return softmax(reshape(cast(t, DType::f64), {t.numel()}), 0).to_vector<double>();
}

Said said_of_classes(const Tensor& output, const std::vector<std::string>& labels, int64_t top) {
  const auto p = probabilities_of(output);
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return p[a] > p[b]; });
  order.resize(std::min(order.size(), static_cast<size_t>(top)));
  Said said{"", {{"classes", Json::array()}}, {}};
  for (const size_t c : order) {
    const std::string label = c < labels.size() ? labels[c] : fmt::format("class {}", c);
    said.words += fmt::format("  {} {:.1f} %", label, p[c] * 100);
    said.json["classes"].push_back({{"label", label}, {"probability", p[c]}});
    if (said.cells.empty()) said.cells = {label, fmt::format("{:.6f}", p[c])};
  }
  return said;
}

Json values_of(const Tensor& t) {
  if (is_float(t.dtype())) return cast(t, DType::f64).to_vector<double>();
  return cast(t, DType::i64).to_vector<int64_t>();
}
Said said_of_tensors(const std::vector<std::string>& names, const Tensors& outputs, bool whole) {
  Said said{"", {{"outputs", Json::object()}}, {"", ""}};
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& t = outputs[i];
    const Shape& shape = t.shape();
    said.words += fmt::format("  {} {} {}", names[i], name_of(t.dtype()), to_string(shape));
    Json& one = said.json["outputs"][names[i]];
    one = {{"dtype", name_of(t.dtype())},
           {"shape", std::vector<int64_t>(shape.begin(), shape.end())}};
    if (whole) one["values"] = values_of(t);
    constexpr int64_t kFew = 8;
    if (t.numel() > 0 && t.numel() <= kFew) said.words += " = " + values_of(t).dump();
  }
  return said;
}

std::vector<std::string> read_labels(const std::string& path) {
  std::vector<std::string> names;
  const std::string text = io::read_text_file(path);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    names.push_back(text.substr(at, end - at - (end > at && text[end - 1] == '\r')));
    at = end + 1;
  }
  return names;
}

int predict(Imported& model, const PredictOptions& o) {
  if (!o.out->empty()) io::check_writable(o.out);
  o.out.require(o.out->empty() || o.files->size() == 1, "holds the outputs for one file");
  const std::vector<std::string> labels =
      o.labels->empty() ? model.labels() : read_labels(o.labels);
  bool told = false;
  const FileKind kind{"files", is_input, {"class", "probability"}, "run"};
  return say_of_files(o, kind, [&](const std::string& file) {
    if (!is_array(file) && !std::exchange(told, true))
      fmt::print(stderr, "{}\n", model.in_words(o.preparation()));
    const Tensors outputs = model.run(model.read(file, o.preparation()));
    if (!o.out->empty()) write_outputs(o.out, model.gives(), outputs);
    if (looks_like_classes(outputs.at(0), labels.size()))
      return said_of_classes(outputs[0], labels, o.top);
    return said_of_tensors(model.gives(), outputs, o.json && o.out->empty());
  });
}

constexpr Verb kVerbs[] = {verb<Imported, PredictOptions, predict>(
    "predict", "Run an ONNX file on pictures or arrays",
    "  cairn predict resnet50.onnx photo.jpg --labels imagenet.txt\n"
    "  cairn predict bert.onnx tokens.npz --out states.npz\n")};

}  // namespace

const Verb* find_verb(const std::string& name) {
  for (const Verb& v : kVerbs)
    if (name == v.name) return &v;
  return nullptr;
}

}  // namespace cairn::tasks::imported
