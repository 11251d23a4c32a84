#include "cairn/io/base64.h"

#include <gtest/gtest.h>

namespace cairn::io {
namespace {

TEST(Base64, TheExamplesOfRfc4648BothWays) {
  const std::pair<std::string_view, std::string_view> kExamples[] = {{"", ""},
                                                                     {"f", "Zg=="},
                                                                     {"fo", "Zm8="},
                                                                     {"foo", "Zm9v"},
                                                                     {"foob", "Zm9vYg=="},
                                                                     {"fooba", "Zm9vYmE="},
                                                                     {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : kExamples) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
}

TEST(Base64, TakesLineEndsMissingFillAndTheOtherAlphabet) {
  EXPECT_EQ(from_base64("Zm9v\r\nYg"), "foob");
  EXPECT_EQ(from_base64("-_-_"), from_base64("+/+/"));
  EXPECT_EQ(from_base64("+/8="), "\xfb\xff");
}

TEST(Base64, RefusesWhatIsNone) {
  for (const char* text : {"Z", "Zm9vY", "Zm 9v", "Zm9v!", "Z=9v"}) EXPECT_FALSE(from_base64(text));
}

}  // namespace
}  // namespace cairn::io
