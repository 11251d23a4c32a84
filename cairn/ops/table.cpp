// The op table: the families' rows and the ops that users add.
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "cairn/ops/families.h"

namespace cairn {
namespace {

struct Table {
  std::vector<const OpDef*> rows;
  std::map<std::string, const OpDef*, std::less<>> by_name;
  std::mutex mutex;

  Table() {
    for (const OpFamily& family : op_families())
      for (const OpDef& op : family.rows) add(op);
  }
  void add(const OpDef& op) {
    check(by_name.emplace(op.name, &op).second, "the op table has two rows named '{}'", op.name);
    rows.push_back(&op);
  }
};
Table& table() {
  static Table instance;
  return instance;
}

}  // namespace

std::span<const OpFamily> op_families() {
  static const OpFamily families[] = {
      {"Elementwise", elementwise_ops()},
      {"Reductions and running sums", reduce_ops()},
      {"Shapes and places", view_ops()},
      {"Matrix products", matmul_ops()},
      {"Convolution", conv_ops()},
      {"Pooling", pool_ops()},
      {"Resizing", interpolate_ops()},
      {"Indexing", index_ops()},
      {"Order", sort_ops()},
      {"Softmax and normalisation", norm_ops()},
      {"Attention", attention_ops()},
      {"Recurrent layers", rnn_ops()},
      {"Losses", ctc_ops()},
      {"Linear layer and loss", linear_cross_entropy_ops()},
      {"Linear algebra", linalg_ops()},
      {"Fourier transforms", fourier_ops()},
      {"8-bit weights", quantize_ops()},
      {"8-bit inference", qlinear_ops()},
      {"Random numbers", random_ops()},
  };
  return families;
}

std::span<const OpDef* const> all_ops() { return table().rows; }

const OpDef& op_named(const char* name) {
  // Names are nearly always literals: the same pointer means the same row, after one comparison.
  struct Known {
    const char* name = nullptr;
    const OpDef* op = nullptr;
  };
  constexpr size_t kRecent = 64;
  thread_local std::unique_ptr<Known[]> recent;  // on the heap, as in device/pool.cpp
  if (!recent) [[unlikely]]
    recent = std::make_unique<Known[]>(kRecent);
  Known& slot = recent[reinterpret_cast<uintptr_t>(name) / 8 % kRecent];
  if (slot.name == name && std::strcmp(slot.op->name, name) == 0) return *slot.op;
  const auto& known = table().by_name;
  if (const auto it = known.find(name); it != known.end()) {
    slot = {name, it->second};
    return *it->second;
  }
  std::vector<std::string> names;
  for (const auto& [key, op] : known) names.push_back(key);
  fail("no op '{}'; nearest: '{}'", name, nearest_name(name, names));
}

void register_op(const OpDef& op) {
  std::lock_guard lock(table().mutex);
  table().add(op);
}

}  // namespace cairn
