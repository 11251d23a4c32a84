// Random region programs against the interpreter. Values are small integers and the functions exact
// on them, so results must agree to the bit, whatever the order of operations.
#include "cairn/backend/cpu/region/region.h"

#include <gtest/gtest.h>

#include <random>

#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "tests/region/region_oracle.h"

namespace cairn::cpu {
namespace {

using testing::Memory;
using testing::Oracle;

struct Maker {
  std::mt19937 rng;
  explicit Maker(uint32_t seed) : rng(seed) {}
  int pick(int n) { return static_cast<int>(rng() % static_cast<uint32_t>(n)); }
  bool chance(int percent) { return pick(100) < percent; }

  Ints dims(int64_t limit) {
    static const int sizes[] = {1, 1, 2, 3, 4, 5, 7, 8, 8, 16, 17, 31, 64, 100, 257, 1030, 3000};
    Ints dims;
    const int rank = pick(6);
    for (int d = 0; d < rank; ++d) {
      const int64_t size = sizes[pick(17)];
      dims.push_back(numel(dims) * size <= limit ? size : 1 + pick(3));
    }
    return dims;
  }
  // Strides of a dense tensor whose dims lie in memory in a random order, sometimes with gaps.
  RegionOperand dense(const Ints& dims) {
    std::vector<int> order(dims.size());
    for (size_t d = 0; d < order.size(); ++d) order[d] = static_cast<int>(d);
    if (chance(30)) std::shuffle(order.begin(), order.end(), rng);
    RegionOperand operand{DType::f32, Ints(dims.size(), 0)};
    int64_t stride = chance(10) ? 2 : 1;
    for (int k = static_cast<int>(order.size()) - 1; k >= 0; --k) {
      operand.strides[order[k]] = stride;
      stride *= dims[order[k]] + (chance(5) ? 3 : 0);
      stride = std::max<int64_t>(stride, 1);
    }
    if (chance(20)) operand.offset = pick(9);
    return operand;
  }
  // The strides of an operand that lacks the dims where `drop` is set.
  RegionOperand dropped(const Ints& dims, const std::vector<bool>& drop) {
    Ints sizes = dims;
    for (size_t d = 0; d < drop.size(); ++d)
      if (drop[d]) sizes[d] = 1;
    RegionOperand operand = dense(sizes);
    for (size_t d = 0; d < drop.size(); ++d)
      if (drop[d]) operand.strides[d] = 0;
    return operand;
  }
  RegionOperand input(const Ints& dims) {
    std::vector<bool> drop(dims.size(), false);
    if (chance(60))
      for (size_t d = 0; d < drop.size(); ++d) drop[d] = chance(50);
    RegionOperand operand = dropped(dims, drop);
    static const DType dtypes[] = {DType::bf16, DType::f16, DType::i8,     DType::u8,
                                   DType::i32,  DType::i64, DType::boolean};
    if (chance(35)) operand.dtype = dtypes[pick(7)];
    return operand;
  }
};

// Values -3..3 everywhere an operand may look.
void fill(Memory& m, std::mt19937& rng) {
  for (int64_t i = m.first; i < m.first + m.count; ++i) {
    const int value = static_cast<int>(rng() % 7) - 3;
    const bool natural = m.dtype == DType::u8 || m.dtype == DType::boolean;
    const double stored = m.dtype == DType::boolean ? value > 0 : natural ? std::abs(value) : value;
    store_element(m.element(i), m.dtype, stored);
  }
}

int random_compute(Maker& make, RegionBuilder& r, const std::vector<int>& known) {
  static const char* one[] = {"neg", "abs", "relu", "sign", "identity"};
  static const char* two[] = {"add", "sub", "maximum", "minimum", "eq", "lt", "mul"};
  const auto any = [&] { return known[make.pick(static_cast<int>(known.size()))]; };
  switch (make.pick(6)) {
    case 0: return r.compute(one[make.pick(5)], any());
    case 1: return r.compute("where", any(), any(), any());
    case 2: return r.compute("clamp", any(), -1, -1, -9, 11);
    default: return r.compute("clamp", r.compute(two[make.pick(7)], any(), any()), -1, -1, -50, 50);
  }
}

RegionProgram random_program(Maker& make, int64_t limit) {
  Ints dims = make.dims(limit);
  const bool empty = make.chance(3) && !dims.empty();
  if (empty) dims[make.pick(dims.ssize())] = 0;
  const bool rows = make.chance(35) && !dims.empty() && !empty;
  const int row_rank = rows ? 1 + make.pick(dims.ssize()) : 0;
  RegionBuilder r(dims, row_rank);
  std::vector<int> known;
  for (int i = 1 + make.pick(4); i > 0; --i) known.push_back(r.load(make.input(dims)));
  if (make.chance(40)) known.push_back(r.constant(static_cast<float>(make.pick(5) - 2)));
  static const Combine combines[] = {Combine::sum, Combine::max, Combine::min};
  std::vector<int> reduced;  // the same for a whole row
  for (int i = make.pick(7); i > 0; --i) {
    if (rows && make.chance(40)) {
      const int any = known[make.pick(static_cast<int>(known.size()))];
      const int total = r.row_reduce(combines[make.pick(3)], any, make.chance(30) ? 0.5f : 1);
      reduced.push_back(total);
      known.push_back(r.compute("clamp", total, -1, -1, -20, 20));
    } else {
      known.push_back(random_compute(make, r, known));
    }
  }
  const auto any = [&] {
    return known[known.size() - 1 - make.pick(std::min<int>(3, static_cast<int>(known.size())))];
  };
  static const DType stored[] = {DType::bf16, DType::f16, DType::i8,
                                 DType::i32,  DType::i64, DType::boolean};
  const bool reduces = make.chance(50);
  for (int i = make.pick(3) + !reduces; i > 0; --i) {
    RegionOperand out = make.dense(dims);
    if (make.chance(30)) out.dtype = stored[make.pick(6)];
    r.store(any(), out);
  }
  if (!reduced.empty() && make.chance(50)) {
    std::vector<bool> drop(dims.size(), false);
    for (int d = dims.ssize() - row_rank; d < dims.ssize(); ++d) drop[d] = true;
    r.store(reduced[0], make.dropped(dims, drop));
  }
  for (int i = reduces ? 1 + make.pick(3) : 0; i > 0; --i) {
    std::vector<bool> drop(dims.size());
    for (size_t d = 0; d < drop.size(); ++d) drop[d] = make.chance(50);
    for (int d = dims.ssize() - row_rank; d < dims.ssize(); ++d) drop[d] = drop[dims.size() - 1];
    r.reduce_store(combines[make.pick(3)], any(), make.dropped(dims, drop));
  }
  if (dims.ssize() >= 2 && make.chance(20) && !empty) {  // padded channels in blocks
    const int lane = dims.ssize() - 1, block = make.pick(lane);
    const int64_t all = dims[block] * dims[lane];
    r.program().padding = {block, lane, all - make.pick(static_cast<int>(dims[lane]))};
  }
  return r.program();
}

std::string text_of(const RegionProgram& p) {
  std::string text = "dims " + to_string(p.dims) + " rows " + std::to_string(p.row_rank) + "\n";
  const auto show = [&](const RegionOperand& o) {
    text += std::string("  ") + name_of(o.dtype) + " " + to_string(o.strides) + " + " +
            std::to_string(o.offset) + "\n";
  };
  for (const auto& o : p.inputs) text += "in", show(o);
  for (const auto& o : p.outputs) text += "out", show(o);
  static const char* names[] = {"load",       "constant", "compute",
                                "row_reduce", "store",    "reduce_store"};
  for (const auto& i : p.code) {
    text += fmt::format("  r{} = {} {} (r{}, r{}, r{}) operand {} combine {} p {} {} scale {}\n",
                        i.out, names[static_cast<int>(i.code)], i.fn ? i.fn->name : "", i.a, i.b,
                        i.c, i.operand, static_cast<int>(i.combine), i.p0, i.p1, i.scale);
  }
  return text + fmt::format("  padding {} {} {}\n", p.padding.block_dim, p.padding.lane_dim,
                            p.padding.channels);
}

// Runs with exactly the workspace asked for, poisoned and guarded.
void run_guarded(const RegionPlan& plan, std::vector<Memory>& inputs,
                 std::vector<Memory>& outputs) {
  const size_t bytes = plan.workspace_bytes();
  std::vector<unsigned char> buffer(bytes + 128, 0xA5);
  unsigned char* workspace = buffer.data();
  workspace += 64 - reinterpret_cast<uintptr_t>(workspace) % 64;
  const float poison = NAN;
  for (size_t i = 0; i + 4 <= bytes; i += 4) std::memcpy(workspace + i, &poison, 4);
  std::vector<const void*> in;
  std::vector<void*> out;
  for (auto& m : inputs) in.push_back(m.pointer());
  for (auto& m : outputs) out.push_back(m.pointer());
  plan.run(in.data(), out.data(), workspace);
  for (unsigned char* p = workspace + bytes; p < buffer.data() + buffer.size(); ++p)
    ASSERT_EQ(*p, 0xA5) << "wrote beyond its workspace\n" << text_of(plan.program());
}

void expect_like_oracle(const RegionProgram& program, std::mt19937& rng) {
  std::vector<Memory> inputs, wanted;
  for (const auto& o : program.inputs)
    inputs.emplace_back(o, program.dims), fill(inputs.back(), rng);
  for (const auto& o : program.outputs) wanted.emplace_back(o, program.dims);
  const std::vector<Memory> fresh = wanted;
  Oracle(program, inputs, wanted);
  std::vector<Memory> first;
  for (const int threads : {1, 2}) {
    std::vector<Memory> outputs = fresh;
    const RegionPlan plan(program, threads);
    run_guarded(plan, inputs, outputs);
    for (size_t k = 0; k < outputs.size(); ++k) {
      ASSERT_TRUE(outputs[k].guards_are_whole()) << text_of(program) << "output " << k;
      if (outputs[k].bytes == wanted[k].bytes) continue;
      for (int64_t i = wanted[k].first; i < wanted[k].first + wanted[k].count; ++i) {
        const double is = load_element(outputs[k].element(i), outputs[k].dtype);
        const double should = load_element(wanted[k].element(i), wanted[k].dtype);
        ASSERT_TRUE(is == should || (is != is && should != should))  // either zero will do
            << text_of(program) << "output " << k << " threads " << threads << " element " << i
            << ": " << is << ", wanted " << should;
      }
    }
    for (size_t k = 0; k < first.size(); ++k)
      ASSERT_EQ(first[k].bytes, outputs[k].bytes) << "other bits on another number of threads";
    first = std::move(outputs);
  }
}

class Threads {
 public:
  explicit Threads(int count) { set_num_threads(count); }
  ~Threads() { set_num_threads(before_); }

