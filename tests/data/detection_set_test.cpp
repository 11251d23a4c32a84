// Folders of pictures with boxes in three layouts, the drawn set, and views whose boxes follow.
#include "cairn/data/detection_set.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cairn/data/detection_splits.h"
#include "cairn/data/detection_view.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

class DetectionFolder : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(folder_ / path).parent_path());
    std::ofstream(folder_ / path) << text;
  }
  void picture(const std::string& path) const {
    fs::create_directories(fs::path(folder_ / path).parent_path());
    io::write_png(folder_ / path, io::Image(64, 48, 3, 200));
  }
  void voc(const std::string& name, const std::string& label, int x2 = 30) const {
    picture("JPEGImages/" + name + ".png");
    write("Annotations/" + name + ".xml",
          fmt::format("<annotation><size><width>64</width><height>48</height></size><object><name>"
                      "{}</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>{}</xmax><ymax>40</ymax>"
                      "</bndbox></object></annotation>",
                      label, x2));
  }
  TemporaryFolder folder_;
};

TEST_F(DetectionFolder, PascalVoc) {
  for (const char* name : {"a", "b", "c"}) voc(name, name == std::string("c") ? "dog" : "cat");
  write("ImageSets/Main/train.txt", "a\nb  1\n");
  write("ImageSets/Main/val.txt", "c\r\n");
  auto splits = open_detection_data(folder_.path());
  EXPECT_EQ(splits.classes, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(splits.train->size(), 2);
  EXPECT_EQ(splits.test->size(), 1) << "val is test where there is none";
  EXPECT_FALSE(splits.validation);
  const LabelledPicture c = splits.test->get(0);
  EXPECT_EQ(c.image.width, 64);
  ASSERT_EQ(c.objects.size(), 1u);
  EXPECT_EQ(c.objects[0].label, 1);
  EXPECT_EQ(c.objects[0].box, (Box{1, 2, 30, 40}));
  EXPECT_TRUE(splits.notes.empty());

  write("ImageSets/Main/test.txt", "a\n");
  splits = open_detection_data(folder_.path());
  EXPECT_EQ(splits.validation->size(), 1);
  ASSERT_EQ(splits.notes.size(), 1u);
  EXPECT_NE(splits.notes[0].find("1 pictures are in two splits"), std::string::npos);
  fs::remove_all(folder_ / "ImageSets");
  EXPECT_EQ(open_detection_data(folder_.path()).train->size(), 3);
}

TEST_F(DetectionFolder, WithoutATrainListOthersStayWhereTheyAre) {
  for (const char* name : {"a", "b", "c", "d", "e"}) voc(name, "cat");
  write("ImageSets/Main/val.txt", "b\nc\n"), write("ImageSets/Main/test.txt", "d\n");
  const auto learned = [&] {
    std::string names;
    const auto splits = open_detection_data(folder_.path());
    EXPECT_TRUE(splits.notes.empty());
    for (int64_t i = 0; splits.train && i < splits.train->size(); ++i)
      names += fs::path(splits.train->get(i).file).stem().string();
    return names;
  };
  EXPECT_EQ(learned(), "ae");
  write("ImageSets/Main/train.txt", "\n");
  EXPECT_EQ(learned(), "ae");
  write("ImageSets/Main/trainval.txt", "e\nb\nc\n");
  EXPECT_EQ(learned(), "e");
  write("ImageSets/Main/trainval.txt", "b\nc\n");
  EXPECT_EQ(learned(), "");
  EXPECT_ERROR(open_detection_splits(folder_.path(), {}, 0, 1),
               "has no pictures to learn from: all");
  EXPECT_EQ(open_detection_splits(folder_.path(), {"cat"}, 0, 1).test->size(), 1)
      << "a trained network can be measured there";
}

TEST_F(DetectionFolder, PascalVocThatIsWrong) {
  voc("a", "cat", 1), voc("b", "cat", 70), voc("c", "dog");
  const auto splits = open_detection_data(folder_.path());
  ASSERT_EQ(splits.notes.size(), 2u);
  EXPECT_NE(splits.notes[0].find("1 boxes without area"), std::string::npos);
  EXPECT_NE(splits.notes[0].find("a.xml"), std::string::npos);
  EXPECT_NE(splits.notes[1].find("b.xml"), std::string::npos);
  EXPECT_TRUE(splits.train->get(0).objects.empty());
  EXPECT_EQ(splits.train->get(1).objects[0].box.x2, 64);

  write("classes.txt", "cat\n");
  EXPECT_ERROR(open_detection_data(folder_.path()), "class 'dog'");
  fs::remove(folder_ / "classes.txt");
  fs::remove(folder_ / "JPEGImages/b.png");
  EXPECT_ERROR(open_detection_data(folder_.path()), "has no picture");
  picture("JPEGImages/b.png");
  write("ImageSets/Main/train.txt", "stranger\n");
  EXPECT_ERROR(open_detection_data(folder_.path()), "stranger.xml' is missing");
  write("ImageSets/Main/train.txt", "a\n");
  write("Annotations/a.xml", "<html>");
  EXPECT_ERROR(open_detection_data(folder_.path()), "a.xml' is no XML");
  io::write_png(folder_ / "JPEGImages/c.png", io::Image(48, 64, 3));
  write("ImageSets/Main/train.txt", "c\n");
  const auto turned = open_detection_data(folder_.path());
  EXPECT_ERROR(turned.train->get(0), "speaks of a picture of 64 x 48; it has 48 x 64");
  write("JPEGImages/c.png", "");
  EXPECT_ERROR(turned.train->get(0), "c.png' is empty");
}

std::string coco_of(const std::string& file) {
  return R"({"images": [{"id": 1, "file_name": ")" + file +
         R"(", "width": 64, "height": 48}], "categories": [{"id": 5, "name": "cat"}],
  "annotations": [{"image_id": 1, "category_id": 5, "bbox": [1, 2, 3, 4], "iscrowd": 1}]})";
}

