#include "cairn/tensor/layout.h"

#include "cairn/base/error.h"
#include "cairn/base/hash.h"
#include "cairn/base/round.h"

namespace cairn {
namespace {

int64_t blocks(int64_t size, int block) { return ceil_div(size, block); }

Shape physical_dims(const Shape& shape, const Layout& layout) {
  Shape dims = shape;
  if (layout.kind == LayoutKind::strided) return dims;
  dims[1] = blocks(dims[1], layout.block);
  if (layout.kind != LayoutKind::channel_block) {
    dims[0] = blocks(dims[0], layout.block);
    dims.push_back(layout.block);
  }
  dims.push_back(layout.block);
  return dims;
}

}  // namespace

Layout Layout::contiguous(const Shape& shape) {
  return {LayoutKind::strided, 0, contiguous_strides(shape), 0};
}
Layout Layout::packed_in(size_t bytes, const Ints& form) {
  Ints all = {static_cast<int64_t>(bytes)};
  for (int64_t number : form) all.push_back(number);
  return {LayoutKind::packed, 0, all, 0};
}

TensorDesc::TensorDesc(DType dtype, Shape shape_in)
    : dtype(dtype), shape(std::move(shape_in)), layout(Layout::contiguous(shape)) {}
TensorDesc::TensorDesc(DType dtype, Shape shape, Layout layout)
    : dtype(dtype), shape(std::move(shape)), layout(std::move(layout)) {}

bool TensorDesc::contiguous() const {
  if (layout.blocked() || layout.offset != 0) return false;
  int64_t expected = 1;
  for (int d = shape.ssize() - 1; d >= 0; --d) {
    if (shape[d] != 1 && layout.strides[d] != expected) return false;
    expected *= shape[d];
  }
  return true;
}

size_t TensorDesc::bytes() const {
  if (layout.packed()) return static_cast<size_t>(layout.strides[0]);
  if (layout.blocked())
    return static_cast<size_t>(numel(physical_dims(shape, layout))) * size_of(dtype);
  int64_t last = layout.offset;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0) return 0;
    last += std::max<int64_t>(0, layout.strides[d]) * (shape[d] - 1);
  }
  return static_cast<size_t>(last + 1) * size_of(dtype);
}

uint64_t TensorDesc::hash(uint64_t seed) const {
  seed = hash_mix(seed, static_cast<uint64_t>(dtype) | static_cast<uint64_t>(layout.kind) << 8 |
                            static_cast<uint64_t>(layout.block) << 16 | shape.size() << 32);
  for (int64_t size : shape) seed = hash_mix(seed, static_cast<uint64_t>(size));
  for (int64_t stride : layout.strides) seed = hash_mix(seed, static_cast<uint64_t>(stride));
  return hash_mix(seed, static_cast<uint64_t>(layout.offset));
}

Physical physical_of(const TensorDesc& desc) {
  if (!desc.layout.blocked()) return {desc.shape, desc.layout.strides};
  check(!desc.layout.packed(),
        "a packed tensor has no strides; only the kernel it is for reads it");
  const Shape dims = physical_dims(desc.shape, desc.layout);
  return {dims, contiguous_strides(dims)};
}

std::string to_string(const TensorDesc& desc) {
  std::string text = std::string(name_of(desc.dtype)) + to_string(desc.shape);
  switch (desc.layout.kind) {
    case LayoutKind::strided:
      return desc.contiguous() ? text : text + " strides " + to_string(desc.layout.strides);
    case LayoutKind::channel_block: return text + fmt::format(" nC{}c", desc.layout.block);
    case LayoutKind::weight_io: return text + fmt::format(" OI{0}i{0}o", desc.layout.block);
    case LayoutKind::weight_oi: return text + fmt::format(" OI{0}o{0}i", desc.layout.block);
    case LayoutKind::packed: return text + " packed " + to_string(desc.layout.strides);
  }
  return text;
}

}  // namespace cairn
