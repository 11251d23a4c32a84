// Annotations of pictures: what is read, and what is refused with the file and the object named.
#include "cairn/data/annotations.h"

#include <gtest/gtest.h>

#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

std::string voc(const std::string& inside) {
  return "<annotation><filename>a.jpg</filename><size><width>64</width><height>48</height></size>" +
         inside + "</annotation>";
}
std::string voc_object(const std::string& name, const std::string& box) {
  return "<object><name>" + name + "</name><difficult>0</difficult>" + box + "</object>";
}
std::string voc_box(const std::string& a, const std::string& b, const std::string& c,
                    const std::string& d) {
  return "<bndbox><xmin>" + a + "</xmin><ymin>" + b + "</ymin><xmax>" + c + "</xmax><ymax>" + d +
         "</ymax></bndbox>";
}

TEST(Voc, ReadsObjects) {
  const auto p = parse_voc(
      voc(voc_object("cat", voc_box("1", " 2.5 ", "30", "40")) +
          "<object><bndbox><ymax>9</ymax><xmax>8</xmax><ymin>5</ymin><xmin>4</xmin></bndbox>"
          "<name>dog &amp; co</name><difficult>1</difficult></object>"),
      "a.xml");
  EXPECT_EQ(p.file, "a.jpg");
  EXPECT_EQ(p.width, 64);
  ASSERT_EQ(p.objects.size(), 2u);
  EXPECT_EQ(p.objects[0].label, "cat");
  EXPECT_EQ(p.objects[0].box, (Box{1, 2.5, 30, 40})) << "no pixel is added";
  EXPECT_FALSE(p.objects[0].difficult);
  EXPECT_EQ(p.objects[1].label, "dog & co");
  EXPECT_TRUE(p.objects[1].difficult);
  EXPECT_TRUE(parse_voc("<annotation/>", "a.xml").objects.empty());
}

TEST(Voc, RefusesWhatIsNone) {
  EXPECT_ERROR(parse_voc("", "a.xml"), "'a.xml' is no XML");
  EXPECT_ERROR(parse_voc("not XML at all", "a.xml"), "'a.xml' is no XML");
  EXPECT_ERROR(parse_voc("<annotation><object>", "a.xml"), "'a.xml' is no XML");
  EXPECT_ERROR(parse_voc("<svg></svg>", "a.xml"), "no <annotation>");
  EXPECT_ERROR(parse_voc(voc(voc_object("", voc_box("1", "2", "3", "4"))), "a.xml"),
               "object 1 has no <name>");
  EXPECT_ERROR(parse_voc(voc(voc_object("cat", "")), "a.xml"), "object 1 has no <bndbox>");
  EXPECT_ERROR(parse_voc(voc(voc_object("cat", voc_box("1", "2", "x", "4"))), "a.xml"),
               "object 1 has no number <xmax> ('x')");
  EXPECT_ERROR(parse_voc(voc(voc_object("cat", voc_box("1", "2", "nan", "4"))), "a.xml"), "<xmax>");
  EXPECT_ERROR(parse_voc(voc(voc_object("cat", voc_box("9", "2", "3", "4"))), "a.xml"),
               "object 1 (cat) is inverted");
}

const char* const kCoco = R"({
  "images": [{"id": 7, "file_name": "b.jpg", "width": 64, "height": 48},
             {"id": 3, "file_name": "a.jpg"}],
  "categories": [{"id": 90, "name": "dog"}, {"id": 1, "name": "cat"}],
  "annotations": [
    {"image_id": 7, "category_id": 90, "bbox": [1, 2, 10.5, 20], "iscrowd": 1, "area": 99},
    {"image_id": 7, "category_id": 1, "bbox": [0, 0, 5, 5]}]})";

TEST(Coco, ReadsObjects) {
  const auto all = parse_coco(kCoco, "a.json");
  EXPECT_EQ(all.classes, (std::vector<std::string>{"cat", "dog"})) << "by id";
  ASSERT_EQ(all.pictures.size(), 2u);
  EXPECT_EQ(all.pictures[0].file, "b.jpg");
  EXPECT_TRUE(all.pictures[1].objects.empty());
  const AnnotatedObject& dog = all.pictures[0].objects[0];
  EXPECT_EQ(dog.label, "dog");
  EXPECT_EQ(dog.box, (Box{1, 2, 11.5, 22}));
  EXPECT_TRUE(dog.crowd);
  EXPECT_EQ(dog.area, 99);
  EXPECT_FALSE(all.pictures[0].objects[1].crowd);
}

// kCoco with a part replaced.
std::string coco_with(const std::string& part, const std::string& by) {
  std::string text = kCoco;
  return text.replace(text.find(part), part.size(), by);
}

// Boxes may come before the pictures and the names that they are of; outlines are passed over.
TEST(Coco, ReadsTheListsInAnyOrder) {
  const auto all = parse_coco(
      R"({"annotations": [{"image_id": 7, "category_id": 90, "bbox": [1, 2, 3, 4],
                           "segmentation": [[1, 2, 3, 4, 5, 6]]}],
          "images": [{"id": 7, "file_name": "b.jpg"}], "categories": [{"id": 90, "name": "dog"}]})",
      "a.json");
  ASSERT_EQ(all.pictures.at(0).objects.size(), 1u);
  EXPECT_EQ(all.pictures[0].objects[0].label, "dog");
}

