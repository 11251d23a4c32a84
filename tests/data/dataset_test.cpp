#include "cairn/data/dataset.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <set>

#include "cairn/base/error.h"
#include "cairn/base/invalid_option.h"
#include "cairn/base/parallel.h"
#include "cairn/data/digits.h"
#include "cairn/data/embedded_text.h"
#include "cairn/data/idx.h"
#include "cairn/io/gzip.h"
#include "cairn/io/image.h"
#include "cairn/io/utf8.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;
using io::Bytes;
using io::ByteVector;

ByteVector idx(uint8_t rank, std::vector<uint32_t> sizes, const std::vector<uint8_t>& data) {
  ByteVector out{0, 0, 8, rank};
  for (uint32_t size : sizes) io::append_big(out, size);
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

void write(const std::string& path, const ByteVector& bytes) {
  io::write_file_atomically(path, Bytes(bytes));
}
void write_text(const std::string& path, std::string_view text) {
  io::write_file_atomically(path, text);
}

// Two images of 2 x 3, labels 7 and 1.
const std::vector<uint8_t> kPixels{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
void write_idx(const TemporaryFolder& folder, const std::string& prefix) {
  write(folder / (prefix + "-images-idx3-ubyte"), idx(3, {2, 2, 3}, kPixels));
  write(folder / (prefix + "-labels-idx1-ubyte.gz"), io::gzip(idx(1, {2}, {7, 1})));
}

TEST(Dataset, UnknownSourcesListWhatIsAccepted) {
  TemporaryFolder folder;
  EXPECT_ERROR(open_image_dataset(folder / "none", Split::train), "no such data: '");
  EXPECT_ERROR(open_image_dataset(folder / "none", Split::train), "IDX files");
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::train), "is empty; accepted are");
  write_text(folder / "notes.txt", "x");
  EXPECT_ERROR(open_image_dataset(folder / "notes.txt", Split::train),
               "is a file, data is a folder");
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::train),
               "(it holds notes.txt); accepted are");
  EXPECT_ERROR(split_from_name("tset"), "split: there is no 'tset' (did you mean test?)");
}

TEST(Idx, OpensBothSplitsPlainAndPacked) {
  TemporaryFolder folder;
  write_idx(folder, "train");
  write_idx(folder, "t10k");
  for (Split split : {Split::train, Split::test}) {
    const auto data = open_image_dataset(folder.path(), split);
    EXPECT_EQ(data->size(), 2);
    EXPECT_EQ(data->shape(), (ImageShape{1, 2, 3}));
    EXPECT_EQ(data->classes(), (std::vector<std::string>{"1", "7"})) << "the labels that occur";
    EXPECT_EQ(data->label(0), 1);
    std::vector<uint8_t> image(6);
    data->image(1, image.data());
    EXPECT_EQ(image, (std::vector<uint8_t>{7, 8, 9, 10, 11, 12}));
  }
}

TEST(Idx, ClassNamesFromFile) {
  TemporaryFolder folder;
  write_idx(folder, "train");
  write_text(folder / "classes.txt", "a\nb\r\nc\nd\ne\nf\ng\nlast");
  EXPECT_EQ(open_image_dataset(folder.path(), Split::train)->classes()[7], "last");
  write_text(folder / "classes.txt", "a\nb\n");
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::train), "label 7 is out of range");
  write_text(folder / "classes.txt", "a\n\xff");
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::train), "classes.txt', byte 2: not UTF-8");
}

// Labels that count from 1, a test split that lacks some, names for them.
TEST(Idx, LabelsFromOne) {
  TemporaryFolder folder;
  const auto put = [&](const std::string& prefix, const std::vector<uint8_t>& labels) {
    const auto count = static_cast<uint32_t>(labels.size());
    write(folder / (prefix + "-images-idx3-ubyte"),
          idx(3, {count, 1, 1}, std::vector<uint8_t>(count)));
    write(folder / (prefix + "-labels-idx1-ubyte"), idx(1, {count}, labels));
  };
  put("train", {1, 2, 3}), put("t10k", {2, 1});
  for (Split split : {Split::train, Split::test}) {
    const auto set = open_image_dataset(folder.path(), split);
    EXPECT_EQ(set->classes(), (std::vector<std::string>{"1", "2", "3"}));
    EXPECT_EQ(set->label(0), split == Split::train ? 0 : 1);
  }
  write_text(folder / "classes.txt", "\xef\xbb\xbfone\ntwo\nthree\n");
  EXPECT_EQ(open_image_dataset(folder.path(), Split::test)->label(0), 1);
  EXPECT_EQ(open_image_dataset(folder.path(), Split::train)->classes()[0], "one") << "no mark";
  write_text(folder / "classes.txt", "zero\none\ntwo\nthree\n");
  EXPECT_EQ(open_image_dataset(folder.path(), Split::test)->label(0), 2);
  write_text(folder / "classes.txt", "zero\none\n");
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::test), "label 3 is out of range");
}