TEST_F(DetectionFolder, Coco) {
  picture("train2017/a.png"), picture("images/val2017/b.png");
  write("annotations/instances_train2017.json", coco_of("a.png"));
  write("annotations/instances_val2017.json", coco_of("b.png"));
  write("annotations/captions_val2017.json", "{}");
  const auto splits = open_detection_data(folder_.path());
  EXPECT_EQ(splits.train->get(0).objects[0].box, (Box{1, 2, 4, 6}));
  EXPECT_TRUE(splits.test->get(0).objects[0].crowd);
  EXPECT_NE(splits.test->get(0).file.find("images/val2017/b.png"), std::string::npos);
  fs::remove(folder_ / "train2017/a.png");
  EXPECT_ERROR(open_detection_data(folder_.path()), "speaks of 'a.png'");
  write("annotations/instances_train2017.json", "{");
  EXPECT_ERROR(open_detection_data(folder_.path()), "train2017.json' is no JSON");
}

TEST_F(DetectionFolder, CocoInFoldersAndAlone) {
  for (const char* split : {"train", "valid", "test"}) {
    picture(std::string(split) + "/p.png");
    write(std::string(split) + "/_annotations.coco.json", coco_of("p.png"));
  }
  const auto splits = open_detection_data(folder_.path());
  EXPECT_TRUE(splits.train && splits.validation && splits.test);
  EXPECT_NE(splits.validation->get(0).file.find("valid/p.png"), std::string::npos);
  const auto one = open_detection_data(folder_ / "train/_annotations.coco.json");
  EXPECT_TRUE(one.train && !one.validation && !one.test);
}

TEST_F(DetectionFolder, Yolo) {
  picture("images/train/a.png"), picture("images/train/empty.png"), picture("images/val/b.png");
  write("labels/train/a.txt", "1 .5 .5 .5 .5\n"), write("labels/val/b.txt", "");
  EXPECT_ERROR(open_detection_data(folder_.path()), "no classes.txt");
  write("classes.txt", "cat\ndog\n");
  const auto splits = open_detection_data(folder_.path());
  EXPECT_EQ(splits.train->size(), 2);
  EXPECT_EQ(splits.train->get(0).objects[0].box, (Box{16, 12, 48, 36}));
  EXPECT_TRUE(splits.train->get(1).objects.empty());
  EXPECT_EQ(splits.test->size(), 1);
  write("labels/train/a.txt", "2 .5 .5 .5 .5\n");
  EXPECT_ERROR(open_detection_data(folder_.path()), "class 2");
  write("labels/train/a.txt", "0 1.5 .5 .5 .5\n");
  EXPECT_ERROR(open_detection_data(folder_.path()), "lies outside");
  write("labels/train/a.txt", "");
  write("labels/train/stranger.txt", "0 .5 .5 .5 .5\n");
  EXPECT_ERROR(open_detection_data(folder_.path()), "stranger.txt' has no picture");
}

