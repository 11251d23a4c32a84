#include "cairn/data/shared_batches.h"

#include <algorithm>

#include "cairn/base/round.h"
#include "cairn/data/picture.h"
#include "cairn/dist/world.h"

namespace cairn::data {
namespace {

ImageDatasetPtr own_part(const ImageDatasetPtr& set, int64_t batch) {
  if (dist::ranks() == 1) return set;
  std::vector<int64_t> places;
  for (int64_t i = dist::rank(); i < batches_of(*set, batch); i += dist::ranks())
    for (int64_t at = i * batch; at < std::min(set->size(), (i + 1) * batch); ++at)
      places.push_back(at);
  return chosen(set, std::move(places));
}

}  // namespace

int64_t batches_of(const ImageDataset& set, int64_t batch) { return ceil_div(set.size(), batch); }

SharedBatches::SharedBatches(const ImageDatasetPtr& set, int64_t batch,
                             const Normalization& normalization) {
  if (ImageDatasetPtr own = own_part(set, batch); own->size() > 0)
    loader_.emplace(
        std::move(own),
        LoaderOptions{
            .batch = batch, .shuffle = false, .normalization = normalization, .threads = 1});
}

const Batch& SharedBatches::next() {
  check(loader_ && loader_->next(batch_), "no batch is left for rank {}", dist::rank());
  return batch_;
}

}  // namespace cairn::data
