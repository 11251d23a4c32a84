#include "cairn/tasks/adversarial/gan_signals.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cairn/base/error.h"

namespace cairn::tasks::adversarial {
namespace {

const GanReading kHealthy = {.diversity = 0.9,
                             .discriminator_accuracy = 0.8,
                             .discriminator_gradient = 2,
                             .generator_gradient = 1};

// The names of what begins while `reading` is seen `times` times.
std::vector<std::string> names(GanSignals& signals, const GanReading& reading, int times) {
  std::vector<std::string> all;
  for (int i = 0; i < times; ++i)
    for (const GanSignal& s : signals.observe(reading)) all.push_back(s.name);
  return all;
}
using Names = std::vector<std::string>;

GanSignals healthy() {
  GanSignals signals;
  EXPECT_EQ(names(signals, kHealthy, 20), Names{});
  return signals;
}

}  // namespace

TEST(GanSignals, EachTroubleIsSaidOnceAndAgainAfterItHadGone) {
  GanReading collapsed = kHealthy, winning = kHealthy, vanished = kHealthy, exploded = kHealthy;
  collapsed.diversity = 0.1;
  winning.discriminator_accuracy = 0.999;
  vanished.generator_gradient = 1e-6;
  exploded.discriminator_gradient = 1e4;
  const std::pair<GanReading, const char*> cases[] = {{collapsed, "collapse"},
                                                      {winning, "discriminator-wins"},
                                                      {vanished, "vanishing-gradients"},
                                                      {exploded, "exploding-gradients"}};
  for (const auto& [reading, name] : cases) {
    GanSignals signals = healthy();
    EXPECT_EQ(names(signals, reading, 10), Names{name});
    EXPECT_EQ(names(signals, kHealthy, 5), Names{});
    EXPECT_EQ(names(signals, reading, 10), Names{name});
  }
}

TEST(GanSignals, DiversityThatFallsIsACollapseToo) {
  GanSignals signals = healthy();
  GanReading reading = kHealthy;
  reading.diversity = 0.4;  // above the least, below half of the best
  EXPECT_EQ(names(signals, reading, 3), Names{"collapse"});
}

// A generator that has learned little draws alike, too; while it becomes more diverse it does not
// collapse, and where it stays as it is, it has.
TEST(GanSignals, DiversityThatRisesIsNoCollapse) {
  GanSignals signals;
  GanReading reading = kHealthy;
  for (double diversity = 0.02; diversity < 0.25; diversity *= 1.06) {
    reading.diversity = diversity;
    EXPECT_EQ(names(signals, reading, 1), Names{}) << diversity;
  }
  GanSignals resumed;
  resumed.restore(signals.state());
  for (GanSignals* goes_on : {&signals, &resumed})
    EXPECT_EQ(names(*goes_on, reading, 8), Names{"collapse"});
  // Once it has, a little more is no end of it.
  reading.diversity *= 1.3;
  EXPECT_EQ(names(signals, reading, 8), Names{});
}

// From a start as noise, as diverse as can be, up to pictures.
TEST(GanSignals, ANoisyStartIsNoMeasureOfWhatComes) {
  GanSignals signals;
  GanReading reading = kHealthy;
  reading.diversity = 1.5;
  EXPECT_EQ(names(signals, reading, 2), Names{});
  for (double diversity = 0.32; diversity < 0.95; diversity *= 1.05) {
    reading.diversity = diversity;
    EXPECT_EQ(names(signals, reading, 1), Names{}) << diversity;
  }
}

TEST(GanSignals, GoOnFromACheckpointOfBeforeTheTrend) {
  std::vector<double> state = healthy().state();
  state.resize(12);
  GanSignals signals;
  signals.restore(state);
  GanReading reading = kHealthy;
  reading.diversity = 0.1;
  EXPECT_EQ(names(signals, reading, 10), Names{"collapse"});
}

TEST(GanSignals, TheBeginningIsNoTrouble) {
  GanSignals signals;
  EXPECT_EQ(names(signals,
                  {.diversity = 0,
                   .discriminator_accuracy = 1,
                   .discriminator_gradient = 1e3,
                   .generator_gradient = 1e-9},
                  4),
            Names{});
}

TEST(GanSignals, AWassersteinCriticDoesNotWin) {
  GanSignals signals = healthy();
  GanReading reading = kHealthy;
  reading.discriminator_accuracy = NAN;
  EXPECT_EQ(names(signals, reading, 20), Names{});
}

TEST(GanSignals, TheTextsSayWhatIsSeenAndWhatToTry) {
  GanSignals signals = healthy();
  GanReading reading = kHealthy;
  reading.diversity = 0.12;
  std::string text;
  for (int i = 0; i < 3; ++i)
    for (const GanSignal& s : signals.observe(reading)) text = s.text;
  for (const char* part : {"collapses", "12 %", "90 %", "Try"})
    EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(GanSignals, GoOnFromACheckpoint) {
  GanSignals signals = healthy(), resumed;
  GanReading reading = kHealthy;
  reading.discriminator_accuracy = 1;
  EXPECT_EQ(names(signals, reading, 3), Names{});
  resumed.restore(signals.state());
  EXPECT_EQ(names(resumed, reading, 1), Names{"discriminator-wins"});
  EXPECT_THROW(resumed.restore({1, 2}), Error);
}

}  // namespace cairn::tasks::adversarial
