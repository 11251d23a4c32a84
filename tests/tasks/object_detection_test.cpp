// Detection, from targets to boxes drawn into pictures.
#include "cairn/tasks/object_detection/task.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cairn/autograd/autograd.h"
#include "cairn/base/parallel.h"
#include "cairn/io/file.h"
#include "cairn/ops/functions.h"
#include "cairn/io/video.h"
#include "cairn/io/video_writer.h"
#include "tests/io/temporary_folder.h"

namespace cairn::tasks::object_detection {
namespace {

namespace fs = std::filesystem;
using data::Box, data::GroundTruth, models::Detector, models::DetectorPoint;

TEST(DetectionTargets, PointsInsideTakeTheObjectThatFitsThem) {
  const auto points = Detector::points(128, 160);
  ASSERT_EQ(points.size(), 16u * 20 + 8 * 10 + 4 * 5);
  EXPECT_EQ(points[0].x, 4);
  EXPECT_EQ(points.back().stride, 32);
  const std::vector<GroundTruth> objects = {
      {.box = {8, 8, 40, 40}, .label = 1},      // as large as a low square
      {.box = {40, 10, 155, 125}, .label = 0},  // as large as a high one
      {.box = {0, 60, 30, 128}, .label = 0, .difficult = true}};
  const Targets t = targets_of(objects, points, 2);
  std::vector<double> strides[2];
  for (size_t i = 0; i < points.size(); ++i) {
    const DetectorPoint& p = points[i];
    const Box box{t.box[4 * i], t.box[4 * i + 1], t.box[4 * i + 2], t.box[4 * i + 3]};
    EXPECT_GT(box.area(), 0);
    if (t.label[i] == 2) continue;
    strides[t.label[i]].push_back(p.stride);
    EXPECT_TRUE(p.x > box.x1 && p.x < box.x2 && p.y > box.y1 && p.y < box.y2);
    EXPECT_EQ(box, objects[t.label[i] == 1 ? 0 : 1].box);
    EXPECT_EQ(t.weight[i], 1);
  }
  ASSERT_FALSE(strides[0].empty() || strides[1].empty());
  EXPECT_EQ(*std::max_element(strides[1].begin(), strides[1].end()), 8);
  EXPECT_EQ(*std::min_element(strides[0].begin(), strides[0].end()), 32);
  int64_t ignored = 0;
  for (size_t i = 0; i < points.size(); ++i) ignored += t.weight[i] == 0;
  EXPECT_GT(ignored, 20) << "inside the difficult one";
}

// What the training counts is what becomes a target of no point.
TEST(DetectionTargets, WhatLiesBetweenThePointsIsNoTarget) {
  const auto points = Detector::points(64, 64);
  int small = 0, all = 0;
  for (double x = 0; x < 20; x += 1.5)
    for (double side : {2.0, 4.0, 7.0, 8.5, 12.0}) {
      const Box box{x, x + 3, x + side, x + 3 + side};
      const Targets t = targets_of({{{.box = box, .label = 0}}}, points, 1);
      const bool is_target = std::count(t.label.begin(), t.label.end(), 0) > 0;
      EXPECT_EQ(is_target, holds_a_point(box)) << x << " " << side;
      ++all, small += !is_target;
    }
  EXPECT_TRUE(small > 5 && small < all) << small;
}

Tensor row(const std::vector<float>& values, Shape shape) { return tensor(values, shape); }

// What would be said of a picture by who knows the targets.
Tensor perfect(const Targets& t, std::span<const DetectorPoint> points, int64_t classes,
               float surely) {
  std::vector<float> out;
  for (size_t i = 0; i < points.size(); ++i) {
    for (int64_t c = 0; c < classes; ++c) out.push_back(t.label[i] == c ? surely : -surely);
    const float* b = &t.box[4 * i];
    for (float d : {points[i].x - b[0], points[i].y - b[1], b[2] - points[i].x, b[3] - points[i].y})
      out.push_back(d);
  }
  return row(out, {1, static_cast<int64_t>(points.size()), classes + 4});
}

TEST(DetectionLoss, IsZeroForThePerfectAndFiniteForAll) {
  const auto points = Detector::points(64, 64);
  const auto count = static_cast<int64_t>(points.size());
  for (const std::vector<GroundTruth>& objects :
       {std::vector<GroundTruth>{}, {{.box = {4, 4, 40, 44}, .label = 1}}}) {
    const Targets t = targets_of(objects, points, 3);
    const Tensor label = tensor(t.label, {1, count}), box = row(t.box, {1, count, 4});
    const Tensor weight = row(t.weight, {1, count});
    const auto loss = [&](const Tensor& out) {
      return models::detection_loss(out, label, box, weight, points);
    };
    const double right = loss(perfect(t, points, 3, 20)).item();
    EXPECT_NEAR(right, 0, 1e-3);
    EXPECT_GT(loss(perfect(t, points, 3, -3)).item(), right + 1);
    for (const double far : {-200.0, 0.0, 200.0}) {
      Tensor out = parameter(full({1, count, 7}, far));
      const Tensor value = loss(out);
      ASSERT_TRUE(std::isfinite(value.item()));
      const auto slopes = grad({value}, {out})[0].to_vector<float>();
      for (float s : slopes) ASSERT_TRUE(std::isfinite(s));
    }
  }
}

TEST(DetectionNetwork, OutputsAPointARow) {
  manual_seed(1);
  const Detector net(3, 8);
  const Tensor out = net(zeros({2, 3, 64, 96}));
  EXPECT_EQ(out.shape(), (Shape{2, 12 * 8 + 6 * 4 + 3 * 2, 7}));
  for (float d : slice(out, 2, 3, 4).to_vector<float>()) EXPECT_GT(d, 0);
  EXPECT_ERROR(net(zeros({1, 3, 60, 96})), "divisible by 32");
}

TEST(DetectionPictures, BoxesAreDrawn) {
  const std::vector<data::Detection> boxes = {{{10, 5, 30, 25}, 0, 0.9},
                                              {{-5, -5, 500, 8}, 1, 0.5}};
  const io::Image drawn = with_boxes(io::Image(40, 40, 1, 9), boxes);
  EXPECT_EQ(drawn.channels, 3);
  EXPECT_GT(int(drawn.at(10, 15)[2]), 200) << "blue at its left side";
  EXPECT_EQ(int(drawn.at(20, 15)[0]), 9) << "nothing inside";
}

class Detection : public testing::Test {
 protected:
  Detection() { set_num_threads(1); }
  Json train(const std::string& run, const Json& chosen) const {
    const Task& task = task_named(kTask);
    const auto options = task.options();
    Json all = Json::parse(task.smallest);
    all.update(chosen);
    options->read_file(all, "chosen");
    options->out = folder_ / run, options->quiet = true;
    return task.train(*options);
  }
  std::string say(const std::string& run, const char* verb_name, const Json& chosen) const {
    const auto model = open_model(folder_ / run);
    const Verb* verb = find_verb(task_named(kTask), verb_name);
    const auto options = verb->options();
    for (const auto& [name, value] : chosen.items()) options->find(name)->read(value);
    testing::internal::CaptureStdout();
    try {
      status_ = verb->run(*model, *options);
    } catch (...) {  // what follows shall be seen
      testing::internal::GetCapturedStdout();
      throw;
    }
    std::fflush(stdout);
    return testing::internal::GetCapturedStdout();
  }
  // The drawn shapes as files, as Pascal VOC has them.
  void write_voc(const std::string& name, int pictures) const {
    const std::string root = folder_ / name;
    for (const char* part : {"/Annotations", "/JPEGImages", "/ImageSets/Main"})
      fs::create_directories(root + part);
    std::ofstream train(root + "/ImageSets/Main/train.txt"),
        test(root + "/ImageSets/Main/test.txt");
    for (int i = 0; i < pictures; ++i) {
      const auto p = data::draw_shapes(9, i);
      const std::string stem = fmt::format("p{}", i);
      (i % 3 ? train : test) << stem << "\n";
      io::write_png(root + "/JPEGImages/" + stem + ".png", p.image);
      std::ofstream xml(root + "/Annotations/" + stem + ".xml");
      xml << "<annotation>";
      for (const auto& o : p.objects)
        xml << fmt::format(
            "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}"
            "</xmax><ymax>{}</ymax></bndbox></object>",
            data::shape_names()[size_t(o.label)], o.box.x1, o.box.y1, o.box.x2, o.box.y2);
      xml << "</annotation>";
    }
  }
  TemporaryFolder folder_;
  mutable int status_ = 0;
};

TEST_F(Detection, FilesFromTrainingToBoxesInPictures) {
  write_voc("voc", 24);
  const Json result = train("run", {{"data", folder_ / "voc"}});
  EXPECT_EQ(result["split"], "test");
  EXPECT_EQ(result["examples"], 8);
  const Json again = Json::parse(say("run", "eval", {{"json", true}}));
  for (const char* key : {"map50", "map", "per_class"}) EXPECT_EQ(again[key], result[key]) << key;
  EXPECT_EQ(again["per_class"].size(), 4u);
  EXPECT_EQ(Json::parse(say("run", "eval", {{"json", true}, {"split", "train"}}))["examples"], 14)
      << "of 16, 15 % held back to choose by";

  std::ofstream(folder_ / "voc/JPEGImages/broken.png") << "none";
  const std::string lines =
      say("run", "predict",
          {{"files", {folder_ / "voc/JPEGImages", folder_ / "voc/JPEGImages/broken.png"}},
           {"out", folder_ / "drawn"},
           {"score", 0.001},
           {"json", true}});
  EXPECT_EQ(status_, 1) << "one cannot be read";
  std::istringstream text(lines);
  int count = 0, boxes = 0;
  for (std::string line; std::getline(text, line); ++count) {
    const Json p = Json::parse(line);
    EXPECT_TRUE(fs::exists(p["file"].get<std::string>()));
    for (const Json& b : p["boxes"]) {
      ++boxes;
      ASSERT_EQ(b["box"].size(), 4u);
      EXPECT_LT(b["box"][0].get<double>(), b["box"][2].get<double>());
      EXPECT_GE(b["box"][1].get<double>(), 0);
      EXPECT_LE(b["box"][3].get<double>(), data::kShapesHeight);
      EXPECT_GE(b["score"].get<double>(), 0.001);
      EXPECT_TRUE(b["label"].is_string());
    }
  }
  EXPECT_EQ(count, 24);
  EXPECT_GT(boxes, 24);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "drawn"), {}), 24);
  std::ofstream(folder_ / "file") << "x";
  EXPECT_THROW(
      say("run", "predict", {{"files", {folder_ / "voc/JPEGImages"}}, {"out", folder_ / "file"}}),
      InvalidOption);
}