// What a Mac and Windows leave beside and inside.
TEST_F(DetectionFolder, ClutterMarksAndCapitals) {
  for (const char* name : {"a", "b"}) voc(name, "cat");
  fs::rename(folder_ / "Annotations/b.xml", folder_ / "Annotations/b.XML");
  write("Annotations/._a.xml", "junk"), write("JPEGImages/._a.png", "junk");
  write("classes.txt",
        "\xef\xbb\xbf"
        "cat\r\n");
  const auto splits = open_detection_data(folder_.path());
  EXPECT_EQ(splits.train->size(), 2);
  EXPECT_EQ(splits.classes, (std::vector<std::string>{"cat"}));
  EXPECT_EQ(splits.objects, (std::vector<int64_t>{2}));
}

TEST_F(DetectionFolder, NeitherOfThem) {
  EXPECT_ERROR(open_detection_data("/nowhere/at/all"), "'/nowhere/at/all' is not there");
  EXPECT_ERROR(open_detection_data(folder_.path()), "holds no boxes");
}

TEST(Shapes, BoxesHoldWhatWasDrawn) {
  int64_t objects = 0;
  std::vector<int64_t> of_label(4);
  for (int64_t i = 0; i < 200; ++i) {
    const LabelledPicture p = draw_shapes(1, i);
    const LabelledPicture again = draw_shapes(1, i);
    ASSERT_TRUE(p.image.pixels == again.image.pixels) << "a pure function";
    for (const GroundTruth& o : p.objects) {
      ++objects, ++of_label[static_cast<size_t>(o.label)];
      EXPECT_GE(o.box.width(), 8);
      EXPECT_LE(o.box.height(), 46);
      EXPECT_EQ(clipped(o.box, kShapesWidth, kShapesHeight), o.box);
    }
  }
  EXPECT_GT(objects, 300);
  for (int64_t count : of_label) EXPECT_GT(count, objects / 8);
}

// A picture whose only bright pixels fill the box: after any change the box still holds just them.
LabelledPicture bright_box(int width, int height, const Box& box) {
  LabelledPicture p{"", io::Image(width, height, 3, 0), {{.box = box}}};
  for (int y = int(box.y1); y < int(box.y2); ++y)
    for (int x = int(box.x1); x < int(box.x2); ++x) std::fill_n(p.image.at(x, y), 3, uint8_t{255});
  return p;
}
Box bright_part(const io::Image& image) {
  Box b{1e9, 1e9, -1, -1};
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      if (*image.at(x, y) > 150)
        b = {std::min<double>(b.x1, x), std::min<double>(b.y1, y), std::max<double>(b.x2, x + 1),
             std::max<double>(b.y2, y + 1)};
  return b;
}
void expect_near(const Box& a, const Box& b, double by) {
  EXPECT_NEAR(a.x1, b.x1, by);
  EXPECT_NEAR(a.y1, b.y1, by);
  EXPECT_NEAR(a.x2, b.x2, by);
  EXPECT_NEAR(a.y2, b.y2, by);
}

TEST(View, BoxesFollowFlipsAndScales) {
  const LabelledPicture p = bright_box(40, 30, {4, 6, 20, 12});
  for (const LabelledPicture& v : {mirrored(p), upside_down(p), mirrored(upside_down(p))})
    EXPECT_EQ(bright_part(v.image), v.objects[0].box);
  EXPECT_EQ(mirrored(p).objects[0].box, (Box{20, 6, 36, 12}));
  const LabelledPicture wide = letterboxed(p, 80, 80);
  EXPECT_EQ(wide.image.width, 80);
  EXPECT_EQ(wide.objects[0].box, (Box{8, 12, 40, 24}));
  expect_near(bright_part(wide.image), wide.objects[0].box, 1);
  EXPECT_EQ(*wide.image.at(40, 70), 114) << "below the picture it is grey";
  EXPECT_EQ(scaled_to_fit(p, 20, 20).image.height, 15);
}

TEST(View, BoxesAreCutAtTheRoomOrLeftOut) {
  const LabelledPicture p = bright_box(40, 40, {10, 10, 30, 30});
  const auto laid = [&](double x, const Box& room) {
    LabelledPicture canvas{"", io::Image(64, 64, 3, 100), {}};
    lay(p, 1, x, 0, room, canvas);
    if (!canvas.objects.empty()) { EXPECT_EQ(bright_part(canvas.image), canvas.objects[0].box); }
    return canvas.objects;
  };
  EXPECT_EQ(laid(0, {0, 0, 64, 64})[0].box, (Box{10, 10, 30, 30}));
  EXPECT_EQ(laid(-20, {0, 0, 64, 64})[0].box, (Box{0, 10, 10, 30}));
  EXPECT_TRUE(laid(-26, {0, 0, 64, 64}).empty()) << "a fifth is left";
  EXPECT_EQ(laid(0, {0, 0, 20, 64})[0].box, (Box{10, 10, 20, 30}));
  EXPECT_TRUE(laid(0, {40, 0, 64, 64}).empty());
}

