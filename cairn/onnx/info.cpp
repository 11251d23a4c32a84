#include "cairn/onnx/info.h"

#include <map>

#include "cairn/onnx/file.h"
#include "cairn/onnx/node_call.h"
#include "onnx.pb.h"

namespace cairn::onnx {
namespace {

std::string type_in_words(int32_t element) {
  try {
    return name_of(dtype_of_element(element, ""));
  } catch (const Error&) { return fmt::format("of ONNX's type {}, which is not read", element); }
}

std::string in_words(const onnx_proto::ValueInfoProto& value) {
  std::string sizes;
  for (const auto& d : value.type().tensor_type().shape().dim())
    sizes += (sizes.empty() ? "" : ", ") + (d.dim_value() > 0       ? std::to_string(d.dim_value())
                                            : d.dim_param().empty() ? "?"
                                                                    : d.dim_param());
  return fmt::format("{} [{}]", type_in_words(value.type().tensor_type().elem_type()), sizes);
}

}  // namespace

io::FileInfo inspect_model(const std::string& path) {
  const ModelFile file = read_model_file(path);
  const auto& model = file.model();
  io::FileInfo info{path, io::FileKind::onnx, false, io::MappedFile(path).bytes().size(), {}, {}};
  const auto fact = [&](const std::string& name, const std::string& text) {
    info.facts.emplace_back(name, text);
  };
  fact("IR", std::to_string(model.ir_version()));
  for (const auto& o : model.opset_import())
    fact("opset" + (o.domain().empty() ? "" : " of " + o.domain()), std::to_string(o.version()));
  if (!model.producer_name().empty())
    fact("by", model.producer_name() +
                   (model.producer_version().empty() ? "" : " " + model.producer_version()));
  std::map<std::string, int64_t> weights, ops;
  for (const auto& t : model.graph().initializer()) ++weights[t.name()];
  for (const auto& in : model.graph().input())
    if (!weights.count(in.name())) fact("takes " + in.name(), in_words(in));
  for (const auto& out : model.graph().output()) fact("gives " + out.name(), in_words(out));
  std::string counts, missing;
  for (const auto& n : model.graph().node()) ++ops[n.op_type()];
  for (const auto& [op, count] : ops) {
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", op, count);
    if (!find_op(op)) missing += (missing.empty() ? "" : ", ") + op;
  }
  fact("nodes", counts);
  if (!missing.empty()) fact("not read here", missing);
  for (const auto& entry : model.metadata_props()) fact("metadata " + entry.key(), entry.value());
  info.table.push_back({"name", "dtype", "shape", "elements"});
  int64_t elements = 0;
  for (const auto& t : model.graph().initializer()) {
    const Shape shape(t.dims().begin(), t.dims().end());
    const auto count = io::checked_bytes(shape, DType::u8);
    check(count.has_value(), "'{}': tensor '{}': there is no tensor of {}", path, t.name(),
          to_string(shape));
    elements += static_cast<int64_t>(*count);
    info.table.push_back(
        {t.name(), type_in_words(t.data_type()), to_string(shape), std::to_string(*count)});
  }
  fact("elements", std::to_string(elements));
  return info;
}

}  // namespace cairn::onnx
