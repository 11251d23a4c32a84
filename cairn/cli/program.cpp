#include "cairn/cli/commands.h"

namespace cairn::cli {

void describe_program(const Command& app, const std::vector<std::string>& arguments) {
  add_train(app, arguments);
  add_verbs(app, arguments);
  add_bench(app);
  add_info(app);
  add_doctor(app);
  add_report(app);
  add_tour(app);
  add_explain(app);
  add_sample(app);
  add_export(app);
  add_compare(app);
  add_runs(app);
  add_convert(app);
  add_tokenizer(app);
  add_embed(app);
  add_ngram(app);
  add_shell(app);
}

}  // namespace cairn::cli