TEST_F(Detection, OfAVideoALineAFrameAndACopyWithBoxes) {
  train("run", Json::object());
  {
    io::VideoWriter video(folder_ / "clip.mkv");
    for (int i = 0; i < 5; ++i) {
      const auto drawn = data::draw_shapes(5, i);
      video.add(io::resize(drawn.image, 96, 64), 0.25 * i);
    }
    video.finish();
  }
  std::istringstream lines(say("run", "predict",
                               {{"files", {folder_ / "clip.mkv"}},
                                {"out", folder_ / "drawn"},
                                {"score", 0.001},
                                {"json", true}}));
  int64_t frame = 0;
  for (std::string line; std::getline(lines, line); ++frame) {
    const Json p = Json::parse(line);
    EXPECT_EQ(p["file"], folder_ / "clip.mkv");
    EXPECT_EQ(p["frame"], frame);
    EXPECT_NEAR(p["seconds"].get<double>(), 0.25 * static_cast<double>(frame), 1e-3);
    EXPECT_TRUE(p["boxes"].is_array());
  }
  EXPECT_EQ(frame, 5);
  io::VideoReader copy(folder_ / "drawn/clip.mp4");
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(copy.advance());
  EXPECT_FALSE(copy.advance());
  EXPECT_EQ(copy.seconds(), 1);
}

