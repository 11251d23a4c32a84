// Data sets of any kind of item (pictures, boxes, clips, sound, pairs of texts, rows of tables, or
// tensors from a program of your own): a size, and item i. Decorators make one from another. All
// are immutable and may be read from several threads; nothing is read before it is asked for.
//
//   auto train = data::mapped(data::taken(pairs, 1000), [](Pair p) { return encode(p); });
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cairn/base/error.h"
#include "cairn/data/order.h"

namespace cairn::data {

template <class T>
class Dataset {
 public:
  using Item = T;
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual T get(int64_t index) const = 0;  // 0 <= index < size()
};
template <class T>
using DatasetPtr = std::shared_ptr<const Dataset<T>>;

// Of `count` items that a function makes.
template <class T>
class FunctionDataset : public Dataset<T> {
 public:
  FunctionDataset(int64_t count, std::function<T(int64_t)> item)
      : count_(count), item_(std::move(item)) {}
  int64_t size() const override { return count_; }
  T get(int64_t index) const override {
    check(index >= 0 && index < count_, "data set: item {} of {}", index, count_);
    return item_(index);
  }

 private:
  int64_t count_;
  std::function<T(int64_t)> item_;
};

template <class F>
auto from_function(int64_t count, F item) -> DatasetPtr<std::invoke_result_t<F, int64_t>> {
  using T = std::invoke_result_t<F, int64_t>;
  return std::make_shared<FunctionDataset<T>>(count, std::move(item));
}

template <class T>
DatasetPtr<T> from_items(std::vector<T> items) {
  const auto kept = std::make_shared<const std::vector<T>>(std::move(items));
  return std::make_shared<FunctionDataset<T>>(
      static_cast<int64_t>(kept->size()),
      [kept](int64_t i) { return (*kept)[static_cast<size_t>(i)]; });
}

// change(item) of each.
template <class T, class F>
auto mapped(DatasetPtr<T> set, F change) {
  return from_function(
      set->size(), [set, change = std::move(change)](int64_t i) { return change(set->get(i)); });
}

// Those of these places.
template <class T>
DatasetPtr<T> chosen(DatasetPtr<T> set, std::vector<int64_t> places) {
  for (int64_t p : places)
    check(p >= 0 && p < set->size(), "data set: item {} of {}", p, set->size());
  const auto count = static_cast<int64_t>(places.size());
  return from_function(count, [set, places = std::move(places)](int64_t i) {
    return set->get(places[static_cast<size_t>(i)]);
  });
}
template <class T>
DatasetPtr<T> taken(DatasetPtr<T> set, int64_t count, int64_t first = 0) {
  check(first >= 0 && count >= 0 && first + count <= set->size(), "data set: items {} to {} of {}",
        first, first + count, set->size());
  return from_function(count, [set, first](int64_t i) { return set->get(first + i); });
}
template <class T>
DatasetPtr<T> shuffled(DatasetPtr<T> set, uint64_t seed) {
  auto order = shuffled_order(set->size(), seed, 0);
  return chosen(std::move(set), std::move(order));
}

// One after the other.
template <class T>
DatasetPtr<T> concatenated(std::vector<DatasetPtr<T>> sets) {
  int64_t count = 0;
  for (const auto& set : sets) count += set->size();
  return from_function(count, [sets = std::move(sets)](int64_t i) {
    size_t k = 0;
    while (i >= sets[k]->size()) i -= sets[k++]->size();
    return sets[k]->get(i);
  });
}

// Keeps items once they were made, at most `most` of them (those that were asked for first).
template <class T>
DatasetPtr<T> cached(DatasetPtr<T> set, int64_t most) {
  struct Kept {
    std::mutex mutex;
    std::unordered_map<int64_t, T> items;
  };
  const auto kept = std::make_shared<Kept>();
  return from_function(set->size(), [set, most, kept](int64_t i) -> T {
    {
      const std::lock_guard lock(kept->mutex);
      if (const auto it = kept->items.find(i); it != kept->items.end()) return it->second;
    }
    T item = set->get(i);
    const std::lock_guard lock(kept->mutex);
    if (static_cast<int64_t>(kept->items.size()) < most) kept->items.emplace(i, item);
    return item;
  });
}

// Sequences of different lengths side by side, the shorter ones filled up: values [count, length].
template <class T>
struct Padded {
  std::vector<T> values;
  std::vector<int64_t> lengths;
  int64_t length = 0;  // of the longest
};
template <class T>
Padded<T> padded(const std::vector<std::vector<T>>& rows, T filler) {
  Padded<T> batch;
  for (const auto& row : rows) {
    batch.lengths.push_back(static_cast<int64_t>(row.size()));
    batch.length = std::max(batch.length, batch.lengths.back());
  }
  batch.values.assign(rows.size() * static_cast<size_t>(batch.length), filler);
  for (size_t r = 0; r < rows.size(); ++r)
    std::copy(rows[r].begin(), rows[r].end(),
              batch.values.begin() + static_cast<int64_t>(r) * batch.length);
  return batch;
}

}  // namespace cairn::data
