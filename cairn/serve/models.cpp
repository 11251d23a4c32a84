#include "cairn/serve/models.h"

#include <algorithm>
#include <filesystem>

#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/io/utf8.h"
#include "cairn/io/video.h"
#include "cairn/pretrained/embedder.h"
#include "cairn/serve/verbs.h"
#include "cairn/serve/writer.h"
#include "cairn/tasks/explain/topics.h"

namespace cairn::serve {
namespace {

namespace fs = std::filesystem;

struct Served {
  About about;
  std::unique_ptr<tasks::Model> model;
  std::unique_ptr<pretrained::Embedder> embedder;
  const tasks::Verb* verb = nullptr;
  std::unique_ptr<Plans> plans;
  std::unique_ptr<Readers> readers;
  std::mutex coding;  // tokenizers count what they cut
};

// "runs/digits" -> "digits"; the weights of a run are named by their folder.
std::string name_of(const std::string& path) {
  fs::path p = fs::path(path).lexically_normal();
  if (p.filename() == "model.safetensors") p = p.parent_path();
  if (p.filename().empty()) p = p.parent_path();
  if (p.filename() == "." || p.empty()) p = fs::current_path();
  return p.filename().string();
}

void expect_name(const std::string& name) {
  check(is_plain_name(name),
        "'{}' cannot be a model's name (letters, digits, - _ . + : @); give one: NAME=RUN", name);
}

class Models : public Service {
 public:
  Models(const std::vector<std::string>& runs, const EngineLimits& limits) : engine_(limits) {
    for (const std::string& run : runs) {
      const size_t equals = run.find('=');
      const bool named = equals != run.npos && run.find('/') > equals && !fs::exists(run);
      const std::string path = named ? run.substr(equals + 1) : run;
      open(path, named ? run.substr(0, equals) : name_of(path));
    }
    const Deadline never = std::chrono::steady_clock::now() + std::chrono::hours(24);
    for (const auto& s : served_) {
      if (s->plans) engine_.run([&] { s->plans->prepare(limits.batch); }, never);
      if (s->readers) s->readers->prepare();
    }
  }

  const std::vector<About>& models() const override { return abouts_; }

  std::vector<std::string> predict(size_t model, const std::vector<Item>& items,
                                   const std::string& options, Deadline deadline,
                                   Coming& coming) override {
    Served& s = *served_[model];
    const bool texts = s.about.given == "text" || s.about.given == "question";
    for (const Item& item : items) expect_given(s, item);
    if (!s.verb->ask) coming.reset();
    else return predict_together(s, texts ? as_texts(items) : items, options, deadline, coming);
    std::vector<std::string> answers;
    const auto ask = [&](const std::vector<Item>& some) {
      try {
        engine_.run(
            [&] {
              std::ranges::move(ask_verb(*s.verb, *s.model, options, some),
                                std::back_inserter(answers));
            },
            deadline);
      } catch (const Error& e) { refuse(e); }
    };
    if (texts) ask(as_texts(items));
    else
      for (const Item& item : items) ask({item});
    return answers;
  }

  std::unique_ptr<Writing> write(size_t model, const WriteRequest& request,
                                 Deadline deadline) override {
    return served_[model]->readers->begin(request, deadline);
  }

  Embedded embed(size_t model, const std::vector<std::string>& texts, Deadline deadline,
                 Coming& coming) override {
    Served& s = *served_[model];
    Embedded all;
    Engine::Request examples(engine_, *s.plans, deadline);
    for (const std::string& text : texts) {
      pretrained::Tokens tokens;
      try {
        const std::lock_guard lock(s.coding);
        tokens = s.embedder->coder().encode(text, "the text");
      } catch (const Error& e) { refuse(e); }
      all.tokens += std::ssize(tokens);
      examples.add(pretrained::batch_of({tokens}, s.embedder->coder().longest()));
    }
    coming.reset();
    for (size_t i = 0; i < texts.size(); ++i) all.rows.push_back(examples.result(i));
    return all;
  }

  std::string explain(size_t model, const Item& item, Deadline deadline) override {
    Served& s = *served_[model];
    expect_given(s, item);
    const TemporaryFolder folder;
    const std::string page = folder.path + "/page.html";
    const std::string name = is_plain_name(item.name) ? item.name : "the file";
    const std::string file = folder.path + "/" + name;
    io::write_file_atomically(file, std::string_view(item.content));
    try {
      engine_.run([&] { tasks::explain::write_decision(*s.model, file, page); }, deadline);
    } catch (const Error& e) { refuse(e, file, name); }
    return io::read_text_file(page);
  }

  Coming expect() override {
    engine_.expect(1);
    return Coming(this, [this](void*) { engine_.expect(-1); });
  }
  Work work() const override { return engine_.work(); }

 private:
  void open(const std::string& path, const std::string& name) {
    expect_name(name);
    for (const auto& other : served_)
      check(other->about.name != name, "two models are named '{}'; name one: NAME={}", name, path);
    check(!path.ends_with(".onnx"),
          "'{}' is an ONNX file, which is not served: give runs (cairn train), their weights, or "
          "folders of Hugging Face's; cairn predict '{}' asks this one",
          path, path);
    auto s = std::make_unique<Served>();
    s->about.name = name;
    if (!open_task(path, *s)) open_embedder(path, *s);
    abouts_.push_back(s->about);
    served_.push_back(std::move(s));
  }

