// Small texts about people and questions about them, which the program makes: what a question
// answering network is tried on without data.
#include "cairn/base/error.h"
#include "cairn/base/philox.h"
#include "cairn/data/questions.h"

namespace cairn::data {
namespace {

const char* const kNames[] = {"Ada",  "Bruno", "Clara", "David", "Elena", "Felix", "Greta", "Hugo",
                              "Iris", "Jonas", "Karla", "Leon",  "Mira",  "Nils",  "Olga",  "Paul"};
const char* const kSurnames[] = {"Adler",  "Berg",   "Clark", "Duval",  "Ek",     "Frank",
                                 "Garcia", "Hansen", "Ito",   "Jansen", "Keller", "Lopez"};
const char* const kTowns[] = {"Lisbon", "Oslo",  "Prague", "Vienna", "Dublin",
                              "Athens", "Turin", "Bergen", "Malmo",  "Leeds"};
const char* const kWork[] = {"a baker", "a teacher", "an engineer", "a painter", "a doctor",
                             "a pilot", "a lawyer",  "a gardener",  "a nurse",   "an actor"};
const char* const kThings[] = {"old maps", "blue glass", "stamps",     "rare coins", "dry flowers",
                               "clocks",   "postcards",  "sea shells", "toy trains", "paper boats"};

// One thing that is said of somebody: a sentence, the question for it, and what answers it.
struct Fact {
  std::string sentence, question, answer;
};

template <size_t n>
std::string one_of(const char* const (&words)[n], PhiloxStream& random) {
  return words[random.below(n)];
}

Fact make_fact(uint32_t kind, const std::string& who, PhiloxStream& random) {
  const std::string town = one_of(kTowns, random);
  switch (kind) {
    case 0: {
      const std::string year = fmt::format("{}", 1900 + random.below(110));
      return {fmt::format("{} was born in {} in {}.", who, town, year),
              fmt::format("When was {} born?", who), year};
    }
    case 1:
      return {fmt::format("Today {} lives in {}.", who, town),
              fmt::format("Where does {} live today?", who), town};
    case 2: {
      const std::string work = one_of(kWork, random);
      return {fmt::format("For many years {} has worked as {}.", who, work),
              fmt::format("What is the work of {}?", who), work};
    }
    default: {
      const std::string things = one_of(kThings, random);
      return {fmt::format("In the evening {} collects {}.", who, things),
              fmt::format("What does {} collect?", who), things};
    }
  }
}

}  // namespace

Questions made_questions() {
  constexpr int kContexts = 400;
  constexpr uint32_t kKinds = 4, kTenth = 10;
  Questions all;
  PhiloxStream random(20161105);
  for (int64_t i = 0; i < kContexts; ++i) {
    std::string context;
    std::vector<Question> asked;
    const uint32_t untold = random.below(kKinds);
    const std::string first = one_of(kNames, random) + " " + one_of(kSurnames, random);
    std::string second = first;
    while (second == first) second = one_of(kNames, random) + " " + one_of(kSurnames, random);
    for (const std::string& who : {first, second})
      for (uint32_t kind = 0; kind < kKinds; ++kind) {
        const Fact fact = make_fact(kind, who, random);
        Question q{.id = fmt::format("{}-{}-{}", i, who, kind),
                   .text = fact.question,
                   .context = static_cast<size_t>(i)};
        if (kind == untold && random.below(kTenth) < 4) {  // a tenth of all: nothing is said
          asked.push_back(std::move(q));
          continue;
        }
        if (!context.empty()) context += ' ';
        const size_t begin = context.size() + fact.sentence.rfind(fact.answer);
        q.places = {{begin, begin + fact.answer.size()}};
        q.answers = {fact.answer};
        context += fact.sentence;
        asked.push_back(std::move(q));
      }
    all.contexts.push_back(context);
    all.articles.push_back(i);
    for (Question& q : asked) all.all.push_back(std::move(q));
  }
  return all;
}

}  // namespace cairn::data
