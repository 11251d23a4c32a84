// Matrix product by Cairn's own kernels (gemm/, gemv/), with what is added to it; bf16's tiny and
// batched ones by oneDNN. Operands are read through their strides where one of the two matrix
// dimensions lies dense (so a transposed view costs no copy), batches are spread over the threads.
#include <algorithm>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/gemm/gemm_bf16.h"
#include "cairn/backend/cpu/gemm/product.h"
#include "cairn/backend/cpu/gemm/ready.h"
#include "cairn/backend/cpu/machine.h"
#include "cairn/backend/cpu/onednn/library.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/tuning.h"
#include "cairn/backend/cpu/widen.h"
#include "cairn/base/parallel.h"
#include "cairn/base/work_queue.h"

namespace cairn::cpu {
namespace {

// How a matrix is read: 'N' rows are dense, 'T' columns are.
struct MatrixRead {
  char order = 0;  // 0: neither
  int64_t leading = 1;
};
MatrixRead read_of(const TensorDesc& d) {
  const int rank = d.shape.ssize();
  const int64_t rows = d.shape[rank - 2], columns = d.shape[rank - 1];
  const int64_t row_step = d.layout.strides[rank - 2], column_step = d.layout.strides[rank - 1];
  const bool one_row = rows <= 1, one_column = columns <= 1;
  if ((column_step == 1 || one_column) && (one_row || row_step >= std::max<int64_t>(1, columns)))
    return {'N', std::max<int64_t>({1, columns, one_row ? 1 : row_step})};
  if ((row_step == 1 || one_row) && (one_column || column_step >= std::max<int64_t>(1, rows)))
    return {'T', std::max<int64_t>({1, rows, one_column ? 1 : column_step})};
  return {};
}

bool readable(const TensorDesc& d) { return !d.layout.blocked() && read_of(d).order != 0; }

// The batch dimensions of the product, neighbours merged where every operand steps evenly.
struct Batch {
  Ints sizes, a, b;
  int64_t count() const { return numel(sizes); }
  // Where the operands of product number `index` begin.
  std::pair<int64_t, int64_t> places(int64_t index) const {
    int64_t pa = 0, pb = 0;
    for (int d = sizes.ssize() - 1; d >= 0; --d) {
      const int64_t i = index % sizes[d];
      index /= sizes[d];
      pa += i * a[d], pb += i * b[d];
    }
    return {pa, pb};
  }
};
Batch batch_of(const OpCall& call) {
  Batch batch;
  for (int d = 0; d < call.rank() - 2; ++d) {
    const int64_t size = call.out().shape[d];
    if (size == 1) continue;
    const int64_t a = call.shape(0)[d] == 1 ? 0 : call.in(0).layout.strides[d];
    const int64_t b = call.shape(1)[d] == 1 ? 0 : call.in(1).layout.strides[d];
    const bool merges =
        !batch.sizes.empty() && batch.a.back() == a * size && batch.b.back() == b * size;
    if (merges) batch.sizes.back() *= size, batch.a.back() = a, batch.b.back() = b;
    else batch.sizes.push_back(size), batch.a.push_back(a), batch.b.push_back(b);
  }
  return batch;
}

GemmOperand operand(const float* data, const MatrixRead& read) {
  return read.order == 'N' ? GemmOperand{data, read.leading, 1}
                           : GemmOperand{data, 1, read.leading};
}

// What matmul_add adds: a matrix, a row, or both.
class Added {
 public:
  explicit Added(const OpCall& call) {
    for (size_t i = 2; i < call.inputs.size(); ++i)
      (call.inputs[i]->shape.size() == 2 ? matrix_ : row_) = static_cast<int>(i);
  }
  GemmStart start(const Launch& args, int64_t columns) const {
    return {data(args, matrix_), columns, data(args, row_)};
  }

 private:
  static const float* data(const Launch& args, int input) {
    return input < 0 ? nullptr : static_cast<const float*>(args.inputs[input]);
  }
  int matrix_ = -1, row_ = -1;  // inputs; -1: none
};

class MatmulPlan : public Plan {
 public:
  explicit MatmulPlan(const OpCall& call) : threads_(num_threads()), added_(call) {
    const int rank = call.rank();
    shape_ = {call.shape(0)[rank - 2], call.shape(1)[rank - 1], call.shape(0)[rank - 1]};
    a_ = read_of(call.in(0)), b_ = read_of(call.in(1));
    a_offset_ = call.in(0).layout.offset, b_offset_ = call.in(1).layout.offset;
    batch_ = batch_of(call);
    // A matrix on the right that all of the batch shares: one tall product.
    if (batch_.sizes.size() == 1 && batch_.b[0] == 0 && a_.order == 'N' &&
        batch_.a[0] == shape_.m * a_.leading)
      shape_.m *= batch_.sizes[0], batch_ = {};
    const auto choose = tuning() ? choose_product_by_time : choose_product;
    kernel_ = choose(shape_, operand(nullptr, a_), operand(nullptr, b_), call.inputs.size() > 2);
    plan_workspace();
  }

