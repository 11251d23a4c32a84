// Files that say what is where in pictures: Pascal VOC's XML (Everingham et al. 2010), COCO's JSON
// (Lin et al. 2014), YOLO's text (Redmon et al. 2016). The parsers check numbers and that boxes are
// not inverted; place() checks them against the picture.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/data/box.h"

namespace cairn::data {

struct AnnotatedObject {
  std::string label;
  Box box;  // as the file has it: no pixel is added or taken away
  bool crowd = false, difficult = false;
  std::optional<double> area = {};
};
struct AnnotatedPicture {
  std::string file;              // as the annotation names it; "": it does not
  double width = 0, height = 0;  // 0: not said
  bool relative = false;         // boxes are parts of the picture's sides (YOLO)
  std::vector<AnnotatedObject> objects;
};

// All throw Error naming `name` (the file) and the object for text that is not of the format, for
// numbers that are none, for boxes that are inverted.
AnnotatedPicture parse_voc(std::string_view xml, const std::string& name);

struct CocoAnnotations {
  std::vector<std::string> classes;  // by their id
  std::vector<AnnotatedPicture> pictures;
};
// Also for annotations of pictures or categories that are not there, and ids that come twice.
CocoAnnotations parse_coco(std::string_view json, const std::string& name);

// Lines "class x y width height", the centre and sides as parts of the picture's. Also for class
// numbers beyond `classes`.
std::vector<AnnotatedObject> parse_yolo(std::string_view text, const std::string& name,
                                        const std::vector<std::string>& classes);

// What boxes had to be changed, over all files.
struct PlacedCounts {
  int64_t without_area = 0, cut = 0;
  std::string first_without_area, first_cut;  // files
};
// A picture's objects with numbers for labels and boxes in pixels of a picture of this size. Boxes
// that reach over its edge are cut, those without area are left out; both are counted. Throws Error
// naming `name` for labels that are not among `classes`, for a box that lies outside altogether,
// and when the annotation speaks of another size.
std::vector<GroundTruth> place(const AnnotatedPicture& picture, const std::string& name,
                               const std::vector<std::string>& classes, double width, double height,
                               PlacedCounts& counts);

}  // namespace cairn::data
