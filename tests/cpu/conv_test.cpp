#include "compare.h"
#include "tests/targets.h"

namespace cairn::test {
namespace {

struct Conv {
  Shape x, w;
  Ints stride, pads, dilation;
  int64_t groups = 1;
};

Attrs geometry(const Conv& c) {
  return {{"stride", c.stride}, {"pads", c.pads}, {"dilation", c.dilation}, {"groups", c.groups}};
}
Shape output_of(const Conv& c) {
  TensorDesc x = f32(c.x), w = f32(c.w), y;
  const Attrs attrs = geometry(c);
  OpCall call{&op_named("conv"), &attrs, {}, {}};
  call.inputs.push_back(&x), call.inputs.push_back(&w), call.outputs.push_back(&y);
  call.op->infer(call);
  return y.shape;
}

// The three ops of a convolution, plain and in the layouts that the back end prefers.
void compare_all(const Conv& c, double tolerance = 1e-5, DType dtype = DType::f32) {
  const Shape y = output_of(c);
  for (const char* op : {"conv", "conv_grad_input", "conv_grad_weight"}) {
    Attrs attrs = geometry(c);
    if (std::string(op) == "conv_grad_input")
      attrs.set("spatial", Ints(c.x.begin() + 2, c.x.end()));
    if (std::string(op) == "conv_grad_weight")
      attrs.set("kernel", Ints(c.w.begin() + 2, c.w.end()));
    std::vector<TensorDesc> inputs = {of(dtype, c.x), of(dtype, c.w)};
    if (std::string(op) == "conv_grad_input") inputs[0] = of(dtype, y);
    if (std::string(op) == "conv_grad_weight") inputs[1] = of(dtype, y);
    compare({op, attrs, inputs, tolerance});

    std::vector<TensorDesc> preferred = inputs, outputs(1);
    OpCall call{&op_named(op), &attrs, {}, {}};
    for (auto& d : preferred) call.inputs.push_back(&d);
    call.outputs.push_back(&outputs[0]);
    call.op->infer(call);
    if (!backend_named("cpu").preferred_layouts(call)) continue;
    const Layout layout = outputs[0].layout;
    compare({op, attrs, preferred, tolerance, anything,
             [layout](OpCall& made) { made.outputs[0]->layout = layout; }});
  }
}

TEST(Conv, DirectShapes) {
  setenv("CAIRN_CONV", "direct", 1);
  compare_all({{2, 16, 9, 7}, {24, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}});
  compare_all({{2, 3, 9, 7}, {16, 3, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}});    // picture
  compare_all({{2, 13, 6, 5}, {11, 13, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}});  // ragged channels
  compare_all({{1, 16, 8, 8}, {16, 16, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}});  // 1x1
  compare_all({{2, 16, 8, 8}, {32, 16, 1, 1}, {2, 2}, {0, 0, 0, 0}, {1, 1}});
  compare_all(
      {{2, 8, 9, 9}, {8, 8, 3, 2}, {2, 1}, {0, 1, 2, 0}, {2, 1}});  // uneven padding, dilation
  compare_all({{2, 16, 7, 7}, {16, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 16});  // depthwise
  compare_all({{2, 32, 7, 7}, {16, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 2});  // groups
  compare_all({{2, 12, 7, 7}, {6, 6, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 2});
  compare_all({{2, 8, 21}, {16, 8, 5}, {2}, {2, 2}, {1}});  // 1-d
  compare_all({{2, 5, 21}, {7, 5, 3}, {1}, {4, 0}, {2}});   // causal
  compare_all({{1, 8, 4, 5, 6}, {8, 8, 3, 3, 3}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}});
  compare_all({{1, 3, 4, 5, 6}, {8, 3, 2, 2, 2}, {2, 2, 2}, {0, 0, 0, 0, 0, 0}, {1, 1, 1}});
  compare_all({{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}});
  compare_all({{0, 8, 5, 5}, {8, 8, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}});  // empty batch
  compare_all({{2, 16, 5, 5}, {16, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}}, 3e-2, DType::bf16);
  unsetenv("CAIRN_CONV");
}

// Taps that only ever meet padding have a gradient of zero, whatever was in memory.
TEST(Conv, Bf16GradientsOfTapsThatMissTheImage) {
  const auto check = [](const Conv& c) { compare_all(c, 3e-2, DType::bf16); };
  for (const int64_t size : {1, 2, 3})
    for (const int64_t stride : {1, 2, 3})
      for (const int64_t kernel : {2, 3, 4, 5, 7})
        for (const int64_t dilation : {1, 2}) {
          const int64_t pad = dilation * (kernel - 1) / 2 + (kernel % 2 == 0);
          if (size + 2 * pad < dilation * (kernel - 1) + 1) continue;
          check({{2, 16, size, size},
                 {16, 16, kernel, kernel},
                 {stride, stride},
                 {pad, pad, pad, pad},
                 {dilation, dilation}});
        }
  check({{2, 16, 1, 4}, {32, 16, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}});
  check({{2, 5, 4, 1}, {7, 5, 3, 5}, {1, 2}, {1, 1, 2, 2}, {1, 1}});
  check({{2, 16, 1}, {16, 16, 5}, {2}, {2, 2}, {1}});
  check({{1, 16, 1, 2, 1}, {16, 16, 3, 3, 3}, {2, 2, 2}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}});
}
TEST(Conv, Bf16Winograd) {
  setenv("CAIRN_CONV", "f4", 1);
  for (const Shape& x : {Shape{2, 32, 8, 8}, Shape{3, 20, 7, 9}, Shape{1, 48, 14, 5}})
    compare_all({x, {40, x[1], 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}}, 3e-2, DType::bf16);
  setenv("CAIRN_CONV", "auto", 1);
  compare_all({{4, 32, 16, 16}, {32, 32, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}}, 3e-2, DType::bf16);
}
// Where the processor has AMX; elsewhere what is next in line.
TEST(Conv, Bf16Lines) {
  setenv("CAIRN_CONV", "lines", 1);
  compare_all({{3, 20, 7, 9}, {40, 20, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}}, 1e-2, DType::bf16);
  compare_all({{2, 33, 9, 8}, {17, 33, 3, 5}, {2, 1}, {1, 1, 0, 2}, {1, 2}}, 1e-2, DType::bf16);
  compare_all({{2, 48, 11}, {16, 48, 3}, {1}, {2, 0}, {1}}, 1e-2, DType::bf16);
  compare_all({{1, 16, 4, 5, 6}, {32, 16, 3, 2, 3}, {1, 2, 2}, {1, 1, 0, 1, 1, 1}, {1, 1, 1}}, 1e-2,
              DType::bf16);
  unsetenv("CAIRN_CONV");
}
TEST(Conv, Winograd) {
  for (const char* choice : {"f2", "f4"}) {
    setenv("CAIRN_CONV", choice, 1);
    compare_all({{1, 16, 9, 7}, {17, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}}, 5e-5);
    compare_all({{1, 13, 6, 10}, {11, 13, 3, 3}, {1, 1}, {0, 2, 1, 0}, {1, 1}}, 5e-5);
    compare_all({{1, 3, 3, 5, 6}, {8, 3, 3, 3, 3}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}}, 5e-5);
  }
  compare_all({{2, 13, 8, 10}, {9, 13, 4, 4}, {2, 2}, {1, 1, 1, 1}, {1, 1}},
              5e-5);  // phases of stride 2
  compare_all({{1, 8, 6, 6}, {8, 8, 4, 4}, {2, 2}, {2, 0, 0, 0}, {1, 1}}, 5e-5);
  compare_all({{1, 8, 7, 6}, {8, 8, 4, 4}, {2, 2}, {1, 1, 1, 1}, {1, 1}}, 5e-5);  // odd: direct
  setenv("CAIRN_CONV", "auto", 1);
  compare_all({{1, 16, 12, 12}, {16, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}}, 5e-5);
  setenv("CAIRN_CONV", "f8", 1);
  EXPECT_THROW(compare_all({{1, 16, 8, 8}, {16, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}}), Error);
  unsetenv("CAIRN_CONV");
}

// Pictures and sound: the weight's gradient has a kernel of its own.
TEST(Conv, FewChannels) {
  compare_all({{5, 1, 28, 28}, {32, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}});
  compare_all(
      {{2, 3, 15, 17}, {20, 3, 7, 7}, {2, 2}, {3, 3, 3, 3}, {1, 1}});  // an odd number of blocks
  compare_all(
      {{1, 4, 6, 9}, {5, 4, 2, 3}, {1, 2}, {0, 3, 4, 0}, {2, 1}});  // uneven padding, dilation
  compare_all(
      {{2, 2, 3, 450}, {9, 2, 2, 5}, {1, 1}, {0, 0, 2, 2}, {1, 1}});  // rows of several blocks
  compare_all({{2, 1, 1000}, {16, 1, 80}, {4}, {38, 38}, {1}});       // sound
  compare_all({{2, 3, 5, 7, 6}, {8, 3, 3, 3, 3}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}});
  compare_all({{1, 3, 4, 4}, {1, 3, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}});
  compare_all(
      {{1, 1, 2, 2}, {8, 1, 2, 2}, {1, 1}, {7, 0, 0, 7}, {1, 1}});  // more padding than picture
  compare_all({{2, 3, 8, 8}, {16, 3, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}}, 3e-2, DType::bf16);
}

// What a generator draws, the gradient of a picture, a last layer: few channels of the result.
TEST(Conv, FewChannelsOfTheResult) {
  for_each_target([] {
    std::mt19937 random(12);
    const auto draw = [&](int64_t low, int64_t high) {
      return std::uniform_int_distribution<int64_t>(low, high)(random);
    };
    for (int i = 0; i < 24; ++i) {
      Conv c;
      const bool forward = i % 3 == 2;  // of step 1 to few channels, else from few
      const int64_t few = draw(1, 4), many = draw(16, 50);
      c.x = {draw(1, 5), forward ? many : few};
      c.w = {forward ? few : many, forward ? many : few};
      for (int64_t d = draw(1, 2); d > 0; --d) {
        const bool across = d == 1;
        const int64_t kernel = draw(1, 9), dilation = across ? 1 : draw(1, 2),
                      span = (kernel - 1) * dilation;
        const int64_t before = draw(0, span), after = draw(0, span);
        c.x.push_back(draw(std::max<int64_t>(1, span + 1 - before - after), 20));
        c.w.push_back(kernel), c.dilation.push_back(dilation);
        c.stride.push_back(forward ? 1 : draw(1, 4));
        c.pads.push_back(before), c.pads.push_back(after);
      }
      compare_all(c, 2e-5);
    }
    compare_all({{1, 3, 50, 40}, {64, 3, 7, 7}, {2, 2}, {0, 0, 0, 0}, {1, 1}}, 2e-5);
    compare_all({{1, 16, 20, 60}, {3, 16, 9, 9}, {1, 1}, {4, 4, 4, 4}, {1, 1}}, 2e-5);
    compare_all({{5, 1, 14, 14}, {64, 1, 4, 4}, {2, 2}, {1, 1, 1, 1}, {1, 1}}, 2e-5);
    compare_all({{1, 3, 5, 5}, {600, 3, 4, 4}, {2, 2}, {1, 1, 1, 1}, {1, 1}}, 2e-5);
  });
}

// Many weights for few pixels: products of the weight as it lies, of one to three dimensions.
TEST(Conv, FewPixels) {
  for_each_target([] {
    compare_all({{1, 64, 8, 8}, {65, 64, 4, 4}, {2, 2}, {1, 1, 1, 1}, {1, 1}}, 2e-5);
    compare_all({{2, 128, 2, 2}, {100, 128, 4, 4}, {2, 2}, {1, 1, 1, 1}, {1, 1}}, 2e-5);
    compare_all({{1, 90, 7, 9}, {90, 90, 3, 3}, {1, 2}, {0, 2, 1, 3}, {2, 1}}, 2e-5);
    compare_all({{2, 120, 11}, {100, 120, 6}, {2}, {3, 1}, {1}}, 2e-5);
    compare_all({{1, 80, 3, 4, 2}, {40, 80, 3, 3, 3}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}},
                2e-5);
  });
}