 private:
  int before_ = num_threads();
};

}  // namespace

TEST(Region, RandomSmallProgramsAgreeWithTheInterpreter) {
  Threads one(1);
  for (uint32_t seed = 0; seed < 2500; ++seed) {
    Maker make(seed);
    SCOPED_TRACE(seed);
    expect_like_oracle(random_program(make, 3000), make.rng);
    if (HasFatalFailure()) return;
  }
}

TEST(Region, RandomLargeProgramsAgreeOnOneAndTwoThreads) {
  Threads two(2);
  for (uint32_t seed = 10000; seed < 10120; ++seed) {
    Maker make(seed);
    SCOPED_TRACE(seed);
    expect_like_oracle(random_program(make, 150000), make.rng);
    if (HasFatalFailure()) return;
  }
}

// Runs the program's instructions one by one, each as a program of its own over the same dims.
void run_singly(const RegionProgram& program, std::vector<Memory>& inputs,
                std::vector<Memory>& outputs) {
  const RegionOperand whole{DType::f32, contiguous_strides(program.dims)};
  std::map<int, std::vector<Memory>> values;
  for (RegionInstr instr : program.code) {
    RegionProgram single;
    single.dims = program.dims, single.row_rank = program.row_rank,
    single.padding = program.padding;
    std::vector<Memory> in, out;
    for (int16_t* source : {&instr.a, &instr.b, &instr.c}) {
      if (*source < 0) continue;
      in.push_back(values.at(*source)[0]);
      single.inputs.push_back(whole);
      *source = static_cast<int16_t>(single.code.size());
      single.code.push_back({.code = RegionCode::load, .out = *source, .operand = *source});
    }
    const bool stores = instr.code == RegionCode::store || instr.code == RegionCode::reduce_store;
    const int16_t value_register = instr.out, operand = instr.operand;
    if (instr.code == RegionCode::load) {
      single.inputs = {program.inputs[operand]};
      in = {inputs[operand]};
    }
    instr.operand = 0;
    if (!stores) instr.out = 100;
    single.code.push_back(instr);
    if (!stores) single.code.push_back({.code = RegionCode::store, .a = 100, .operand = 0});
    if (instr.code == RegionCode::store)  // one value a row: read one
      for (int d = 0; d < program.dims.ssize(); ++d)
        if (program.outputs[operand].strides[d] == 0) single.inputs[0].strides[d] = 0;
    single.outputs = {stores ? program.outputs[operand] : whole};
    out.emplace_back(single.outputs[0], program.dims);
    if (stores) out[0] = outputs[operand];
    run_guarded(RegionPlan(single, 2), in, out);
    if (stores) outputs[operand] = out[0];
    else values.emplace(value_register, out);
  }
}

// Replaces functions by ones that round, and row-wise reductions whose order would differ by
// stores.
void make_rounding(RegionProgram& program, Maker& make) {
  static const char* one[] = {"exp", "tanh", "sigmoid", "gelu", "log1p", "sin"};
  for (auto& instr : program.code) {
    if (instr.code == RegionCode::compute && instr.fn->arity == 1 && make.chance(50))
      instr.fn = find_tile_function(one[make.pick(6)]);
    if (instr.code != RegionCode::reduce_store || program.row_rank == 0) continue;
    Ints& strides = program.outputs[instr.operand].strides;
    Ints row(strides.size(), 0);
    int64_t stride = 1;
    for (int d = strides.ssize() - 1; d >= strides.ssize() - program.row_rank; --d)
      row[d] = stride, stride *= std::max<int64_t>(1, program.dims[d]);
    strides = row;
  }
}

TEST(Region, FusedProgramsGiveTheBitsOfSingleInstructions) {
  Threads two(2);
  for (uint32_t seed = 0; seed < 600; ++seed) {
    Maker make(seed);
    RegionProgram program = random_program(make, seed % 20 ? 3000 : 100000);
    make_rounding(program, make);
    std::vector<Memory> inputs, fused;
    for (const auto& o : program.inputs) {
      inputs.emplace_back(o, program.dims);
      fill(inputs.back(), make.rng);
      if (o.dtype != DType::f32) continue;
      for (int64_t i = inputs.back().first; i < inputs.back().first + inputs.back().count; ++i)
        store_element(inputs.back().element(i), DType::f32,
                      std::normal_distribution<double>(0, 1.3)(make.rng));
    }
    for (const auto& o : program.outputs) fused.emplace_back(o, program.dims);
    std::vector<Memory> single = fused;
    run_guarded(RegionPlan(program, 2), inputs, fused);
    run_singly(program, inputs, single);
    for (size_t k = 0; k < fused.size(); ++k)
      ASSERT_EQ(fused[k].bytes, single[k].bytes)
          << text_of(program) << "output " << k << " seed " << seed;
  }
}

TEST(Region, BlockedChannelsWithParametersAndPadding) {
  Threads two(2);
  std::mt19937 rng(1);
  for (const int64_t lanes : {4, 8, 16}) {
    for (const int64_t pixels : {1, 9, 64, 1500}) {
      const Ints dims{3, 4, pixels, lanes};
      const RegionOperand x{DType::f32, contiguous_strides(dims)};
      const RegionOperand channel{DType::f32, {0, lanes, 0, 1}};
      RegionBuilder r(dims);
      const int value =
          r.compute("add", r.compute("mul", r.load(x), r.load(channel)), r.load(channel));
      r.store(r.compute("add", value, r.constant(1)), x);
      r.reduce_store(Combine::sum, value, channel);
      r.reduce_store(Combine::max, value, channel, 2);
      r.reduce_store(Combine::sum, value, {DType::f32, Ints(4, 0)});
      r.program().padding = {1, 3, 4 * lanes - 3};
      expect_like_oracle(r.program(), rng);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(Region, TransposedInputs) {
  Threads two(2);
  std::mt19937 rng(5);
  for (const Ints& dims :
       {Ints{64, 96}, Ints{17, 200}, Ints{3, 48, 5, 128}, Ints{8, 16}, Ints{300, 7}}) {
    RegionOperand x{DType::f32, contiguous_strides(dims)}, transposed = x;
    const int last = dims.ssize() - 1;
    int64_t stride = 1;
    for (int d = 0; d <= last; ++d) transposed.strides[d] = stride, stride *= dims[d];
    RegionBuilder r(dims);
    const int a = r.load(transposed), b = r.load(x);
    transposed.dtype = DType::bf16;
    r.store(r.compute("sub", r.compute("add", a, b), r.load(transposed)), x);
    expect_like_oracle(r.program(), rng);
    if (HasFatalFailure()) return;
  }
}

TEST(Region, LargeOutputsPassTheCaches) {
  Threads two(2);
  const int64_t n = (12 << 20) + (64 << 10) + 3;
  const RegionOperand x{DType::f32, {1}};
  RegionBuilder r({n});
  r.store(r.compute("add_scalar", r.load(x), -1, -1, 1), {DType::f32, {1}, 1});
  const RegionPlan plan(r.program(), 2);
  std::vector<float> in(n), out(n + 2, -5.0f);
  for (int64_t i = 0; i < n; ++i) in[i] = static_cast<float>(i % 1000);
  std::vector<unsigned char> bytes(plan.workspace_bytes() + 64);
  const void* from[] = {in.data()};
  void* to[] = {out.data()};
  plan.run(from, to, bytes.data() + 64 - reinterpret_cast<uintptr_t>(bytes.data()) % 64);
  EXPECT_EQ(out.front(), -5.0f);
  EXPECT_EQ(out.back(), -5.0f);
  for (int64_t i = 0; i < n; ++i) ASSERT_EQ(out[i + 1], in[i] + 1) << i;
}

TEST(Region, LongRowsKeptOrComputedAgain) {
  Threads two(2);
  std::mt19937 rng(2);
  for (const int64_t row : {1, 10, 1024, 1025, 5000, 40000, 150000}) {
    const Ints dims{3, row};
    const RegionOperand x{DType::f32, contiguous_strides(dims)}, bf16{DType::bf16, x.strides};
    RegionBuilder r(dims, 1);
    const int a = r.load(x), b = r.load(bf16);
    const int most = r.row_reduce(Combine::max, a);
    const int less = r.compute("abs", r.compute("sub", r.compute("mul", a, b), most));
    const int total = r.row_reduce(Combine::sum, less);
    r.store(r.compute("maximum", less, r.compute("clamp", total, -1, -1, 0, 5)), x);
    r.store(total, {DType::f32, {1, 0}});
    r.reduce_store(Combine::sum, less, {DType::f32, {0, 1}});
    expect_like_oracle(r.program(), rng);
    if (HasFatalFailure()) return;
  }
}

TEST(Region, OutputsInPlaceOfInputs) {
  Threads two(2);
  for (const int64_t n : {5, 5000, 100000}) {
    const RegionOperand x{DType::f32, {1}};
    RegionBuilder r({n});
    const int p = r.load(x), m = r.load(x);
    const int moved = r.compute("add", r.compute("mul_scalar", m, -1, -1, 2), p);
    RegionOperand into_m = x, into_p = x;
    into_m.in_place_of = 1, into_p.in_place_of = 0;
    r.store(moved, into_m);
    r.store(r.compute("sub", p, r.compute("add", moved, m)), into_p);  // reads m after its store
    std::vector<float> a(n), b(n), workspace;
    for (int64_t i = 0; i < n; ++i)
      a[i] = static_cast<float>(i % 13), b[i] = static_cast<float>(i % 7);
    const RegionPlan plan(r.program(), 2);
    std::vector<unsigned char> bytes(plan.workspace_bytes() + 64);
    const void* in[] = {a.data(), b.data()};
    void* out[] = {b.data(), a.data()};
    plan.run(in, out, bytes.data() + 64 - reinterpret_cast<uintptr_t>(bytes.data()) % 64);
    for (int64_t i = 0; i < n; ++i) {
      const float p0 = static_cast<float>(i % 13), m0 = static_cast<float>(i % 7);
      ASSERT_EQ(b[i], 2 * m0 + p0);
      ASSERT_EQ(a[i], p0 - (2 * m0 + p0 + m0));
    }
  }
}

TEST(Region, MalformedProgramsAreErrors) {
  const RegionOperand x{DType::f32, {1}};
  RegionBuilder r({4});
  r.store(3, x);
  EXPECT_THROW(RegionPlan(r.program(), 1), Error);
  RegionBuilder twice({4});
  twice.store(twice.load(x), {DType::f32, {0}});
  EXPECT_THROW(RegionPlan(twice.program(), 1), Error);
  RegionBuilder wide({4});
  wide.load({DType::f64, {1}});
  EXPECT_THROW(RegionPlan(wide.program(), 1), Error);
  EXPECT_THROW(r.compute("no such function", 0), Error);
}

TEST(Region, ProgramsCompareAndHash) {
  const auto make = [](float p) {
    RegionBuilder r({4, 4});
    r.store(r.compute("mul_scalar", r.load({DType::f32, {4, 1}}), -1, -1, p), {DType::f32, {4, 1}});
    return r.program();
  };
  EXPECT_EQ(make(2), make(2));
  EXPECT_EQ(hash_of(make(2)), hash_of(make(2)));
  EXPECT_NE(make(2), make(3));
  EXPECT_NE(hash_of(make(2)), hash_of(make(3)));
}

}  // namespace cairn::cpu