// Under its own names, whose pictures lie on their side; several sets in one folder.
TEST(Idx, Emnist) {
  TemporaryFolder folder;
  const auto put = [&](const std::string& prefix) {
    write(folder / (prefix + "-images-idx3-ubyte.gz"), io::gzip(idx(3, {1, 2, 2}, {1, 2, 3, 4})));
    write(folder / (prefix + "-labels-idx1-ubyte.gz"), io::gzip(idx(1, {1}, {26})));
  };
  put("emnist-letters-train"), put("emnist-letters-test");
  for (const std::string& source : {folder.path(), folder / "emnist-letters"})
    for (Split split : {Split::train, Split::test}) {
      const auto set = open_image_dataset(source, split);
      EXPECT_EQ(set->classes().size(), 26u);
      EXPECT_EQ(set->classes()[static_cast<size_t>(set->label(0))], "Z");
      std::vector<uint8_t> image(4);
      set->image(0, image.data());
      EXPECT_EQ(image, (std::vector<uint8_t>{1, 3, 2, 4}));
    }
  put("emnist-byclass-train"), put("emnist-byclass-test");
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::train), "2 sets of EMNIST; say which");
  const auto by_class = open_image_dataset(folder / "emnist-byclass", Split::test);
  EXPECT_EQ(by_class->classes().size(), 62u);
  EXPECT_EQ(by_class->classes()[static_cast<size_t>(by_class->label(0))], "Q");
}

TEST(Idx, MissingAndMismatchedFiles) {
  TemporaryFolder folder;
  const std::string images = folder / "train-images-idx3-ubyte",
                    labels = folder / "train-labels-idx1-ubyte";
  const auto open = [&] { open_image_dataset(folder.path(), Split::train); };
  write(images, idx(3, {2, 2, 3}, kPixels));
  EXPECT_ERROR(open(), "has no 'train-labels-idx1-ubyte' (or .gz)");
  write(labels, idx(1, {3}, {0, 1, 2}));
  EXPECT_ERROR(open(), "has 2 images, but '");
  write(labels, idx(1, {2}, {0, 250}));
  EXPECT_ERROR(open(), "label 250 is out of range");
  write(labels, idx(2, {2, 1}, {0, 1}));
  EXPECT_ERROR(open(), "has 2 dimensions; labels have 1");
  write(labels, idx(1, {2}, {0, 1}));
  EXPECT_EQ(error_of(open), "");
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::test), "add the file for the test split");
  write(images, idx(1, {12}, kPixels));
  EXPECT_ERROR(open(), "images have 3");
  write(images, idx(3, {0, 2, 3}, {}));
  write(labels, idx(1, {0}, {}));
  EXPECT_ERROR(open(), "has no images");
  write(labels, idx(1, {2}, {0, 1}));
  write(images, idx(3, {2, 0, 3}, {}));
  EXPECT_ERROR(open(), "0 x 3 pixels");
  ByteVector cut = idx(3, {2, 2, 3}, kPixels);
  cut.pop_back();
  write(images, cut);
  EXPECT_ERROR(open(), "truncated");
  write(images, {});
  EXPECT_ERROR(open(), "truncated");
  ByteVector packed = io::gzip(idx(3, {2, 2, 3}, kPixels));
  packed.resize(packed.size() / 2);
  write(images, packed);
  EXPECT_ERROR(open(), "' is truncated: the gzip data");
}

// A batch of `count` records whose labels count up from 0.
ByteVector cifar_batch(int count, int label_bytes = 1) {
  ByteVector out;
  for (int i = 0; i < count; ++i) {
    if (label_bytes == 2) out.push_back(0);
    out.push_back(static_cast<uint8_t>(i));
    out.insert(out.end(), 3072, static_cast<uint8_t>(100 + i));
  }
  return out;
}

