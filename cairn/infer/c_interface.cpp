// The C interface: no exception leaves it.
#include <new>

#include "cairn/base/version.h"
#include "cairn/infer/context.h"
#include "cairn/infer_c.h"
#include "cairn/ops/functions.h"

struct cairn_model {
  std::shared_ptr<cairn::infer::Opened> opened;
};
struct cairn_context {
  cairn::infer::Context context;
};
struct cairn_batch {
  std::shared_ptr<cairn::infer::Opened> opened;
  cairn::Tensors tensors;
};

namespace {

using namespace cairn;

thread_local std::string last_error;

cairn_status failed(cairn_status status, const char* message) noexcept {
  try {
    last_error = message;
  } catch (...) { last_error.clear(); }
  return status;
}

struct WrongArgument : std::runtime_error {
  using std::runtime_error::runtime_error;
};
void want(bool ok, const char* message) {
  if (!ok) throw WrongArgument(message);
}

template <class F>
cairn_status guarded(const F& body) noexcept {
  try {
    body();
    return CAIRN_OK;
  } catch (const WrongArgument& e) {
    return failed(CAIRN_WRONG_ARGUMENT, e.what());
  } catch (const std::bad_alloc&) {
    return failed(CAIRN_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) { return failed(CAIRN_FAILED, e.what()); } catch (...) {
    return failed(CAIRN_FAILED, "an unknown error");
  }
}

void describe(cairn_tensor_info* info, const std::string& name, DType dtype, const Shape& shape) {
  want(shape.size() <= CAIRN_MOST_DIMENSIONS, "the tensor has more dimensions than a description");
  *info = {name.c_str(), static_cast<cairn_dtype>(dtype), shape.size(), {}, 0};
  bool open = false;
  for (size_t d = 0; d < shape.size(); ++d) info->shape[d] = shape[d], open |= shape[d] < 0;
  if (!open) info->bytes = static_cast<size_t>(numel(shape)) * size_of(dtype);
}

}  // namespace

const char* cairn_version(void) { return cairn::kVersion; }
const char* cairn_last_error(void) { return last_error.c_str(); }

cairn_status cairn_model_open(const char* path, cairn_model** model) {
  return guarded([&] {
    want(path && model, "cairn_model_open: path and model must not be NULL");
    *model = new cairn_model{std::make_shared<infer::Opened>(path)};
  });
}
void cairn_model_close(cairn_model* model) { delete model; }
const char* cairn_model_task(const cairn_model* model) { return model->opened->task.c_str(); }
size_t cairn_model_inputs(const cairn_model* model) { return model->opened->takes.size(); }
size_t cairn_model_outputs(const cairn_model* model) { return model->opened->gives.size(); }
cairn_status cairn_model_input(const cairn_model* model, size_t index, cairn_tensor_info* info) {
  return guarded([&] {
    want(model && info && index < cairn_model_inputs(model), "cairn_model_input: no such input");
    const Port& port = model->opened->takes[index];
    describe(info, port.name, port.dtype, port.shape);
  });
}
size_t cairn_model_labels(const cairn_model* model) { return model->opened->labels.size(); }
const char* cairn_model_label(const cairn_model* model, size_t index) {
  const auto& labels = model->opened->labels;
  return index < labels.size() ? labels[index].c_str() : nullptr;
}

cairn_status cairn_model_read(cairn_model* model, const char* file, cairn_batch** batch) {
  return guarded([&] {
    want(model && file && batch, "cairn_model_read: no argument may be NULL");
    const std::lock_guard turn(model->opened->turn);
    Tensors tensors = model->opened->model->read(file);
    for (Tensor& t : tensors) t = contiguous(t);
    *batch = new cairn_batch{model->opened, std::move(tensors)};
  });
}
cairn_status cairn_batch_tensor(const cairn_batch* batch, size_t index, cairn_tensor_info* info,
                                const void** data) {
  return guarded([&] {
    want(batch && info && data && index < batch->tensors.size(),
         "cairn_batch_tensor: no such tensor");
    const Tensor& t = batch->tensors[index];
    describe(info, batch->opened->takes[index].name, t.dtype(), t.shape());
    *data = t.impl()->buffer->data();
  });
}
void cairn_batch_free(cairn_batch* batch) { delete batch; }

cairn_status cairn_context_new(cairn_model* model, int64_t batch, int64_t length, int threads,
                               cairn_context** context) {
  return guarded([&] {
    want(model && context, "cairn_context_new: model and context must not be NULL");
    want(batch > 0 && length > 0, "cairn_context_new: batch and length must be positive");
    want(threads == 0 || threads == 1, "cairn_context_new: threads must be 0 (all) or 1");
    *context = new cairn_context{infer::Context(model->opened, batch, length, threads)};
  });
}
void cairn_context_free(cairn_context* context) { delete context; }
size_t cairn_context_memory(const cairn_context* context) { return context->context.memory(); }
cairn_status cairn_context_lend(cairn_context* context, void* memory, size_t bytes) {
  return guarded([&] {
    want(context && memory, "cairn_context_lend: no argument may be NULL");
    want(bytes >= context->context.memory(),
         "cairn_context_lend: less than cairn_context_memory() bytes");
    context->context.lend(memory, bytes);
  });
}
cairn_status cairn_context_input(const cairn_context* context, size_t index,
                                 cairn_tensor_info* info) {
  return guarded([&] {
    want(context && info && index < context->context.opened().takes.size(),
         "cairn_context_input: no such input");
    const TensorDesc& d = context->context.input(index);
    describe(info, context->context.opened().takes[index].name, d.dtype, d.shape);
  });
}
cairn_status cairn_context_output(const cairn_context* context, size_t index,
                                  cairn_tensor_info* info) {
  return guarded([&] {
    want(context && info && index < context->context.opened().gives.size(),
         "cairn_context_output: no such output");
    const TensorDesc& d = context->context.output(index);
    describe(info, context->context.opened().gives[index], d.dtype, d.shape);
  });
}
cairn_status cairn_context_run(cairn_context* context, const void* const* inputs,
                               void* const* outputs) {
  return guarded([&] {
    want(context && inputs && outputs, "cairn_context_run: no argument may be NULL");
    for (size_t i = 0; i < context->context.opened().takes.size(); ++i)
      want(inputs[i], "cairn_context_run: an input is NULL");
    for (size_t i = 0; i < context->context.opened().gives.size(); ++i)
      want(outputs[i], "cairn_context_run: an output is NULL");
    context->context.run(inputs, outputs);
  });
}
