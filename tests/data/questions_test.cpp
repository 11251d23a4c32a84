#include "cairn/data/questions.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cairn/base/error.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

std::string file_of(const std::string& context, const std::string& qas) {
  return R"({"version": "v2.0", "data": [{"title": "t", "paragraphs": [{"context": ")" + context +
         R"(", "qas": [)" + qas + "]}]}]}";
}

std::string text_at(const std::string& context, const AnswerPlace& place) {
  return context.substr(place.begin, place.end - place.begin);
}

TEST(Questions, PlacesCountCharacters) {
  const auto read =
      parse_squad(file_of("Größe: 😀 in Öl und Öl", R"({"id": "a", "question": "Worin?", "answers": [
          {"text": "Öl", "answer_start": 12}, {"text": "in Öl", "answer_start": 9}]})"),
                  "f");
  ASSERT_EQ(read.all.size(), 1u);
  const Question& q = read.all[0];
  EXPECT_EQ(q.id, "a");
  EXPECT_EQ(q.answers, (std::vector<std::string>{"Öl", "in Öl"}));
  const std::string& context = read.contexts[q.context];
  ASSERT_EQ(q.places.size(), 2u);
  EXPECT_EQ(text_at(context, q.places[0]), "Öl");
  EXPECT_EQ(q.places[0].begin, context.find("Öl"));
  EXPECT_EQ(points_before(context, q.places[0].begin), 12);
  EXPECT_EQ(text_at(context, q.places[1]), "in Öl");
  EXPECT_EQ(read.moved + read.misplaced, 0);
}

TEST(Questions, MayHaveNoAnswer) {
  const auto read = parse_squad(
      file_of("Some text.", R"({"question": "Who?", "answers": [], "is_impossible": true},
          {"question": "What?", "is_impossible": true, "plausible_answers": []},
          {"question": "Why?", "answers": []})"),
      "f");
  ASSERT_EQ(read.all.size(), 3u);
  for (const Question& q : read.all) {
    EXPECT_TRUE(q.answers.empty());
    EXPECT_TRUE(q.places.empty());
    EXPECT_FALSE(q.misplaced);
  }
}

TEST(Questions, AnAnswerThatStandsElsewhereIsFound) {
  const auto read = parse_squad(
      file_of("one two one", R"({"question": "a", "answers": [{"text": "one", "answer_start": 9}]},
          {"question": "b", "answers": [{"text": "one", "answer_start": -5}]},
          {"question": "c", "answers": [{"text": "two", "answer_start": 99999999999}]},
          {"question": "d", "answers": [{"text": "six", "answer_start": 0}]},
          {"question": "e", "answers": [{"text": "six", "answer_start": 0},
                                        {"text": "two", "answer_start": 4}]})"),
      "f");
  EXPECT_EQ(read.all[0].places.at(0).begin, 8u);
  EXPECT_EQ(read.all[2].places.at(0).begin, 4u);
  EXPECT_TRUE(read.all[3].misplaced);
  // One answer that stands nowhere leaves the others.
  EXPECT_FALSE(read.all[4].misplaced);
  EXPECT_EQ(read.all[4].places.at(0).begin, 4u);
  EXPECT_EQ(read.moved, 3);
  EXPECT_EQ(read.misplaced, 1);
}

TEST(Questions, DamageIsSaidWithItsPlace) {
  const auto expect_error = [](const std::string& json, const std::string& part) {
    try {
      parse_squad(json, "some.json");
      FAIL() << "accepted " << json;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("some.json"), std::string::npos) << e.what();
    }
  };
  expect_error("", "some.json");
  expect_error("[]", "no JSON object");
  expect_error("{}", "\"data\"");
  expect_error(R"({"data": {}})", "no list");
  expect_error(R"({"data": [7]})", "article 1");
  expect_error(R"({"data": [{"paragraphs": [{}]}]})", "article 1, paragraph 1");
  expect_error(file_of("c", R"({"question": 1, "answers": []})"), "question 1");
  expect_error(file_of("c", R"({"question": "q"})"), "\"answers\"");
  expect_error(file_of("c", R"({"question": "q", "answers": [{"text": "c"}]})"), "answer 1");
  expect_error(
      file_of("c", R"({"question": "q", "answers": [{"text": "c", "answer_start": "0"}]})"),
      "whole number");
  expect_error(file_of("\xff", R"({"question": "q", "answers": []})"), "some.json");
}

