// The shared library cairn::infer, by its C++ header and its C interface, against the models that
// it opens.
#include "cairn/infer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <thread>

#include "cairn/base/philox.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "tests/tasks/runs.h"

namespace cairn::infer {
namespace {

using tasks::Runs;

// Inputs that every network takes: small numbers; indices that are 0 or 1.
Tensors inputs_for(const std::vector<Port>& ports, int64_t batch, int64_t length) {
  Tensors all;
  PhiloxStream random(7, 1);
  for (const Port& port : ports) {
    const Shape shape = sizes_of(port, batch, length);
    const auto count = static_cast<size_t>(numel(shape));
    std::vector<float> numbers(count);
    std::vector<int64_t> indices(count);
    for (size_t i = 0; i < count; ++i)
      numbers[i] = random.normal(), indices[i] = static_cast<int64_t>(i % 2);
    if (port.dtype == DType::i64) all.push_back(from_host(indices.data(), shape, DType::i64));
    else all.push_back(cast(from_host(numbers.data(), shape, DType::f32), port.dtype));
  }
  return all;
}

std::vector<float> result_of(Context& context, const Tensors& in) {
  for (size_t i = 0; i < in.size(); ++i) {
    const auto to = context.input<char>(i);
    EXPECT_EQ(in[i].desc().bytes(), to.size());
    copy_to_host(in[i], to.data());
  }
  context.run();
  const auto out = context.output<float>(0);
  return {out.begin(), out.end()};
}

class EveryTask : public testing::TestWithParam<std::string> {};

TEST_P(EveryTask, GivesWhatTheModelGives) {
  const std::string run = Runs::get().of(GetParam());
  const auto expected_by = tasks::open_model(run);
  const Model model(run);
  EXPECT_EQ(model.task(), GetParam());
  EXPECT_EQ(model.labels(), expected_by->labels());
  ASSERT_EQ(model.inputs(), expected_by->takes().size());
  const NoGrad no_grad;
  for (const auto& [batch, length] : {std::pair<int64_t, int64_t>{1, 4}, {3, 7}}) {
    const Tensors in = inputs_for(expected_by->takes(), batch, length);
    const Tensor expected = contiguous(expected_by->forward(in)[0]);
    Context context(model, {.batch = batch, .length = length});
    ASSERT_EQ(context.output_info(0).bytes, expected.desc().bytes());
    const auto got = result_of(context, in);
    const auto wanted = expected.to_vector<float>();
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 1e-4) << i;
  }
}

TEST_P(EveryTask, ReadsFilesAsTheModelDoes) {
  const tasks::Task& row = tasks::task_named(GetParam());
  const std::string run = Runs::get().of(GetParam());
  const Model model(run);
  const TemporaryFolder folder;
  if (!row.write_inputs) {
    EXPECT_THROW(model.read(folder / "none"), Error);
    return;
  }
  const std::string file = row.write_inputs(folder.path())[0];
  const Tensors expected = tasks::open_model(run)->read(file);
  const Batch batch = model.read(file);
  for (size_t i = 0; i < expected.size(); ++i) {
    const Tensor whole = contiguous(expected[i]);
    ASSERT_EQ(batch.info(i).bytes, whole.desc().bytes());
    std::vector<char> bytes(batch.info(i).bytes);
    copy_to_host(whole, bytes.data());
    EXPECT_EQ(std::memcmp(bytes.data(), batch.data(i), bytes.size()), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Tasks, EveryTask, testing::ValuesIn(tasks::task_names()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

const std::string& classifier() { return Runs::get().of("image-classification"); }

TEST(Threads, FiftyWithAContextEachGiveTheSameBits) {
  const Model model(classifier());
  const Tensors in = inputs_for(tasks::open_model(classifier())->takes(), 1, 1);
  Context first(model);
  const auto expected = result_of(first, in);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 50; ++t)
    threads.emplace_back([&, t] {
      try {
        Context context(model, {.threads = t % 5 == 0 ? 0 : 1});
        for (int i = 0; i < 5; ++i) {
          const auto got = result_of(context, in);
          for (size_t k = 0; k < got.size(); ++k)
            wrong += !(std::abs(got[k] - expected[k]) <= (t % 5 == 0 ? 1e-6f : 0.0f));
        }
      } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();
        ++wrong;
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

size_t threads_here() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<size_t>(std::distance(begin(tasks), end(tasks)));
}

// The library exports nothing of libgomp's, so oneDNN's threads are not Cairn's there: with all
// processors Cairn's kernels compute, and no second team is started beside the pool.
TEST(Threads, AllAreOneTeam) {
  const std::string run = Runs::get().of("image-classification");
  const size_t before = threads_here();
  const Model model(run);
  Context all(model, {.threads = 0}), alone(model);
  const auto expected_by = tasks::open_model(run);
  const Tensors in = inputs_for(expected_by->takes(), 1, 1);
  const auto by_all = result_of(all, in), by_one = result_of(alone, in);
  EXPECT_LT(threads_here() - before, std::max(2u, std::thread::hardware_concurrency()));
  for (size_t i = 0; i < by_one.size(); ++i) EXPECT_NEAR(by_all[i], by_one[i], 1e-5);
}

TEST(Memory, IsTheCallersAndMayLieAnywhere) {
  const Model model(classifier());
  const Tensors in = inputs_for(tasks::open_model(classifier())->takes(), 1, 1);
  Context aligned(model), lent(model);
  const auto expected = result_of(aligned, in);
  constexpr unsigned char kGuard = 0xA5;
  std::vector<unsigned char> memory(lent.memory() + 128, kGuard);
  lent.lend(memory.data() + 1, lent.memory());  // no address that suits a vector
  const TensorInfo input = lent.input_info(0), output = lent.output_info(0);
  std::vector<char> bytes(input.bytes + 1);
  std::vector<char> result(output.bytes + 2, 7);
  copy_to_host(in[0], bytes.data() + 1);
  const void* inputs[] = {bytes.data() + 1};
  void* outputs[] = {result.data() + 1};
  lent.run(inputs, outputs);
  EXPECT_EQ(std::memcmp(expected.data(), result.data() + 1, output.bytes), 0);
  EXPECT_EQ(result.front(), 7);
  EXPECT_EQ(result.back(), 7);
  EXPECT_EQ(memory[0], kGuard);
  for (size_t i = 1 + lent.memory(); i < memory.size(); ++i) ASSERT_EQ(memory[i], kGuard);
  memory.assign(memory.size(), 0);  // nothing but one run's values lies there
  lent.run(inputs, outputs);
  EXPECT_EQ(std::memcmp(expected.data(), result.data() + 1, output.bytes), 0);
}

TEST(Model, IsKeptAliveByItsContexts) {
  cairn_model* model = nullptr;
  cairn_context* context = nullptr;
  ASSERT_EQ(cairn_model_open(classifier().c_str(), &model), CAIRN_OK);
  ASSERT_EQ(cairn_context_new(model, 1, 1, 1, &context), CAIRN_OK);
  cairn_model_close(model);
  const Memory memory(cairn_context_memory(context));
  ASSERT_EQ(cairn_context_lend(context, memory.data(), memory.bytes()), CAIRN_OK);
  cairn_tensor_info in, out;
  ASSERT_EQ(cairn_context_input(context, 0, &in), CAIRN_OK);
  ASSERT_EQ(cairn_context_output(context, 0, &out), CAIRN_OK);
  std::vector<char> x(in.bytes), y(out.bytes);
  const void* inputs[] = {x.data()};
  void* outputs[] = {y.data()};
  EXPECT_EQ(cairn_context_run(context, inputs, outputs), CAIRN_OK);
  cairn_context_free(context);
}

// What was wrong, by the C interface.
std::string refusal(cairn_status status, cairn_status expected) {
  EXPECT_EQ(status, expected);
  return status == CAIRN_OK ? "" : cairn_last_error();
}
#define EXPECT_SAYS(status, expected, part)                         \
  {                                                                 \
    const std::string said = refusal(status, expected);             \
    EXPECT_NE(said.find(part), said.npos) << said << " / " << part; \
  }

TEST(Errors, AreStatusAndMessage) {
  const TemporaryFolder folder;
  cairn_model* model = nullptr;
  EXPECT_SAYS(cairn_model_open((folder / "none").c_str(), &model), CAIRN_FAILED, "none");
  EXPECT_SAYS(cairn_model_open(nullptr, &model), CAIRN_WRONG_ARGUMENT, "NULL");
  EXPECT_EQ(model, nullptr);
  ASSERT_EQ(cairn_model_open(Runs::get().of("language-model").c_str(), &model), CAIRN_OK);
  cairn_tensor_info info;
  EXPECT_SAYS(cairn_model_input(model, 99, &info), CAIRN_WRONG_ARGUMENT, "no such input");
  EXPECT_EQ(cairn_model_label(model, 99), nullptr);
  cairn_batch* batch = nullptr;
  EXPECT_SAYS(cairn_model_read(model, (folder / "no.txt").c_str(), &batch), CAIRN_FAILED, "no.txt");
  cairn_context* context = nullptr;
  EXPECT_SAYS(cairn_context_new(model, 0, 1, 1, &context), CAIRN_WRONG_ARGUMENT, "positive");
  EXPECT_SAYS(cairn_context_new(model, 1, 1, -3, &context), CAIRN_WRONG_ARGUMENT, "threads");
  ASSERT_EQ(cairn_context_new(model, 1, 3, 1, &context), CAIRN_OK);
  char few[64];
  EXPECT_SAYS(cairn_context_lend(context, few, sizeof few), CAIRN_WRONG_ARGUMENT, "less than");
  std::vector<std::vector<char>> in, out;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  for (size_t i = 0; i < cairn_model_inputs(model); ++i) {
    ASSERT_EQ(cairn_context_input(context, i, &info), CAIRN_OK);
    inputs.push_back(in.emplace_back(info.bytes).data());
  }
  for (size_t i = 0; i < cairn_model_outputs(model); ++i) {
    ASSERT_EQ(cairn_context_output(context, i, &info), CAIRN_OK);
    outputs.push_back(out.emplace_back(info.bytes).data());
  }
  EXPECT_SAYS(cairn_context_run(context, inputs.data(), outputs.data()), CAIRN_FAILED, "lend");
  const Memory memory(cairn_context_memory(context));
  ASSERT_EQ(cairn_context_lend(context, memory.data(), memory.bytes()), CAIRN_OK);
  ASSERT_EQ(cairn_context_run(context, inputs.data(), outputs.data()), CAIRN_OK);
  const int64_t beyond = 1'000'000;  // no such token
  std::memcpy(in[0].data() + 8, &beyond, sizeof beyond);
  EXPECT_SAYS(cairn_context_run(context, inputs.data(), outputs.data()), CAIRN_FAILED, "1000000");
  std::memset(in[0].data(), 0, in[0].size());
  EXPECT_EQ(cairn_context_run(context, inputs.data(), outputs.data()), CAIRN_OK);
  inputs[0] = nullptr;
  EXPECT_SAYS(cairn_context_run(context, inputs.data(), outputs.data()), CAIRN_WRONG_ARGUMENT,
              "NULL");
  cairn_context_free(context);
  cairn_model_close(model);
}

}  // namespace
}  // namespace cairn::infer
