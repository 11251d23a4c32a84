#include <memory>

#include "cairn/cli/training.h"
#include "cairn/tasks/language_model/task.h"

namespace cairn::cli {
namespace {

void add_sizes(const Command& command, tasks::language_model::TrainOptions& o) {
  constexpr int64_t kLargest = 1 << 20;
  const auto add = [&](const char* name, int64_t& value, const char* what, int64_t largest) {
    command.option(name, value, what).whole(1, largest);
  };
  add("--layers", o.layers, "Layers (default: gpt 4, others 2)", 1000);
  add("--width", o.width, "Features of a token (default: gpt 192, others 512)", kLargest);
  add("--heads", o.heads, "Attention heads, gpt only (default: one for 64 features)", kLargest);
  add("--context", o.context,
      "Tokens of a window: what a gpt sees, how far back the others learn (default: gpt 256, "
      "others 64)",
      kLargest);
  command
      .option("--dropout", o.dropout,
              "Part of the features that is dropped (default: gpt 0.1, others 0.3)")
      .between(0.0, 0.99);
  add("--steps", o.steps, "Steps (default: some ten passes over the text)", kMostSteps);
  add("--batch", o.batch, "Windows a step (default: gpt 8, others 32)", kLargestBatch);
  command.option("--lr", o.lr, "Highest learning rate (default: gpt 0.003, others 0.002)")
      .positive();
  add("--eval-every", o.eval_every, "Steps between validations (default: a 20th of all)",
      kMostSteps);
}

}  // namespace

void add_train_language_model(const Command& train) {
  namespace task = tasks::language_model;
  const Command command = train.add_command(task::kTask, "Learn a text, to write on in its manner");
  command.examples(
      "  cairn train language-model --model lstm --out runs/lstm\n"
      "  cairn train language-model --model gpt --data book.txt --out runs/book\n"
      "  cairn generate runs/book --prompt \"It was \" --max-tokens 300\n");
  auto o = std::make_shared<task::TrainOptions>();
  command.option("--data", o->data,
                 "A text file (also .gz) or a folder of .txt files (default: plays by "
                 "Shakespeare that come with the program)");
  command.option("--model", o->model, "rnn, lstm, gru or gpt").shows_default();
  command.option("--tokens", o->tokens, "char or byte").shows_default();
  add_sizes(command, *o);
  add_training({.command = command,
                .task = task::kTask,
                .saves = "with each validation",
                .options = o,
                .train = [o] { return task::train(*o); },
                .print =
                    [](const train::Json& result) {
                      fmt::print(
                          "validation loss {:.4f} nats a token, perplexity {:.2f}, {:.3f} bits a "
                          "character, run in {}\n",
                          result["loss"].get<double>(), result["perplexity"].get<double>(),
                          result["bits_per_char"].get<double>(), result["run"].get<std::string>());
                    }});
}

}  // namespace cairn::cli
