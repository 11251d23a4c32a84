#include "cairn/ops/matmul.h"

#include <algorithm>
#include <map>
#include <set>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

// Both operands have the same rank >= 2; batch dimensions broadcast.
void infer_matmul(OpCall& c) {
  const Shape &a = c.shape(0), &b = c.shape(1);
  if (c.dtype(0) != c.dtype(1)) c.error("inputs differ in dtype");
  if (!is_float(c.dtype(0)) && c.dtype(0) != DType::i32 && c.dtype(0) != DType::i64)
    c.error("wants floats, i32 or i64");
  if (a.size() < 2 || a.size() != b.size())
    c.error("wants two tensors of the same rank, 2 or more");
  const int rank = a.ssize();
  if (a[rank - 1] != b[rank - 2])
    c.error("{} columns meet {} rows: shapes {} and {} cannot be multiplied", a[rank - 1],
            b[rank - 2], to_string(a), to_string(b));
  Shape out = a;
  for (int d = 0; d < rank - 2; ++d) {
    if (a[d] != b[d] && a[d] != 1 && b[d] != 1)
      c.error("batch dimension {} is {} and {}", d, a[d], b[d]);
    out[d] = a[d] == 1 ? b[d] : a[d];
  }
  out[rank - 1] = b[rank - 1];
  c.set(0, c.dtype(0), out);
}
void vjp_matmul(VjpCall& c) {
  if (c.needs[0])
    c.results[0] = sum_to(matmul(c.grad(), transpose(c.inputs[1], -1, -2)), c.input_shapes[0]);
  if (c.needs[1])
    c.results[1] = sum_to(matmul(transpose(c.inputs[0], -1, -2), c.grad()), c.input_shapes[1]);
}

// a [M, K], b [K, N], then what is added: [M, N] or one row [N], at most one of each.
void infer_matmul_add(OpCall& c) {
  if (c.inputs.size() != 3 && c.inputs.size() != 4)
    c.error("wants two matrices and one or two tensors to add");
  infer_matmul(c);
  const Shape& out = c.out().shape;
  if (out.size() != 2) c.error("wants matrices, not {}", to_string(out));
  for (size_t i = 2; i < c.inputs.size(); ++i) {
    const int input = static_cast<int>(i);
    if (c.dtype(input) != c.dtype(0)) c.error("inputs differ in dtype");
    if (c.shape(input) != out && c.shape(input) != Shape{out[1]})
      c.error("cannot add {} to {}", to_string(c.shape(input)), to_string(out));
  }
  if (c.inputs.size() == 4 && c.shape(2).size() == c.shape(3).size())
    c.error("wants a matrix and a row to add");
}
void matmul_add_in_basics(std::span<const Tensor> in, const Attrs&, std::span<Tensor> out) {
  out[0] = matmul(in[0], in[1]);
  for (const Tensor& t : in.subspan(2)) out[0] = add(out[0], t);
}

const OpDef kOps[] = {
    OpDef{"matmul_add", "matrix product, plus a matrix, a row, or both", -1, 1, infer_matmul_add, 0,
          nullptr, "made after differentiation", matmul_add_in_basics},
    OpDef{"matmul", "matrix product, batched over leading dimensions", 2, 1, infer_matmul,
          kSaveInputs, vjp_matmul}
        .with_autocast(Autocast::low)
        .with_onnx("MatMul"),
};

Tensor with_rank(const Tensor& t, int rank) {
  Shape shape(rank - t.rank(), 1);
  for (int64_t s : t.shape()) shape.push_back(s);
  return reshape(t, shape);
}

// One operand of an einsum: its tensor and a letter for each dimension.
struct Operand {
  Tensor t;
  std::string letters;
};

Tensor sum_letters(Operand& o, const std::set<char>& keep) {
  for (int d = static_cast<int>(o.letters.size()) - 1; d >= 0; --d)
    if (!keep.count(o.letters[d])) o.t = sum(o.t, {d}), o.letters.erase(d, 1);
  return o.t;
}

Tensor arranged(const Operand& o, const std::string& letters) {
  Ints order;
  for (char c : letters) order.push_back(static_cast<int64_t>(o.letters.find(c)));
  return permute(o.t, order);
}

Operand take_diagonals(Operand o) {  // "ii" reads the diagonal
  for (size_t i = 0; i < o.letters.size(); ++i)
    for (size_t j = i + 1; j < o.letters.size();) {
      if (o.letters[i] != o.letters[j]) {
        ++j;
        continue;
      }
      const int64_t n = o.t.shape()[i];
      Shape mask_shape(o.t.rank(), 1);
      mask_shape[i] = mask_shape[j] = n;
      o.t = sum(o.t * reshape(eye(n, o.t.dtype()), mask_shape), {static_cast<int64_t>(j)});
      o.letters.erase(j, 1);
    }
  return o;
}

