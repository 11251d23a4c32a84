// The networks that the task offers, and what is used unless told otherwise.
#pragma once
#include <optional>

#include "cairn/models/models.h"
#include "cairn/models/reader.h"
#include "cairn/tasks/language_model/task.h"

namespace cairn::tasks::language_model {

struct Architecture {
  std::string model;
  int64_t vocab = 0, layers = 0, width = 0, heads = 0, context = 0;
  double dropout = 0;
};
Json to_json(const Architecture& a);
Architecture architecture_from(const Json& config);  // throws nlohmann::json::exception

bool is_recurrent(const std::string& model);
// Throws UsageError that names the option.
void check_architecture(const Architecture& a);

// Any of the networks: token ids [N, T] -> logits [N, T, vocab].
class Network {
 public:
  explicit Network(const Architecture& a);

  nn::Module& module();
  // A recurrent network goes on from its memory, and leaves the new one there.
  Tensor logits(const Tensor& x, const Tensors& memory);
  Tensors make_memory(int64_t batch) const;        // zeros; none for a GPT
  std::unique_ptr<models::Reader> reader() const;  // of one text
  models::Gpt* gpt() { return gpt_ ? &*gpt_ : nullptr; }

 private:
  std::optional<models::RecurrentLm> recurrent_;
  std::optional<models::Gpt> gpt_;
};

struct Recipe {
  Architecture architecture;
  int64_t steps, batch, eval_every;
  double lr, weight_decay;
  optim::Betas betas;
};
// `tokens`: length of the training text.
Recipe recipe_for(const TrainOptions& options, int64_t vocab, int64_t tokens);

}  // namespace cairn::tasks::language_model
