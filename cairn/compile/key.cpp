#include "cairn/compile/key.h"

#include "cairn/autograd/tape.h"
#include "cairn/base/hash.h"
#include "cairn/ops/context.h"

namespace cairn {
namespace {

ArgumentKey::Kind kind_of(const TensorImpl& t) {
  if (t.is_state) return ArgumentKey::is_state;
  if (!t.requires_grad) return ArgumentKey::plain;
  return t.grad_fn ? ArgumentKey::computed : ArgumentKey::leaf;
}

int first_same(std::span<const Tensor> arguments, size_t number) {
  for (size_t i = 0; i < number; ++i)
    if (arguments[i].impl() == arguments[number].impl()) return static_cast<int>(i);
  return -1;
}

// The same for the same set of leaves.
uint64_t behind(const Tensor& t) {
  uint64_t sum = 0;
  for (const auto& leaf : leaves_behind(t))
    sum += hash_mix(1, reinterpret_cast<uintptr_t>(leaf.get()));
  return sum;
}

ArgumentKey key_of(std::span<const Tensor> arguments, size_t number) {
  const TensorImpl& t = *arguments[number].impl();
  ArgumentKey key{kind_of(t), t.desc.dtype, t.desc.shape, {}};
  if (key.kind == ArgumentKey::is_state) key.state = arguments[number].ref();
  if (key.kind == ArgumentKey::leaf) key.same_as = first_same(arguments, number);
  if (key.kind == ArgumentKey::computed && context().grad_mode)
    key.behind = behind(arguments[number]);
  return key;
}

bool same_argument(const ArgumentKey& key, std::span<const Tensor> arguments, size_t number) {
  const TensorImpl& t = *arguments[number].impl();
  if (t.desc.dtype != key.dtype || !(t.desc.shape == key.shape)) return false;
  if (key.kind == ArgumentKey::plain) return !t.requires_grad && !t.is_state;
  if (key.kind != kind_of(t)) return false;
  if (key.kind == ArgumentKey::is_state) return key.state.get() == &t;
  if (key.kind == ArgumentKey::leaf) return key.same_as == first_same(arguments, number);
  return !context().grad_mode || key.behind == behind(arguments[number]);
}

}  // namespace

Key::Key(std::span<const Tensor> arguments, int threads)
    : backend_(&current_backend()),
      grad_mode_(context().grad_mode),
      autocast_(context().autocast),
      autocast_dtype_(context().autocast_dtype),
      threads_(threads) {
  for (size_t i = 0; i < arguments.size(); ++i) arguments_.push_back(key_of(arguments, i));
}

void Key::depends_on(std::vector<Mode> modes, std::vector<GradientMode> gradients) {
  modes_ = std::move(modes);
  gradients_ = std::move(gradients);
}

bool Key::matches(std::span<const Tensor> arguments, int threads) const {
  const Context& ctx = context();
  if (arguments.size() != arguments_.size() || grad_mode_ != ctx.grad_mode ||
      autocast_ != ctx.autocast || autocast_dtype_ != ctx.autocast_dtype || threads_ != threads ||
      backend_ != &current_backend())
    return false;
  for (size_t i = 0; i < arguments.size(); ++i)
    if (!same_argument(arguments_[i], arguments, i)) return false;
  return modes_hold() && gradients_hold(arguments);
}

bool Key::modes_hold() const {
  const uint64_t now = mode_changes.load(std::memory_order_acquire);
  if (now == checked_) return true;
  for (const Mode& m : modes_)
    if (m.probe(*m.owner) != m.value || m.owner->forgotten()) return false;
  checked_ = now;
  return true;
}

// What was captured stands among the owners of modes.
int64_t Key::times_rebound() const {
  int64_t times = 0;
  for (const Mode& m : modes_) times += m.owner->times_rebound();
  return times;
}

void Key::variables_hold() {
  rebindings_ = rebindings.load(std::memory_order_acquire);
  times_rebound_ = times_rebound();
}

bool Key::perhaps_rebound() const {
  const uint64_t now = rebindings.load(std::memory_order_acquire);
  if (now == rebindings_) return false;
  if (times_rebound() != times_rebound_) return true;
  rebindings_ = now;
  return false;
}

bool Key::gradients_hold(std::span<const Tensor> arguments) const {
  for (const GradientMode& g : gradients_) {
    const Ref<TensorImpl>& now = (g.argument >= 0 ? *arguments[g.argument].impl() : *g.leaf).grad;
    if ((now ? static_cast<int>(now->desc.dtype) : -1) != g.dtype) return false;
  }
  return true;
}

bool Key::forgotten() const {
  for (const Mode& m : modes_)
    if (m.owner->forgotten()) return true;
  for (const ArgumentKey& a : arguments_)
    if (a.state && a.state->forgotten()) return true;
  return false;
}

}  // namespace cairn
