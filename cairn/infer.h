// Runs trained models from C++: opens a run, reads files as the training did, and computes on
// memory of the caller's choice. Header only, over the C interface of cairn::infer (infer_c.h),
// which says what threads may do.
//
//   const cairn::infer::Model model("runs/digits");
//   cairn::infer::Context context(model);
//   context.read(model.read("picture.png"));
//   context.run();
//   std::span<const float> p = context.output<float>(0);
#pragma once
#include <cairn/infer_c.h>

#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace cairn::infer {

// What the library could not do, with its reason.
class Error : public std::runtime_error {
 public:
  explicit Error(cairn_status status) : std::runtime_error(cairn_last_error()), status(status) {}
  cairn_status status;
};
inline void must(cairn_status status) {
  if (status != CAIRN_OK) throw Error(status);
}

using TensorInfo = cairn_tensor_info;

// 64-byte aligned bytes.
class Memory {
 public:
  explicit Memory(size_t bytes)
      : data_(::operator new(bytes, std::align_val_t(64))), bytes_(bytes) {}
  void* data() const { return data_.get(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(void* p) const { ::operator delete(p, std::align_val_t(64)); }
  };
  std::unique_ptr<void, Free> data_;
  size_t bytes_;
};

// What a file became: the inputs of a model.
class Batch {
 public:
  explicit Batch(cairn_batch* handle) : handle_(handle) {}
  TensorInfo info(size_t index) const { return tensor(index).first; }
  const void* data(size_t index) const { return tensor(index).second; }

 private:
  std::pair<TensorInfo, const void*> tensor(size_t index) const {
    TensorInfo info;
    const void* data;
    must(cairn_batch_tensor(handle_.get(), index, &info, &data));
    return {info, data};
  }
  struct Free {
    void operator()(cairn_batch* p) const { cairn_batch_free(p); }
  };
  std::unique_ptr<cairn_batch, Free> handle_;
};

// A trained model, shared by all threads.
class Model {
 public:
  // A run folder, or the model.safetensors of one. Throws Error.
  explicit Model(const std::string& path) {
    cairn_model* opened;
    must(cairn_model_open(path.c_str(), &opened));
    handle_.reset(opened, cairn_model_close);
  }
  std::string task() const { return cairn_model_task(handle()); }
  size_t inputs() const { return cairn_model_inputs(handle()); }
  size_t outputs() const { return cairn_model_outputs(handle()); }
  TensorInfo input(size_t index) const {
    TensorInfo info;
    must(cairn_model_input(handle(), index, &info));
    return info;
  }
  std::vector<std::string> labels() const {
    std::vector<std::string> names;
    for (size_t i = 0; i < cairn_model_labels(handle()); ++i)
      names.emplace_back(cairn_model_label(handle(), i));
    return names;
  }
  Batch read(const std::string& file) const {
    cairn_batch* batch;
    must(cairn_model_read(handle(), file.c_str(), &batch));
    return Batch(batch);
  }
  cairn_model* handle() const { return handle_.get(); }

 private:
  std::shared_ptr<cairn_model> handle_;
};

struct ContextOptions {
  int64_t batch = 1, length = 1;  // length: of models that take sequences
  int threads = 1;                // 1: the calling thread; 0: all processors
};

// Computes for one size, in one thread at a time. Works in memory of its own, or in what is lent.
class Context {
 public:
  explicit Context(const Model& model, const ContextOptions& options = {}) {
    cairn_context* made;
    must(cairn_context_new(model.handle(), options.batch, options.length, options.threads, &made));
    handle_.reset(made);
    for (size_t i = 0; i < model.inputs(); ++i) inputs_.emplace_back(input_info(i).bytes);
    for (size_t i = 0; i < model.outputs(); ++i) outputs_.emplace_back(output_info(i).bytes);
  }
  size_t memory() const { return cairn_context_memory(handle_.get()); }
  void lend(void* memory, size_t bytes) {
    must(cairn_context_lend(handle_.get(), memory, bytes));
    lent_ = true;
  }
  TensorInfo input_info(size_t index) const { return info(cairn_context_input, index); }
  TensorInfo output_info(size_t index) const { return info(cairn_context_output, index); }

  // The inputs and outputs of run(), in memory of the context's.
  template <class T>
  std::span<T> input(size_t index) {
    return {static_cast<T*>(inputs_[index].data()), inputs_[index].bytes() / sizeof(T)};
  }
  template <class T>
  std::span<const T> output(size_t index) const {
    return {static_cast<const T*>(outputs_[index].data()), outputs_[index].bytes() / sizeof(T)};
  }
  // Copies what a file became; throws std::invalid_argument when it is of other sizes.
  void read(const Batch& batch) {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (batch.info(i).bytes != inputs_[i].bytes())
        throw std::invalid_argument("the file is of other sizes than the context");
      std::memcpy(inputs_[i].data(), batch.data(i), inputs_[i].bytes());
    }
  }
  void run() {
    std::vector<const void*> in;
    std::vector<void*> out;
    for (const Memory& m : inputs_) in.push_back(m.data());
    for (const Memory& m : outputs_) out.push_back(m.data());
    run(in.data(), out.data());
  }
  // On memory of the caller's: info.bytes each.
  void run(const void* const* inputs, void* const* outputs) {
    if (!lent_) {
      own_ = std::make_unique<Memory>(memory());
      lend(own_->data(), own_->bytes());
    }
    must(cairn_context_run(handle_.get(), inputs, outputs));
  }

 private:
  TensorInfo info(cairn_status (*ask)(const cairn_context*, size_t, TensorInfo*),
                  size_t index) const {
    TensorInfo info;
    must(ask(handle_.get(), index, &info));
    return info;
  }
  struct Free {
    void operator()(cairn_context* p) const { cairn_context_free(p); }
  };
  std::unique_ptr<Memory> own_;
  std::unique_ptr<cairn_context, Free> handle_;
  std::vector<Memory> inputs_, outputs_;
  bool lent_ = false;
};

}  // namespace cairn::infer
