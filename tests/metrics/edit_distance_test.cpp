// Error rates against jiwer's (tools/dump_errors.py).
#include "cairn/metrics/edit_distance.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace cairn::metrics {
namespace {

TEST(EditDistance, HasTheCountsOfJiwer) {
  std::ifstream file(CAIRN_SOURCE_DIR "/tests/metrics/data/jiwer.tsv");
  int compared = 0;
  for (std::string line; std::getline(file, line); ++compared) {
    std::istringstream cells(line);
    std::string reference, said;
    std::getline(cells, reference, '\t'), std::getline(cells, said, '\t');
    for (const Edits& ours : {word_edits(reference, said), character_edits(reference, said)}) {
      Edits theirs;
      cells >> theirs.hits >> theirs.substitutions >> theirs.deletions >> theirs.insertions;
      EXPECT_EQ(ours.errors(), theirs.errors()) << line;
      EXPECT_EQ(ours.reference(), theirs.reference()) << line;
      EXPECT_DOUBLE_EQ(ours.rate(), theirs.rate()) << line;
    }
  }
  EXPECT_EQ(compared, 60);
}

TEST(EditDistance, WhiteSpaceCountsOnceAndAnEmptyReferenceItsInsertions) {
  EXPECT_EQ(word_edits(" a\t b\n", "a b").errors(), 0);
  EXPECT_EQ(character_edits(" a   b ", "a b").errors(), 0);
  EXPECT_EQ(word_edits("", "a b").insertions, 2);
  EXPECT_EQ(word_edits("", "a b").rate(), 2);
  EXPECT_EQ(word_edits("", "").rate(), 0);
  EXPECT_EQ(characters_of("é日").size(), 2u);
}

TEST(EditDistance, LaysTextsSideBySide) {
  const std::vector<std::string> a{"one", "two", "three"}, b{"one", "three", "four"};
  const auto places = align(a, b);
  const Edits edits = count_edits(a, b);  // of two alignments with as few edits that of jiwer
  EXPECT_EQ(edits.hits, 1);
  EXPECT_EQ(edits.substitutions, 2);
  int64_t i = 0, j = 0;
  for (const Aligned& p : places) {
    if (p.reference >= 0) { EXPECT_EQ(p.reference, i++); }
    if (p.said >= 0) { EXPECT_EQ(p.said, j++); }
  }
  EXPECT_EQ(i, 3);
  EXPECT_EQ(j, 3);
}

}  // namespace
}  // namespace cairn::metrics