TEST(Questions, OfOneIdAreRefused) {
  const std::string one = R"({"id": "a", "question": "Who?", "answers": []})";
  const auto of = [&](const std::string& name) {
    return file_of(name, one + R"(, {"question": "Why?", "answers": []},
                                   {"question": "How?", "answers": []})");
  };
  EXPECT_EQ(parse_squad(of("c"), "f").all.size(), 3u) << "without ids there may be many";
  EXPECT_ERROR(parse_squad(file_of("c", one + ", " + one), "some.json"),
               "'some.json': article 1, paragraph 1, question 2 has the id 'a' of 'some.json', "
               "article 1, paragraph 1, question 1; remove one");
  const TemporaryFolder folder;
  for (const char* name : {"a.json", "dev.json"}) std::ofstream(folder / name) << of(name);
  EXPECT_ERROR(open_all_questions(folder.path()), "dev.json': article 1");
  EXPECT_ERROR(open_questions(folder.path(), 0.2), "has the id 'a' of '" + folder / "a.json");
}

TEST(Questions, AreSplitByArticles) {
  const TemporaryFolder folder;
  const auto write = [&](const std::string& name, int articles) {
    std::ofstream file(folder / name);
    file << R"({"data": [)";
    for (int i = 0; i < articles; ++i)
      file << (i ? "," : "") << R"({"paragraphs": [{"context": ")" << name << i
           << R"(", "qas": [{"question": "q", "answers": []}]}, {"context": "more", "qas": []}]})";
    file << "]}";
  };
  write("a.json", 4);
  write("b.json", 8);
  auto split = open_questions(folder.path(), 0.25);
  EXPECT_EQ(split.train.all.size(), 9u);
  ASSERT_EQ(split.validation.all.size(), 3u);
  EXPECT_EQ(split.validation.contexts[split.validation.all[0].context], "a.json3");
  EXPECT_EQ(split.validation.contexts[split.validation.all[2].context], "b.json7");
  EXPECT_EQ(split.train.articles.back(), 8);
  write("new_wiki_v1.json", 8);
  split = open_questions(folder.path(), 0.25);
  ASSERT_EQ(split.validation.all.size(), 2u);
  EXPECT_EQ(split.validation.contexts[split.validation.all[0].context], "new_wiki_v1.json6");
  write("dev.json", 1);
  split = open_questions(folder.path(), 0.25);
  EXPECT_EQ(split.validation.all.size(), 1u);
  EXPECT_EQ(split.train.all.size(), 20u);
  EXPECT_EQ(open_all_questions(folder.path()).all.size(), 21u);
  EXPECT_THROW(open_all_questions(folder / "nothing.json"), Error);
  std::filesystem::create_directory(folder / "empty");
  EXPECT_THROW(open_questions(folder / "empty", 0.25), Error);
}

TEST(Questions, OfPeopleAreAnsweredByTheirTexts) {
  const auto made = made_questions();
  size_t without = 0;
  for (const Question& q : made.all) {
    without += q.answers.empty();
    if (!q.answers.empty()) {
      EXPECT_EQ(text_at(made.contexts[q.context], q.places.at(0)), q.answers[0]);
    }
  }
  EXPECT_NEAR(static_cast<double>(without) / static_cast<double>(made.all.size()), 0.1, 0.03);
}

}  // namespace
}  // namespace cairn::data
