#include "cairn/music/measures.h"

#include <gtest/gtest.h>

#include <cmath>

namespace cairn::music {
namespace {

double value(const Values& all, const std::string& name) {
  for (size_t m = 0; m < kMeasures; ++m)
    if (kMeasureNames[m] == name) return all[m];
  ADD_FAILURE() << name;
  return 0;
}

TEST(Measures, OfAPieceThatOneCanCount) {
  // Two bars of four steps; the second voice is silent in the second bar.
  const Roll roll{
      "r", 2, {{72, 60}, {72, 60}, {74, 60}, {74, 59}, {76, -1}, {76, -1}, {76, -1}, {-1, -1}}, 0};
  const Values v = measure(roll, 4);
  EXPECT_DOUBLE_EQ(value(v, "pitch_classes"), (3 + 1) / 2.0);  // C D B; E
  EXPECT_DOUBLE_EQ(value(v, "empty_bars"), 1 / 4.0);
  EXPECT_DOUBLE_EQ(value(v, "polyphony"), (8 + 3) / 8.0);
  EXPECT_DOUBLE_EQ(value(v, "note_length"), (2 + 2 + 3 + 3 + 1) / 5.0);
  EXPECT_DOUBLE_EQ(value(v, "melodic_interval"), (2 + 2 + 1) / 3.0);
  EXPECT_DOUBLE_EQ(value(v, "consonance"), 3 / 4.0);  // two octaves, a ninth, a third with B
  EXPECT_DOUBLE_EQ(value(v, "scale_consistency"), 1);
}

TEST(Measures, AreNothingWhereNothingSounds) {
  const Values v = measure({"r", 1, {{-1}, {-1}}, 0}, 2);
  EXPECT_DOUBLE_EQ(value(v, "empty_bars"), 1);
  for (const char* name : {"pitch_classes", "melodic_interval", "scale_consistency", "note_length"})
    EXPECT_TRUE(std::isnan(value(v, name))) << name;
}

TEST(Measures, PiecesAreMovedToC) {
  const auto scale_on = [](int tonic) {
    Roll roll{"r", 2, {}, 0};
    for (const int s : {0, 2, 4, 5, 7, 9, 11}) roll.steps.push_back({tonic + s, kSilent});
    return roll;
  };
  const Roll in_d = scale_on(62), in_g = scale_on(55), low = scale_on(kLowest + 1);  // B flat
  EXPECT_EQ(in_c(in_d).steps, scale_on(60).steps);
  EXPECT_EQ(in_c(in_g).steps, scale_on(60).steps);  // five up is nearer than seven down
  EXPECT_EQ(in_c(low).steps, scale_on(kLowest + 3).steps);
  const Roll lowest = scale_on(kLowest + 4);  // C sharp: a semitone down
  EXPECT_EQ(in_c(lowest).steps, scale_on(kLowest + 3).steps);
  Roll deep = scale_on(64);  // E, and an A that nothing on a piano is four below
  deep.steps.push_back({kLowest, kSilent});
  EXPECT_EQ(in_c(deep).steps, deep.steps);
  const Roll nothing{"n", 1, {{kSilent}}, 0};
  EXPECT_EQ(in_c(nothing).steps, nothing.steps);
}

TEST(Measures, DeviationsAreThoseOfMeansOfPieces) {
  // 400 pieces of one window each, half 0 and half 1: the mean's deviation is 0.5 / 20.
  std::vector<Measured> windows;
  for (int64_t i = 0; i < 400; ++i) {
    Values v{};
    v.fill(static_cast<double>(i % 2));
    windows.push_back({v, i});
  }
  const auto single = estimate(windows, 3);
  EXPECT_DOUBLE_EQ(single[0].mean, 0.5);
  EXPECT_NEAR(single[0].deviation, 0.025, 0.004);
  // The same windows in 4 pieces, each of one kind: as unsure as 4 numbers are.
  for (size_t i = 0; i < windows.size(); ++i) windows[i].piece = static_cast<int64_t>(i % 4);
  EXPECT_NEAR(estimate(windows, 3)[0].deviation, 0.25, 0.05);
}

TEST(Measures, CopiesAreFoundInAnyKeyAndAtAnyStep) {
  const Roll known{"k", 1, {{60}, {62}, {64}, {65}, {67}}, 0};
  const Roll copy{"c", 1, {{65}, {67}, {68}, {70}}, 0}, other{"o", 1, {{60}, {61}, {60}, {61}}, 0};
  EXPECT_DOUBLE_EQ(copied_bars({copy}, {known}, 2), 1);
  EXPECT_DOUBLE_EQ(copied_bars({other}, {known}, 2), 1);  // a semitone up stands in it
  EXPECT_DOUBLE_EQ(copied_bars({copy}, {known}, 4), 1);
  EXPECT_DOUBLE_EQ(copied_bars({other, copy}, {known}, 4), 0.5);
  EXPECT_TRUE(std::isnan(copied_bars({}, {known}, 4)));
}

TEST(Measures, WindowsBeginWithBars) {
  const Roll roll{"r", 1, std::vector<Chord>(10, Chord{60}), 0};
  EXPECT_EQ(windows_of(roll, 8, 4).size(), 1u);
  EXPECT_EQ(windows_of(roll, 4, 4).size(), 2u);
  EXPECT_TRUE(windows_of(roll, 12, 4).empty());
}

}  // namespace
}  // namespace cairn::music