TEST(Cifar, OpensBatchesInOrder) {
  TemporaryFolder folder;
  write(folder / "data_batch_1.bin", cifar_batch(3));
  write(folder / "data_batch_2.bin.gz", io::gzip(cifar_batch(2)));
  write(folder / "test_batch.bin", cifar_batch(1));
  write_text(folder / "batches.meta.txt",
             "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
  const auto train = open_image_dataset(folder.path(), Split::train);
  EXPECT_EQ(train->size(), 5);
  EXPECT_EQ(train->label(3), 0);
  EXPECT_EQ(train->classes()[1], "automobile");
  EXPECT_EQ(train->classes()[9], "truck");
  EXPECT_EQ(train->shape(), (ImageShape{3, 32, 32}));
  std::vector<uint8_t> image(3072);
  train->image(4, image.data());
  EXPECT_EQ(image[3071], 101);
  EXPECT_EQ(open_image_dataset(folder.path(), Split::test)->size(), 1);
}

TEST(Cifar, HundredClasses) {
  TemporaryFolder folder;
  write(folder / "train.bin", cifar_batch(100, 2));
  const auto train = open_image_dataset(folder.path(), Split::train);
  EXPECT_EQ(train->size(), 100);
  EXPECT_EQ(train->label(99), 99);
  EXPECT_EQ(train->classes().size(), 100u);
}

TEST(Cifar, MalformedBatches) {
  TemporaryFolder folder;
  const auto open = [&] { open_image_dataset(folder.path(), Split::train); };
  ByteVector batch = cifar_batch(2);
  batch.pop_back();
  write(folder / "data_batch_1.bin", batch);
  EXPECT_ERROR(open(),
               "6145 bytes are not a multiple of 3073 (the last whole record ends at byte 3073)");
  write(folder / "data_batch_1.bin", cifar_batch(11));
  EXPECT_ERROR(open(), "data_batch_1.bin', byte 30730: label 10 is out of range");
  write(folder / "data_batch_1.bin", {});
  EXPECT_ERROR(open(), "is empty");
  write(folder / "data_batch_1.bin", cifar_batch(2));
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::test), "has no test_batch.bin");
  write_text(folder / "batches.meta.txt", "one\ntwo\n");
  EXPECT_ERROR(open(), "names 2 classes, CIFAR-10 has 10");
}

void write_image(const std::string& path, int width, int height, int channels, uint8_t value) {
  fs::create_directories(fs::path(path).parent_path());
  io::write_png(path, io::Image(width, height, channels, value));
}

TEST(Folder, ClassesAreFoldersAndEveryTenthImageIsForTesting) {
  TemporaryFolder folder;
  for (int i = 0; i < 20; ++i)
    write_image(folder / fmt::format("cat/{:02}.png", i), 8, 6, 3, uint8_t(i));
  for (int i = 0; i < 3; ++i)
    write_image(folder / fmt::format("dog/{}.PNG", i), 4, 4, 1, uint8_t(100 + i));
  write_text(folder / "cat/notes.txt", "not an image");
  const auto train = open_image_dataset(folder.path(), Split::train);
  const auto test = open_image_dataset(folder.path(), Split::test);
  EXPECT_EQ(train->classes(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(train->shape(), (ImageShape{3, 6, 8}));
  EXPECT_EQ(test->shape(), train->shape());
  EXPECT_EQ(train->size(), 20);
  EXPECT_EQ(test->size(), 3);
  std::vector<uint8_t> image(3 * 6 * 8);
  for (int repeat = 0; repeat < 2; ++repeat) {  // decoded, then kept
    test->image(0, image.data());
    EXPECT_EQ(image[0], 9);
    test->image(2, image.data());
    EXPECT_EQ(image.back(), 102);
  }
  EXPECT_EQ(test->label(2), 1);
}

TEST(Folder, SplitFoldersAndSizes) {
  TemporaryFolder folder;
  for (const char* part : {"train", "val"})
    for (const char* name : {"a", "b"})
      write_image(folder / fmt::format("{}/{}/1.png", part, name), 200, 100, 1, 5);
  EXPECT_EQ(open_image_dataset(folder.path(), Split::train)->shape(), (ImageShape{1, 96, 96}));
  EXPECT_EQ(open_image_dataset(folder.path(), Split::test, {.image_size = 32})->shape(),
            (ImageShape{1, 32, 32}));
  write_image(folder / "val/c/1.png", 2, 2, 1, 5);
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::test),
               "do not hold the same class folders");
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::test, {.image_size = -1}), "image size -1");
}

