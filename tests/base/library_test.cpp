#include "cairn/base/library.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "cairn/base/error.h"

namespace cairn {
namespace {

struct Zlib : Library {
  Zlib() : Library("libz.so.1", "packed data", "zlib1g") {}
  CAIRN_OF_LIBRARY(crc32);
};

TEST(Library, FindsWhatTheHeaderDeclares) {
  const Zlib zlib;
  const Bytef text[] = {'c', 'a', 'i', 'r', 'n'};
  EXPECT_EQ(zlib.crc32(0, text, 5), ::crc32(0, text, 5));
}

struct Missing : Library {
  Missing() : Library("libcairn-not-there.so.1", "a picture of air", "libair1") {}
};
TEST(Library, SaysWhatIsMissingAndThePackageThatHasIt) {
  try {
    const Missing library;
    FAIL() << "it was opened";
  } catch (const Error& error) {
    const std::string text = error.what();
    for (const char* part : {"a picture of air needs libcairn-not-there.so.1", "package libair1"})
      EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

struct Older : Library {
  Older() : Library("libz.so.1", "packed data", "zlib1g") { find("no_such_function"); }
};
TEST(Library, SaysWhichNameAnOldLibraryLacks) {
  try {
    const Older library;
    FAIL() << "it was found";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("libz.so.1 has no 'no_such_function'"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace cairn
