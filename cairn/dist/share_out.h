// Work without gradients (an evaluation) that the ranks share out. Each item is computed as one
// process computes it, and all ranks get what was made of every item, so that what follows is the
// same bits for any number of ranks, whether it is a sum or looks at all predictions together.
//
//   std::vector<double> sums(batches);
//   dist::share_out(batches, [&](int64_t i) { sums[i] = loss_of(i); },
//                   [&](int64_t i, dist::Parcel& p) { p.pass(sums[i]); });
#pragma once
#include <cstring>
#include <functional>
#include <type_traits>

#include "cairn/dist/world.h"

namespace cairn::dist {

// What one rank tells the others. pass() puts a value in there, and here takes it out again.
class Parcel {
 public:
  Parcel() = default;  // to fill
  explicit Parcel(std::string bytes) : bytes_(std::move(bytes)), arrived_(true) {}

  template <class T>
  void pass(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes(&value, sizeof value);
  }
  template <class Row>  // std::string, or a vector of such values
  requires requires(Row row) { row.resize(1), row.data(); }
  void pass(Row& row) {
    static_assert(std::is_trivially_copyable_v<typename Row::value_type>);
    size_t size = row.size();
    pass(size);
    row.resize(size);
    bytes(row.data(), size * sizeof(typename Row::value_type));
  }
  const std::string& content() const { return bytes_; }

 private:
  void bytes(void* data, size_t size);

  std::string bytes_;
  bool arrived_ = false;
  size_t at_ = 0;
};

// Items 0 .. items - 1, of which rank i % ranks() does item i, in rising order; then `pass` is
// called of each item, in rising order, where it was done and, with what came, on the other ranks.
// Alone it is a loop. Collective.
void share_out(int64_t items, const std::function<void(int64_t item)>& work,
               const std::function<void(int64_t item, Parcel& parcel)>& pass);
// The same, but a rank does several of its items at once, each on one thread (side_by_side()).
void share_out_to_threads(int64_t items, const std::function<void(int64_t item)>& work,
                          const std::function<void(int64_t item, Parcel& parcel)>& pass);

// What is not to be shared out: rank 0 does it as if it were alone (no collective in it waits for
// others), and the others get the text that comes of it.
std::string by_leader(const std::function<std::string()>& work);

}  // namespace cairn::dist