// Mosaic, scaling, moving, flips: every box that comes out holds bright pixels alone.
TEST(View, TrainingViewsKeepBoxesRight) {
  const DetectionDataset set = from_items<LabelledPicture>(
      {bright_box(64, 48, {8, 8, 40, 32}), bright_box(48, 64, {20, 30, 40, 60})});
  for (const double mosaic : {0.0, 1.0}) {
    const ViewOptions options{
        .width = 64, .height = 64, .mosaic = mosaic, .flip_vertical = true, .light = 0};
    int64_t boxes = 0;
    for (uint64_t i = 0; i < 150; ++i) {
      const auto view = training_view(set, int64_t(i % 2), options, PhiloxStream(5, i));
      ASSERT_EQ(view.image.width, 64);
      for (const GroundTruth& o : view.objects) {
        ++boxes;
        const int x = int((o.box.x1 + o.box.x2) / 2), y = int((o.box.y1 + o.box.y2) / 2);
        EXPECT_GT(*view.image.at(x, y), 200);
        EXPECT_EQ(clipped(o.box, 64, 64), o.box);
        if (mosaic == 0) expect_near(bright_part(view.image), o.box, 2.5);
      }
      const auto again = training_view(set, int64_t(i % 2), options, PhiloxStream(5, i));
      ASSERT_TRUE(view.image.pixels == again.image.pixels);
    }
    EXPECT_GT(boxes, mosaic > 0 ? 200 : 100);
  }
}

TEST_F(DetectionFolder, WhatCannotBeLearnedIsCounted) {
  picture("images/train/a.png"), picture("images/val/b.png"), picture("images/test/c.png");
  write("labels/train/a.txt", "0 .5 .5 .5 .5\n"), write("labels/val/b.txt", "1 .5 .5 .5 .5\n");
  write("labels/test/c.txt", "2 .5 .5 .5 .5\n"), write("images/train/notes.doc", "no picture");
  write("classes.txt", "cat\ndog\ncow\n");
  auto splits = open_detection_splits(folder_.path(), {}, 0, 1);
  EXPECT_EQ(splits.objects, (std::vector<int64_t>{1, 1, 1}));
  EXPECT_EQ(splits.objects_to_learn, (std::vector<int64_t>{1, 0, 0}));
  ASSERT_EQ(splits.notes.size(), 1u);
  EXPECT_NE(splits.notes[0].find("left out: 1 no pictures"), std::string::npos) << splits.notes[0];
  // Where a part is held back, what the files have to choose by is learned from.
  splits = open_detection_splits(folder_.path(), {"cow", "dog", "cat"}, 0.5, 1);
  EXPECT_EQ(splits.objects_to_learn, (std::vector<int64_t>{0, 1, 1}));
  fs::remove(folder_ / "classes.txt");
  const std::vector<std::string> names = {"cat", "big dog", "cow"};
  for (const char* yaml : {"train: images\nnames: [cat, 'big dog', \"cow\"]\nnc: 3\n",
                           "names:\n- cat\n- big dog  # barks\n- cow\nnc: 3\n",
                           "names:\n  0: cat\n  1: 'big dog'\n  2: cow\n\nnc: 3\n",
                           "names: [cat, big dog,\n  cow]\n"}) {
    write("data.yaml", yaml);
    EXPECT_EQ(open_detection_data(folder_.path()).classes, names) << yaml;
  }
  write("data.yaml", "names:\n  0: cat\n  2: dog\n");
  EXPECT_ERROR(open_detection_data(folder_.path()), "is not the name of class 1");
  write("classes.txt", "cat\ndog\ncat\n");
  EXPECT_ERROR(open_detection_data(folder_.path()), "names 'cat' twice");
}

// Named when it is read, and not passed over.
TEST_F(DetectionFolder, AYoloPictureWithoutLabelsThatIsNoneIsNamed) {
  picture("images/train/a.png"), write("images/train/b.png", ""), write("classes.txt", "cat\n");
  write("labels/train/a.txt", "0 .5 .5 .5 .5\n");
  const auto splits = open_detection_data(folder_.path());
  ASSERT_EQ(splits.train->size(), 2);
  EXPECT_ERROR(splits.train->get(1), "b.png");
}

}  // namespace
}  // namespace cairn::data
