#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "cairn/data/digits.h"
#include "cairn/data/folder.h"
#include "cairn/io/csv.h"
#include "cairn/io/file.h"
#include "cairn/tasks/image_classification/task.h"

namespace cairn::tasks::image_classification {
namespace {

namespace fs = std::filesystem;

struct PictureEvalOptions : EvalOptions {
  Option<std::string> split{this, "split", "test", one_of({"train", "test"}), "Part of the data"};
};

constexpr size_t kMostShown = 20;  // classes of a table that fits a terminal

void print_confusion(const Json& result, const std::vector<std::string>& classes) {
  const auto rows = result["confusion"].get<std::vector<std::vector<int64_t>>>();
  if (rows.size() > kMostShown) return;
  size_t widest = 8;
  for (const std::string& name : classes) widest = std::max(widest, name.size());
  fmt::print("{:>{}} |", "true", widest);
  for (const std::string& name : classes) fmt::print(" {:>5}", name);
  fmt::print("\n");
  for (size_t r = 0; r < rows.size(); ++r) {
    fmt::print("{:>{}} |", classes[r], widest);
    for (size_t c = 0; c < rows.size(); ++c)
      fmt::print(" {:>{}}", rows[r][c], std::max<size_t>(5, classes[c].size()));
    fmt::print("\n");
  }
}

int eval(Classifier& classifier, const PictureEvalOptions& o) {
  const Json result = classifier.evaluate(o.data, data::split_from_name(o.split));
  if (o.json) {
    fmt::print("{}\n", result.dump());
    return 0;
  }
  print_confusion(result, classifier.classes());
  fmt::print("{} of {} examples: {}\n", *o.split, result["examples"].dump(), in_words(result));
  return 0;
}

int make_int8(Classifier& classifier, const QuantizeOptions& o) {
  const Json r = quantize(classifier, o);
  for (const auto& kept : r["kept_f32"])
    fmt::print(stderr, "stays f32: {}\n", kept.get<std::string>());
  if (o.json) {
    fmt::print("{}\n", r.dump());
    return 0;
  }
  const double f32 = r["accuracy_f32"].get<double>() * 100,
               int8 = r["accuracy_int8"].get<double>() * 100;
  fmt::print("{} layers in 8 bits, calibrated on {} images\n", r["layers_int8"].dump(),
             r["calibration_examples"].dump());
  fmt::print("accuracy on {} test images: f32 {:.2f} %, int8 {:.2f} % ({:+.2f})\n",
             r["examples"].dump(), f32, int8, int8 - f32);
  fmt::print("{}: {:.2f} MB, f32 has {:.2f} MB\n", *o.out, r["bytes_int8"].get<double>() / 1e6,
             r["bytes_f32"].get<double>() / 1e6);
  return 0;
}

struct PredictOptions : train::OptionSet {
  Option<std::vector<std::string>> images{
      this, "images", {}, {}, "PNG, JPEG, PPM or PGM files, or folders of them", Use::positional};
  Option<int64_t> top{this, "top", 5, whole(1, 1'000'000), "How many classes to print"};
  Option<bool> json{this, "json", false, {}, "Print one JSON object a line"};
  Option<std::string> csv{this, "csv", "", {}, "Write file, class and probability to this file"};
};

// Files as they are; of a folder all pictures below it, in the order of their names.
std::vector<std::string> files_of(const std::vector<std::string>& given) {
  std::vector<std::string> files;
  for (const std::string& path : given) {
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    const size_t before = files.size();
    for (const auto& entry : fs::recursive_directory_iterator(path))
      if (entry.is_regular_file() && data::is_image_file(entry.path().string()))
        files.push_back(entry.path().string());
    std::sort(files.begin() + static_cast<int64_t>(before), files.end());
    check(files.size() > before, "'{}' holds no pictures", path);
  }
  return files;
}

void print(const std::string& file, const std::vector<Prediction>& predictions, bool json) {
  if (json) {
    Json classes = Json::array();
    for (const auto& p : predictions)
      classes.push_back({{"label", p.label}, {"probability", p.probability}});
    fmt::print("{}\n", Json{{"file", file}, {"classes", classes}}.dump());
    return;
  }
  fmt::print("{}:", file);
  for (const auto& p : predictions) fmt::print("  {} {:.1f} %", p.label, p.probability * 100);
  fmt::print("\n");
}

// Goes on after a file that cannot be read; the last line counts.
int predict(Classifier& classifier, const PredictOptions& o) {
  const auto files = files_of(o.images);
  std::string csv = "file,class,probability\n";
  size_t failed = 0;
  for (const std::string& file : files) {
    try {
      const auto predictions = classifier.predict(file, o.top);
      print(file, predictions, o.json);
      csv += fmt::format("{},{},{:.6f}\n", io::csv_cell(file), io::csv_cell(predictions[0].label),
                         predictions[0].probability);
    } catch (const Error& e) {
      fmt::print(stderr, "cairn: {}\n", e.what());
      ++failed;
    }
  }
  if (!o.csv->empty()) io::write_file_atomically(o.csv, std::string_view(csv));
  if (files.size() > 1)
    fmt::print(stderr, "{} pictures named{}\n", files.size() - failed,
               failed ? fmt::format(", {} could not be read", failed) : "");
  return failed ? 1 : 0;
}

// One drawn digit of each kind, that no training has seen.
std::vector<std::string> write_inputs(const std::string& folder) {
  constexpr uint64_t kSeed = 0x747279;
  std::vector<std::string> files;
  std::vector<uint8_t> pixels(data::kDigitSide * data::kDigitSide);
  std::array<bool, 10> written{};
  for (int64_t i = 0; files.size() < written.size(); ++i) {
    const int label = data::draw_digit(kSeed, i, pixels.data());
    if (std::exchange(written[static_cast<size_t>(label)], true)) continue;
    files.push_back(fmt::format("{}/{}.png", folder, label));
    io::write_png(files.back(),
                  data::picture_of(pixels.data(), {1, data::kDigitSide, data::kDigitSide}));
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string summary(const Json& result) {
  return fmt::format("test {}, {} weights in {}", in_words(result),
                     result["weights"].get<std::string>(), result["run"].get<std::string>());
}

}  // namespace

const Task kRow{
    .name = kTask,
    .title = "Image classification",
    .what = "Name what a picture shows",
    .examples =
        "  cairn train image-classification --data mnist/ --out runs/mnist\n"
        "  cairn train image-classification --data cifar10/ --model resnet18 --epochs 20\n"
        "  cairn train image-classification --data photos/ --val-split 0.1 --patience 5\n"
        "  cairn train --resume runs/mnist\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary,
    .open = open_as<Classifier>,
    .verbs = {verb<Classifier, PictureEvalOptions, eval>(
                  "eval", "Measure how often it is right",
                  "  cairn eval runs/mnist --data mnist/\n"
                  "  cairn eval runs/mnist --split train --json\n"),
              verb<Classifier, PredictOptions, predict>(
                  "predict", "Say what pictures show",
                  "  cairn predict runs/mnist picture.png --top 3\n"
                  "  cairn predict runs/mnist photos/ --csv names.csv\n"),
              verb<Classifier, QuantizeOptions, make_int8>(
                  "quantize", "Make a run that computes in 8 bits",
                  "  cairn quantize runs/mnist --out runs/mnist-int8\n"
                  "  cairn quantize runs/mnist --out runs/mnist-int8 --calibrate 1024 "
                  "--percentile 99.99\n"
                  "  cairn eval runs/mnist-int8\n")},
    .report = report_as<Classifier, report>,
    .smallest = R"({"data": "digits", "steps": 6, "batch": 32, "eval_every": 3})",
    .write_inputs = write_inputs,
    .inputs = "digits",
    .stops = {{"cnn", "Convolution: naming what a picture shows",
               "A convolutional network slides small filters over a picture. The first layer's "
               "filters find edges, the next combine them to strokes and corners, pooling forgets "
               "exactly where they were, and a last layer weighs what was found. The same few "
               "weights serve every place, so a digit is a digit wherever it stands. This one "
               "learned from digits that the program drew.",
               R"({"data": "digits", "model": "lenet", "epochs": 3})"}}};

}  // namespace cairn::tasks::image_classification
