#include "cairn/serve/writer.h"

#include <algorithm>
#include <random>

#include "cairn/base/philox.h"
#include "cairn/ops/context.h"
#include "cairn/text/sampling.h"
#include "cairn/text/shown.h"
#include "cairn/text/subword_tokenizer.h"

namespace cairn::serve {

// Passes text on until one of the stops comes, of which nothing is shown.
class Until {
 public:
  Until(const std::vector<std::string>& stops, const std::function<bool(std::string_view)>& show)
      : stops_(stops), show_(show) {
    for (const std::string& s : stops_) longest_ = std::max(longest_, s.size());
  }
  void add(std::string_view piece) {
    if (ends()) return;
    held_ += piece;
    size_t first = std::string::npos;
    for (const std::string& s : stops_) first = std::min(first, held_.find(s));
    if (first != std::string::npos) {
      pass(first);
      stopped = true;
      return;
    }
    // What a stop could begin with waits; never a part of a character.
    const size_t tail = longest_ ? std::min(longest_ - 1, held_.size()) : 0;
    size_t whole = held_.size() - tail;
    while (whole > 0 && whole < held_.size() && (held_[whole] & 0xc0) == 0x80) --whole;
    pass(whole);
  }
  void finish() {
    if (!ends()) pass(held_.size());
  }
  bool ends() const { return stopped || gone; }
  bool stopped = false, gone = false;  // gone: nobody listens any more

 private:
  void pass(size_t count) {
    if (count > 0 && !show_(std::string_view(held_).substr(0, count))) gone = true;
    held_.erase(0, count);
  }
  const std::vector<std::string>& stops_;
  const std::function<bool(std::string_view)>& show_;
  std::string held_;
  size_t longest_ = 0;
};

namespace {

// A token that ends a text, as "<|endoftext|>".
bool ends_text(const text::Tokenizer& tokenizer, int64_t token) {
  const auto* subwords = dynamic_cast<const text::SubwordTokenizer*>(&tokenizer);
  return subwords && subwords->is_special(token);
}

}  // namespace

class TextWriting : public Writing {
 public:
  TextWriting(Readers& readers, std::unique_ptr<text::Reader> reader, const WriteRequest& request,
              std::vector<int64_t> prompt, Deadline deadline)
      : readers_(readers),
        reader_(std::move(reader)),
        request_(request),
        next_(std::move(prompt)),
        deadline_(deadline) {}
  ~TextWriting() override { readers_.give_back(std::move(reader_)); }

  Written run(const std::function<bool(std::string_view)>& show) override {
    const auto& tokenizer = readers_.writes_.tokenizer;
    const text::SamplingOptions sampling{request_.temperature, request_.top_k, request_.top_p};
    PhiloxStream random(request_.seed + 1 ? request_.seed : std::random_device{}());
    Until until(request_.stop, show);
    const text::Shown::Show pass = [&](std::string_view piece) { until.add(piece); };
    text::Shown shown(tokenizer, pass);
    Written written{std::ssize(next_)};
    while (written.tokens < request_.max_tokens && !until.ends() &&
           std::chrono::steady_clock::now() < deadline_) {
      readers_.engine_.go_on([&] {
        const NoGrad no_grad;
        if (written.tokens == 0) reader_->restart();
        next_ = text::sample_tokens(reader_->read(next_), sampling, random);
      });
      ++written.tokens;
      if (ends_text(tokenizer, next_[0])) {
        until.finish();
        until.stopped = true;
      } else shown.write(next_[0]);
    }
    if (!until.ends()) shown.finish();
    until.finish();
    readers_.engine_.wrote(written.tokens);
    written.stopped = until.stopped;
    return written;
  }

 private:
  Readers& readers_;
  std::unique_ptr<text::Reader> reader_;
  const WriteRequest request_;
  std::vector<int64_t> next_;
  const Deadline deadline_;
};

std::unique_ptr<text::Reader> Readers::take(Deadline deadline) {
  {
    std::unique_lock lock(mutex_);
    if (!free_.wait_until(lock, deadline, [&] { return used_ < kMost; }))
      throw Refused(503, fmt::format("{} texts are being written; try again in a moment", kMost));
    ++used_;
    if (!idle_.empty()) {
      auto reader = std::move(idle_.back());
      idle_.pop_back();
      return reader;
    }
  }
  std::unique_ptr<text::Reader> made;
  try {
    engine_.run([&] { made = writes_.reader(); }, deadline);
  } catch (...) {
    give_back(nullptr);
    throw;
  }
  return made;
}

void Readers::give_back(std::unique_ptr<text::Reader> reader) {
  const std::lock_guard lock(mutex_);
  --used_;
  if (reader) idle_.push_back(std::move(reader));
  free_.notify_one();
}

std::unique_ptr<Writing> Readers::begin(const WriteRequest& request, Deadline deadline) {
  std::vector<int64_t> prompt = writes_.beginning;
  try {
    text::check_sampling({request.temperature, request.top_k, request.top_p});
    if (!request.prompt.empty()) prompt = writes_.tokenizer.encode(request.prompt, "the prompt");
  } catch (const InvalidOption& e) {
    throw Refused(400, e.what(), e.option());
  } catch (const Error& e) { throw Refused(400, e.what(), "prompt"); }
  if (prompt.empty()) throw Refused(400, "prompt: has no token of this model's", "prompt");
  if (writes_.context > 0 && std::ssize(prompt) > writes_.context)
    throw Refused(
        400,
        fmt::format("prompt: {} tokens; the model's context is {}", prompt.size(), writes_.context),
        "prompt");
  return std::make_unique<TextWriting>(*this, take(deadline), request, prompt, deadline);
}

void Readers::prepare() {
  WriteRequest two;
  two.max_tokens = 2;
  begin(two, std::chrono::steady_clock::now() + std::chrono::hours(1))->run([](std::string_view) {
    return true;
  });
}

}  // namespace cairn::serve
