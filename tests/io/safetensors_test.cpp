#include "cairn/io/safetensors.h"

#include <gtest/gtest.h>

#include "tests/io/temporary_folder.h"

namespace cairn::io {
namespace {

template <class T>
Bytes raw(const std::vector<T>& values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)};
}

// A file of this header and `data` zero bytes.
ByteVector file_of(const std::string& header, size_t data) {
  ByteVector out;
  append_little(out, static_cast<uint64_t>(header.size()));
  out.insert(out.end(), header.begin(), header.end());
  out.resize(out.size() + data);
  return out;
}

std::string error_for(const std::string& header, size_t data) {
  return error_of([&] { parse_safetensors(file_of(header, data), "m.safetensors"); });
}

#define EXPECT_HEADER_ERROR(header, data, part) \
  EXPECT_ERROR(parse_safetensors(file_of(header, data), "m"), part)

TEST(Safetensors, RoundTrip) {
  TemporaryFolder folder;
  const std::vector<float> weight{1, 2, 3, 4, 5, 6};
  const std::vector<int64_t> steps{-7};
  const std::vector<uint8_t> flags{1, 0, 1};
  const std::vector<uint16_t> halves{0x3f80, 0xc000};
  write_safetensors(folder / "m",
                    {{"w", DType::f32, {2, 3}, raw(weight)},
                     {"steps", DType::i64, {}, raw(steps)},
                     {"flags", DType::boolean, {3}, raw(flags)},
                     {"empty", DType::f32, {0, 4}, {}},
                     {"b", DType::bf16, {2}, raw(halves)},
                     {"q", DType::f8e4m3, {3}, raw(flags)}},
                    {{"format", "pt"}, {"note", "\"quoted\" \xc3\xa9"}}, {{}, true});
  const SafetensorsFile file(folder / "m");
  ASSERT_EQ(file.tensors().size(), 6u);
  EXPECT_EQ(file.at("w").shape, (Shape{2, 3}));
  EXPECT_EQ(load_element(file.at("w").data.data() + 20, DType::f32), 6);
  EXPECT_EQ(load_element(file.at("steps").data.data(), DType::i64), -7);
  EXPECT_EQ(load_element(file.at("b").data.data() + 2, DType::bf16), -2);
  EXPECT_EQ(file.at("empty").shape, (Shape{0, 4}));
  EXPECT_EQ(file.at("q").dtype, DType::f8e4m3);
  EXPECT_EQ(file.metadata().at("note"), "\"quoted\" \xc3\xa9");
  EXPECT_TRUE(file.verify_checksum());
  EXPECT_EQ(file.find("none"), nullptr);
  EXPECT_ERROR(file.at("stepz"), "the nearest is 'steps'");
}

// Every entry is looked at a bounded number of times: so many took more than a minute before.
TEST(Safetensors, ManyTensors) {
  constexpr int kCount = 200'000;
  std::string header = "{";
  for (int i = 0; i < kCount; ++i)
    header += fmt::format(
        R"("layer.{}.weight":{{"dtype":"U8","shape":[1],"data_offsets":[{},{}]}},)", i, i, i + 1);
  header.back() = '}';
  TemporaryFolder folder;
  write_file_atomically(folder / "m", file_of(header, kCount));
  const SafetensorsFile file(folder / "m");
  ASSERT_EQ(file.tensors().size(), size_t{kCount});
  for (int i = 0; i < kCount; ++i)
    ASSERT_EQ(file.at(fmt::format("layer.{}.weight", i)).data.size(), 1u);
}

// Other types of the format are described, and refused only where the file is opened to be used.
TEST(Safetensors, TypesThatAreNotRead) {
  const std::string header =
      R"({"__metadata__":null,"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
      R"("ids":{"dtype":"I16","shape":[3],"data_offsets":[4,10]},)"
      R"("f":{"dtype":"F4","shape":[3],"data_offsets":[10,12]}})";
  const ByteVector bytes = file_of(header, 12);
  const SafetensorsContent content = parse_safetensors(bytes, "m");
  ASSERT_EQ(content.unread.size(), 2u);
  EXPECT_EQ(content.unread[0].name, "f");
  EXPECT_EQ(content.unread[1].type, "I16");
  EXPECT_EQ(content.unread[1].shape, Shape{3});
  EXPECT_EQ(content.tensors.size(), 1u);
  TemporaryFolder folder;
  write_file_atomically(folder / "m", bytes);
  EXPECT_ERROR(SafetensorsFile(folder / "m"), "tensor 'f': dtype 'F4' is not one that is read");
  EXPECT_HEADER_ERROR(R"({"ids":{"dtype":"I16","shape":[3],"data_offsets":[0,4]}})", 4,
                      "shape [3] of I16 does not fill its 4 bytes");
  EXPECT_HEADER_ERROR(R"({"ids":{"dtype":"I17","shape":[3],"data_offsets":[0,4]}})", 4,
                      "'I17' is none of safetensors");
}

