// Files of every kind against what Pillow makes of them (tools/dump_pictures.py), and what is wrong
// with files that are none, too large, or cut.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cairn/io/image.h"
#include "cairn/io/info.h"
#include "tests/io/temporary_folder.h"

namespace cairn::io {
namespace {

struct Row {
  std::string name;
  ByteVector file;
  Image wanted;
  int tolerance = 0;
};

ByteVector from_hex(const std::string& hex) {
  ByteVector bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

const std::vector<Row>& rows() {
  static const std::vector<Row> all = [] {
    const std::string path = std::string(CAIRN_SOURCE_DIR) + "/tests/io/data/pictures.json";
    const ByteVector text = read_file(path);
    std::vector<Row> rows;
    for (const auto& r : nlohmann::json::parse(text_of(text))) {
      Row row{r["name"], from_hex(r["file"]), Image(r["width"], r["height"], r["channels"]),
              r["tolerance"]};
      row.wanted.pixels = from_hex(r["pixels"]);
      rows.push_back(std::move(row));
    }
    return rows;
  }();
  return all;
}

TEST(PictureFormats, EveryKindIsAsPillowDecodesIt) {
  ASSERT_GT(rows().size(), 50u);
  for (const Row& row : rows()) {
    const Image seen = decode_image(row.file, row.name);
    EXPECT_EQ(seen.width, row.wanted.width) << row.name;
    EXPECT_EQ(seen.height, row.wanted.height) << row.name;
    EXPECT_EQ(seen.channels, row.wanted.channels) << row.name;
    if (seen.pixels.size() != row.wanted.pixels.size()) continue;
    int largest = 0;
    for (size_t i = 0; i < seen.pixels.size(); ++i)
      largest = std::max(largest, std::abs(int(seen.pixels[i]) - int(row.wanted.pixels[i])));
    EXPECT_LE(largest, row.tolerance) << row.name;
  }
}

TEST(PictureFormats, EveryKindIsInTheTable) {
  const ByteVector page = read_file(std::string(CAIRN_SOURCE_DIR) + "/docs/pictures.md");
  for (const Row& row : rows())
    EXPECT_NE(text_of(page).find("| " + row.name + " |"), std::string::npos) << row.name;
}

TEST(PictureFormats, AreToldByTheirFirstBytes) {
  TemporaryFolder folder;
  for (const Row& row : rows()) {
    const std::string path = folder / "misnamed.txt";
    write_file_atomically(path, row.file);
    EXPECT_EQ(why_no_image(path), "") << row.name;
    EXPECT_NE(inspect_file(path).kind, FileKind::unknown) << row.name;
  }
  EXPECT_EQ(detect_kind(rows()[0].file), FileKind::jpeg);
}

// A file that ends early is an error that names it; some formats' last bytes may be missing.
TEST(PictureFormats, CutFilesAreErrorsThatNameThem) {
  for (const Row& row : rows())
    for (size_t size = 1; size <= row.file.size() / 2; ++size) {
      // Pictures whose kind begins behind other parts are whole at half of the file, or none yet.
      std::string said;
      try {
        decode_image(Bytes(row.file).first(size), "cut.file");
      } catch (const Error& e) { said = e.what(); }
      if (!row.name.ends_with("of an animation")) {
        EXPECT_NE(said.find("'cut.file'"), std::string::npos) << row.name << " at " << size;
      }
    }
}

void put(ByteVector& bytes, size_t at, uint32_t value, int count) {
  for (int i = 0; i < count; ++i) bytes[at + i] = static_cast<uint8_t>(value >> 8 * i);
}
const ByteVector& file_of(const std::string& name) {
  for (const Row& row : rows())
    if (row.name == name) return row.file;
  fail("no row '{}'", name);
}

// Their headers say 60,000 x 60,000; nothing of that size is made.
TEST(PictureFormats, HugeOnesAreErrorsBeforeMemoryIsTaken) {
  ByteVector gif = file_of("GIF, palette"), bmp = file_of("BMP, colour");
  put(gif, 6, 60000, 2), put(gif, 8, 60000, 2);
  put(bmp, 18, 60000, 4), put(bmp, 22, 60000, 4);
  EXPECT_ERROR(decode_image(gif, "a.gif"), "'a.gif': 60000 x 60000 pixels are too many");
  EXPECT_ERROR(decode_image(bmp, "a.bmp"), "'a.bmp': 60000 x 60000 pixels are too many");
  ByteVector tiff = file_of("TIFF, colour");
  const auto number = [&](size_t at, int count) {
    uint32_t value = 0;
    for (int i = 0; i < count; ++i) value |= uint32_t{tiff[at + i]} << 8 * i;
    return value;
  };
  const size_t entries = number(4, 4);
  for (size_t i = 0; i < number(entries, 2); ++i) {
    const size_t entry = entries + 2 + 12 * i;
    const uint32_t tag = number(entry, 2);
    if (tag == 256 || tag == 257) put(tiff, entry + 2, 4, 2), put(tiff, entry + 8, 60000, 4);
  }
  EXPECT_ERROR(decode_image(tiff, "a.tif"), "'a.tif': 60000 x 60000 pixels are too many");
  // WebP's sides are 14 bits long: what is too large by the limit of the caller.
  EXPECT_ERROR(decode_image(file_of("WebP, lossless"), "a.webp", {.pixels = 34}),
               "'a.webp': 7 x 5 pixels are too many");
}

// A BMP of 4 x 2 in runs, after the row of pixels of its palette's 16 greys.
ByteVector bmp_in_runs(int bits, const ByteVector& runs) {
  ByteVector bmp = file_of(fmt::format("BMP, run lengths of {} bits", bits));
  bmp.resize(14 + 40 + 16 * 4);
  put(bmp, 18, 4, 4), put(bmp, 22, 2, 4);
  for (uint32_t i = 0; i < 16; ++i) put(bmp, 54 + 4 * i, i * 0x010101, 4);
  bmp.insert(bmp.end(), runs.begin(), runs.end());
  return bmp;
}

// What Pillow 12.1 reads wrongly, by the description of the format.
TEST(PictureFormats, RunLengthsWithJumpsAndOddStretches) {
  EXPECT_EQ(decode_image(bmp_in_runs(8, {2, 7, 0, 2, 1, 1, 1, 9, 0, 1}), "a.bmp").pixels,
            (ByteVector{0, 0, 0, 9, 7, 7, 0, 0}));
  EXPECT_EQ(decode_image(bmp_in_runs(4, {0, 3, 0x12, 0x30, 0, 0, 4, 0x45, 0, 1}), "a.bmp").pixels,
            (ByteVector{4, 5, 4, 5, 1, 2, 3, 0}));
  EXPECT_ERROR(decode_image(bmp_in_runs(8, {2, 7}), "a.bmp"), "truncated: a run of pixels");
}

TEST(PictureFormats, NoneOfTheseAreNamed) {
  EXPECT_ERROR(decode_image({}, "a.webp"), "'a.webp' is empty");
  EXPECT_ERROR(decode_image(bytes_of("%PDF-1.7"), "a.webp"), "PDF by its first bytes");
  ByteVector bmp = file_of("BMP, colour");
  put(bmp, 28, 48, 2);
  EXPECT_ERROR(decode_image(bmp, "a.bmp"), "a BMP of 48 bits a pixel");
}

}  // namespace
}  // namespace cairn::io