  // Of a folder of transformers that no task knows: false.
  bool open_task(const std::string& path, Served& s) {
    try {
      s.model = tasks::open_model(path);
    } catch (const Error&) {
      if (pretrained::is_folder(path)) return false;
      throw;
    }
    const tasks::Task& task = tasks::task_named(s.model->task());
    s.about.task = task.name, s.about.title = task.title;
    s.verb = tasks::find_verb(task, "predict");
    if (s.verb && s.verb->given) s.about.given = s.verb->given;
    if (s.verb && s.verb->ask) {
      s.plans = std::make_unique<Plans>(
          s.model->takes(),
          [m = s.model.get()](std::span<const Tensor> in) { return m->forward(in); },
          s.model->longest());
    }
    if (auto writes = s.model->writes()) {
      s.readers = std::make_unique<Readers>(engine_, std::move(*writes));
      s.about.writes = true;
    }
    const std::string& given = s.about.given;
    s.about.explains =
        s.plans || s.readers || given == "sound" || given == "table" || given == "video";
    check(!s.about.given.empty() || s.about.writes,
          "'{}': a run of task '{}' has no predict, and writes no text; there is nothing to serve",
          path, task.name);
    return true;
  }

  void open_embedder(const std::string& path, Served& s) {
    s.embedder = std::make_unique<pretrained::Embedder>(path);
    s.about.task = "embedding", s.about.title = "Embeddings of texts", s.about.embeds = true;
    s.plans = std::make_unique<Plans>(
        std::vector<Port>{{"tokens", DType::i64, {kAnyBatch, kAnyLength}},
                          {"lengths", DType::i64, {kAnyBatch}}},
        [e = s.embedder.get()](std::span<const Tensor> in) { return e->forward(in); },
        s.embedder->coder().longest());
  }

  static void expect_given(const Served& s, const Item& item) {
    const std::string wanted = s.about.given.empty() ? "text" : s.about.given;  // it writes
    if (!item.given.empty() && item.given != wanted)
      throw Refused(400, fmt::format("'{}' predicts from a {}, not from a {}", s.about.name, wanted,
                                     item.given));
    // Verbs that take both answer frame by frame, for as long as it lasts.
    if (item.given.empty() && wanted == "picture" && io::is_video_name(item.name))
      throw Refused(400, fmt::format("'{}' is a video, and pictures are taken here; cairn predict "
                                     "takes videos, too",
                                     item.name));
  }

  // Files of texts have one a line.
  static std::vector<Item> as_texts(const std::vector<Item>& items) {
    std::vector<Item> texts;
    for (const Item& item : items) {
      if (item.is_text()) texts.push_back(item);
      else
        for (std::string& line : lines_of(item.content))
          texts.push_back({item.name, std::move(line), "text"});
    }
    if (texts.empty() || texts.size() > kMostTexts)
      throw Refused(400, fmt::format("{} texts; 1 to {} in one request", texts.size(), kMostTexts));
    return texts;
  }

  // Each is an example of a batch, in which others' may be.
  std::vector<std::string> predict_together(Served& s, const std::vector<Item>& items,
                                            const std::string& json, Deadline deadline,
                                            Coming& coming) {
    const auto options = [&] {
      try {
        return options_for(*s.verb, json);
      } catch (const Error& e) { refuse(e); }
    }();
    std::vector<tasks::Asked> asked;
    std::vector<std::string> paths;
    Engine::Request examples(engine_, *s.plans, deadline);
    for (const Item& item : items) {
      std::unique_ptr<MemoryFile> file;
      if (s.about.given != "text") file = std::make_unique<MemoryFile>(item.content);
      try {
        std::unique_lock<std::mutex> lock;
        if (!file) lock = std::unique_lock(s.coding);
        paths.push_back(file ? file->path() : "");
        asked.push_back(s.verb->ask(*s.model, *options, file ? file->path() : item.content));
      } catch (const Error& e) { refuse(e, paths.back(), item.name); }
      examples.add(std::move(asked.back().inputs));
    }
    coming.reset();
    std::vector<std::string> answers;
    for (size_t i = 0; i < items.size(); ++i) {
      const auto row = examples.result(i);
      Json line = Json::object();
      if (s.about.given != "text") line["file"] = io::valid_utf8(items[i].name);
      line.update(s.verb->say(*s.model, *options, asked[i], row));
      if (!asked[i].warning.empty())
        line["warning"] = replaced(asked[i].warning, paths[i], items[i].name);
      answers.push_back(io::dump_json(line));
    }
    return answers;
  }

  std::vector<std::unique_ptr<Served>> served_;
  std::vector<About> abouts_;
  Engine engine_;  // ends first: what it still computes is of the models above
};

}  // namespace

std::unique_ptr<Service> open_models(const std::vector<std::string>& runs,
                                     const EngineLimits& limits) {
  return std::make_unique<Models>(runs, limits);
}

}  // namespace cairn::serve