Operand contract(Operand a, Operand b, const std::set<char>& keep) {
  std::string batch, left, right, shared;
  std::set<char> keep_a = keep, keep_b = keep;
  keep_a.insert(b.letters.begin(), b.letters.end());
  keep_b.insert(a.letters.begin(), a.letters.end());
  sum_letters(a, keep_a), sum_letters(b, keep_b);
  for (char c : a.letters)
    if (b.letters.find(c) == std::string::npos) left += c;
    else if (keep.count(c)) batch += c;
    else shared += c;
  for (char c : b.letters)
    if (a.letters.find(c) == std::string::npos) right += c;
  auto group = [](const Tensor& t, std::initializer_list<size_t> counts, size_t batch_rank) {
    Shape shape(t.shape().begin(), t.shape().begin() + batch_rank);
    size_t d = batch_rank;
    for (size_t count : counts) {
      int64_t product = 1;
      for (size_t i = 0; i < count; ++i) product *= t.shape()[d++];
      shape.push_back(product);
    }
    return reshape(t, shape);
  };
  const Tensor ta = arranged(a, batch + left + shared), tb = arranged(b, batch + shared + right);
  const Tensor product = matmul(group(ta, {left.size(), shared.size()}, batch.size()),
                                group(tb, {shared.size(), right.size()}, batch.size()));
  Shape shape(ta.shape().begin(), ta.shape().begin() + batch.size() + left.size());
  for (size_t i = 0; i < right.size(); ++i)
    shape.push_back(tb.shape()[batch.size() + shared.size() + i]);
  return {reshape(product, shape), batch + left + right};
}

}  // namespace

std::span<const OpDef> matmul_ops() { return kOps; }

Tensor matmul(In a, In b) {
  static const OpDef& op = op_named("matmul");
  const int ra = a.t.rank(), rb = b.t.rank();
  check(ra > 0 && rb > 0, "matmul: a scalar is no matrix; use mul{}", where(a.loc));
  if (ra == rb && ra >= 2) return apply(op, {a.t, b.t}, {}, a.loc);
  if (ra == 1)
    return squeeze(matmul(In(reshape(a, {1, a.t.numel()}), a.loc),
                          rb == 1 ? In(reshape(b, {b.t.numel(), 1})) : b),
                   rb == 1 ? Ints{0, 1} : Ints{-2});
  if (rb == 1) return squeeze(matmul(a, In(reshape(b, {b.t.numel(), 1}), b.loc)), {-1});
  // A matrix shared by the whole batch on the right: one large product.
  if (rb == 2 && ra > 2) {
    Shape shape = a.t.shape();
    shape[ra - 1] = b.t.shape()[1];
    const int64_t rows = numel(Shape(a.t.shape().begin(), a.t.shape().end() - 1));
    return reshape(apply(op, {reshape(a, {rows, a.t.size(-1)}), b.t}, {}, a.loc), shape);
  }
  const int rank = std::max(ra, rb);
  return apply(op, {with_rank(a, rank), with_rank(b, rank)}, {}, a.loc);
}

Tensor linear(In x, const Tensor& weight, const Tensor& bias) {
  check(weight.defined() && weight.rank() == 2, "linear: the weight must be [out, in]{}",
        where(x.loc));
  if (x.t.rank() == 0 || x.t.size(-1) != weight.shape()[1])
    fail("linear: input {} does not end in {}, the columns of weight {}{}", to_string(x.t.shape()),
         weight.shape()[1], to_string(weight.shape()), where(x.loc));
  const Tensor y = matmul(x, In(transpose(weight, 0, 1), x.loc));
  return bias.defined() ? add(In(y, x.loc), bias) : y;
}
Tensor bilinear(In a, const Tensor& b, const Tensor& weight, const Tensor& bias) {
  check(weight.defined() && weight.rank() == 3 && b.defined() && a.t.rank() > 0 &&
            a.t.rank() == b.rank() && a.t.size(-1) == weight.shape()[1] &&
            b.size(-1) == weight.shape()[2],
        "bilinear: inputs {} and {} do not fit the weight{}", to_string(a.t.shape()),
        b.defined() ? to_string(b.shape()) : "undefined", where(a.loc));
  const int64_t outputs = weight.shape()[0], i = weight.shape()[1], j = weight.shape()[2];
  Shape apart = a.t.shape();
  apart.back() = outputs, apart.push_back(j);
  const Tensor left = matmul(a, reshape(permute(weight, {1, 0, 2}), {i, outputs * j}));
  const Tensor y = sum(reshape(left, apart) * unsqueeze(b, -2), {-1});
  return bias.defined() ? add(In(y, a.loc), bias) : y;
}

