// Pictures in their order, in batches that the ranks share out (dist/share_out.h): rank r gets
// batches r, r + ranks, ...
#pragma once
#include <optional>

#include "cairn/data/loader.h"

namespace cairn::data {

int64_t batches_of(const ImageDataset& set, int64_t batch);

class SharedBatches {
 public:
  SharedBatches(const ImageDatasetPtr& set, int64_t batch, const Normalization& normalization);
  // This rank's next one; there must be one.
  const Batch& next();

 private:
  std::optional<Loader> loader_;  // none: this rank has no batch
  Batch batch_;
};

}  // namespace cairn::data
