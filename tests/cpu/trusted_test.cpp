// The library's kernels that Cairn leaves out are never what a convolution gets, whatever the
// shape.
#include "cairn/backend/cpu/onednn/library.h"
#include "cairn/backend/cpu/onednn/primitive.h"
#include "compare.h"

namespace cairn::test {
namespace {

using namespace cpu::onednn;
using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

struct Problem {
  Dims x, w, y;
  ConvGeometry g;
};

const Problem kProblems[] = {
    {{2, 16, 8, 8}, {32, 16, 3, 3}, {2, 32, 8, 8}, {{1, 1}, {0, 0}, {1, 1}, {1, 1}}},
    {{2, 32, 8, 8}, {16, 32, 1, 1}, {2, 16, 8, 8}, {{1, 1}, {0, 0}, {0, 0}, {0, 0}}},
    {{2, 16, 8, 8},
     {16, 1, 1, 3, 3},
     {2, 16, 8, 8},
     {{1, 1}, {0, 0}, {1, 1}, {1, 1}}},  // depthwise
    {{1, 3, 9, 9}, {16, 3, 3, 3}, {1, 16, 5, 5}, {{2, 2}, {0, 0}, {1, 1}, {1, 1}}},
    {{2, 8, 21}, {16, 8, 5}, {2, 16, 21}, {{1}, {0}, {2}, {2}}},
};

MemoryDesc any(const Dims& dims, Type type) { return MemoryDesc(dims, type, Tag::any); }

TEST(Trusted, KernelsByName) {
  EXPECT_TRUE(is_trusted("jit:avx512_core"));
  EXPECT_TRUE(is_trusted("jit_1x1:avx2"));
  EXPECT_TRUE(is_trusted("x64:gemm:jit"));
  EXPECT_FALSE(is_trusted("brgconv:avx512_core"));
  EXPECT_FALSE(is_trusted("brgconv_1x1:avx512_core_bf16"));
  EXPECT_FALSE(is_trusted("brdgmm_dw:avx512_core"));
}

TEST(Trusted, KernelsOfEveryDirection) {
  for (Type type : {Type::f32, Type::bf16}) {
    if (type == Type::bf16 && !multiplies_bf16()) continue;
    for (const Problem& p : kProblems) {
      const MemoryDesc x = any(p.x, type), w = any(p.w, type), y = any(p.y, type);
      const int64_t channels = p.y[1];
      const MemoryDesc bias({channels}, type, Tag::a);
      dnnl::post_ops ops;
      ops.append_sum(1);
      dnnl::primitive_attr attr = user_scratchpad();
      attr.set_post_ops(ops);
      for (const std::string name :
           {conv_forward(engine(), x, w, y, p.g).impl_info_str(),
            conv_fused(engine(), x, w, bias, y, p.g, attr).impl_info_str(),
            conv_backward_data(engine(), x, w, y, p.g, x, w, y).impl_info_str(),
            conv_backward_weights(engine(), x, w, y, p.g, x, w, y).impl_info_str()})
        EXPECT_TRUE(is_trusted(name))
            << name << " for a weight of " << to_string(Shape(p.w.begin(), p.w.end()));
    }
  }
}

}  // namespace
}  // namespace cairn::test
