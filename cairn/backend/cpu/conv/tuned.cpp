// The choice among a convolution's kernels by measurement (CAIRN_TUNE=1): each of CAIRN_CONV's
// words is tried over made-up operands in the layouts that its kernel wants.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/tuning.h"
#include "cairn/base/error.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

constexpr std::string_view kWords[] = {"auto", "direct", "gemm", "lines", "f2", "f4"};
thread_local std::string_view tuned;  // what conv_choice() says meanwhile

std::string joined(const Ints& numbers) {
  std::string text;
  for (const int64_t n : numbers) text += (text.empty() ? "" : ",") + std::to_string(n);
  return text;
}

// All that decides how quick a kernel is, except for how the operands lie now.
std::string key_of(const OpCall& call, const ConvRoles& r) {
  std::string key = fmt::format(
      "conv:{}:x{}:w{}:y{}:type{}:stride{}:pads{}:dilation{}:groups{}",
      r.direction == ConvDirection::forward ? "forward"
      : r.direction == ConvDirection::input ? "input"
                                            : "weight",
      joined(r.x->shape), joined(r.w->shape), joined(r.y->shape), static_cast<int>(r.x->dtype),
      joined(call.attrs->ints("stride")), joined(call.attrs->ints("pads")),
      joined(call.attrs->ints("dilation")), call.attrs->integer("groups"));
  return key + fmt::format(":{}{}{}{}:block{}:threads{}", takes_packed(call, r) ? "fixed" : "",
                           r.bias ? "+bias" : "", r.residual ? "+residual" : "",
                           r.relu ? "+relu" : "", preferred_block(), num_threads());
}

// Bytes that make 0.0115 in f32 and in bf16: no kernel meets numbers that slow it down.
class Operand {
 public:
  explicit Operand(size_t bytes) : data_(std::aligned_alloc(64, (bytes + 127) / 64 * 64)) {
    std::memset(data_, 0x3c, bytes);
  }
  ~Operand() { std::free(data_); }
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;
  void* data() const { return data_; }

 private:
  void* data_;
};

struct Candidate {
  std::string_view word;
  std::unique_ptr<ConvKernel> kernel;
  std::unique_ptr<Operand> x, w, y, residual, bias, scratch;

  void take_operands(const ConvRoles& r) {
    const auto make = [](size_t bytes) { return std::make_unique<Operand>(bytes); };
    const auto lying = [](TensorDesc d, const Layout& layout) {
      d.layout = layout;
      return d.bytes();
    };
    x = make(lying(*r.x, kernel->x)), y = make(lying(*r.y, kernel->y));
    w = make(lying(*r.w, kernel->w));
    residual = make(r.residual ? lying(*r.y, kernel->y) : 0);
    bias = make(static_cast<size_t>(r.y->shape[1]) * sizeof(float));
    scratch = make(kernel->scratch_bytes);
  }
  void run(const ConvRoles& r) const {
    const ConvExtras extras{r.bias ? static_cast<const float*>(bias->data()) : nullptr,
                            r.residual ? residual->data() : nullptr};
    kernel->run(x->data(), w->data(), y->data(), extras, scratch->data());
  }
};

}  // namespace

std::string_view tuned_conv_choice() { return tuned; }

TunedConv::TunedConv(std::string_view word) { tuned = word; }
TunedConv::~TunedConv() { tuned = {}; }

std::string_view choose_conv_by_time(const OpCall& call, const ConvRoles& r,
                                     const MakeConvKernel& make) {
  const std::string key = key_of(call, r);
  const std::string known = tuned_choices().find(key);
  for (const std::string_view word : kWords)
    if (word == known) return word;
  std::vector<Candidate> candidates;
  std::vector<std::string> names;
  for (const std::string_view word : kWords) {
    const TunedConv forced(word);
    Candidate c{word, make(), {}, {}, {}, {}, {}, {}};
    const auto same = [&](const Candidate& other) {
      return std::string_view(other.kernel->name) == c.kernel->name;
    };
    if (!c.kernel || std::any_of(candidates.begin(), candidates.end(), same)) continue;
    c.take_operands(r);
    candidates.push_back(std::move(c)), names.emplace_back(word);
  }
  if (candidates.empty()) return "auto";
  return candidates[quickest(tuned_choices(), key, names, [&](size_t i) { candidates[i].run(r); })]
      .word;
}

}  // namespace cairn::cpu
