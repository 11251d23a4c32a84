#include "cairn/tasks/image_gan/features.h"

#include "cairn/compile/compile.h"
#include "cairn/data/loader.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::tasks::image_gan {

Looked look_at(const image_classification::Classifier& classifier, const data::ImageDataset& set) {
  constexpr int64_t kLookBatch = 256;
  const NoGrad no_grad;
  auto forward = compile([&](Tensor x) {
    const auto seen = classifier.look(x);
    return std::pair{flatten(seen.features, 1), argmax(seen.logits, 1)};
  });
  const data::ImageDatasetPtr unowned(std::shared_ptr<void>(), &set);
  data::Loader loader(unowned, {.batch = kLookBatch,
                                .shuffle = false,
                                .normalization = classifier.normalization(),
                                .threads = 1});
  Looked all;
  data::Batch batch;
  while (loader.next(batch)) {
    const auto [features, labels] = forward(batch.x());
    all.features.dim = features.size(1);
    all.features.count += batch.count;
    const auto rows = features.to_vector<float>();
    all.features.values.insert(all.features.values.end(), rows.begin(), rows.end());
    const auto named = labels.to_vector<int64_t>();
    all.labels.insert(all.labels.end(), named.begin(), named.end());
  }
  return all;
}

}  // namespace cairn::tasks::image_gan