TEST(Safetensors, SameTensorsSameBytes) {
  TemporaryFolder folder;
  const std::vector<float> a{1}, b{2};
  const NamedTensor first{"a", DType::f32, {1}, raw(a)}, second{"b", DType::f32, {}, raw(b)};
  write_safetensors(folder / "1", {first, second});
  write_safetensors(folder / "2", {second, first});
  EXPECT_EQ(read_file(folder / "1"), read_file(folder / "2"));
}

// Written by Python's safetensors 0.x: see tests/io/golden/make_golden.py.
TEST(Safetensors, ReadsAndReproducesPythonsFile) {
  const std::string golden = CAIRN_SOURCE_DIR "/tests/io/golden/python.safetensors";
  const SafetensorsFile file(golden);
  EXPECT_FALSE(file.verify_checksum());
  EXPECT_EQ(file.metadata().at("format"), "pt");
  const NamedTensor& weight = file.at("layer.weight");
  EXPECT_EQ(weight.shape, (Shape{2, 3}));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(load_element(&weight.data[i * 4], DType::f32), i * 0.5 - 1);
  const NamedTensor& half = file.at("half");
  EXPECT_EQ(load_element(&half.data[2], DType::f16), -2.5);
  EXPECT_EQ(load_element(&file.at("brain").data[0], DType::bf16), 3.0);
  EXPECT_EQ(load_element(&file.at("f8").data[1], DType::f8e5m2), -0.5);
  EXPECT_EQ(load_element(&file.at("count").data[0], DType::i64), 12345678901);
  EXPECT_EQ(load_element(&file.at("mask").data[1], DType::boolean), 1);
  TemporaryFolder folder;
  write_safetensors(folder / "again", file.tensors(), file.metadata());
  EXPECT_EQ(read_file(folder / "again"), read_file(golden));
}

TEST(Safetensors, ChecksumFindsEveryFlippedByte) {
  TemporaryFolder folder;
  const std::vector<float> values{1, 2, 3};
  write_safetensors(folder / "m", {{"w", DType::f32, {3}, raw(values)}}, {{"k", "v"}}, {{}, true});
  const ByteVector good = read_file(folder / "m");
  for (size_t i = 0; i < good.size(); ++i) {
    if (good[i] == ' ') continue;  // padding and blanks carry nothing
    ByteVector bad = good;
    bad[i] ^= 4;
    write_file_atomically(folder / "m", Bytes(bad));
    // Either it no longer parses, or the checksum differs, or the entry's own key was hit.
    const std::string message = error_of([&] {
      const SafetensorsFile file(folder / "m");
      if (!file.verify_checksum()) fail("no checksum");
    });
    EXPECT_NE(message, "") << "byte " << i;
  }
}

