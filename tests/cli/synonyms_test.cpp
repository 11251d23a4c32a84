#include "cairn/cli/synonyms.h"

#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

TEST(Synonyms, OptionsOfOtherProgramsAreAnsweredInWords) {
  const std::vector<std::string> known = {"--lr", "--batch", "--threads", "--out",
                                          "--weight-decay"};
  EXPECT_EQ(cli::said_of_synonym("--learning-rate", known), "it is called --lr here");
  EXPECT_EQ(cli::said_of_synonym("--learning_rate=0.1", known), "it is called --lr here");
  EXPECT_EQ(cli::said_of_synonym("-b", known), "it is called --batch here");
  EXPECT_EQ(cli::said_of_synonym("--num-workers", known), "it is called --threads here");
  EXPECT_EQ(cli::said_of_synonym("--weight_decay", known), "it is written --weight-decay");
  EXPECT_EQ(cli::said_of_synonym("--lr=0.1", known),
            "it is one of the task's: write it behind the task");
  EXPECT_EQ(cli::said_of_synonym("--early-stopping", known), "") << "it has no --patience";
  for (const char* flag : {"--device", "--gpu", "--cuda"})
    EXPECT_NE(cli::said_of_synonym(flag, known).find("on the processor alone"), std::string::npos);
  for (const char* flag : {"--lt", "lr", "", "-", "--zebra"})
    EXPECT_EQ(cli::said_of_synonym(flag, known), "") << flag;
}

// What a person reads is never the message of a library.
TEST(Synonyms, WrongUsageIsSaidInOurOwnWords) {
  const auto said = [](Arguments arguments) {
    const Outcome o = cairn(arguments);
    EXPECT_EQ(o.status, 2) << o.err;
    for (const char* raw : {"required but received", "not expected:", "A subcommand", "is required",
                            "Could not convert", "TEXT"})
      EXPECT_FALSE(o.says(raw)) << o.err;
    return o.err;
  };
  const auto train = [](Arguments more) {
    more.insert(more.begin(), {"train", "image-classification"});
    return more;
  };
  const auto expect = [](const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), message.npos) << message;
  };
  expect(said({}), "say what: train, ");
  expect(said({"train"}), "say what: image-classification, ");
  expect(said({"trian"}), "there is no 'trian'; did you mean train?");
  expect(said({"zebra"}), "there is no 'zebra'\n");
  expect(said(train({"--learning-rate", "0.1"})),
         "no option --learning-rate; it is called --lr here");
  expect(said(train({"--device", "cuda"})),
         "no option --device; this build computes on the processor");
  expect(said(train({"--epoch", "3"})), "no option --epoch; did you mean --epochs?");
  expect(said(train({"--zebra"})), "there is no option --zebra\n");
  expect(said(train({"photos/"})), "'photos/' is one argument too many");
  expect(said(train({"--epochs", "1", "--epochs", "2"})), "--epochs: is given more than once");
  expect(said(train({"--epochs"})), "--epochs: a value is missing");
  expect(said({"predict", Trained::get().run()}), "files is missing");
  expect(said({"bench", "--dtype", "f31"}), "there is no 'f31' (did you mean f32?)");
}

}  // namespace
}  // namespace cairn::cli_test
