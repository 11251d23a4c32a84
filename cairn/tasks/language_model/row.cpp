#include <algorithm>

#include "cairn/io/file.h"
#include "cairn/models/gpt_folder.h"
#include "cairn/tasks/language_model/task.h"
#include "cairn/tasks/own_data.h"

namespace cairn::tasks::language_model {
namespace {

Json evaluate(Learned& model, const TextEvalOptions& o) { return model.measured(o); }

std::string in_words(const Json& result) {
  if (result.contains("nats_per_step")) return music_in_words(result);
  std::string words =
      fmt::format("loss {:.4f} nats a token, perplexity {:.2f}, {:.3f} bits a character",
                  result["loss"].get<double>(), result["perplexity"].get<double>(),
                  result["bits_per_char"].get<double>());
  if (result.contains("perplexity_per_word"))
    words += fmt::format(" (perplexity {:.3f}; of a word {:.4g})",
                         result["perplexity_per_char"].get<double>(),
                         result["perplexity_per_word"].get<double>());
  if (result.contains("unknown_part"))
    words +=
        fmt::format(", {:.1f} % of the words unknown", 100 * result["unknown_part"].get<double>());
  return words;
}

int write(Learned& model, const GenerateOptions& o) { return model.write(o); }

void report(train::report::Page& page, Learned& model, const train::report::Lines& log) {
  model.explain(page, log);
}

std::unique_ptr<Model> open(const train::SavedModel& saved) {
  if (is_of_music(saved.config)) return std::make_unique<Composer>(saved);
  return std::make_unique<Writer>(saved);
}

}  // namespace

Json Writer::measured(const TextEvalOptions& o) {
  o.split.require(o.split.is_open() || !(o.split == "test"),
                  "a text has no test part; --data names another text");
  const char* usual = is_own_data(o.data, options_.data) ? "validation" : "all";
  return evaluate(o.data, o.split.is_open() ? usual : *o.split);
}

// Each piece is on the screen before the next is computed.
int Writer::write(const GenerateOptions& o) {
  for (const train::AnyOption* music :
       std::initializer_list<const train::AnyOption*>{&o.wav, &o.steps})
    music->require(music->is_open(), "is of music; '{}' writes text", path());
  if (o.out.is_open()) {
    generate(o, show_at_once);
    show_at_once("\n");
    return 0;
  }
  io::check_writable(o.out);
  std::string all;
  generate(o, [&](std::string_view piece) { all += piece; });
  io::write_file_atomically(o.out, all + "\n");
  return 0;
}

namespace {
// The windows that a folder's network is measured with.
int64_t context_of(const pretrained::Folder& folder) {
  return std::min<int64_t>(models::gpt_size(folder).context, 1024);
}
}  // namespace

const Opener kOpener{kTask, open,
                     [](const pretrained::Spec& s) {
                       return s.encoder_layers == 0 && s.head == pretrained::Head::tokens;
                     },
                     [](const pretrained::Folder& folder) {
                       const models::LanguageModelSize size = models::gpt_size(folder);
                       Options o;
                       o.model = "gpt";
                       o.layers = size.layers, o.width = size.width, o.heads = size.heads;
                       o.vocab = size.vocab, o.context = context_of(folder);
                       o.positions = size.learned_positions ? "learned" : "rotary";
                       o.tokenizer = Json::parse(folder.tokenizer()->to_json());
                       o.fill_usual();
                       return o.to_json();
                     },
                     [](const pretrained::Folder& folder) {
                       return models::gpt_weights(folder, context_of(folder));
                     }};
const Task kRow{
    .name = kTask,
    .title = "Language model",
    .what = "Learn a text, or music, to write on in its manner",
    .examples =
        "  cairn train language-model --model lstm --out runs/lstm\n"
        "  cairn train language-model --model gpt --data book.txt --out runs/book\n"
        "  cairn train language-model --model gpt --tokens bpe --data book.txt --out runs/pieces\n"
        "  cairn train language-model --init gpt2/ --data book.txt --out runs/gpt2\n"
        "  cairn train language-model --model lstm --tokens notes --data songs/ --out runs/songs\n"
        "  cairn generate runs/book --prompt \"It was \" --max-tokens 300\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary_of<in_words>,
    .qualities = {{"perplexity", false}, {"nats_per_step", false}, {"loss", false}},
    .verbs = {eval_verb<Learned, TextEvalOptions, evaluate, in_words>(
                  "Measure how well it predicts a text",
                  "  cairn eval runs/gpt --split train --json\n"),
              verb<Learned, GenerateOptions, write>(
                  "generate", "Write on from a prompt",
                  "  cairn generate runs/lstm --prompt \"ROMEO:\" --temperature 0.8\n"
                  "  cairn generate runs/gpt --top-p 0.9 --seed 7\n"
                  "  cairn generate runs/gpt --prompt \"ROMEO:\" --beams 4 --max-tokens 100\n"
                  "  cairn generate runs/songs --out song.mid --wav song.wav\n")},
    .report = report_as<Learned, report>,
    .smallest = R"({"model": "lstm", "layers": 1, "width": 16, "context": 16, "batch": 4,
                    "steps": 6, "eval_every": 3})",
    .stops = {
        {"rnn", "Recurrence: a memory that reads letter by letter",
         "A recurrent network reads one character at a time and keeps a vector as its memory. In "
         "an LSTM, gates decide at each step what to forget, what to write and what to show, so "
         "that errors can flow back over many steps. After each character it predicts the next; "
         "feeding its own guesses back makes it write. This one learned from Shakespeare's verse "
         "alone what words, lines and speakers look like.",
         R"({"model": "lstm", "layers": 1, "width": 256, "dropout": 0.1, "context": 64,
              "batch": 32, "steps": 1100, "eval_every": 110})"},
        {"transformer", "Attention: every character looks at all before it",
         "A Transformer keeps no running memory. In every layer each character asks a question "
         "(its query), all characters before it offer a key and a value, and it takes a weighted "
         "mean of the values whose keys fit. All places are computed at once, which is why this "
         "architecture trains fast on long texts. The maps below are such weights.",
         R"({"model": "gpt", "layers": 3, "width": 128, "heads": 4, "context": 128, "batch": 16,
              "dropout": 0.05, "steps": 1100, "eval_every": 110})"}}};

}  // namespace cairn::tasks::language_model
