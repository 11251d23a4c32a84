#include "cairn/train/ranks.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "cairn/base/parallel.h"
#include "cairn/base/processors.h"
#include "cairn/base/round.h"
#include "cairn/base/version.h"
#include "cairn/dist/binding.h"
#include "cairn/dist/share_out.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/io/utf8.h"
#include "cairn/ops/functions.h"

namespace cairn::train {
namespace {

constexpr int64_t kBucketElements = int64_t{1} << 20;
// What may differ from rank to rank without a change to what is learned.
constexpr const char* kOwnOptions[] = {"data", "threads", "folder"};

// Which program this is: version, and a number of its content.
std::string build() {
  const io::MappedFile program("/proc/self/exe");
  const auto bytes = program.bytes();
  uint64_t hash = 14695981039346656037ull ^ bytes.size();  // FNV-1a, over words
  for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, sizeof word);
    hash = (hash ^ word) * 1099511628211ull;
  }
  return fmt::format("{} ({:016x})", kVersion, hash);
}

void say_different(const std::vector<std::string>& all, const char* what, const char* meaning) {
  if (!dist::leads()) return;
  for (size_t r = 1; r < all.size(); ++r)
    if (all[r] != all[0])
      return fmt::print(stderr, "cairn: {} has {}{}, rank 0 {}: {}\n",
                        dist::world()->name(static_cast<int>(r)), what, io::printable(all[r]),
                        io::printable(all[0]), meaning);
}

}  // namespace

Json of_leader(const Json& own) {
  if (!dist::world()) return own;
  return Json::parse(dist::broadcast(dist::leads() ? io::dump_json(own) : std::string()));
}

Loaded of_leader(const Loaded& own) {
  if (!dist::world()) return own;
  Json outline = {{"metadata", own.metadata}, {"tensors", Json::array()}};
  for (const auto& [name, t] : own.tensors)
    outline["tensors"].push_back({name, static_cast<int>(t.dtype()),
                                  Json(std::vector<int64_t>(t.shape().begin(), t.shape().end()))});
  outline = of_leader(outline);
  Loaded all;
  all.metadata = outline["metadata"].get<io::Metadata>();
  size_t i = 0;
  for (const Json& entry : outline["tensors"]) {
    Shape shape;
    for (const Json& n : entry[2]) shape.push_back(n.get<int64_t>());
    const auto dtype = static_cast<DType>(entry[1].get<int>());
    std::vector<char> bytes(TensorDesc(dtype, shape).bytes());
    if (dist::leads()) copy_to_host(own.tensors[i].second, bytes.data());
    dist::broadcast(bytes.data(), std::ssize(bytes));
    all.tensors.emplace_back(entry[0].get<std::string>(), from_host(bytes.data(), shape, dtype));
    ++i;
  }
  return all;
}

NamedTensors of_leader(const NamedTensors& own) { return of_leader(Loaded{own, {}}).tensors; }

Json by_leader(const std::function<Json()>& work) {
  if (!dist::world()) return work();
  return Json::parse(dist::by_leader([&] {
    const auto words = generator().to_vector<int64_t>();
    const std::string made = io::dump_json(work());
    assign(generator(), from_host(words.data(), {2}, DType::i64));
    return made;
  }));
}

NamedTensors of_all_ranks(const NamedTensors& parts, int axis) {
  if (!dist::world()) return parts;
  NamedTensors whole;
  for (const auto& [name, t] : parts) {
    std::string bytes(t.desc().bytes(), 0);
    copy_to_host(t, bytes.data());
    const auto sizes = dist::gather(std::to_string(t.size(axis)));
    const auto all = dist::gather(bytes);
    Tensors pieces;
    for (size_t r = 0; r < all.size(); ++r) {
      Shape shape = t.shape();
      shape[axis] = std::stoll(sizes[r]);
      pieces.push_back(from_host(all[r].data(), shape, t.dtype()));
    }
    whole.emplace_back(name, cat(pieces, axis));
  }
  return whole;
}

Tensor shared_out(const Tensor& x, const std::function<Tensor(const Tensor&)>& f) {
  constexpr int64_t kRows = 1024;  // at a time, for any number of ranks
  Tensors parts(static_cast<size_t>(ceil_div(x.size(0), kRows)));
  if (parts.size() < 2) return f(x);
  dist::share_out(
      std::ssize(parts),
      [&](int64_t i) {
        const int64_t first = i * kRows;
        parts[static_cast<size_t>(i)] = f(slice(x, 0, first, std::min(kRows, x.size(0) - first)));
      },
      [&](int64_t i, dist::Parcel& parcel) {
        Tensor& part = parts[static_cast<size_t>(i)];
        std::vector<float> values;
        std::vector<int64_t> sizes;
        if (part.defined()) {
          values = part.to_vector<float>();
          sizes.assign(part.shape().begin(), part.shape().end());
        }
        parcel.pass(values), parcel.pass(sizes);
        if (!part.defined())
          part = from_host(values.data(), Shape(sizes.begin(), sizes.end()), DType::f32);
      });
  return cat(parts, 0);
}

