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

TaskAction add_language_model(CLI::App* command, const std::shared_ptr<std::string>& run,
                              const std::shared_ptr<uint64_t>& seed) {
  auto o = std::make_shared<text::GenerateOptions>();
  const std::vector<const CLI::Option*> options = {
      command->add_option("--prompt", o->prompt,
                          "Text to go on from; it is not repeated (default: a new line)"),
      command->add_option("--max-tokens", o->max_tokens, "How many tokens to write")
          ->check(whole_number(1, INT64_MAX))
          ->capture_default_str(),
      command
          ->add_option("--temperature", o->sampling.temperature,
                       "Below 1: more likely text; 0: always the most likely token")
          ->capture_default_str(),
      command->add_option("--top-k", o->sampling.top_k, "Choose among the k most likely (0: all)")
          ->capture_default_str(),
      command
          ->add_option("--top-p", o->sampling.top_p,
                       "Choose among the fewest that have this probability together")
          ->capture_default_str()};
  const auto action = [o, run, seed] {
    o->seed = *seed;
    return language_model(*run, *o);
  };
  return {text::kTask, action, options};
}

}  // namespace

void add_generate(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("generate", "Let a trained network make something new");
  command->footer(
      "Examples:\n"
      "  cairn generate runs/lstm --prompt \"ROMEO:\" --max-tokens 500 --temperature 0.8\n"
      "  cairn generate runs/gpt --top-p 0.9 --seed 7\n");
  auto run = std::make_shared<std::string>();
  auto seed = std::make_shared<uint64_t>(0);
  command->add_option("run", *run, "Run folder, or the model.safetensors of one")->required();
  command->add_option("--seed", *seed, "The same seed makes the same")
      ->check(whole_number(0, INT64_MAX))
      ->capture_default_str();
  add_threads(command);
  const std::vector<TaskAction> tasks = {add_language_model(command, run, seed)};
  command->callback([&action, run, tasks] {
    action = [run, tasks] { return dispatch("generate", *run, tasks); };
  });
}

}  // namespace cairn::cli
