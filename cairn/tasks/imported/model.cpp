#include "cairn/tasks/imported/model.h"

#include <algorithm>
#include <filesystem>

#include "cairn/data/picture.h"
#include "cairn/data/transform.h"
#include "cairn/io/npy.h"
#include "cairn/io/tensors.h"
#include "cairn/io/zip.h"
#include "cairn/onnx/node_call.h"
#include "cairn/ops/context.h"
#include "cairn/onnx/weights.h"
#include "cairn/ops/functions.h"

namespace cairn::tasks::imported {
namespace {

constexpr int64_t kUsualSide = 224;
const std::vector<float> kMean = {0.485f, 0.456f, 0.406f}, kDeviation = {0.229f, 0.224f, 0.225f};

// NumPy has no bf16, and counts in i64 where it may.
Tensor in_type(const io::NpyArray& array, const onnx::ImportedInput& input,
               const std::string& file) {
  const Tensor t = from_host(array.data.data(), array.shape, array.dtype);
  if (t.dtype() == input.dtype) return t;
  const bool alike = is_float(t.dtype()) ? is_float(input.dtype)
                                         : is_integer(t.dtype()) && is_integer(input.dtype);
  check(alike, "'{}': is of {}; input '{}' takes {}", file, name_of(t.dtype()), input.name,
        name_of(input.dtype));
  return cast(t, input.dtype);
}

}  // namespace

Imported::Imported(const train::SavedModel& saved, std::shared_ptr<onnx::Imported> file)
    : Model(saved),
      file_(std::move(file)),
      compiled_([f = file_.get()](std::span<const Tensor> in) { return f->run(in); }),
      op_by_op_(file_->shapes_follow_values()) {
  const Json names = Json::parse(file_->metadata("cairn.labels"), nullptr, false);
  if (names.is_array())
    for (const Json& name : names)
      if (name.is_string()) labels_.push_back(name.get<std::string>());
}

std::vector<Tensor> Imported::inputs(int64_t) {
  fail("'{}': an ONNX file names no data that it was trained on", path());
}

// Free sizes that lead an input are the batch (exporters call them differently in each input), the
// others the length.
std::vector<Port> Imported::takes() {
  std::vector<Port> ports;
  std::string batch;
  for (const onnx::ImportedInput& input : file_->inputs()) {
    check(input.has_rank,
          "'{}': does not say which shape its input '{}' has; export it with shapes", path(),
          input.name);
    Port port{input.name, input.dtype, {}};
    std::string length;
    for (size_t d = 0; d < input.dims.size(); ++d) {
      const onnx::ImportedDim& dim = input.dims[d];
      const std::string name = dim.name.empty() ? fmt::format("size {}", d) : dim.name;
      if (dim.size < 0 && d == 0 && batch.empty()) batch = name;
      const bool is_batch = d == 0 || name == batch;
      if (dim.size < 0 && !is_batch && length.empty()) length = name;
      check(dim.size >= 0 || is_batch || name == length,
            "'{}': input '{}' has two free sizes beside the batch ('{}', '{}'), and a program "
            "chooses one; export it with one of them fixed, or use cairn predict",
            path(), input.name, length, name);
      port.shape.push_back(dim.size >= 0 ? dim.size : is_batch ? kAnyBatch : kAnyLength);
    }
    ports.push_back(std::move(port));
  }
  return ports;
}

// ---- files

const onnx::ImportedInput& Imported::picture_input() const {
  const auto& inputs = file_->inputs();
  const bool fits = inputs.size() == 1 && is_float(inputs[0].dtype) && inputs[0].dims.size() == 4 &&
                    (inputs[0].dims[1].size == 1 || inputs[0].dims[1].size == 3);
  std::string takes;
  for (const onnx::ImportedInput& in : inputs)
    takes += fmt::format("{}'{}'", takes.empty() ? "" : ", ", in.name);
  check(fits,
        "'{}': takes {}, which is no picture [batch, 1 or 3, height, width]; give it an .npz file "
        "with arrays of these names (numpy.savez)",
        path(), takes);
  return inputs[0];
}

void Imported::complete(Preparation& how) const {
  const onnx::ImportedInput& input = picture_input();
  const auto channels = static_cast<size_t>(input.dims[1].size);
  if (how.mean.empty()) how.mean = channels == 3 ? kMean : std::vector<float>{0};
  if (how.deviation.empty()) how.deviation = channels == 3 ? kDeviation : std::vector<float>{1};
  check(how.mean.size() == channels && how.deviation.size() == channels,
        "{} means and {} deviations for {} channels", how.mean.size(), how.deviation.size(),
        channels);
}

std::string Imported::in_words(Preparation how) const {
  complete(how);
  return fmt::format(
      "pictures as values from 0 to 1, minus {} over {}, of the middle {:.4g} % (--mean, --std, "
      "--crop, --image-size change it)",
      fmt::join(how.mean, " "), fmt::join(how.deviation, " "), how.crop * 100);
}

Tensors Imported::read(const std::string& file, Preparation how) const {
  const auto& inputs = file_->inputs();
  if (file.ends_with(".npz")) {
    const io::MappedFile mapped(file);
    const auto entries = io::read_zip(mapped.bytes(), file);
    Tensors all;
    for (const onnx::ImportedInput& input : inputs) {
      const auto it = std::find_if(entries.begin(), entries.end(), [&](const io::ZipEntry& e) {
        return e.name == input.name + ".npy";
      });
      check(it != entries.end(), "'{}': holds no array '{}', which the network takes", file,
            input.name);
      all.push_back(in_type(io::parse_npy(it->data, file + "/" + it->name), input, file));
    }
    return all;
  }
  if (file.ends_with(".npy")) {
    check(inputs.size() == 1,
          "'{}': the network takes {} inputs; give it an .npz file with arrays of their names "
          "(numpy.savez)",
          file, inputs.size());
    return {in_type(io::read_npy(file), inputs[0], file)};
  }
  const onnx::ImportedInput& input = picture_input();
  complete(how);
  const auto side = [&](size_t d) {
    const int64_t fixed = input.dims[d].size;
    check(how.size == 0 || fixed < 0 || fixed == how.size,
          "'{}': takes pictures of {} pixels; --image-size {} cannot be", path(), fixed, how.size);
    return static_cast<int>(how.size ? how.size : fixed >= 0 ? fixed : kUsualSide);
  };
  const data::ImageShape shape{static_cast<int>(input.dims[1].size), side(2), side(3)};
  io::Image image = io::read_image(file);
  const auto part = [&](int n) { return std::max(1, static_cast<int>(std::lround(n * how.crop))); };
  const int shorter = part(std::min(image.width, image.height));
  if (how.crop < 1)
    image = io::center_crop(
        image, image.width <= image.height ? shorter : std::min(image.width, shorter),
        image.height <= image.width ? shorter : std::min(image.height, shorter));
  std::vector<uint8_t> chw(shape.size());
  std::vector<float> pixels(chw.size());
  data::planes_of(data::fit_picture(image, shape), chw.data());
  data::normalize_image(chw.data(), shape, {how.mean, how.deviation}, pixels.data());
  const Tensor x =
      from_host(pixels.data(), {1, shape.channels, shape.height, shape.width}, DType::f32);
  return {cast(x, input.dtype)};
}

Tensors Imported::run(const Tensors& in) {
  const NoGrad no_grad;
  if (!op_by_op_) try {
      return compiled_.call(in);
    } catch (const onnx::DependsOnValues&) {
      op_by_op_ = true;
    } catch (const Error& e) {  // of a kernel, which knows no file
      if (std::string_view(e.what()).find(path()) != std::string_view::npos) throw;
      fail("'{}': {}", path(), e.what());
    }
  return file_->run(in);
}

// ---- opening

namespace {

// Numbers for an input that any model takes: tokens, lengths and classes may be 1.
Tensor some(const Port& port) {
  constexpr int64_t kBatch = 2, kLength = 3;
  const Shape shape = sizes_of(port, kBatch, kLength);
  if (!is_float(port.dtype)) return full(shape, 1, port.dtype);
  return cast(reshape(sin(arange(0, numel(shape), 1, DType::f32)), shape), port.dtype);
}

bool same_function(Model& a, const onnx::Imported& b) {
  constexpr double kClose = 1e-3;
  const NoGrad no_grad;
  Tensors in;
  for (const Port& port : a.takes()) in.push_back(some(port));
  const Tensors ours = a.forward(in), theirs = b.run(in);
  bool same = ours.size() == theirs.size();
  for (size_t i = 0; same && i < ours.size(); ++i) {
    same = ours[i].shape() == theirs[i].shape();
    if (!same || ours[i].numel() == 0) continue;
    const Tensor x = cast(ours[i], DType::f64), y = cast(theirs[i], DType::f64);
    same = amax(abs(x - y)).item() <= kClose * std::max(1.0, amax(abs(x)).item());
  }
  return same;
}

// Of the task that exported it, where its weights are what the network computes the same by.
std::unique_ptr<Model> as_run(const std::string& path,
                              const std::shared_ptr<onnx::Imported>& file) {
  train::SavedModel saved{path, path,
                          Json::parse(file->metadata(train::kConfigMetadata), nullptr, false)};
  const auto task = saved.config.is_object() ? saved.config.find("task") : saved.config.end();
  if (task == saved.config.end() || !task->is_string() ||
      saved.task() != file->metadata("cairn.task"))
    return nullptr;
  saved.give = [file](const NamedTensors& own) { return onnx::weights_for(*file, own); };
  try {
    auto model = open_saved(saved);
    if (same_function(*model, *file)) return model;
  } catch (const Error&) {}
  return nullptr;
}

}  // namespace

std::unique_ptr<Model> open(const std::string& path) {
  auto file = std::make_shared<onnx::Imported>(onnx::read_model_file(path));
  if (auto model = as_run(path, file)) return model;
  const train::SavedModel saved{path, path, Json{{"task", kTask}}};
  return std::make_unique<Imported>(saved, std::move(file));
}

}  // namespace cairn::tasks::imported
