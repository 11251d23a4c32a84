#include "cairn/data/annotations.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <unordered_map>
#include <unordered_set>

#include "cairn/base/error.h"
#include "cairn/base/invalid_option.h"
#include "cairn/base/json.h"
#include "cairn/io/json.h"
#include "cairn/io/utf8.h"

namespace cairn::data {
namespace {

std::string_view trimmed(std::string_view text) {
  const char* blanks = " \t\r\n";
  const size_t first = text.find_first_not_of(blanks);
  return first == text.npos ? "" : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::optional<double> number_of(std::string_view text) {
  text = trimmed(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

void check_sides(const Box& b, const std::string& name, const std::string& object) {
  check(b.x2 >= b.x1 && b.y2 >= b.y1,
        "'{}': the box of {} is inverted: from ({}, {}) to ({}, {}); correct the file", name,
        object, b.x1, b.y1, b.x2, b.y2);
}

// The number in a node's child, as VOC has them.
double number_in(const pugi::xml_node& node, const char* child, const std::string& name,
                 const std::string& object) {
  const char* text = node.child(child).child_value();
  const auto value = number_of(text);
  check(value.has_value(), "'{}': {} has no number <{}> ('{}')", name, object, child, text);
  return *value;
}

}  // namespace

AnnotatedPicture parse_voc(std::string_view xml, const std::string& name) {
  pugi::xml_document document;
  const auto parsed = document.load_buffer(xml.data(), xml.size());
  check(parsed, "'{}' is no XML: {} at byte {}", name, parsed.description(), parsed.offset);
  const pugi::xml_node root = document.child("annotation");
  check(root, "'{}' is XML, but no annotation of Pascal VOC: no <annotation> in it", name);
  AnnotatedPicture picture;
  picture.file = std::string(trimmed(root.child("filename").child_value()));
  if (const pugi::xml_node size = root.child("size")) {
    picture.width = number_in(size, "width", name, "<size>");
    picture.height = number_in(size, "height", name, "<size>");
  }
  for (const pugi::xml_node& node : root.children("object")) {
    AnnotatedObject object;
    object.label = std::string(trimmed(node.child("name").child_value()));
    const std::string which = fmt::format("object {}", picture.objects.size() + 1);
    check(!object.label.empty(), "'{}': {} has no <name>", name, which);
    object.difficult = number_of(node.child("difficult").child_value()).value_or(0) != 0;
    const pugi::xml_node box = node.child("bndbox");
    check(box, "'{}': {} has no <bndbox>", name, which);
    object.box = {number_in(box, "xmin", name, which), number_in(box, "ymin", name, which),
                  number_in(box, "xmax", name, which), number_in(box, "ymax", name, which)};
    check_sides(object.box, name, fmt::format("{} ({})", which, object.label));
    picture.objects.push_back(std::move(object));
  }
  return picture;
}

namespace {

void check_list(const Json& file, const char* key, const std::string& name) {
  const auto it = file.find(key);
  check(it != file.end() && it->is_array(),
        "'{}' is JSON, but no annotations of COCO: no list '{}' in it", name, key);
  check(it->empty(), "'{}': an entry of '{}' is no object", name, key);
}

int64_t id_in(const Json& entry, const char* key, const std::string& name, const char* what,
              size_t place) {
  check(entry.is_object() && entry.contains(key) && entry[key].is_number_integer(),
        "'{}': {} {} has no whole number '{}'", name, what, place, key);
  return entry[key].get<int64_t>();
}

std::string text_in(const Json& entry, const char* key, const std::string& name, const char* what,
                    size_t place) {
  check(entry.contains(key) && entry[key].is_string(), "'{}': {} {} has no text '{}'", name, what,
        place, key);
  return entry[key].get<std::string>();
}

double number_or_0(const Json& entry, const char* key) {
  const auto it = entry.find(key);
  return it != entry.end() && it->is_number() ? it->get<double>() : 0;
}

Box box_in(const Json& annotation, const std::string& name, size_t place) {
  const auto it = annotation.find("bbox");
  check(it != annotation.end() && it->is_array() && it->size() == 4 &&
            std::all_of(
                it->begin(), it->end(),
                [](const Json& v) { return v.is_number() && std::isfinite(v.get<double>()); }),
        "'{}': annotation {} has no 'bbox' of four numbers", name, place);
  const Json& b = *it;
  const double x = b[0], y = b[1], width = b[2], height = b[3];
  check(width >= 0 && height >= 0,
        "'{}': the box of annotation {} is inverted: width {}, height {}; correct the file", name,
        place, width, height);
  return {x, y, x + width, y + height};
}

AnnotatedObject object_in(const Json& annotation, const std::string& name, size_t place) {
  AnnotatedObject object{.label = "", .box = box_in(annotation, name, place)};
  object.crowd = number_or_0(annotation, "iscrowd") != 0;
  if (const double area = number_or_0(annotation, "area"); area > 0) object.area = area;
  return object;
}

}  // namespace

namespace {

// Entry by entry, in whatever order the lists come: outlines of objects, most of such a file, are
// never kept.
class CocoReader {
 public:
  explicit CocoReader(const std::string& name) : name_(name) {}

  void take(const std::string& list, size_t place, const Json& entry) {
    if (list == "categories") {
      const int64_t id = id_in(entry, "id", name_, "category", place);
      categories_.emplace_back(id, text_in(entry, "name", name_, "category", place));
    } else if (list == "images") {
      const int64_t id = id_in(entry, "id", name_, "image", place);
      check(picture_of_.emplace(id, place).second, "'{}': two images have id {}", name_, id);
      all_.pictures.push_back({.file = text_in(entry, "file_name", name_, "image", place),
                               .width = number_or_0(entry, "width"),
                               .height = number_or_0(entry, "height")});
    } else if (list == "annotations") {
      const int64_t image = id_in(entry, "image_id", name_, "annotation", place);
      const int64_t category = id_in(entry, "category_id", name_, "annotation", place);
      annotations_.push_back({image, category, object_in(entry, name_, place)});
    }
  }

  CocoAnnotations placed() {
    name_classes();
    for (size_t place = 0; place < annotations_.size(); ++place) {
      auto& [image, category, object] = annotations_[place];
      const auto picture = picture_of_.find(image);
      const auto label = label_of_.find(category);
      check(picture != picture_of_.end(), "'{}': annotation {} is of image {}, which is not there",
            name_, place, image);
      check(label != label_of_.end(), "'{}': annotation {} is of category {}, which is not there",
            name_, place, category);
      object.label = all_.classes[label->second];
      all_.pictures[picture->second].objects.push_back(std::move(object));
    }
    return std::move(all_);
  }

 private:
  struct Annotation {
    int64_t image, category;
    AnnotatedObject object;
  };

  void name_classes() {
    std::sort(categories_.begin(), categories_.end());
    for (const auto& [id, label] : categories_) {
      check(label_of_.emplace(id, all_.classes.size()).second, "'{}': two categories have id {}",
            name_, id);
      all_.classes.push_back(label);
    }
  }

  const std::string& name_;
  CocoAnnotations all_;
  std::vector<std::pair<int64_t, std::string>> categories_;
  std::vector<Annotation> annotations_;
  std::unordered_map<int64_t, size_t> label_of_, picture_of_;
};

}  // namespace

CocoAnnotations parse_coco(std::string_view text, const std::string& name) {
  CocoReader reader(name);
  const Json rest = io::parse_json_lists(
      text, "'" + name + "'", [&](const std::string& list, size_t place, const Json& entry) {
        reader.take(list, place, entry);
      });
  check(rest.is_object(), "'{}' is JSON, but no annotations of COCO: no object", name);
  for (const char* list : {"categories", "images", "annotations"}) check_list(rest, list, name);
  return reader.placed();
}

std::vector<AnnotatedObject> parse_yolo(std::string_view text, const std::string& name,
                                        const std::vector<std::string>& classes) {
  std::vector<AnnotatedObject> objects;
  text = io::without_mark(text);
  for (int line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view rest = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (rest.empty()) continue;
    std::vector<double> numbers;
    while (!rest.empty()) {
      const size_t length = std::min(rest.find_first_of(" \t"), rest.size());
      const auto number = number_of(rest.substr(0, length));
      check(number.has_value(), "'{}', line {}: '{}' is no number", name, line,
            rest.substr(0, std::min<size_t>(length, 40)));
      numbers.push_back(*number);
      rest = trimmed(rest.substr(length));
    }
    check(numbers.size() == 5, "'{}', line {}: {} numbers; 'class x y width height' are wanted",
          name, line, numbers.size());
    const double label = numbers[0];
    check(label == std::floor(label) && label >= 0 && label < static_cast<double>(classes.size()),
          "'{}', line {}: class {} is none of the {} that are named", name, line, label,
          classes.size());
    const double x = numbers[1], y = numbers[2], w = numbers[3], h = numbers[4];
    const Box box{x - w / 2, y - h / 2, x + w / 2, y + h / 2};
    check_sides(box, name, fmt::format("line {}", line));
    objects.push_back({.label = classes[static_cast<size_t>(label)], .box = box});
  }
  return objects;
}

std::vector<GroundTruth> place(const AnnotatedPicture& picture, const std::string& name,
                               const std::vector<std::string>& classes, double width, double height,
                               PlacedCounts& counts) {
  check(picture.width == 0 || picture.height == 0 ||
            (picture.width == width && picture.height == height),
        "'{}' speaks of a picture of {} x {}; it has {} x {}: its boxes would be wrong", name,
        picture.width, picture.height, width, height);
  std::vector<GroundTruth> objects;
  for (const AnnotatedObject& o : picture.objects) {
    const auto label = std::find(classes.begin(), classes.end(), o.label);
    if (label == classes.end())
      fail("'{}' has an object of class '{}': {}", name, o.label, no_such_name(o.label, classes));
    const double across = picture.relative ? width : 1, down = picture.relative ? height : 1;
    const Box box{o.box.x1 * across, o.box.y1 * down, o.box.x2 * across, o.box.y2 * down};
    check(box.x1 <= width && box.y1 <= height && box.x2 >= 0 && box.y2 >= 0,
          "'{}': a box of class '{}', from ({}, {}) to ({}, {}), lies outside the picture of {} x "
          "{}; correct the file",
          name, o.label, box.x1, box.y1, box.x2, box.y2, width, height);
    const Box inside = clipped(box, width, height);
    if (inside.area() <= 0) {
      if (counts.without_area++ == 0) counts.first_without_area = name;
      continue;
    }
    if (!(inside == box) && counts.cut++ == 0) counts.first_cut = name;
    objects.push_back({.box = inside,
                       .label = label - classes.begin(),
                       .crowd = o.crowd,
                       .difficult = o.difficult,
                       .area = o.area});
  }
  return objects;
}

}  // namespace cairn::data
