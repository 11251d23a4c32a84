#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/tasks/image_gan/task.h"
#include "cairn/tasks/language_model/task.h"

namespace cairn::cli {
namespace {

namespace text = tasks::language_model;
namespace gan = tasks::image_gan;

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

// A search draws nothing.
void refuse_beams_with_sampling(const std::vector<Option>& options) {
  if (!options.back().given()) return;
  for (const Option& o : options)
    if (o.given() &&
        (o.name() == "--temperature" || o.name() == "--top-k" || o.name() == "--top-p"))
      throw UsageError(fmt::format(
          "{}: --beams searches for the most likely text and draws nothing; leave out one of both",
          o.name()));
}

TaskAction add_language_model(const Command& command, const std::shared_ptr<std::string>& run,
                              const std::shared_ptr<uint64_t>& seed) {
  auto o = std::make_shared<text::GenerateOptions>();
  auto quantize = std::make_shared<std::string>();
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
          .shows_default(),
      command
          .option("--quantize", *quantize,
                  "int8: 8-bit weights, a quarter of the memory to read for each token (gpt)")
          .one_of({"int8"}),
      command
          .option("--beams", o->beams,
                  "Do not draw: search for the most likely text with so many in view (it is shown "
                  "at the end)")
          .whole(1, 1000)};
  const auto action = [o, run, seed, quantize, options] {
    refuse_beams_with_sampling(options);
    o->seed = *seed;
    o->int8 = !quantize->empty();
    return language_model(*run, *o);
  };
  return {text::kTask, action, options};
}

TaskAction add_image_gan(const Command& command, const std::shared_ptr<std::string>& run,
                         const std::shared_ptr<uint64_t>& seed) {
  auto o = std::make_shared<gan::GenerateOptions>();
  auto out = std::make_shared<std::string>();
  const std::vector<Option> options = {
      command.option("--count", o->count, "Pictures to draw, in one grid").shows_default(),
      command.option("--label", o->label,
                     "Class to draw, by name or number, of a conditional run (default: all in "
                     "turn)"),
      command.option("--out", *out, "PNG file to write")};
  const auto action = [o, out, run, seed] {
    if (out->empty()) throw UsageError("--out: say which PNG file to write");
    o->seed = *seed;
    gan::generate(*run, *o, *out);
    return 0;
  };
  return {gan::kTask, action, options};
}

}  // namespace

void add_generate(const Command& app) {
  const Command command = app.add_command("generate", "Let a trained network make something new");
  command.examples(
      "  cairn generate runs/lstm --prompt \"ROMEO:\" --max-tokens 500 --temperature 0.8\n"
      "  cairn generate runs/gpt --top-p 0.9 --seed 7\n"
      "  cairn generate runs/gpt --prompt \"ROMEO:\" --beams 4 --max-tokens 100\n"
      "  cairn generate runs/gan --count 64 --label 7 --out sevens.png\n");
  auto run = std::make_shared<std::string>();
  auto seed = std::make_shared<uint64_t>(0);
  command.option("run", *run, "Run folder, or the model.safetensors of one").required();
  command.option("--seed", *seed, "The same seed makes the same")
      .whole(0, INT64_MAX)
      .shows_default();
  add_threads(command);
  const std::vector<TaskAction> tasks = {add_language_model(command, run, seed),
                                         add_image_gan(command, run, seed)};
  command.runs([run, tasks] { return dispatch("generate", *run, tasks); });
}

}  // namespace cairn::cli