TEST(Coco, RefusesWhatIsNone) {
  const auto refused = [](const std::string& text, const char* part) {
    EXPECT_ERROR(parse_coco(text, "a.json"), part);
    EXPECT_ERROR(parse_coco(text, "a.json"), "'a.json'");
  };
  refused("", "no JSON");
  refused("{\"images\": [", "no JSON");
  refused("[]", "no object");
  refused("{\"images\": []}", "no list 'categories'");
  refused(R"({"images": [7], "annotations": [], "categories": []})", "'images' is no object");
  refused(R"({"images": {"a": {"id": 1}}, "annotations": [], "categories": []})",
          "no list 'images'");
  refused(coco_with("\"id\": 3", "\"id\": 7"), "two images have id 7");
  refused(coco_with("\"id\": 90", "\"id\": 1"), "two categories have id 1");
  refused(coco_with("\"image_id\": 7", "\"image_id\": 8"), "annotation 0 is of image 8");
  refused(coco_with("\"category_id\": 90", "\"category_id\": 2"), "annotation 0 is of category 2");
  refused(coco_with("[0, 0, 5, 5]", "[0, 0, -5, 5]"), "annotation 1 is inverted");
  refused(coco_with("[0, 0, 5, 5]", "[0, 0, 5]"), "annotation 1 has no 'bbox'");
  refused(coco_with("[0, 0, 5, 5]", "[0, 0, 5, \"5\"]"), "annotation 1 has no 'bbox'");
  refused(coco_with("\"file_name\": \"b.jpg\"", "\"file_name\": 5"), "image 0 has no text");
}

TEST(Yolo, ReadsObjects) {
  const auto objects =
      parse_yolo("1 0.5 0.5 0.25 0.5\r\n\n0\t.1 .1 .2 .2", "a.txt", {"cat", "dog"});
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0].label, "dog");
  EXPECT_EQ(objects[0].box, (Box{0.375, 0.25, 0.625, 0.75}));
  EXPECT_EQ(objects[1].label, "cat");
  EXPECT_TRUE(parse_yolo("", "a.txt", {"cat"}).empty());
  EXPECT_EQ(parse_yolo("\xef\xbb\xbf"
                       "0 .5 .5 .1 .1",
                       "a.txt", {"cat"})
                .size(),
            1u)
      << "a mark";
}

TEST(Yolo, RefusesWhatIsNone) {
  const auto refused = [](const char* text, const char* part) {
    EXPECT_ERROR(parse_yolo(text, "a.txt", {"cat", "dog"}), part);
  };
  refused("0 .5 .5 .1 .1\n2 .5 .5 .1 .1", "'a.txt', line 2: class 2 is none of the 2");
  refused("-1 .5 .5 .1 .1", "class -1");
  refused("0.5 .5 .5 .1 .1", "class 0.5");
  refused("0 .5 .5 .1", "4 numbers");
  refused("0 .5 .5 .1 .1 .9", "6 numbers");
  refused("0 .5 .5 .1 wide", "'wide' is no number");
  refused("0 .5 .5 .1 inf", "'inf' is no number");
  refused("0 .5 .5 -.1 .1", "inverted");
  refused("\x89PNG\r\n", "is no number");
}

TEST(Place, CutsCountsAndRefuses) {
  const std::vector<std::string> classes = {"cat", "dog"};
  AnnotatedPicture p{.width = 64, .height = 48};
  p.objects = {{.label = "dog", .box = {-3, 4, 10, 20}, .difficult = true},
               {.label = "cat", .box = {5, 5, 5, 5}},
               {.label = "cat", .box = {0, 0, 64, 48}, .area = 7}};
  PlacedCounts counts;
  const auto placed = place(p, "a.xml", classes, 64, 48, counts);
  ASSERT_EQ(placed.size(), 2u);
  EXPECT_EQ(placed[0].box, (Box{0, 4, 10, 20}));
  EXPECT_EQ(placed[0].label, 1);
  EXPECT_TRUE(placed[0].difficult);
  EXPECT_EQ(placed[1].area, 7);
  EXPECT_EQ(counts.cut, 1);
  EXPECT_EQ(counts.without_area, 1);
  EXPECT_EQ(counts.first_without_area, "a.xml");

  EXPECT_ERROR(place(p, "a.xml", classes, 48, 64, counts), "speaks of a picture of 64 x 48");
  p.objects = {{.label = "cow", .box = {0, 0, 1, 1}}};
  EXPECT_ERROR(place(p, "a.xml", classes, 64, 48, counts), "class 'cow'");
  p.objects = {{.label = "cat", .box = {70, 0, 80, 10}}};
  EXPECT_ERROR(place(p, "a.xml", classes, 64, 48, counts), "lies outside the picture");
  AnnotatedPicture parts{.relative = true, .objects = {{.label = "cat", .box = {.5, .25, 1, .5}}}};
  EXPECT_EQ(place(parts, "a.txt", classes, 40, 20, counts)[0].box, (Box{20, 5, 40, 10}));
}

}  // namespace
}  // namespace cairn::data
