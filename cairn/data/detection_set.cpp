#include "cairn/data/detection_set.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "cairn/base/error.h"
#include "cairn/base/invalid_option.h"
#include "cairn/data/class_names.h"
#include "cairn/data/files.h"
#include "cairn/data/folder.h"
#include "cairn/io/file.h"
#include "cairn/io/utf8.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSplits[] = {"train", "val", "test"};

// An annotated picture and where it lies; `source`: the annotation's file, for messages.
struct Entry {
  std::string path, source;
  AnnotatedPicture picture;
};
struct Listing {
  std::vector<std::string> classes;
  std::map<std::string, std::vector<Entry>> splits;  // by kSplits' names
  LeftOut left_out;
};

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::istringstream text(std::string(io::without_mark(io::read_text_file(path))));
  for (std::string line; std::getline(text, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> files_in(const std::string& folder, const std::string& ending) {
  std::vector<std::string> files;
  if (!is_folder(folder)) return files;
  for (const fs::path& entry : entries_of(folder))
    if (is_file(entry) && ends_with(entry, ending)) files.push_back(entry.string());
  return files;
}

std::string stem_of(const std::string& path) { return fs::path(path).stem().string(); }

// Files by their names without folder and ending.
using FilesByStem = std::map<std::string, std::string>;

FilesByStem pictures_in(const std::string& folder) {
  FilesByStem pictures;
  for (const fs::path& entry : entries_of(folder))
    if (is_meant_as_image(entry.string()))  // a damaged one is named when it is read
      pictures.try_emplace(entry.stem().string(), entry.string());
  return pictures;
}

// --- Pascal VOC

std::vector<std::string> voc_names(const std::string& root, const char* split) {
  std::vector<std::string> names;
  const std::string list = root + "/ImageSets/Main/" + split + ".txt";
  if (!is_file(list)) return names;
  for (const std::string& line : lines_of(list)) names.push_back(line.substr(0, line.find(' ')));
  return names;
}

struct VocFiles {
  FilesByStem annotations, pictures;
};

// What is left to learn from where no list says it: a network must not learn what it is measured
// on, so pictures of other lists stay there.
std::vector<std::string> voc_names_of_no_split(const std::string& root, const VocFiles& files) {
  std::vector<std::string> names = voc_names(root, "trainval");
  if (names.empty())
    for (const auto& [name, file] : files.annotations) names.push_back(name);
  for (const char* split : {"val", "test"}) {
    const auto others = voc_names(root, split);
    const std::set<std::string> taken(others.begin(), others.end());
    std::erase_if(names, [&](const std::string& name) { return taken.contains(name); });
  }
  return names;
}

std::vector<Entry> voc_entries(const std::string& root, const VocFiles& files,
                               const std::vector<std::string>& names) {
  std::vector<Entry> entries;
  for (const std::string& name : names) {
    const auto source = files.annotations.find(name);
    check(source != files.annotations.end(),
          "'{}/Annotations/{}.xml' is missing, which ImageSets names", root, name);
    const auto picture = files.pictures.find(name);
    check(picture != files.pictures.end(), "'{}' has no picture '{}/JPEGImages/{}.jpg'",
          source->second, root, name);
    entries.push_back({picture->second, source->second,
                       parse_voc(io::read_text_file(source->second), source->second)});
  }
  return entries;
}

void name_classes(Listing& listing) {
  std::set<std::string> names;
  for (const auto& [split, entries] : listing.splits)
    for (const Entry& e : entries)
      for (const AnnotatedObject& o : e.picture.objects) names.insert(o.label);
  listing.classes.assign(names.begin(), names.end());
}

Listing list_voc(const std::string& root) {
  VocFiles files{{}, pictures_in(root + "/JPEGImages")};
  for (const std::string& file : files_in(root + "/Annotations", ".xml"))
    files.annotations.try_emplace(stem_of(file), file);
  Listing listing;
  for (const char* split : kSplits)
    listing.splits[split] = voc_entries(root, files, voc_names(root, split));
  auto& train = listing.splits["train"];
  if (train.empty()) train = voc_entries(root, files, voc_names_of_no_split(root, files));
  if (is_file(root + "/classes.txt")) listing.classes = names_of_classes(root + "/classes.txt");
  else name_classes(listing);
  return listing;
}

// --- COCO

// Which split a file or folder is of, by its name; "train" when it says nothing.
std::string split_named(const std::string& name) {
  for (const char* split : {"test", "val", "train"})
    if (name.find(split) != name.npos) return split;
  return "train";
}

std::string coco_picture(const std::vector<std::string>& folders, const std::string& file) {
  for (const std::string& folder : folders)
    if (const std::string path = folder + "/" + file; is_file(path)) return path;
  return "";
}

void add_coco(Listing& listing, const std::string& json) {
  CocoAnnotations all = parse_coco(io::read_text_file(json, uint64_t{4} << 30), json);
  if (listing.classes.empty()) listing.classes = all.classes;
  check(listing.classes == all.classes, "'{}' has other categories than the files before it", json);
  const fs::path folder = fs::path(json).parent_path(), above = folder.parent_path();
  const std::string stem = stem_of(json), part = stem.substr(stem.find_last_of("_") + 1);
  const std::string split =
      split_named(stem.find("coco") == stem.npos ? stem : folder.filename().string());
  std::vector<std::string> folders;
  for (const fs::path& base : {folder, above})
    for (const std::string& inner : {std::string("."), part, "images/" + part, split,
                                     "images/" + split, std::string("images")})
      folders.push_back((base / inner).string());
  for (AnnotatedPicture& picture : all.pictures) {
    const std::string path = coco_picture(folders, picture.file);
    check(!path.empty(), "'{}' speaks of '{}', which is neither beside it nor in '{}'", json,
          picture.file, (above / part).string());
    listing.splits[split].push_back(
        {fs::path(path).lexically_normal().string(), json, std::move(picture)});
  }
}

std::vector<std::string> coco_files(const std::string& root) {
  if (root.ends_with(".json") && is_file(root)) return {root};
  std::vector<std::string> files = files_in(root + "/annotations", ".json");
  if (files.empty()) files = files_in(root, ".json");
  for (const char* split : {"train", "val", "valid", "test"})
    for (const std::string& file : files_in(root + "/" + split, ".coco.json"))
      files.push_back(file);
  std::erase_if(files, [](const std::string& f) {  // others that COCO's own folder holds
    return f.find("captions_") != f.npos || f.find("keypoints_") != f.npos ||
           f.find("image_info_") != f.npos;
  });
  return files;
}

// --- YOLO

struct YoloFolders {
  std::string images, labels;
};
YoloFolders yolo_folders(const std::string& root, const std::string& split) {
  const std::string names[] = {split, split == "val" ? "valid" : split};
  for (const std::string& name : names)
    for (const YoloFolders& f :
         {YoloFolders{root + "/images/" + name, root + "/labels/" + name},
          YoloFolders{root + "/" + name + "/images", root + "/" + name + "/labels"}})
      if (is_folder(f.labels)) return f;
  if (split == "train" && is_folder(root + "/labels") && !is_folder(root + "/labels/val") &&
      !is_folder(root + "/labels/test"))
    return {root + "/images", root + "/labels"};
  return {};
}

Listing list_yolo(const std::string& root) {
  Listing listing;
  const std::string named = class_names_file(root);
  check(!named.empty(),
        "'{}' has labels as YOLO has them, but no classes.txt that names the classes, one a line "
        "(nor a data.yaml with names)",
        root);
  listing.classes = names_of_classes(named);
  for (const char* split : kSplits) {
    const YoloFolders f = yolo_folders(root, split);
    if (f.labels.empty()) continue;
    check(is_folder(f.images), "'{}' has no folder '{}' of pictures", f.labels, f.images);
    const FilesByStem pictures = pictures_in(f.images);
    for (const std::string& file : files_in(f.labels, ".txt")) {
      if (stem_of(file) == "classes") continue;
      const auto picture = pictures.find(stem_of(file));
      check(picture != pictures.end(), "'{}' has no picture '{}/{}.jpg'", file, f.images,
            stem_of(file));
      Entry e{picture->second, file, {}};
      e.picture.relative = true;
      e.picture.objects = parse_yolo(io::read_text_file(file), file, listing.classes);
      listing.splits[split].push_back(std::move(e));
    }
    std::set<std::string> with_labels;  // a picture without a file has no objects
    for (const Entry& e : listing.splits[split]) with_labels.insert(e.path);
    for (const fs::path& entry : entries_of(f.images)) {
      if (is_folder(entry)) continue;
      if (!is_meant_as_image(entry.string())) listing.left_out.add("no pictures", entry);
      else if (!with_labels.contains(entry.string()))
        listing.splits[split].push_back({entry.string(), entry.string(), {}});
    }
    std::sort(listing.splits[split].begin(), listing.splits[split].end(),
              [](const Entry& a, const Entry& b) { return a.path < b.path; });
  }
  return listing;
}

// --- all

Listing list_any(const std::string& source) {
  check(is_folder(source) || is_file(source), "'{}' is not there, or no folder or file", source);
  if (is_folder(source + "/Annotations")) return list_voc(source);
  for (const char* split : kSplits)
    if (!yolo_folders(source, split).labels.empty()) return list_yolo(source);
  const auto json = coco_files(source);
  check(!json.empty(),
        "'{}' holds no boxes: neither Annotations/*.xml (Pascal VOC), nor annotations/*.json "
        "(COCO), nor labels/*.txt (YOLO)",
        source);
  Listing listing;
  for (const std::string& file : json) add_coco(listing, file);
  return listing;
}

LabelledPicture read_entry(const Entry& e, const std::vector<std::string>& classes) {
  LabelledPicture p{e.path, io::with_channels(io::read_image(e.path), 3), {}};
  PlacedCounts counts;
  p.objects = place(e.picture, e.source, classes, p.image.width, p.image.height, counts);
  return p;
}

// Boxes are checked now where the annotation says how large its picture is.
void check_boxes(const Listing& listing, std::vector<std::string>& notes) {
  PlacedCounts counts;
  for (const auto& [split, entries] : listing.splits)
    for (const Entry& e : entries) {
      const double width = e.picture.relative ? 1 : e.picture.width;
      const double height = e.picture.relative ? 1 : e.picture.height;
      if (width > 0 && height > 0)
        place(e.picture, e.source, listing.classes, width, height, counts);
    }
  if (counts.without_area > 0)
    notes.push_back(fmt::format("{} boxes without area are left out, the first in {}",
                                counts.without_area, counts.first_without_area));
  if (counts.cut > 0)
    notes.push_back(
        fmt::format("{} boxes reach over the edge of their picture and are cut, the "
                    "first in {}",
                    counts.cut, counts.first_cut));
}

void note_shared(const Listing& listing, std::vector<std::string>& notes) {
  std::map<std::string, std::string> split_of;
  int64_t shared = 0;
  std::string first;
  for (const auto& [split, entries] : listing.splits)
    for (const Entry& e : entries)
      if (!split_of.emplace(e.path, split).second && shared++ == 0) first = e.path;
  if (shared > 0)
    notes.push_back(fmt::format("{} pictures are in two splits, the first is {}", shared, first));
}

DetectionDataset set_of(std::vector<Entry> entries, const std::vector<std::string>& classes) {
  if (entries.empty()) return nullptr;
  const auto kept = std::make_shared<const std::vector<Entry>>(std::move(entries));
  return from_function(static_cast<int64_t>(kept->size()), [kept, classes](int64_t i) {
    return read_entry((*kept)[static_cast<size_t>(i)], classes);
  });
}

// How many objects of each class are annotated, in some splits.
std::vector<int64_t> objects_in(const Listing& listing, std::initializer_list<const char*> splits) {
  std::map<std::string, int64_t> counts;
  for (const char* split : splits)
    if (const auto entries = listing.splits.find(split); entries != listing.splits.end())
      for (const Entry& e : entries->second)
        for (const AnnotatedObject& o : e.picture.objects) ++counts[o.label];
  std::vector<int64_t> all;
  for (const std::string& name : listing.classes) all.push_back(counts[name]);
  return all;
}

DetectionSplits drawn() {
  constexpr int64_t kTrain = 600, kHeldBack = 100;
  const auto part = [](uint64_t seed, int64_t count) {
    return from_function(count, [seed](int64_t i) { return draw_shapes(seed, i); });
  };
  return {shape_names(), {}, part(1, kTrain), part(2, kHeldBack), part(3, kHeldBack), {}};
}

}  // namespace

DetectionSplits open_detection_data(const std::string& source) {
  if (source == "shapes") return drawn();
  Listing listing = list_any(source);
  const bool any = std::any_of(listing.splits.begin(), listing.splits.end(),
                               [](const auto& split) { return !split.second.empty(); });
  check(any, "'{}' has no pictures to learn from", source);
  check(!listing.classes.empty(), "'{}' has not one object", source);
  DetectionSplits splits{.classes = listing.classes,
                         .objects = objects_in(listing, {"train", "val", "test"})};
  if (!listing.left_out.empty()) splits.notes.push_back(listing.left_out.in_words());
  check_boxes(listing, splits.notes);
  note_shared(listing, splits.notes);
  if (listing.splits["test"].empty()) std::swap(listing.splits["test"], listing.splits["val"]);
  splits.objects_to_learn = objects_in(listing, {"train"});
  splits.objects_to_choose = objects_in(listing, {"val"});
  splits.train = set_of(std::move(listing.splits["train"]), splits.classes);
  splits.validation = set_of(std::move(listing.splits["val"]), splits.classes);
  splits.test = set_of(std::move(listing.splits["test"]), splits.classes);
  return splits;
}

}  // namespace cairn::data
