#include "cairn/io/tensors.h"

#include <gtest/gtest.h>

#include "tests/io/temporary_folder.h"

namespace cairn::io {
namespace {

TEST(Tensors, SafetensorsRoundTrip) {
  TemporaryFolder folder;
  const Tensor weight = parameter(tensor<float>({1, 2, 3, 4, 5, 6}, {2, 3}));
  save_tensors(folder / "m", {{"w", weight}, {"n", scalar(7, DType::i64)}, {"none", empty({0, 2})}},
               {{"epoch", "3"}}, {{}, true});
  Metadata metadata;
  const NamedTensors back = load_tensors(folder / "m", &metadata);
  EXPECT_EQ(metadata.at("epoch"), "3");
  ASSERT_EQ(back.size(), 3u);
  for (const auto& [name, value] : back) {
    if (name == "w") {
      EXPECT_EQ(value.shape(), (Shape{2, 3}));
      EXPECT_EQ(value.to_vector<float>(), weight.to_vector<float>());
    } else if (name == "n") {
      EXPECT_EQ(value.dtype(), DType::i64);
      EXPECT_EQ(value.item(), 7);
    } else {
      EXPECT_EQ(value.shape(), (Shape{0, 2}));
    }
  }
}

TEST(Tensors, DamageIsFoundBeforeAnythingIsLoaded) {
  TemporaryFolder folder;
  save_tensors(folder / "m", {{"w", tensor<float>({1, 2}, {2})}}, {}, {{}, true});
  ByteVector bytes = read_file(folder / "m");
  bytes.back() ^= 1;
  write_file_atomically(folder / "m", Bytes(bytes));
  EXPECT_ERROR(load_tensors(folder / "m"), "is damaged: its checksum");
  EXPECT_ERROR(save_tensors(folder / "x", {{"w", Tensor()}}), "tensor 'w' is undefined");
}

TEST(Tensors, NpyRoundTrip) {
  TemporaryFolder folder;
  const Tensor values = tensor<float>({1, 2, 3, 4, 5, 6}, {3, 2});
  save_npy(folder / "a.npy", values);
  EXPECT_EQ(load_npy(folder / "a.npy").shape(), values.shape());
  EXPECT_EQ(load_npy(folder / "a.npy").to_vector<float>(), values.to_vector<float>());
}

}  // namespace
}  // namespace cairn::io
