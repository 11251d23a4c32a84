// One op call on the CPU back end against the reference: guarded and poisoned buffers, any layouts,
// one and two threads.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "cairn/backend/reference/kernels.h"
#include "cairn/base/parallel.h"
#include "cairn/device/backend.h"
#include "cairn/ops/op.h"

namespace cairn::test {

class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t bytes) : bytes_(bytes) {
    memory_ =
        static_cast<unsigned char*>(std::aligned_alloc(64, (bytes + 2 * kGuard + 63) / 64 * 64));
    memset(memory_, 0xCD, kGuard);
    memset(memory_ + kGuard, 0xFF, bytes);  // NaN, or an index that is out of range
    memset(memory_ + kGuard + bytes, 0xCD, kGuard);
  }
  GuardedBuffer(const GuardedBuffer&) = delete;
  ~GuardedBuffer() {
    for (size_t i = 0; i < kGuard; ++i) {
      const bool before = memory_[i] == 0xCD, behind = memory_[kGuard + bytes_ + i] == 0xCD;
      EXPECT_TRUE(before && behind)
          << "written " << (before ? "behind" : "before") << " a buffer of " << bytes_ << " bytes";
      if (!before || !behind) break;
    }
    std::free(memory_);
  }
  void* get() const { return memory_ + kGuard; }

 private:
  static constexpr size_t kGuard = 256;
  size_t bytes_;
  unsigned char* memory_;
};

using Fill = std::function<double(int input, std::mt19937& random)>;
inline double anything(int, std::mt19937& random) {
  return std::uniform_real_distribution<double>(-2, 2)(random);
}

struct Case {
  const char* op;
  Attrs attrs;
  std::vector<TensorDesc> inputs;
  double tolerance = 1e-5;  // relative to the largest value
  Fill fill = anything;
  std::function<void(OpCall&)> set_layouts = {};  // of the outputs, after infer
};

// What a plan wrote: logical values of each output. Padded lanes must be zero.
inline std::vector<std::vector<double>> run_case(Backend& backend, const OpCall& call,
                                                 const std::vector<const void*>& in,
                                                 const std::string& what) {
  std::vector<std::unique_ptr<GuardedBuffer>> out;
  std::vector<void*> pointers;
  for (TensorDesc* d : call.outputs) {
    out.push_back(std::make_unique<GuardedBuffer>(d->bytes()));
    pointers.push_back(out.back()->get());
  }
  const auto plan = backend.prepare(call);
  EXPECT_TRUE(plan) << what;
  if (!plan) return {};
  GuardedBuffer workspace(plan->workspace_bytes);
  Fault fault;
  for (int round = 0; round < 2; ++round)
    plan->launch({in.data(), pointers.data(), workspace.get(), &fault});
  EXPECT_EQ(fault.kind, Fault::none) << what;
  std::vector<std::vector<double>> values;
  for (size_t o = 0; o < out.size(); ++o) {
    const TensorDesc& desc = *call.outputs[o];
    const reference::View view(desc, pointers[o]);
    values.emplace_back();
    for (int64_t i = 0; i < view.count(); ++i)
      values.back().push_back(desc.dtype == DType::i64 ? static_cast<double>(view.get_integer(i))
                                                       : view.get(i));
    if (!desc.layout.blocked()) continue;
    std::vector<char> clean(desc.bytes(), 0);
    const reference::View copy(desc, clean.data());
    for (int64_t i = 0; i < view.count(); ++i) copy.set(i, view.get(i));
    EXPECT_TRUE(std::equal(clean.begin(), clean.end(), static_cast<const char*>(pointers[o])))
        << what << ": padding of output " << o << " is not zero";
  }
  return values;
}

inline void expect_close(const std::vector<double>& want, const std::vector<double>& got,
                         double tolerance, const std::string& what) {
  ASSERT_EQ(want.size(), got.size()) << what;
  double largest = 1, worst = 0;
  size_t where = 0;
  for (double w : want)
    if (std::isfinite(w)) largest = std::max(largest, std::abs(w));
  for (size_t i = 0; i < want.size(); ++i) {
    const bool same = (std::isnan(want[i]) && std::isnan(got[i])) || want[i] == got[i];
    const double error = same ? 0 : std::abs(want[i] - got[i]);
    if (!(error <= worst)) worst = error, where = i;
  }
  EXPECT_TRUE(worst <= tolerance * largest)
      << what << "[" << where << "]: " << got[where] << ", expected " << want[where];
}

inline void compare(const Case& c) {
  std::mt19937 random(7);
  const OpDef& op = op_named(c.op);
  std::vector<TensorDesc> inputs = c.inputs, outputs(op.outputs);
  OpCall call{&op, &c.attrs, {}, {}};
  for (auto& d : inputs) call.inputs.push_back(&d);
  for (auto& d : outputs) call.outputs.push_back(&d);
  op.infer(call);
  if (c.set_layouts) c.set_layouts(call);
  std::string what = c.op + std::string(" ") + to_string(c.attrs);
  for (auto& d : inputs) what += " " + to_string(d);
  for (auto& d : outputs) what += " -> " + to_string(d);

  std::vector<std::unique_ptr<GuardedBuffer>> buffers;
  std::vector<const void*> in;
  for (size_t i = 0; i < inputs.size(); ++i) {
    buffers.push_back(std::make_unique<GuardedBuffer>(inputs[i].bytes()));
    in.push_back(buffers.back()->get());
    const reference::View view(inputs[i], in.back());
    if (inputs[i].layout.blocked()) view.fill_zero();
    for (int64_t e = 0; e < view.count(); ++e) {
      const double v = c.fill(static_cast<int>(i), random);
      if (inputs[i].dtype == DType::i64) view.set_integer(e, static_cast<int64_t>(v));
      else if (inputs[i].dtype == DType::boolean) view.set(e, v > 0);
      else view.set(e, v);
    }
  }
  const auto want = run_case(backend_named("reference"), call, in, what);
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    const auto got = run_case(backend_named("cpu"), call, in, what);
    ASSERT_EQ(got.size(), want.size());
    for (size_t o = 0; o < want.size(); ++o)
      expect_close(want[o], got[o], c.tolerance,
                   fmt::format("{}, {} threads, output {}", what, threads, o));
  }
}

inline TensorDesc f32(Shape shape) { return TensorDesc(DType::f32, std::move(shape)); }
inline TensorDesc of(DType dtype, Shape shape) { return TensorDesc(dtype, std::move(shape)); }
inline TensorDesc blocked(Shape shape, int block = 8, DType dtype = DType::f32,
                          LayoutKind kind = LayoutKind::channel_block) {
  return TensorDesc(dtype, std::move(shape), Layout{kind, block, {}, 0});
}
inline TensorDesc strided(Shape shape, Ints strides, int64_t offset = 0, DType dtype = DType::f32) {
  return TensorDesc(dtype, std::move(shape),
                    Layout{LayoutKind::strided, 0, std::move(strides), offset});
}
inline std::function<void(OpCall&)> blocked_outputs(int block = 8) {
  return [block](OpCall& call) {
    for (TensorDesc* d : call.outputs)
      if (d->shape.size() >= 3) d->layout = Layout::channel_blocked(block);
  };
}

}  // namespace cairn::test