// What only class folders have is asked of others in vain.
TEST(Dataset, PicturesOfASizeOfTheirOwnAreGivenNoOther) {
  TemporaryFolder folder;
  write(folder / "train-images-idx3-ubyte", idx(3, {2, 2, 2}, std::vector<uint8_t>(8)));
  write(folder / "train-labels-idx1-ubyte", idx(1, {2}, {0, 1}));
  for (const std::string& source : {folder.path(), std::string("digits")}) {
    const auto option_of = [&](const OpenOptions& how) {
      try {
        open_image_dataset(source, Split::train, how);
      } catch (const InvalidOption& e) { return e.option(); }
      return std::string();
    };
    const int own = open_image_dataset(source, Split::train)->shape().height;
    EXPECT_EQ(option_of({.image_size = 64}), "image_size") << source;
    EXPECT_EQ(option_of({.image_size = own}), "") << source;
    EXPECT_EQ(option_of({.skip_bad = true}), "skip_bad") << source;
    EXPECT_EQ(option_of({.image_size = 64, .shape = ImageShape{1, 4, 4}, .skip_bad = true}), "")
        << "of a run that goes on";
  }
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::train, {.image_size = 3}), "are 2x2; only");
}

TEST(Folder, FlatFolderIsOneClass) {
  TemporaryFolder folder;
  for (int i = 0; i < 4; ++i) write_image(folder / fmt::format("{}.png", i), 4, 4, 3, 1);
  const auto train = open_image_dataset(folder.path(), Split::train);
  EXPECT_EQ(train->classes(), std::vector<std::string>{"images"});
  EXPECT_EQ(train->size(), 3);
}

TEST(Folder, FaultsAreNamed) {
  TemporaryFolder folder;
  write_image(folder / "cat/1.png", 4, 4, 3, 1);
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::test), "no images for the test split");
  fs::create_directories(folder / "dog");
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::train),
               "dog' has no pictures (JPEG, PNG, ");
  write_text(folder / "dog/1.jpg", "not a jpeg");
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::train), "PGM) (left out: 1 no pictures (");
  fs::remove_all(folder / "dog");
  fs::rename(folder / "cat", folder / "x");
  fs::create_directories(folder / "train");
  fs::rename(folder / "x", folder / "train/cat");
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::train), "neither 'test' nor 'val'");
}

// Damaged ones are found before a training begins.
TEST(Folder, DamagedPicturesAreNamedOrLeftOut) {
  TemporaryFolder folder;
  for (int i = 0; i < 4; ++i)
    for (const char* name :
         {"train/cat/{}.png", "train/dog/{}.png", "test/cat/{}.png", "test/dog/{}.png"})
      write_image(folder / fmt::format(fmt::runtime(name), i), 4, 4, 3, 1);
  const auto whole = io::read_file(folder / "train/cat/1.png");
  const auto damage = [&](const std::string& name) {
    io::write_file_atomically(folder / name, io::Bytes(whole).first(whole.size() / 2));
  };
  const auto open = [&](bool skip_bad) {
    return open_image_dataset(folder.path(), Split::train,
                              {.decode_first = true, .skip_bad = skip_bad});
  };
  EXPECT_EQ(open(false)->size(), 8);
  damage("train/cat/1.png"), damage("train/dog/0.png");
  EXPECT_ERROR(open(false), "train/cat/1.png': damaged or truncated PNG");
  const auto rest = open(true);
  EXPECT_EQ(rest->size(), 6);
  EXPECT_NE(rest->left_out().find("2 damaged ("), std::string::npos) << rest->left_out();
  std::vector<uint8_t> chw(48);
  for (int64_t i = 0; i < 6; ++i) rest->image(i, chw.data());
  for (int i = 0; i < 4; ++i) damage(fmt::format("train/dog/{}.png", i));
  EXPECT_ERROR(open(true), "all 4 pictures of 'dog' are damaged");
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::train), "truncated PNG");
}