  void launch(const Launch& args) const override {
    const int64_t count = batch_.count();
    if (shape_.m * shape_.n * count == 0) return;
    if (!spread_) {
      for (int64_t i = 0; i < count; ++i) multiply(args, i, args.workspace);
      return;
    }
    const int64_t work = std::max<int64_t>(1, shape_.m * shape_.n * shape_.k);
    const int wanted =
        static_cast<int>(std::clamp<int64_t>(count * work / kWorthAThread, 1, threads_));
    WorkQueue items(count, std::min<int64_t>(count, 4 * wanted));
    parallel_region(
        [&](int thread, int) {
          const SerialScope serial;
          while (const WorkQueue::Piece piece = items.take())
            for (int64_t i = piece.begin; i < piece.end; ++i)
              multiply(args, i, at(args, thread * thread_bytes_));
        },
        wanted);
  }

 private:
  static constexpr int64_t kWorthAThread = 1 << 17;  // multiplications

  // As many products as there are threads, or more: each is one thread's.
  void plan_workspace() {
    spread_ = threads_ > 1 && batch_.count() >= threads_;
    const auto bytes = [&] { return product_workspace(kernel_, shape_, operand(nullptr, a_)); };
    if (!spread_) return void(workspace_bytes = bytes());
    const SerialScope serial;
    thread_bytes_ = whole_lines(bytes());
    workspace_bytes = threads_ * thread_bytes_;
  }
  void multiply(const Launch& args, int64_t index, void* workspace) const {
    const auto [pa, pb] = batch_.places(index);
    const float *a = static_cast<const float*>(args.inputs[0]) + a_offset_ + pa,
                *b = static_cast<const float*>(args.inputs[1]) + b_offset_ + pb;
    float* y = static_cast<float*>(args.outputs[0]) + index * shape_.m * shape_.n;
    product(kernel_, shape_, operand(a, a_), operand(b, b_), added_.start(args, shape_.n), y,
            shape_.n, workspace);
  }

  int threads_;
  GemmShape shape_;
  MatrixRead a_, b_;
  int64_t a_offset_, b_offset_;
  Batch batch_;
  Added added_;
  ProductKernel kernel_;
  bool spread_ = false;  // products of a batch over the threads, not each over all of them
  size_t thread_bytes_ = 0;
};

// bf16 by Cairn's own kernel: a product that is not tiny, and where oneDNN is not there, a batch of
// them, one after another.
class MatmulBf16Plan : public Plan {
 public:
  explicit MatmulBf16Plan(const OpCall& call)
      : a_offset_(call.in(0).layout.offset), b_offset_(call.in(1).layout.offset), added_(call) {
    const int rank = call.rank();
    shape_ = {call.shape(0)[rank - 2], call.shape(1)[rank - 1], call.shape(0)[rank - 1]};
    const MatrixRead a = read_of(call.in(0)), b = read_of(call.in(1));
    batch_ = batch_of(call);
    a_ = operand(nullptr, a), b_ = operand(nullptr, b);
    // A matrix on the right that all of the batch shares: one tall product.
    const bool tall = batch_.sizes.size() == 1 && batch_.b[0] == 0 && a.order == 'N' &&
                      batch_.a[0] == shape_.m * a.leading;
    if (tall) shape_.m *= batch_.sizes[0], batch_ = {};
    fits_ = (batch_.count() == 1 || !onednn::present()) && has_gemm_bf16() && gemm_pays(shape_);
    wide_ = call.out().dtype == DType::f32;
    if (fits_) workspace_bytes = gemm_bf16_workspace(shape_, a_, b_, wide_);
  }
  bool fits() const { return fits_; }
  void launch(const Launch& args) const override {
    const size_t bytes = static_cast<size_t>(shape_.m * shape_.n) * (wide_ ? 4 : 2);
    for (int64_t i = 0; i < batch_.count(); ++i) {
      const auto [pa, pb] = batch_.places(i);
      Bf16Operand a = a_, b = b_;
      a.data = static_cast<const uint16_t*>(args.inputs[0]) + a_offset_ + pa;
      b.data = static_cast<const uint16_t*>(args.inputs[1]) + b_offset_ + pb;
      gemm_bf16(shape_, a, b, added_.start(args, shape_.n),
                static_cast<char*>(args.outputs[0]) + static_cast<size_t>(i) * bytes, wide_,
                shape_.n, args.workspace);
    }
  }

