#include "cairn/data/table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cairn/base/error.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

Table table(const std::string& text) { return {"t.csv", io::parse_csv(text, "t.csv")}; }

TEST(Table, NumbersAndWordsBecomeInputs) {
  const Table t = table("size,colour,price\n1,red,10\n3,blue,30\n,red,20.5\n");
  const auto e = TableEncoding::of(t, "price");
  EXPECT_EQ(e.inputs(), 3);
  EXPECT_FALSE(e.classifies());
  EXPECT_EQ(e.encode(t), (std::vector<float>{-1, 0, 1, 1, 1, 0, 0, 0, 1}));
  EXPECT_NEAR(e.in_units(e.values(t)[1]), 30, 1e-5);
  // Columns are found by name; one more does not matter, a new word is none of the known.
  const Table other = table("colour,more,size\ngreen,x,5\n");
  EXPECT_EQ(e.encode(other), (std::vector<float>{3, 0, 0}));
  const auto again = TableEncoding::from_json(e.to_json(), "config.json");
  EXPECT_EQ(again.encode(t), e.encode(t));
  EXPECT_EQ(again.target(), "price");
}

TEST(Table, WordsAndFewWholeNumbersAreClasses) {
  const Table t = table("x,kind,grade\n1,b,2\n2,a,1\n3,b,2\n");
  const auto words = TableEncoding::of(t, "kind");
  EXPECT_EQ(words.classes(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(words.labels(t), (std::vector<int64_t>{1, 0, 1}));
  EXPECT_EQ(TableEncoding::of(t, "grade").classes(), (std::vector<std::string>{"1", "2"}));
  EXPECT_FALSE(TableEncoding::of(table("x,y\n1,0.5\n2,1\n"), "y").classifies());
}

TEST(Table, SaysWhatIsWrong) {
  const Table t = table("size,price\n1,10\n2,21.5\n");
  const auto e = TableEncoding::of(t, "price");
  EXPECT_ERROR(TableEncoding::of(t, "prise"), "no column 'prise'; did you mean 'price'?");
  EXPECT_ERROR(e.encode(table("length\n1\n")), "'t.csv' has no column 'size'");
  EXPECT_ERROR(e.encode(table("size\n1\nbig\n")), "row 2, column 'size': 'big' is no number");
  EXPECT_ERROR(e.values(table("size,price\n1,?\n")), "row 1, column 'price': '?' is no number");
  EXPECT_ERROR(TableEncoding::of(table("a\n1\n"), "a"), "one column");
  EXPECT_ERROR(TableEncoding::of(table("a,b\n1,x\n2,x\n"), "b"), "is always 'x'");
  EXPECT_ERROR(TableEncoding::of(table("a,b\n,1\n?,2\n"), "b"), "column 'a' is all unknown");
  EXPECT_ERROR(TableEncoding::from_json({{"columns", 3}}, "c.json"), "'c.json': the encoding");
  const auto words = TableEncoding::of(table("a,b\n1,x\n2,y\n"), "b");
  EXPECT_ERROR(words.labels(table("a,b\n1,z\n")), "column 'b': 'z' is no class of the training");
  TemporaryFolder folder;
  EXPECT_ERROR(open_table(folder.path()), "is a folder");
}

// One stray cell of a column of numbers would make a word of each number.
TEST(Table, AStrayCellAmongNumbersIsNamed) {
  const auto with = [](const std::string& cell, int rows) {
    std::string text = "size,price\n";
    for (int i = 0; i < rows; ++i)
      text += fmt::format("{},{}\n", i == 6 ? cell : std::to_string(i), i + 0.5);
    return table(text);
  };
  EXPECT_ERROR(TableEncoding::of(with("abc", 40), "price"),
               "'t.csv', row 7, column 'size': 'abc' is no number, as 39 of 40 cells there are; "
               "mend it, leave the cell empty (unknown), or leave out the column");
  for (const char* cell : {"1e400", "inf", "-Infinity", "NAN"})
    for (const int rows : {8, 40})
      EXPECT_ERROR(TableEncoding::of(with(cell, rows), "price"),
                   fmt::format("row 7, column 'size': '{}' is no finite number", cell));
  EXPECT_ERROR(TableEncoding::of(with("1e300", 40), "price"),
               "row 7, column 'size': '1e300' is too large");
  for (const char* unknown : {"", "NA", "nan", "?"})
    EXPECT_EQ(TableEncoding::of(with(unknown, 40), "price").inputs(), 1) << unknown;
  EXPECT_EQ(TableEncoding::of(with("abc", 12), "price").inputs(), 12) << "few: they are words";
  EXPECT_ERROR(TableEncoding::of(with("abc", 40), "size"), "row 7, column 'size'");
  // Grades are words whatever else is among them, and "inf" among words is one.
  std::string grades = "x,grade\n";
  for (int i = 0; i < 60; ++i)
    grades += fmt::format("{},{}\n", i, i == 9 ? "U" : fmt::format("{}", i % 3));
  EXPECT_EQ(TableEncoding::of(table(grades), "grade").classes().size(), 4u);
  EXPECT_EQ(TableEncoding::of(table("a,b\nx,1\ninf,2\ny,3.5\n"), "b").inputs(), 3);
}

TEST(Table, NumbersThatNoNetworkTakesAreNamed) {
  const auto e = TableEncoding::of(table("size,price\n1,10\n2,21.5\n"), "price");
  EXPECT_ERROR(e.encode(table("size\n1\n1e300\n")),
               "'t.csv', row 2, column 'size': '1e300' is too large");
  EXPECT_ERROR(e.encode(table("size\ninf\n")), "row 1, column 'size': 'inf' is no finite number");
  EXPECT_ERROR(e.values(table("size,price\n1,-1e30\n")), "column 'price': '-1e30' is too large");
  EXPECT_EQ(e.encode(table("size\n1000000\n")).size(), 1u);
}

TEST(Table, FruitsAreDrawn) {
  const Table fruits = open_table("fruits"), others = open_table("fruits", 1);
  EXPECT_EQ(fruits.cells.rows, open_table("fruits").cells.rows);
  EXPECT_NE(fruits.cells.rows, others.cells.rows);
  const auto e = TableEncoding::of(fruits, "kind");
  EXPECT_EQ(e.classes().size(), 4u);
  EXPECT_EQ(e.encode(others).size(), static_cast<size_t>(others.size() * e.inputs()));
}

}  // namespace
}  // namespace cairn::data
