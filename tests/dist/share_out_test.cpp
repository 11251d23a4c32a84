#include "cairn/dist/share_out.h"

#include <gtest/gtest.h>

#include "tests/dist/echo.h"

namespace cairn::dist {
namespace {

TEST(ShareOut, AloneEachItemIsDoneInTurn) {
  std::vector<int64_t> done;
  share_out(
      3, [&](int64_t i) { done.push_back(i); },
      [](int64_t, Parcel&) { FAIL() << "nobody to tell"; });
  EXPECT_EQ(done, (std::vector<int64_t>{0, 1, 2}));
}

// The other rank sends what this one has: its items 1 and 3 are what 0 and 2 are here.
TEST(ShareOut, WhatOthersDidComesInItsPlace) {
  const Echo echo;
  struct Item {
    double number = 0;
    std::string text;
    std::vector<float> values;
  };
  std::vector<Item> items(4);
  std::vector<int64_t> done;
  share_out(
      4,
      [&](int64_t i) {
        done.push_back(i);
        items[static_cast<size_t>(i)] = {0.5 + static_cast<double>(i), std::string(i, 'x'),
                                         std::vector<float>(static_cast<size_t>(i), 7)};
      },
      [&](int64_t i, Parcel& parcel) {
        Item& item = items[static_cast<size_t>(i)];
        parcel.pass(item.number), parcel.pass(item.text), parcel.pass(item.values);
      });
  EXPECT_EQ(done, (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(items[1].number, 0.5);
  EXPECT_EQ(items[1].text, "");
  EXPECT_EQ(items[3].number, 2.5);
  EXPECT_EQ(items[3].text, "xx");
  EXPECT_EQ(items[3].values, (std::vector<float>{7, 7}));
}

TEST(ShareOut, OtherWorkElsewhereIsAnError) {
  Parcel sent;
  int32_t number = 3;
  sent.pass(number);
  Parcel came(sent.content());
  std::string text;
  EXPECT_THROW(came.pass(text), Error);
}

TEST(ShareOut, WhatTheLeaderDoesItDoesAlone) {
  const Echo echo;
  EXPECT_EQ(by_leader([] {
              EXPECT_EQ(ranks(), 1);
              return std::string("done");
            }),
            "done");
  EXPECT_EQ(ranks(), 2);
  EXPECT_THROW(by_leader([]() -> std::string { fail("not possible"); }), Error);
  EXPECT_EQ(ranks(), 2);
}

}  // namespace
}  // namespace cairn::dist