// Whatever it is called, what can be read is; what cannot is counted with the reason.
TEST(Folder, WhatIsReadIsToldByFirstBytes) {
  TemporaryFolder folder;
  const auto put = [&](const std::string& name) { write_image(folder / name, 4, 4, 3, 1); };
  for (const char* name :
       {"cat/a.png", "cat/b.JPG", "cat/c.jfif", "cat/d", "dog/1.png", "dog/2.png"})
    put(name);
  write_text(folder / "cat/e.jpg", "%PDF-1.7");
  write_text(folder / "cat/f.webp", "%PDF-1.7");
  write_text(folder / "cat/g.png", "");
  write_text(folder / "cat/labels.csv", "a,b");
  fs::create_symlink("nowhere", folder / "cat/h.png");
  fs::create_symlink("i.png", folder / "cat/i.png");
  ASSERT_EQ(mkfifo((folder / "cat/j.png").c_str(), 0600), 0);
  fs::create_directories(folder / "cat/more");
  put("k.png");
  for (const char* clutter : {".DS_Store", "Thumbs.db", "desktop.ini", "._a.png"}) {
    write_text(folder / clutter, "x"), write_text(folder / (std::string("dog/") + clutter), "x");
  }
  for (const char* clutter : {"__MACOSX", ".ipynb_checkpoints"})
    put(clutter + std::string("/a.png"));
  const auto set = open_image_dataset(folder.path(), Split::train);
  EXPECT_EQ(set->classes(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(set->size() + open_image_dataset(folder.path(), Split::test)->size(), 6);
  const std::string left_out = set->left_out();
  for (const char* part :
       {"2 PDF (", "cat/e.jpg, ...)", "1 empty", "1 no pictures (", "labels.csv",
        "3 links to nothing, or no files", "1 folders below", "1 beside the class"})
    EXPECT_NE(left_out.find(part), left_out.npos) << part << " is not in: " << left_out;
  EXPECT_EQ(left_out.find("DS_Store"), left_out.npos);
}

TEST(Folder, SplitsUnderOtherNames) {
  for (const auto& [train, test] :
       std::vector<std::pair<std::string, std::string>>{{"Train", "valid"},
                                                        {"training", "Testing"},
                                                        {"TRAIN", "Test"},
                                                        {"train", "Validation"}}) {
    TemporaryFolder folder;
    for (const char* name : {"a", "b"}) {
      write_image(folder / (train + "/" + name + "/1.png"), 4, 4, 1, 5);
      write_image(folder / (test + "/" + name + "/1.png"), 4, 4, 1, 5);
    }
    EXPECT_EQ(open_image_dataset(folder.path(), Split::train)->size(), 2) << train;
    EXPECT_EQ(open_image_dataset(folder.path(), Split::test)->size(), 2) << test;
    fs::remove_all(folder / train);
    EXPECT_EQ(open_image_dataset(folder.path(), Split::test)->size(), 2)
        << "it is all that there is";
    EXPECT_ERROR(open_image_dataset(folder.path(), Split::train), "no folder 'train'");
  }
  TemporaryFolder vehicles;
  for (const char* name : {"car", "plane", "train"})
    for (int i = 0; i < 3; ++i)
      write_image(vehicles / fmt::format("{}/{}.png", name, i), 4, 4, 1, 5);
  EXPECT_EQ(open_image_dataset(vehicles.path(), Split::train)->classes().size(), 3u);
}

// Names are bytes: what is no UTF-8, or steers a terminal, is written as \xHH.
TEST(Folder, ClassesOfAnyName) {
  TemporaryFolder folder;
  for (const std::string& name : std::vector<std::string>{"caf\xe9", "a\nb", "\x1b[31m"})
    for (int i = 0; i < 2; ++i)
      write_image(folder / (name + fmt::format("/{}.png", i)), 4, 4, 1, 5);
  const auto set = open_image_dataset(folder.path(), Split::train);
  EXPECT_EQ(set->classes(), (std::vector<std::string>{"\\x1b[31m", "a\\nb", "caf\\xe9"}));
  std::vector<uint8_t> image(16);
  for (int64_t i = 0; i < set->size(); ++i) set->image(i, image.data());
}

TEST(Folder, FoldersThatCannotBeReadAreNamed) {
  if (getuid() == 0) GTEST_SKIP() << "root reads everything";
  TemporaryFolder folder;
  write_image(folder / "cat/1.png", 4, 4, 1, 5);
  fs::permissions(folder / "cat", fs::perms::none);
  EXPECT_ERROR(open_image_dataset(folder.path(), Split::train), "cat': Permission denied");
  fs::permissions(folder / "cat", fs::perms::owner_all);
}

TEST(MemoryImages, ChecksCountsAndLabels) {
  const auto make = [](size_t pixels, std::vector<uint8_t> labels) {
    MemoryImages("d", {1, 2, 2}, {"a", "b"}, std::vector<uint8_t>(pixels), std::move(labels));
  };
  EXPECT_EQ(error_of([&] { make(8, {0, 1}); }), "");
  EXPECT_ERROR(make(7, {0, 1}), "'d': 2 labels, but 7 bytes");
  EXPECT_ERROR(make(8, {0, 2}), "label 2 of image 1 is out of range: there are 2 classes");
}

TEST(Digits, AreAFunctionOfSeedAndIndex) {
  std::vector<uint8_t> a(784), b(784);
  EXPECT_EQ(draw_digit(1, 5, a.data()), draw_digit(1, 5, b.data()));
  EXPECT_EQ(a, b);
  draw_digit(2, 5, b.data());
  EXPECT_NE(a, b);
  const auto parallel = open_digits(Split::train, {.train = 200});
  SerialScope serial;
  const auto again = open_digits(Split::train, {.train = 200});
  EXPECT_EQ(std::vector<uint8_t>(parallel->pixels(), parallel->pixels() + 200 * 784),
            std::vector<uint8_t>(again->pixels(), again->pixels() + 200 * 784));
}

TEST(Digits, SplitsDifferAndClassesAreBalanced) {
  const auto train = open_image_dataset("digits", Split::train),
             test = open_image_dataset("digits", Split::test);
  EXPECT_EQ(train->size(), 20000);
  EXPECT_EQ(test->size(), 4000);
  std::set<std::vector<uint8_t>> seen;
  for (int64_t i = 0; i < 4000; ++i)
    seen.emplace(train->pixels() + i * 784, train->pixels() + (i + 1) * 784);
  for (int64_t i = 0; i < 4000; ++i)
    seen.emplace(test->pixels() + i * 784, test->pixels() + (i + 1) * 784);
  EXPECT_EQ(seen.size(), 8000u);
  std::vector<int> counts(10);
  for (int64_t i = 0; i < train->size(); ++i) ++counts[train->label(i)];
  for (int count : counts) EXPECT_NEAR(count, 2000, 200);
}

// Nearest class mean, the simplest linear reader: better than chance, far from what a CNN reaches.
TEST(Digits, AreHardForALinearReader) {
  const auto train = open_digits(Split::train, {.train = 5000}),
             test = open_digits(Split::test, {.test = 1000});
  std::vector<std::vector<double>> means(10, std::vector<double>(784));
  std::vector<int> counts(10);
  for (int64_t i = 0; i < train->size(); ++i) {
    ++counts[train->label(i)];
    for (int p = 0; p < 784; ++p) means[train->label(i)][p] += train->pixels()[i * 784 + p];
  }
  int right = 0;
  for (int64_t i = 0; i < test->size(); ++i) {
    std::vector<double> distances(10);
    for (int c = 0; c < 10; ++c)
      for (int p = 0; p < 784; ++p) {
        const double d = test->pixels()[i * 784 + p] - means[c][p] / counts[c];
        distances[c] += d * d;
      }
    right +=
        std::min_element(distances.begin(), distances.end()) - distances.begin() == test->label(i);
  }
  EXPECT_GT(right, 250);
  EXPECT_LT(right, 800);
}

TEST(EmbeddedText, IsThereAndIsText) {
  const std::string_view text = embedded_text();
  EXPECT_GT(text.size(), 150000u);
  EXPECT_TRUE(text.starts_with("First Citizen:\n"));
  EXPECT_TRUE(text.ends_with("\n"));
  EXPECT_EQ(io::find_invalid_utf8(text), text.npos);
}

}  // namespace
}  // namespace cairn::data