 private:
  static Bf16Operand operand(const void* data, const MatrixRead& read) {
    return read.order == 'N' ? Bf16Operand{data, false, read.leading, 1}
                             : Bf16Operand{data, false, 1, read.leading};
  }
  int64_t a_offset_, b_offset_;
  GemmShape shape_;
  Bf16Operand a_, b_;
  Batch batch_;
  Added added_;
  bool fits_, wide_;
};

// f32 by a matrix on the right that is packed already.
class ReadyPlan : public Plan {
 public:
  explicit ReadyPlan(const OpCall& call)
      : shape_{call.shape(0)[0], call.shape(1)[1], call.shape(0)[1]},
        a_(read_of(call.in(0))),
        a_offset_(call.in(0).layout.offset),
        added_(call) {
    workspace_bytes = gemm_packed_workspace(shape_.n);
  }
  void launch(const Launch& args) const override {
    gemm_packed(shape_, operand(static_cast<const float*>(args.inputs[0]) + a_offset_, a_),
                static_cast<const float*>(args.inputs[1]), added_.start(args, shape_.n),
                static_cast<float*>(args.outputs[0]), shape_.n, args.workspace);
  }

 private:
  GemmShape shape_;
  MatrixRead a_;
  int64_t a_offset_;
  Added added_;
};

class PackPlan : public Plan {
 public:
  explicit PackPlan(const OpCall& call)
      : depth_(call.shape()[0]),
        columns_(call.shape()[1]),
        read_(read_of(call.in(0))),
        offset_(call.in(0).layout.offset) {}
  void launch(const Launch& args) const override {
    gemm_pack(columns_, depth_, operand(static_cast<const float*>(args.inputs[0]) + offset_, read_),
              static_cast<float*>(args.outputs[0]));
  }

 private:
  int64_t depth_, columns_;
  MatrixRead read_;
  int64_t offset_;
};

// matmul_add: where Cairn's own kernel would multiply.
bool supports(const OpCall& call) {
  if (is_op(call, "matmul")) return is_f32_or_narrow(call.dtype());
  if (!is_op(call, "matmul_add") || call.rank() != 2) return false;
  const bool bf16 = call.dtype() == DType::bf16 && call.out().dtype == DType::f32 &&
                    multiplies_bf16() && has_gemm_bf16();
  if (call.dtype() != DType::f32 && !bf16) return false;
  return gemm_pays({call.shape(0)[0], call.shape(1)[1], call.shape(0)[1]});
}

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call) || call.out().layout.blocked()) return nullptr;
  for (size_t i = 2; i < call.inputs.size(); ++i)
    if (!call.inputs[i]->contiguous()) return nullptr;
  if (packed_for_product(call.in(1).layout))
    return readable(call.in(0)) ? std::make_unique<ReadyPlan>(call) : nullptr;
  const bool empty = numel(call.out().shape) == 0 || call.shape(0).back() == 0;
  const bool strides_work = readable(call.in(0)) && readable(call.in(1));
  if (call.dtype() == DType::bf16 && multiplies_bf16() && strides_work && !empty) {
    auto plan = std::make_unique<MatmulBf16Plan>(call);
    if (plan->fits()) return plan;
  }
  if (is_op(call, "matmul_add") && call.dtype() != DType::f32) return nullptr;
  if (call.dtype() == DType::bf16 && multiplies_bf16() && strides_work && !empty)
    if (auto plan = onednn::bf16_product(call)) return plan;
  if (call.dtype() != DType::f32) return widened(call, prepare);
  if (!strides_work) return nullptr;
  return std::make_unique<MatmulPlan>(call);
}

bool strides(const OpCall& call, int input) {
  if (input == 1 && packed_for_product(call.in(1).layout)) return true;
  return input < 2 && readable(call.in(input));
}

// Who says that the right side is there for many products ("ready") is told to pack it.
bool layouts(OpCall& call) {
  if (!call.attrs->has("ready") || !call.is_fixed(1) || call.rank() != 2 ||
      call.dtype() != DType::f32)
    return false;
  const Shape& b = call.shape(1);
  call.inputs[1]->layout = Layout::packed_in(gemm_packed_bytes(b[1], b[0]), {kProductForm});
  return true;
}

}  // namespace

std::unique_ptr<Plan> make_product_pack(const OpCall& call) {
  if (call.rank() != 2 || call.dtype() != DType::f32 || !readable(call.in(0))) return nullptr;
  return std::make_unique<PackPlan>(call);
}

Family matmul_family() { return {"matmul", supports, prepare, strides, layouts}; }

}  // namespace cairn::cpu