namespace {

// "..." written out: letters that the equation does not use, one for each dimension that no letter
// names, counted from the last. Where such dimensions are 1 and another size, the operand is
// expanded.
std::string without_dots(const std::string& text, Tensors& operands, const std::string& equation,
                         Loc loc) {
  std::string free;
  for (char c = 'Z'; c >= 'A'; --c)
    if (text.find(c) == std::string::npos) free += c;
  const size_t arrow = text.find("->");
  const std::string inputs = text.substr(0, arrow);
  size_t most = 0;
  Shape shared;
  std::vector<std::string> parts;
  for (size_t start = 0, i = 0; start <= inputs.size() && i < operands.size(); ++i) {
    const size_t comma = std::min(inputs.find(',', start), inputs.size());
    parts.push_back(inputs.substr(start, comma - start));
    start = comma + 1;
    const size_t dots = parts[i].find("...");
    if (dots == std::string::npos) continue;
    const int count = operands[i].rank() - static_cast<int>(parts[i].size() - 3);
    check(count >= 0 && static_cast<size_t>(count) <= free.size(),
          "einsum: '{}' gives {} letters to operand {} of shape {}{}", equation,
          parts[i].size() - 3, i, to_string(operands[i].shape()), where(loc));
    const Shape& s = operands[i].shape();
    shared = broadcast_shapes("einsum", shared,
                              Shape(s.begin() + static_cast<int64_t>(dots),
                                    s.begin() + static_cast<int64_t>(dots) + count));
    most = std::max(most, static_cast<size_t>(count));
  }
  const auto letters = [&](size_t count) { return free.substr(free.size() - count); };
  std::string result;
  for (size_t i = 0; i < parts.size(); ++i) {
    const size_t dots = parts[i].find("...");
    if (dots != std::string::npos) {
      const size_t count = static_cast<size_t>(operands[i].rank()) - (parts[i].size() - 3);
      Shape whole = operands[i].shape();
      for (size_t d = 0; d < count; ++d) whole[dots + d] = shared[most - count + d];
      operands[i] = expand(operands[i], whole);
      parts[i].replace(dots, 3, letters(count));
    }
    result += (i ? "," : "") + parts[i];
  }
  if (arrow == std::string::npos) {  // PyTorch's order: the dots' dimensions first, then letters
                                     // that occur once
    std::string once;
    for (char c = 'A'; c <= 'z'; ++c)
      if (std::count(text.begin(), text.end(), c) == 1) once += c;
    return result + "->" + letters(most) + once;
  }
  std::string output = text.substr(arrow + 2);
  if (const size_t dots = output.find("..."); dots != std::string::npos)
    output.replace(dots, 3, letters(most));
  return result + "->" + output;
}

}  // namespace

Tensor einsum(const std::string& equation, const Tensors& given, Loc loc) {
  std::string text;
  for (char c : equation)
    if (c != ' ') text += c;
  Tensors operands = given;
  if (text.find("...") != std::string::npos) text = without_dots(text, operands, equation, loc);
  const size_t arrow = text.find("->");
  std::string inputs = text.substr(0, arrow), output;
  std::vector<Operand> list;
  std::map<char, int> uses;
  for (size_t start = 0, i = 0; start <= inputs.size(); ++i) {
    const size_t comma = std::min(inputs.find(',', start), inputs.size());
    const std::string letters = inputs.substr(start, comma - start);
    check(i < operands.size(), "einsum: '{}' names more operands than the {} given{}", equation,
          operands.size(), where(loc));
    check(static_cast<int>(letters.size()) == operands[i].rank(),
          "einsum: '{}' gives {} letters to operand {} of shape {}{}", equation, letters.size(), i,
          to_string(operands[i].shape()), where(loc));
    for (char c : letters) {
      check(std::isalpha(static_cast<unsigned char>(c)), "einsum: '{}' is no letter in '{}'{}", c,
            equation, where(loc));
      ++uses[c];
    }
    list.push_back(take_diagonals({operands[i], letters}));
    start = comma + 1;
  }
  check(list.size() == operands.size(), "einsum: '{}' names {} operands, {} given{}", equation,
        list.size(), operands.size(), where(loc));
  if (arrow != std::string::npos) output = text.substr(arrow + 2);
  else
    for (auto [c, n] : uses)
      if (n == 1) output += c;
  for (char c : output)
    check(uses.count(c), "einsum: output letter '{}' of '{}' is in no operand{}", c, equation,
          where(loc));

  Operand sum_so_far = list[0];
  for (size_t i = 1; i < list.size(); ++i) {
    std::set<char> keep(output.begin(), output.end());
    for (size_t j = i + 1; j < list.size(); ++j)
      keep.insert(list[j].letters.begin(), list[j].letters.end());
    sum_so_far = contract(sum_so_far, list[i], keep);
  }
  sum_letters(sum_so_far, std::set<char>(output.begin(), output.end()));
  return arranged(sum_so_far, output);
}

}  // namespace cairn
