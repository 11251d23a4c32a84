#include "cairn/base/close_name.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(CloseName, ASlipIsFoundAndNothingElse) {
  const std::vector<std::string> flags = {"--out", "--epochs", "--lr", "--batch", "--csv", "--top"};
  EXPECT_EQ(close_name("--epoch", flags), "--epochs");
  EXPECT_EQ(close_name("--ephocs", flags), "--epochs");
  EXPECT_EQ(close_name("--bacth", flags), "--batch");
  EXPECT_EQ(close_name("--oit", flags), "--out");
  for (const char* other : {"--gpu", "--device", "--learning-rate", "--x", "x", "", "--", "--hat"})
    EXPECT_EQ(close_name(other, flags), "") << other;
  EXPECT_EQ(close_name("lsmt", {"rnn", "lstm", "gru"}), "lstm");
  EXPECT_EQ(close_name("image-clasification", {"image-classification", "image-gan"}),
            "image-classification");
  EXPECT_EQ(close_name("zebra", {"rnn", "lstm", "gru"}), "");
}

}  // namespace
}  // namespace cairn