TEST_F(Detection, ClassesThatNothingToLearnFromShowsAreTold) {
  const auto write_yolo = [&](const char* labels) {
    for (const char* part : {"train", "val", "test"})
      for (int i = 0; i < 2; ++i) {
        fs::create_directories(folder_ / fmt::format("y/images/{}", part));
        fs::create_directories(folder_ / fmt::format("y/labels/{}", part));
        io::write_png(folder_ / fmt::format("y/images/{}/{}.png", part, i), io::Image(64, 64, 3));
        std::ofstream(folder_ / fmt::format("y/labels/{}/{}.txt", part, i))
            << (part == std::string("train") ? labels : "1 .5 .5 .5 .5\n");
      }
    std::ofstream(folder_ / "y/classes.txt") << "cat\ndog\n";
  };
  write_yolo("");
  EXPECT_ERROR(train("never", {{"data", folder_ / "y"}}), "not one object is marked in the 2");
  write_yolo("0 .5 .5 .5 .5\n");
  const auto options = task_named(kTask).options();
  options->read_file(Json::parse(task_named(kTask).smallest), "smallest");
  options->find("data")->read(folder_ / "y");
  options->out = folder_ / "told";
  testing::internal::CaptureStderr();
  task_named(kTask).train(*options);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("no picture to learn from shows 'dog'"), std::string::npos) << said;
}

TEST_F(Detection, SaysWhatIsWrongBeforeTraining) {
  const auto refused = [&](const Json& chosen) {
    const std::string message = error_of([&] { train("never", chosen); });
    EXPECT_FALSE(fs::exists(folder_ / "never"));
    return message;
  };
  EXPECT_NE(refused({{"data", folder_.path()}}).find("holds no boxes"), std::string::npos);
  write_voc("voc", 24);
  std::ofstream(folder_ / "voc/JPEGImages/p3.png") << "none";
  EXPECT_NE(refused({{"data", folder_ / "voc"}}).find("p3.png"), std::string::npos)
      << "a test picture that cannot be read";
  write_voc("one", 2);
  EXPECT_NE(refused({{"data", folder_ / "one"}}).find("none is left"), std::string::npos);
  train("run", Json::object());
  write_voc("other", 9);
  const std::string xml = folder_ / "other/Annotations/p0.xml";
  std::ofstream(xml)
      << "<annotation><object><name>sphere</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
         "<xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>";
  EXPECT_ERROR(say("run", "eval", {{"data", folder_ / "other"}}), "class 'sphere'");
}

}  // namespace
}  // namespace cairn::tasks::object_detection
