#include "cairn/dist/share_out.h"

#include "cairn/base/round.h"
#include "cairn/base/side_by_side.h"

namespace cairn::dist {
namespace {

void tell_the_others(int64_t items, const std::function<void(int64_t, Parcel&)>& pass) {
  if (!world()) return;
  const int64_t all = ranks(), own = rank();
  Parcel sent;
  for (int64_t i = own; i < items; i += all) pass(i, sent);
  std::vector<Parcel> came;
  for (std::string& bytes : gather(sent.content())) came.emplace_back(std::move(bytes));
  for (int64_t i = 0; i < items; ++i)
    if (i % all != own) pass(i, came[static_cast<size_t>(i % all)]);
}

}  // namespace

void Parcel::bytes(void* data, size_t size) {
  if (!arrived_) {
    bytes_.append(static_cast<const char*>(data), size);
    return;
  }
  check(size <= bytes_.size() - at_, "ranks share out different work: start the same program");
  std::memcpy(data, bytes_.data() + at_, size);
  at_ += size;
}

void share_out(int64_t items, const std::function<void(int64_t)>& work,
               const std::function<void(int64_t, Parcel&)>& pass) {
  for (int64_t i = rank(); i < items; i += ranks()) work(i);
  tell_the_others(items, pass);
}

void share_out_to_threads(int64_t items, const std::function<void(int64_t)>& work,
                          const std::function<void(int64_t, Parcel&)>& pass) {
  const int64_t all = ranks(), own = rank();
  side_by_side(ceil_div(items - own, all), [&](int64_t i) { work(own + i * all); });
  tell_the_others(items, pass);
}

std::string by_leader(const std::function<std::string()>& work) {
  World* const all = world();
  if (!all) return work();
  std::string made;
  if (leads()) {
    set_world(nullptr);
    try {
      made = work();
    } catch (...) {
      set_world(all);
      throw;
    }
    set_world(all);
  }
  return broadcast(made);
}

}  // namespace cairn::dist
