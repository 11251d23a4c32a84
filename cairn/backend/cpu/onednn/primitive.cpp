#include "cairn/backend/cpu/onednn/primitive.h"

#include <omp.h>

#include "cairn/base/error.h"

namespace cairn::cpu::onednn {
namespace {

using Tag = dnnl::memory::format_tag;

Dims dims_of(const TensorDesc& desc, int64_t groups) {
  Dims dims;
  if (groups > 1) dims = {groups, desc.shape[0] / groups};
  for (int d = groups > 1 ? 1 : 0; d < desc.shape.ssize(); ++d) dims.push_back(desc.shape[d]);
  return dims;
}

Tag tag_of(const Layout& layout, int spatial, bool grouped) {
  const int i = spatial - 1, wide = layout.block == 16;
  static constexpr Tag kChannels[2][3] = {{Tag::nCw8c, Tag::nChw8c, Tag::nCdhw8c},
                                          {Tag::nCw16c, Tag::nChw16c, Tag::nCdhw16c}};
  static constexpr Tag kIo[2][2][3] = {{{Tag::OIw8i8o, Tag::OIhw8i8o, Tag::OIdhw8i8o},
                                        {Tag::OIw16i16o, Tag::OIhw16i16o, Tag::OIdhw16i16o}},
                                       {{Tag::gOIw8i8o, Tag::gOIhw8i8o, Tag::gOIdhw8i8o},
                                        {Tag::gOIw16i16o, Tag::gOIhw16i16o, Tag::gOIdhw16i16o}}};
  static constexpr Tag kOi[2][2][3] = {{{Tag::OIw8o8i, Tag::OIhw8o8i, Tag::OIdhw8o8i},
                                        {Tag::OIw16o16i, Tag::OIhw16o16i, Tag::OIdhw16o16i}},
                                       {{Tag::gOIw8o8i, Tag::gOIhw8o8i, Tag::gOIdhw8o8i},
                                        {Tag::gOIw16o16i, Tag::gOIhw16o16i, Tag::gOIdhw16o16i}}};
  switch (layout.kind) {
    case LayoutKind::channel_block: return kChannels[wide][i];
    case LayoutKind::weight_io: return kIo[grouped][wide][i];
    case LayoutKind::weight_oi: return kOi[grouped][wide][i];
    case LayoutKind::strided:
    case LayoutKind::packed: break;
  }
  return Tag::undef;
}

}  // namespace

const dnnl::engine& engine() {
  static const dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}
dnnl::stream& stream() {
  thread_local dnnl::stream instance(engine());
  return instance;
}

dnnl::memory::data_type type_of(DType dtype) {
  using Type = dnnl::memory::data_type;
  switch (dtype) {
    case DType::f32: return Type::f32;
    case DType::bf16: return Type::bf16;
    case DType::f16: return Type::f16;
    case DType::i32: return Type::s32;
    case DType::i8: return Type::s8;
    case DType::u8: return Type::u8;
    default: fail("oneDNN has no type {}", name_of(dtype));
  }
}

MemoryDesc describe(const TensorDesc& desc, int64_t groups) {
  const Dims dims = dims_of(desc, groups);
  if (desc.layout.blocked())
    return MemoryDesc(dims, type_of(desc.dtype),
                      tag_of(desc.layout, desc.shape.ssize() - 2, groups > 1));
  Dims strides;
  if (groups > 1) strides = {desc.layout.strides[0] * dims[1], desc.layout.strides[0]};
  for (int d = groups > 1 ? 1 : 0; d < desc.shape.ssize(); ++d)
    strides.push_back(desc.layout.strides[d]);
  return MemoryDesc(dims, type_of(desc.dtype), strides);
}
MemoryDesc any_layout(const TensorDesc& desc, int64_t groups) {
  return MemoryDesc(dims_of(desc, groups), type_of(desc.dtype), Tag::any);
}

ThreadScope::ThreadScope(int threads) : saved_(omp_get_max_threads()) {
#ifdef CAIRN_STD_THREADS
  threads = 1;  // the thread sanitizer sees neither libgomp's barriers nor oneDNN's code
#endif
  if (saved_ != threads) omp_set_num_threads(threads);
}
ThreadScope::~ThreadScope() { omp_set_num_threads(saved_); }

void Primitive::add(int argument, const MemoryDesc& md) {
  arguments_.insert_or_assign(argument, dnnl::memory(md, engine(), DNNL_MEMORY_NONE));
  bound_[argument] = nullptr;
}
void Primitive::bind(int argument, const void* data) {
  const auto bound = bound_.find(argument);
  if (bound == bound_.end() || bound->second == data) return;
  arguments_.at(argument).set_data_handle(const_cast<void*>(data));
  bound->second = data;
}
// As dnnl::primitive::execute, which takes a list from the heap in each call.
void Primitive::run() {
  SmallVector<dnnl_exec_arg_t, 8> list;
  for (const auto& [number, memory] : arguments_) list.push_back({number, memory.get()});
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive_.get(), stream().get(), list.ssize(), list.data()),
      "could not execute a primitive");
}

Primitive make_reorder(const MemoryDesc& from, const MemoryDesc& to) {
  const dnnl::reorder::primitive_desc pd(engine(), from, engine(), to, user_scratchpad());
  Primitive reorder(pd);
  reorder.add(DNNL_ARG_FROM, from);
  reorder.add(DNNL_ARG_TO, to);
  return reorder;
}

}  // namespace cairn::cpu::onednn