TEST(Safetensors, DamagedHeaders) {
  EXPECT_ERROR(parse_safetensors(Bytes(), "m"), "'m', byte 0: truncated");
  EXPECT_ERROR(parse_safetensors(file_of("{}", 0), "m"), "");
  ByteVector huge = file_of("{}", 0);
  huge[7] = 0x7f;
  EXPECT_ERROR(parse_safetensors(huge, "m"), "a header of");
  ByteVector beyond = file_of("{}", 0);
  beyond[0] = 50;
  EXPECT_ERROR(parse_safetensors(beyond, "m"), "the header needs 50 bytes, 2 are left");
  EXPECT_HEADER_ERROR("[1]", 0, "does not start with '{'");
  EXPECT_HEADER_ERROR("{\"a\":", 0, "not valid JSON");
  EXPECT_HEADER_ERROR("{\"\xff\":1}", 0, "not valid JSON");
  EXPECT_HEADER_ERROR("{\"a\":1}", 0, "tensor 'a': its entry is not an object");
  EXPECT_HEADER_ERROR("{\"a\":{}}", 0, "no 'dtype'");
  EXPECT_HEADER_ERROR("{\"a\":{\"dtype\":\"C64\"}}", 0, "no 'shape' list");
  EXPECT_HEADER_ERROR("{\"a\":{\"dtype\":\"F32\"}}", 0, "no 'shape'");
  EXPECT_HEADER_ERROR(R"({"a":{"dtype":"F32","shape":[1]}})", 0, "no 'data_offsets'");
  EXPECT_HEADER_ERROR(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4,
                      "-1 is no non-negative");
  EXPECT_HEADER_ERROR(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4,
                      "1.5 is no");
  EXPECT_HEADER_ERROR(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}})", 4,
                      "data_offsets");
  EXPECT_HEADER_ERROR(R"({"__metadata__":{"a":1}})", 0, "metadata 'a' is not text");
  EXPECT_HEADER_ERROR(R"({"__metadata__":3})", 0, "not an object");
}

TEST(Safetensors, HostileHeaders) {
  EXPECT_HEADER_ERROR(std::string("{\"a\":") + std::string(100000, '['), 0, "nests deeper");
  EXPECT_HEADER_ERROR(
      R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", 1,
      "a list of more than 16");
  EXPECT_HEADER_ERROR(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
                          "a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                      2, "has 'a' twice");
  EXPECT_HEADER_ERROR(R"({"a":{"dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4,
                      "'dtype' twice");
  EXPECT_HEADER_ERROR(
      R"({"a":{"dtype":"F64","shape":[2305843009213693952,8],"data_offsets":[0,0]}})", 0,
      "does not fill");
  EXPECT_HEADER_ERROR(R"({"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,0]}})",
                      0, "out of range");
}

TEST(Safetensors, OffsetsMustTileTheData) {
  const auto two = [](int b0, int e0, int b1, int e1) {
    return fmt::format(R"({{"a":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}},)"
                       R"("b":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}}}})",
                       e0 - b0, b0, e0, e1 - b1, b1, e1);
  };
  EXPECT_EQ(error_for(two(0, 4, 4, 8), 8), "");
  EXPECT_EQ(error_for(two(4, 8, 0, 4), 8), "");
  EXPECT_HEADER_ERROR(two(0, 4, 2, 8), 8, "tensor 'b': its data overlaps");
  EXPECT_HEADER_ERROR(two(0, 4, 0, 4), 4, "overlaps");
  EXPECT_HEADER_ERROR(two(0, 4, 6, 8), 8, "2 bytes before its data belong to no tensor");
  EXPECT_HEADER_ERROR(two(0, 4, 4, 8), 9, "1 bytes after the last tensor");
  EXPECT_HEADER_ERROR(two(0, 4, 4, 8), 7, "not inside the 7 bytes");
  EXPECT_HEADER_ERROR(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
                      "shape [2] of F32 does not fill its 4");
  EXPECT_HEADER_ERROR(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "not inside");
}

TEST(Safetensors, WriterRefusesNonsense) {
  TemporaryFolder folder;
  const std::vector<float> a{1};
  const NamedTensor tensor{"a", DType::f32, {1}, raw(a)};
  EXPECT_ERROR(write_safetensors(folder / "m", {tensor, tensor}), "name 'a' is taken");
  EXPECT_ERROR(write_safetensors(folder / "m", {{"a", DType::f32, {2}, raw(a)}}), "has 4 bytes");
  EXPECT_ERROR(write_safetensors(folder / "m", {{"__metadata__", DType::f32, {1}, raw(a)}}),
               "is taken");
  EXPECT_ERROR(write_safetensors(folder / "m", {{"\xff", DType::f32, {1}, raw(a)}}), "not UTF-8");
  EXPECT_EQ(folder.entries(), 0);
}

TEST(Safetensors, APointerOfGitLfsIsCalledOne) {
  TemporaryFolder folder;
  write_file_atomically(folder / "w.safetensors",
                        std::string_view("version https://git-lfs.github.com/spec/v1\noid x\n"));
  EXPECT_ERROR(SafetensorsFile(folder / "w.safetensors"), "git lfs pull");
}

}  // namespace
}  // namespace cairn::io
