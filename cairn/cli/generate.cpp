#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/tasks/language_model/task.h"

namespace cairn::cli {
namespace {

namespace text = tasks::language_model;

// Text as it comes: each piece is on the screen before the next is computed.
void show(std::string_view piece) {
  std::fwrite(piece.data(), 1, piece.size(), stdout);
  std::fflush(stdout);
}

int language_model(const std::string& run, const text::GenerateOptions& options) {
  text::generate(run, options, show);
  show("\n");
  return 0;
}

TaskAction add_language_model(const Command& command, const std::shared_ptr<std::string>& run,
                              const std::shared_ptr<uint64_t>& seed) {
  auto o = std::make_shared<text::GenerateOptions>();
  const std::vector<Option> options = {
      command.option("--prompt", o->prompt,
                     "Text to go on from; it is not repeated (default: a new line)"),
      command.option("--max-tokens", o->max_tokens, "How many tokens to write")
          .whole(1, INT64_MAX)
          .shows_default(),
      command
          .option("--temperature", o->sampling.temperature,
                  "Below 1: more likely text; 0: always the most likely token")
          .shows_default(),
      command.option("--top-k", o->sampling.top_k, "Choose among the k most likely (0: all)")
          .shows_default(),
      command
          .option("--top-p", o->sampling.top_p,
                  "Choose among the fewest that have this probability together")
          .shows_default()};
  const auto action = [o, run, seed] {
    o->seed = *seed;
    return language_model(*run, *o);
  };
  return {text::kTask, action, options};
}

}  // namespace

void add_generate(const Command& app) {
  const Command command = app.add_command("generate", "Let a trained network make something new");
  command.examples(
      "  cairn generate runs/lstm --prompt \"ROMEO:\" --max-tokens 500 --temperature 0.8\n"
      "  cairn generate runs/gpt --top-p 0.9 --seed 7\n");
  auto run = std::make_shared<std::string>();
  auto seed = std::make_shared<uint64_t>(0);
  command.option("run", *run, "Run folder, or the model.safetensors of one").required();
  command.option("--seed", *seed, "The same seed makes the same")
      .whole(0, INT64_MAX)
      .shows_default();
  add_threads(command);
  const std::vector<TaskAction> tasks = {add_language_model(command, run, seed)};
  command.runs([run, tasks] { return dispatch("generate", *run, tasks); });
}

}  // namespace cairn::cli
