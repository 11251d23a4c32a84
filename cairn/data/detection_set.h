// Pictures with boxes: data sets for detection, from folders as others lay them out, or drawn.
#pragma once
#include <string>
#include <vector>

#include "cairn/data/annotations.h"
#include "cairn/data/datasets.h"
#include "cairn/io/image.h"

namespace cairn::data {

struct LabelledPicture {
  std::string file;  // "": drawn
  io::Image image;   // in colour
  std::vector<GroundTruth> objects;
};
using DetectionDataset = DatasetPtr<LabelledPicture>;

struct DetectionSplits {
  std::vector<std::string> classes;
  std::vector<int64_t> objects;  // of each class, as annotated in all splits; empty: drawn
  DetectionDataset train, validation, test;  // undefined where the files have none
  std::vector<std::string> notes;  // what was left out or cut, and pictures that two splits share
  // As `objects`, of the files' own parts to learn from and to choose by.
  std::vector<int64_t> objects_to_learn = {}, objects_to_choose = {};
};

// `source`: "shapes", or
//   - Pascal VOC: Annotations/*.xml, JPEGImages/, ImageSets/Main/{train,val,test}.txt; without
//     names in train.txt those of trainval.txt (or else all) that val and test leave; classes from
//     classes.txt, else all names there are, in alphabetical order;
//   - COCO: annotations/*train*.json, *val*.json, *test*.json, pictures in train2017/ or the like,
//     images/, or beside; or train/, valid/, test/ with a _annotations.coco.json each; or one file
//     of JSON;
//   - YOLO: images/ and labels/, with or without train/, val/, test/ in (or above) them; classes
//     from classes.txt, *.names, or the names of a .yaml.
// Where there is "val" but no "test", val is test, as others use it. Pictures are read when they
// are asked for. Throws Error naming file and way out: not of these, an annotation without its
// picture, annotations that are wrong (annotations.h).
DetectionSplits open_detection_data(const std::string& source);

// Circles, squares, triangles and stars of random sizes, colours and turns on noisy grounds, some
// behind others: picture `index` of the endless sequence of `seed`.
LabelledPicture draw_shapes(uint64_t seed, int64_t index);
inline constexpr int kShapesWidth = 96, kShapesHeight = 96;
std::vector<std::string> shape_names();

}  // namespace cairn::data
