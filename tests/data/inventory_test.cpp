#include "cairn/data/inventory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

class InventoryOf : public testing::Test {
 protected:
  InventoryOf() {
    fs::create_directories(folder_ / "d/a");
    write(folder_ / "d/a/1", "one"), write(folder_ / "d/2", "two and");
  }
  Inventory now() const { return *inventory_of(folder_ / "d"); }
  TemporaryFolder folder_;
};

TEST_F(InventoryOf, FilesBytesAndWhatIsInThem) {
  const Inventory before = now();
  EXPECT_EQ(before.files, 2);
  EXPECT_EQ(before.bytes, 10);
  EXPECT_EQ(now(), before);
  fs::rename(folder_ / "d", folder_ / "e");
  EXPECT_EQ(*inventory_of(folder_ / "e"), before) << "wherever they lie, whatever their dates";
  fs::rename(folder_ / "e", folder_ / "d");
  write(folder_ / "d/a/1", "eno");
  EXPECT_EQ(now().bytes, before.bytes);
  EXPECT_NE(now(), before) << "another content";
  write(folder_ / "d/a/1", "one");
  fs::rename(folder_ / "d/2", folder_ / "d/3");
  EXPECT_NE(now(), before) << "another name";
}

TEST_F(InventoryOf, AFileOfAnyName) {
  write(folder_ / "x.csv", "1,2"), write(folder_ / "y.csv", "1,2");
  EXPECT_EQ(*inventory_of(folder_ / "x.csv"), *inventory_of(folder_ / "y.csv"));
  EXPECT_FALSE(inventory_of("digits"));
  EXPECT_FALSE(inventory_of(""));
  EXPECT_FALSE(inventory_of(folder_ / "nowhere"));
}

TEST_F(InventoryOf, NeitherClutterNorRunsNorTheSameAgain) {
  const Inventory before = now();
  write(folder_ / "d/.DS_Store", "x"), write(folder_ / "d/a/._1", "x");
  fs::create_directory(folder_ / "d/run");
  write(folder_ / "d/run/config.json", "{}"), write(folder_ / "d/run/metrics.jsonl", "");
  fs::create_directory_symlink(folder_ / "d", folder_ / "d/a/back");
  EXPECT_EQ(now(), before);
  fs::create_symlink("loop", folder_ / "d/loop");
  fs::create_symlink("/nowhere/x", folder_ / "d/lost");
  EXPECT_EQ(now().files, before.files + 2) << "links to nothing count, and are not followed";
  EXPECT_EQ(now().bytes, before.bytes);
}

TEST_F(InventoryOf, LargeDataAreNotRead) {
  write(folder_ / "d/large", "");
  fs::resize_file(folder_ / "d/large", Inventory::kReadBytes + 1);
  const Inventory before = now();
  write(folder_ / "d/a/1", "eno");
  EXPECT_EQ(now(), before) << "as inventory.h says";
  write(folder_ / "d/a/1", "longer");
  EXPECT_NE(now(), before);
}

}  // namespace
}  // namespace cairn::data
