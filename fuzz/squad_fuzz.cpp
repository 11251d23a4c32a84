#include "cairn/data/questions.h"
#include "fuzz/fuzz.h"

using namespace cairn::io;
using namespace cairn::data;

// What is read of a SQuAD file can be used: answers lie in their contexts.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes input(data, size);
  fuzz([&] {
    const Questions read = parse_squad(text_of(input), "input");
    promise(read.articles.size() == read.contexts.size(), "a context without an article");
    for (const Question& q : read.all) {
      promise(q.context < read.contexts.size(), "a question about no context");
      const std::string& context = read.contexts[q.context];
      promise(q.begin <= q.end && q.end <= context.size(), "an answer outside its context");
      if (q.end > q.begin)
        promise(context.substr(q.begin, q.end - q.begin) == q.answers.at(0), "another answer");
      promise(points_before(context, q.begin) <= static_cast<int64_t>(q.begin), "a place");
    }
  });
  return 0;
}