void compare_ranks(const Json& config) {
  if (!dist::world()) return;
  const std::string mended = dist::mend_binding(num_threads());
  if (!mended.empty()) fmt::print(stderr, "cairn: rank {}: {}\n", dist::rank(), mended);
  const Json leaders = of_leader(config);
  for (const auto& [key, value] : leaders.items()) {
    const bool own =
        std::find(std::begin(kOwnOptions), std::end(kOwnOptions), key) != std::end(kOwnOptions);
    const Json here = config.value(key, Json());
    check(own || here == value, "{} is {} here and {} at rank 0; {}", key,
          io::printable(io::dump_json(here)).substr(0, 80),
          io::printable(io::dump_json(value)).substr(0, 80),
          key == "data_files" || key == "data_counts" ? "all ranks read the same data"
                                                      : "start all ranks with the same options");
  }
  const char* bits = "results agree within rounding, and will not be the same bits elsewhere";
  say_different(dist::gather(build()), "the build ", bits);
  say_different(dist::gather(processor_name()), "the processor ", bits);
  say_different(dist::gather(fmt::format("{} thread(s)", num_threads())), "",
                "who has more waits for the others");
}

Tensor at_least_one(const Tensor& count) { return clamp_min(count, 1); }

void Averager::begin(const Tensor& count, const Tensors& values, double rows,
                     const Tensors& statistics) {
  used_ = 0;
  values_ = values.size();
  sent_ = {count, full({1}, rows)};
  const Tensor weight = reshape(at_least_one(count), {});
  for (const Tensor& v : values) sent_.push_back((v * weight).detach());
  for (const Tensor& s : statistics) sent_.push_back((s * rows).detach());
  first_ = bucket_of(sent_, dist::Packing::f32);
  started_ = start_sums(first_, sent_);
}

namespace {

// Places of gradients as backward makes them, so that a bucket is full as early as it can be: a
// network may name first what it uses last, or twice. Rank 0's order holds for all.
std::vector<size_t> arrival_of(const Tensors& gradients) {
  std::vector<size_t> order(gradients.size());
  std::iota(order.rbegin(), order.rend(), 0);
  const auto made = [&](size_t i) {
    return gradients[i].defined() ? gradients[i].impl()->value : -1;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return made(a) < made(b); });
  return of_leader(Json(order)).get<std::vector<size_t>>();
}

}  // namespace

Tensors Averager::mean(const Tensors& gradients) {
  // Once: later traces, for batches of other sizes, are not made by all ranks in the same step.
  if (order_.size() != gradients.size()) order_ = arrival_of(gradients);
  struct Group {
    std::vector<size_t> places;
    Tensors tensors;
    int64_t bucket;
    Tensor started;
  };
  std::vector<Group> groups;
  int64_t room = 0;
  for (const size_t i : order_) {
    if (!gradients[i].defined()) continue;
    if (room <= 0) groups.emplace_back(), room = kBucketElements;
    groups.back().places.push_back(i);
    groups.back().tensors.push_back(gradients[i]);
    room -= gradients[i].numel();
  }
  for (Group& g : groups) {
    g.bucket = bucket_of(g.tensors, packing_);
    g.started = start_sums(g.bucket, g.tensors);
  }
  const Tensors sums = finish_sums(first_, started_, ones({1}), sent_);
  means_.clear();
  const Tensor all = at_least_one(sums[0]);
  for (size_t i = 2; i < sums.size(); ++i)
    means_.push_back(sums[i] / reshape(i < 2 + values_ ? all : sums[1], {}));
  Tensors averaged(gradients.size());
  for (const Group& g : groups) {
    const Tensors some = finish_sums(g.bucket, g.started, all, g.tensors);
    for (size_t i = 0; i < some.size(); ++i) averaged[g.places[i]] = some[i];
  }
  return averaged;
}

// A step that is traced anew (for a shorter batch) uses the same ones again.
int64_t Averager::bucket_of(const Tensors& tensors, dist::Packing packing) {
  std::vector<int64_t> sizes;
  for (const Tensor& t : tensors) sizes.push_back(t.numel());
  if (used_ == buckets_.size() || buckets_[used_].first != sizes) {
    buckets_.resize(used_);
    buckets_.emplace_back(sizes, dist::add_bucket(sizes, packing));
  }
  return buckets_[used_++].second;
}

}  // namespace cairn::train