// Cairn's own kernels in place of the library's, over generated convolutions of one to three
// dimensions.
TEST(Conv, OwnKernels) {
  setenv("CAIRN_CONV", "gemm", 1);
  for_each_target([] {
    std::mt19937 random(11);
    const auto draw = [&](int64_t low, int64_t high) {
      return std::uniform_int_distribution<int64_t>(low, high)(random);
    };
    for (int i = 0; i < 40; ++i) {
      Conv c;
      const bool depthwise = i % 5 == 4;
      if (i % 5 >= 3) c.groups = draw(2, depthwise ? 40 : 6);
      const int64_t ins = depthwise ? 1 : draw(1, 20), outs = depthwise ? 1 : draw(1, 40);
      c.x = {draw(1, 3), c.groups * ins}, c.w = {c.groups * outs, ins};
      for (int64_t d = draw(1, 3); d > 0; --d) {
        const int64_t kernel = draw(1, 4), dilation = draw(1, 3), span = (kernel - 1) * dilation;
        const int64_t before = draw(0, span), after = draw(0, span);
        c.x.push_back(draw(std::max<int64_t>(1, span + 1 - before - after), 9));
        c.w.push_back(kernel), c.dilation.push_back(dilation), c.stride.push_back(draw(1, 3));
        c.pads.push_back(before), c.pads.push_back(after);
      }
      compare_all(c, 2e-5);
    }
    compare_all({{2, 40, 9, 7}, {70, 40, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}});
    compare_all({{2, 33, 11, 12}, {34, 33, 1, 1}, {2, 2}, {0, 0, 0, 0}, {1, 1}});
    compare_all({{1, 600, 3, 3}, {20, 600, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}});
    compare_all({{1, 20, 3, 3}, {300, 20, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}});
    compare_all({{1, 24, 20, 19}, {24, 1, 7, 7}, {2, 2}, {3, 3, 3, 3}, {1, 1}, 24});
    compare_all({{20, 9, 2, 2}, {9, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 9});
    compare_all({{2, 8, 700}, {5, 8, 12}, {4}, {4, 4}, {1}});
    compare_all({{2, 12, 7, 7}, {24, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 12});
    compare_all({{2, 16, 5, 5}, {24, 16, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}}, 3e-2, DType::bf16);
  });
  unsetenv("CAIRN_CONV");
}

TEST(Reorder, BetweenAllLayouts) {
  for (DType t : {DType::f32, DType::bf16, DType::f16, DType::i32, DType::boolean, DType::i64})
    for (Shape shape : {Shape{2, 13, 3, 5}, Shape{16, 8, 3, 3}, Shape{2, 5, 4},
                        Shape{1, 9, 2, 2, 2}, Shape{0, 8, 2, 2}})
      for (int block : {8, 16})
        for (LayoutKind kind :
             {LayoutKind::channel_block, LayoutKind::weight_io, LayoutKind::weight_oi}) {
          const Attrs to_blocked = {{"kind", static_cast<int64_t>(kind)},
                                    {"block", int64_t{block}}};
          const Attrs to_plain = {{"kind", int64_t{0}}, {"block", int64_t{0}}};
          const Fill fill = [](int, std::mt19937& r) { return static_cast<double>(r() % 100); };
          compare({"reorder", to_blocked, {of(t, shape)}, 0, fill});
          compare({"reorder", to_plain, {blocked(shape, block, t, kind)}, 0, fill});
          if (kind == LayoutKind::channel_block)
            compare({"reorder", to_blocked, {blocked(shape, 24 - block, t, kind)}, 0, fill});
          if (kind != LayoutKind::channel_block) {
            const auto other =
                kind == LayoutKind::weight_io ? LayoutKind::weight_oi : LayoutKind::weight_io;
            compare({"reorder", to_blocked, {blocked(shape, block, t, other)}, 0, fill});
          }
        }
}

// Slices of channels, pictures whose channels lie last, transposed pictures, and one that is
// repeated.
TEST(Reorder, FromStrides) {
  const Fill fill = [](int, std::mt19937& r) { return static_cast<double>(r() % 100); };
  for (DType t : {DType::f32, DType::bf16, DType::i32, DType::i64})
    for (int block : {8, 16})
      for (int64_t channels : {16, 13, 3}) {
        const Attrs to_blocked = {{"kind", static_cast<int64_t>(LayoutKind::channel_block)},
                                  {"block", int64_t{block}}};
        const Shape shape = {2, channels, 6, 5};
        for (const Ints& strides :
             {Ints{40 * 30, 30, 5, 1}, Ints{30 * channels, 1, 5 * channels, channels},
              Ints{30 * channels, 30, 1, 6}, Ints{60 * channels, 60, 10, 2}, Ints{30, 0, 5, 1},
              Ints{0, 30, 5, 1}})
          compare({"reorder", to_blocked, {strided(shape, strides, 7, t)}, 0, fill});
      }
}

}  // namespace
}  // namespace cairn::test
