#include "cairn/onnx/export.h"

#include "cairn/base/version.h"
#include "cairn/onnx/writer.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "onnx.pb.h"

namespace cairn::onnx {

std::string to_onnx(const Function& function, const ExportOptions& options) {
  const NoGrad no_grad;
  onnx_proto::ModelProto model;
  model.set_ir_version(kIr);
  model.set_producer_name("cairn");
  model.set_producer_version(kVersion);
  model.add_opset_import()->set_version(kOpset);
  model.mutable_graph()->set_name(options.name);
  for (const auto& [key, value] : options.metadata) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key), entry.set_value(value);
  }
  Writer(function, *model.mutable_graph()).write();
  constexpr size_t kMost = (size_t{1} << 31) - 1;
  check(model.ByteSizeLong() <= kMost,
        "export: the model would be a file of {} bytes; protobuf, which ONNX is made of, "
        "ends at 2 GB",
        model.ByteSizeLong());
  return model.SerializeAsString();
}

}  // namespace cairn::onnx
