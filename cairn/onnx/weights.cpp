#include "cairn/onnx/weights.h"

#include <cmath>
#include <set>

#include "cairn/onnx/interpreter.h"
#include "cairn/ops/functions.h"
#include "onnx.pb.h"

namespace cairn::onnx {
namespace {

class Sources {
 public:
  explicit Sources(const Imported& file) {
    for (const auto& [name, value] : file.weights()) by_name_[name] = value;
    for (const auto& n : file.file().model().graph().node())
      if (is_product_of_rows(n)) multiplied_.insert(n.input(1));
  }

  Tensor of(const std::string& name, const Shape& shape) const {
    if (Tensor t = plain(name, shape); t.defined()) return t;
    if (Tensor t = of_recurrent(name); t.defined()) return t.shape() == shape ? t : Tensor();
    return of_folded_norm(name, shape);
  }

 private:
  static Shape without_ones(const Shape& shape) {
    Shape rest;
    for (const int64_t d : shape)
      if (d != 1) rest.push_back(d);
    return rest;
  }
  Tensor find(const std::string& name) const {
    const auto it = by_name_.find(name);
    return it == by_name_.end() ? Tensor() : it->second;
  }

  Tensor plain(const std::string& name, const Shape& shape) const {
    const Tensor t = find(name);
    if (!t.defined() || t.numel() != numel(shape) || is_left_of_norm(name)) return {};
    // As the right side of a product: [in, out] of what is [out, in] here.
    if (shape.size() == 2 && t.rank() == 2 && multiplied_.count(name) && t.size(0) == shape[1])
      return contiguous(transpose(t, 0, 1));
    return without_ones(t.shape()) == without_ones(shape) ? reshape(t, shape) : Tensor();
  }

  // What is left of a normalisation under the names that it began with: a shift (the factor went
  // into a convolution before it), or a factor and a shift.
  bool is_left_of_norm(const std::string& name) const {
    for (const char* statistic : {".running_mean", ".running_var"})
      if (name.ends_with(statistic))
        return !find(name.substr(0, name.size() - strlen(statistic)) + ".weight").defined();
    return false;
  }
  Tensor of_folded_norm(const std::string& name, const Shape& shape) const {
    constexpr double kEps = 1e-5;  // of all normalisations here
    const size_t dot = name.rfind('.');
    if (dot == name.npos) return {};
    const std::string norm = name.substr(0, dot), what = name.substr(dot + 1);
    const Tensor shift = find(norm + ".running_mean"), factor = find(norm + ".running_var");
    if (what == "num_batches_tracked")
      return shift.defined() ? full(shape, 0, DType::i64) : Tensor();
    if (!shift.defined() || !is_left_of_norm(norm + ".running_mean") ||
        shift.numel() != numel(shape))
      return {};
    if (what == "bias") return reshape(shift, shape);
    if (what == "weight") {
      const Tensor ones = full(shape, std::sqrt(1 + kEps));
      return factor.defined() ? ones * reshape(factor, shape) : ones;
    }
    if (what == "running_mean" || what == "running_var") return full(shape, what == "running_var");
    return {};
  }

  // "rnn.weight_ih_l1_reverse": rows of "rnn.lstm.W_1", PyTorch's gates from ONNX's.
  Tensor of_recurrent(const std::string& name) const {
    struct Kind {
      const char* node;
      Ints order;
    };
    static const Kind kinds[] = {{"lstm", {0, 2, 3, 1}}, {"gru", {1, 0, 2}}, {"rnn_tanh", {0}}};
    for (const auto& [part, letter] : {std::pair{"weight_ih_l", 'W'},
                                       {"weight_hh_l", 'R'},
                                       {"bias_ih_l", 'B'},
                                       {"bias_hh_l", 'B'}}) {
      const size_t at = name.rfind(part);
      if (at == name.npos) continue;
      const std::string stem = name.substr(0, at), rest = name.substr(at + strlen(part));
      const bool reverse = rest.ends_with("_reverse");
      const std::string layer = rest.substr(0, rest.find('_'));
      for (const Kind& kind : kinds) {
        const Tensor all = find(
            fmt::format("{}{}.{}{}", stem, kind.node, letter, layer == "0" ? "" : "_" + layer));
        if (!all.defined() || all.size(0) <= (reverse ? 1 : 0)) continue;
        const auto gates = static_cast<int64_t>(kind.order.size());
        Tensor rows = select(all, 0, reverse ? 1 : 0);
        if (letter == 'B')
          rows = slice(rows, 0, part[5] == 'i' ? 0 : rows.size(0) / 2, rows.size(0) / 2);
        const int64_t hidden = rows.size(0) / gates;
        Tensors ordered;
        for (int64_t g : kind.order) ordered.push_back(slice(rows, 0, g * hidden, hidden));
        return contiguous(cat(ordered, 0));
      }
    }
    return {};
  }

  std::map<std::string, Tensor> by_name_;
  std::set<std::string> multiplied_;
};

}  // namespace

NamedTensors weights_for(const Imported& file, const NamedTensors& own) {
  const Sources sources(file);
  NamedTensors found;
  for (const auto& [name, value] : own)
    if (Tensor t = sources.of(name, value.shape()); t.defined())
      found.emplace_back(name, std::move(t));
  return found;
}

}  // namespace cairn::onnx
