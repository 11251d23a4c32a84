// Metrics, TensorBoard events, .npy, IDX and the description of files.
#include <gtest/gtest.h>

#include <bit>

#include "cairn/base/json.h"
#include "cairn/io/gzip.h"
#include "cairn/io/idx.h"
#include "cairn/io/info.h"
#include "cairn/io/jsonl.h"
#include "cairn/io/npy.h"
#include "cairn/io/safetensors.h"
#include "cairn/io/tensorboard.h"
#include "tests/io/events.h"
#include "tests/io/temporary_folder.h"

namespace cairn::io {
namespace {

TEST(Jsonl, AppendsAndReadsBack) {
  TemporaryFolder folder;
  {
    JsonlWriter writer(folder / "m.jsonl");
    writer.write({{"step", 1}, {"loss", 0.5}});
    EXPECT_EQ(read_text_file(folder / "m.jsonl"),
              "{\"step\":1,\"loss\":0.5}\n");  // flushed already
  }
  JsonlWriter(folder / "m.jsonl").write({{"step", 2}, {"loss", std::nan("")}});
  const auto records = read_jsonl(folder / "m.jsonl");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["loss"], 0.5);
  EXPECT_TRUE(records[1]["loss"].is_null());
}

TEST(Jsonl, ResumeDropsLaterStepsAndTheUnfinishedLine) {
  TemporaryFolder folder;
  write_file_atomically(
      folder / "m.jsonl",
      std::string_view("{\"event\":\"start\"}\n{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"st"));
  JsonlWriter(folder / "m.jsonl", 2).write({{"step", 3}, {"again", true}});
  EXPECT_EQ(read_text_file(folder / "m.jsonl"),
            "{\"event\":\"start\"}\n{\"step\":1}\n{\"step\":2}\n{\"step\":3,\"again\":true}\n");
  JsonlWriter fresh(folder / "new.jsonl", 5);
  EXPECT_EQ(read_text_file(folder / "new.jsonl"), "");
}

// What a power cut, a full disk or a second process leaves blocks neither a report nor a resumed
// run.
TEST(Jsonl, ALogIsReadAsFarAsItIsWhole) {
  TemporaryFolder folder;
  const std::string zeros(8, '\0');
  write_file_atomically(folder / "m.jsonl", "{\"step\":1,\"loss\":4}\n" + zeros +
                                                "{\"step\":2,\"loss\":3}\n{\"step\":2,\"lo\n"
                                                "{\"step\":2,\"loss\":2}\n[1]\n\n\xff\n"
                                                "{\"step\":2,\"test\":9}\n"
                                                "{\"step\":2,\"loss\":1}\n{\"event\":1}\n"
                                                "{\"event\":1}\n{\"st" +
                                                zeros);
  const auto log = read_log(folder / "m.jsonl");
  ASSERT_EQ(log.size(), 5u) << nlohmann::ordered_json(log).dump();
  EXPECT_EQ(log[0].dump(), R"({"step":1,"loss":4})");
  EXPECT_EQ(log[1].dump(), R"({"step":2,"test":9})");
  EXPECT_EQ(log[2].dump(), R"({"step":2,"loss":1})") << "the last of three that say the same";
  EXPECT_ERROR(read_jsonl(folder / "m.jsonl"), "line 2");
  JsonlWriter(folder / "m.jsonl", 1).write({{"step", 2}, {"loss", 0}});
  EXPECT_EQ(read_text_file(folder / "m.jsonl"),
            "{\"step\":1,\"loss\":4}\n{\"event\":1}\n{\"event\":1}\n{\"step\":2,\"loss\":0}\n");
}

TEST(Jsonl, ErrorsNameFileAndLine) {
  TemporaryFolder folder;
  EXPECT_ERROR(parse_jsonl("{}\n{\"a\":}\n", "m.jsonl"), "'m.jsonl', line 2");
  EXPECT_ERROR(parse_jsonl("{}\n[1]\n", "m.jsonl"), "line 2: not a JSON object");
  EXPECT_ERROR(parse_jsonl("{\"a\":" + std::string(100000, '[') + "\n", "m.jsonl"),
               "nested too deeply");
  EXPECT_ERROR(JsonlWriter(folder / "no/m.jsonl"), "cannot write");
  EXPECT_ERROR(JsonlWriter("/dev/full").write({{"a", 1}}), "cannot write '/dev/full': No space");
}

// Even where the clock was set back: readers sort by names.
TEST(TensorBoard, ALaterFileComesAfterTheOthers) {
  TemporaryFolder folder;
  write_file_atomically(folder / "events.out.tfevents.4000000000.host.1.0", std::string_view());
  const std::string path = EventWriter(folder.path()).path();
  EXPECT_NE(path.find("/events.out.tfevents.4000000001."), path.npos) << path;
}

TEST(TensorBoard, Crc32cKnownAnswer) {
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283u);
  EXPECT_EQ(crc32c(Bytes(ByteVector(32, 0))), 0x8A9136AAu);  // RFC 3720
}

TEST(TensorBoard, RecordsAreWellFormed) {
  TemporaryFolder folder;
  EventWriter writer(folder.path(), 7);
  writer.add_scalar("loss", 8, 0.25f);
  writer.add_image("grid", 300, Image(2, 3, 1, 128));
  writer.add_text("note", 9, "*hello*");
  const auto events = events_of(writer.path());
  ASSERT_EQ(events.size(), 5u);
  const auto after_time = [&](int i) {
    return events[i].substr(9);
  };  // tag and double of the wall time
  EXPECT_EQ(after_time(0), std::string("\x10\0\x1a\x0d", 4) + "brain.Event:2");
  EXPECT_EQ(after_time(1), std::string("\x10\x07\x3a\x02\x08\x01", 6));
  EXPECT_EQ(after_time(2), std::string("\x10\x08\x2a\x0d\x0a\x0b\x0a\x04loss\x15\0\0\x80\x3e", 17));
  EXPECT_EQ(events[3].substr(9, 3), "\x10\xac\x02");  // 300 as a varint
  EXPECT_NE(events[3].find("\x89PNG"), std::string::npos);
  EXPECT_NE(events[4].find("*hello*"), std::string::npos);
  EXPECT_ERROR(EventWriter(folder / "none"), "cannot write");
}

TEST(TensorBoard, AHistogramHoldsEveryFiniteValueOnce) {
  TemporaryFolder folder;
  EventWriter writer(folder.path());
  const float values[] = {-1, -1, 0, 0.5f, 3, NAN, INFINITY};
  writer.add_histogram("weights/w", 5, values);
  const float equal[] = {2, 2, 2};
  writer.add_histogram("weights/b", 5, equal);
  const float none[] = {NAN};
  writer.add_histogram("weights/none", 5, none);
  const auto events = events_of(writer.path());
  ASSERT_EQ(events.size(), 3u);  // the version, and two
  const Fields value = Fields(events[1]).message(5).message(1);
  EXPECT_EQ(value.text(1), "weights/w");
  const Fields histogram = value.message(5);
  EXPECT_EQ(histogram.real(1), -1);
  EXPECT_EQ(histogram.real(2), 3);
  EXPECT_EQ(histogram.real(3), 5);
  EXPECT_EQ(histogram.real(4), 1.5);
  EXPECT_EQ(histogram.real(5), 11.25);
  const auto limits = histogram.reals(6), counts = histogram.reals(7);
  ASSERT_EQ(limits.size(), counts.size());
  EXPECT_TRUE(std::is_sorted(limits.begin(), limits.end()));
  EXPECT_GE(limits.back(), 3 - 1e-12);
  double all = 0;
  for (double c : counts) all += c;
  EXPECT_EQ(all, 5);
  EXPECT_EQ(counts[0], 0);
  EXPECT_EQ(counts[1], 2);      // the two smallest
  EXPECT_EQ(counts.back(), 1);  // the largest
  const Fields same = Fields(events[2]).message(5).message(1).message(5);
  EXPECT_EQ(same.reals(7)[1], 3);
}

TEST(TensorBoard, AGraphHasItsOpsWithInputsAndShapes) {
  TemporaryFolder folder;
  EventWriter writer(folder.path());
  writer.add_graph(
      {{"batch/0", "input", {}, {{8, 3}}}, {"f1/linear_0", "linear", {"batch/0"}, {{8, 2}}}});
  const auto ops = told_by(writer.path()).graph;
  ASSERT_EQ(ops.size(), 2u);
  EXPECT_EQ(ops[1].text(1), "f1/linear_0");
  EXPECT_EQ(ops[1].text(2), "linear");
  EXPECT_EQ(ops[1].text(3), "batch/0");
  const Fields attribute = ops[1].message(5);
  EXPECT_EQ(attribute.text(1), "_output_shapes");
  const auto dims = attribute.message(2).message(1).message(7).messages(2);
  ASSERT_EQ(dims.size(), 2u);
  EXPECT_EQ(dims[0].numbers.at(1)[0], 8u);
  EXPECT_EQ(dims[1].numbers.at(1)[0], 2u);
}

std::string golden(const char* name) {
  return std::string(CAIRN_SOURCE_DIR "/tests/io/golden/") + name;
}

TEST(Npy, ReadsNumpysFilesInBothOrders) {
  for (const char* name : {"c_order.npy", "fortran_order.npy"}) {
    const NpyArray array = read_npy(golden(name));
    EXPECT_EQ(array.dtype, DType::f32);
    EXPECT_EQ(array.shape, (Shape{2, 3, 4}));
    for (int i = 0; i < 24; ++i) EXPECT_EQ(load_element(&array.data[i * 4], DType::f32), i) << name;
  }
  const NpyArray scalar = read_npy(golden("scalar.npy"));
  EXPECT_EQ(scalar.shape, Shape{});
  EXPECT_EQ(load_element(scalar.data.data(), DType::i64), -3);
}

TEST(Npy, WritesNumpysBytes) {
  TemporaryFolder folder;
  const NpyArray array = read_npy(golden("c_order.npy"));
  write_npy(folder / "a.npy", array.dtype, array.shape, array.data);
  const ByteVector mine = read_file(folder / "a.npy");
  const ByteVector theirs = read_file(golden("c_order.npy"));
  EXPECT_EQ(mine, theirs);
  write_npy(folder / "v.npy", DType::u8, {3}, bytes_of("abc"));
  EXPECT_EQ(read_npy(folder / "v.npy").shape, Shape{3});
  EXPECT_ERROR(write_npy(folder / "b.npy", DType::bf16, {1}, bytes_of("ab")), "NumPy has no bf16");
  EXPECT_ERROR(write_npy(folder / "b.npy", DType::f32, {1}, bytes_of("ab")), "has 2 bytes");
}

ByteVector npy_of(const std::string& header, size_t data) {
  ByteVector out;
  for (char c : std::string("\x93NUMPY\x01\0", 8)) out.push_back(static_cast<uint8_t>(c));
  append_little(out, static_cast<uint16_t>(header.size()));
  out.insert(out.end(), header.begin(), header.end());
  out.resize(out.size() + data);
  return out;
}

TEST(Npy, MalformedHeaders) {
  const auto header = [](const char* descr, const char* shape) {
    return fmt::format("{{'descr': {}, 'fortran_order': False, 'shape': {}}}", descr, shape);
  };
  EXPECT_EQ(parse_npy(npy_of(header("'<f4'", "(2,)"), 8), "a").shape, Shape{2});
  EXPECT_ERROR(parse_npy(npy_of(header("'<f4'", "(2,)"), 7), "a"),
               "does not fit the 7 bytes of data; truncated?");
  EXPECT_ERROR(parse_npy(npy_of(header("'<f4'", "(2,)"), 9), "a"), "does not fit");
  EXPECT_ERROR(parse_npy(npy_of(header("'|O'", "(2,)"), 9), "a"), "type '|O' is not read");
  EXPECT_ERROR(parse_npy(npy_of(header("'>f4'", "(2,)"), 8), "a"), "type '>f4' is not read");
  EXPECT_ERROR(parse_npy(npy_of(header("[('x', '<f4')]", "(2,)"), 8), "a"), "each of its fields");
  EXPECT_ERROR(parse_npy(npy_of(header("[('x', '<f4'", "(2,)"), 8), "a"), "a list without end");
  EXPECT_ERROR(parse_npy(npy_of(header("'<f4'", "(99999999999999999999,)"), 8), "a"),
               "out of range");
  EXPECT_ERROR(parse_npy(npy_of(header("'<f8'", "(72057594037927936, 256)"), 8), "a"),
               "does not fit");
  EXPECT_ERROR(parse_npy(npy_of(header("'<f4'", "(-1,)"), 8), "a"), "a size expected");
  EXPECT_ERROR(parse_npy(npy_of("{'descr': '<f4'", 8), "a"), "'}' expected");
  EXPECT_ERROR(parse_npy(npy_of("{'descr': '<f4'}", 8), "a"), "is missing");
  EXPECT_ERROR(parse_npy(npy_of("{'descr': '<f4', 'descr': '<f4'}", 8), "a"), "second key 'descr'");
  EXPECT_ERROR(parse_npy(npy_of("{'descr", 8), "a"), "without end");
  EXPECT_ERROR(parse_npy(bytes_of("PK"), "a"), "no .npy file");
  ByteVector cut = npy_of("{}", 0);
  cut[8] = 200;
  EXPECT_ERROR(parse_npy(cut, "a"), "the header needs 200 bytes, 2 are left");
}

// What else NumPy writes is described, and refused only where its numbers are wanted.
TEST(Npy, TypesThatAreNotRead) {
  const auto file = [](const char* type, size_t width) {
    return npy_of(fmt::format("{{'descr': {}, 'fortran_order': False, 'shape': (2L, 3)}}", type),
                  6 * width);
  };
  const std::tuple<const char*, size_t, const char*> kTypes[] = {
      {"'<u2'", 2, "a.astype('<i8')"},
      {"'>f4'", 4, "a.astype('<f4')"},
      {"'<c16'", 16, "a.real"},
      {"'|S3'", 3, "save numbers"},
      {"'<U3'", 12, "save numbers"},
      {"'<M8[s]'", 8, "a.astype('<i8')"},
      {"'<V2'", 2, "save numbers"},
      {"'|O'", 5, "save numbers"},
      {"[('x', '<f4'), ('y', '<i4', (2,))]", 12, "fields"}};
  for (const auto& [type, width, way_out] : kTypes) {
    const auto bytes = file(type, width);
    const NpyHeader header = parse_npy_header(bytes, "a");
    EXPECT_FALSE(header.dtype.has_value()) << type;
    EXPECT_EQ(header.shape, (Shape{2, 3}));
    EXPECT_ERROR(parse_npy(bytes, "a"), way_out);
  }
  EXPECT_ERROR(parse_npy_header(file("'<u2'", 1), "a"), "truncated?");
}

ByteVector idx_of(std::initializer_list<uint8_t> magic, std::vector<uint32_t> sizes, size_t data) {
  ByteVector out(magic);
  for (uint32_t size : sizes) append_big(out, size);
  out.resize(out.size() + data);
  return out;
}

TEST(Idx, ParsesAndNamesEveryFault) {
  const ByteVector good = idx_of({0, 0, 8, 3}, {2, 3, 4}, 24);
  EXPECT_EQ(parse_idx(good, "t").shape, (Shape{2, 3, 4}));
  EXPECT_EQ(parse_idx(good, "t").data.size(), 24u);
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_ERROR(parse_idx(Bytes(good).first(size), "t"), "truncated");
  EXPECT_ERROR(parse_idx(idx_of({0, 0, 8, 3}, {2, 3, 4}, 25), "t"),
               "'t', byte 40: 1 bytes more than sizes [2, 3, 4]");
  EXPECT_ERROR(parse_idx(idx_of({1, 0, 8, 3}, {2, 3, 4}, 24), "t"), "magic number is 0x01000803");
  EXPECT_ERROR(parse_idx(idx_of({0, 0, 13, 3}, {2, 3, 4}, 96), "t"), "elements of type 0x0d");
  EXPECT_ERROR(parse_idx(idx_of({0, 0, 8, 0}, {}, 1), "t"), "0 dimensions");
  EXPECT_ERROR(parse_idx(idx_of({0, 0, 8, 200}, {1, 1}, 1), "t"), "200 dimensions");
  EXPECT_ERROR(parse_idx(idx_of({0, 0, 8, 3}, {0xffffffff, 0xffffffff, 0xffffffff}, 8), "t"),
               "truncated");
}

TEST(Info, DescribesEveryKind) {
  TemporaryFolder folder;
  const std::vector<float> values{1, 2};
  const Bytes raw{reinterpret_cast<const uint8_t*>(values.data()), 8};
  write_safetensors(folder / "m", {{"w", DType::f32, {2}, raw}}, {{"epoch", "3"}});
  const FileInfo model = inspect_file(folder / "m");
  EXPECT_EQ(model.kind, FileKind::safetensors);
  const std::string text = to_text(model);
  EXPECT_NE(text.find("metadata epoch  3"), std::string::npos) << text;
  EXPECT_NE(text.find("w     f32    [2]    2         8"), std::string::npos) << text;
  EXPECT_EQ(Json::parse(to_json(model))["table"][0]["name"], "w");

  EXPECT_EQ(inspect_file(golden("c_order.npy")).kind, FileKind::npy);
  write_png(folder / "a", Image(2, 3, 3));
  EXPECT_NE(to_text(inspect_file(folder / "a")).find("2 x 3"), std::string::npos);
  write_file_atomically(folder / "labels.gz", Bytes(gzip(idx_of({0, 0, 8, 1}, {5}, 5))));
  const FileInfo labels = inspect_file(folder / "labels.gz");
  EXPECT_EQ(labels.kind, FileKind::idx);
  EXPECT_TRUE(labels.gzip);
  EXPECT_EQ(labels.table[1], (std::vector<std::string>{"0", "5"}));
  write_file_atomically(folder / "j", std::string_view("{\"step\":1,\"loss\":2}\n{\"step\":2}\n"));
  EXPECT_NE(to_text(inspect_file(folder / "j")).find("records  2"), std::string::npos);
  write_file_atomically(folder / "t", std::string_view("h\xc3\xa9llo\n"));
  EXPECT_NE(to_text(inspect_file(folder / "t")).find("characters      6"), std::string::npos);
  EXPECT_EQ(inspect_file(EventWriter(folder.path()).path()).kind, FileKind::tensorboard);
}

TEST(Info, DamagedAndUnknownFiles) {
  TemporaryFolder folder;
  write_file_atomically(folder / "x", std::string_view("\0\1\2\3\4\5\6\7\x8\x9", 10));
  EXPECT_ERROR(inspect_file(folder / "x"), "is none of the files that are read here");
  write_file_atomically(folder / "e", std::string_view(""));
  EXPECT_ERROR(inspect_file(folder / "e"), "is empty");
  EXPECT_ERROR(inspect_file(folder.path()), "is a folder");
  write_file_atomically(folder / "i", Bytes(idx_of({0, 0, 8, 1}, {5}, 4)));
  EXPECT_ERROR(inspect_file(folder / "i"), "truncated");
}

// What was cut to a few bytes may look like text.
TEST(Info, TellsACutFileOfPyTorchByItsName) {
  TemporaryFolder folder;
  for (const char* name : {"a.pt", "a.pth"})
    for (const std::string_view bytes :
         {std::string_view("P"), std::string_view("\n"), std::string_view("{"),
          std::string_view("\0", 1), std::string_view("no archive")}) {
      write_file_atomically(folder / name, bytes);
      EXPECT_ERROR(inspect_file(folder / name), "no file of torch.save(): it was cut");
    }
  for (const char* bytes : {"PK", "PK\x03\x04"}) {
    write_file_atomically(folder / "b.pt", std::string_view(bytes));
    EXPECT_ERROR(inspect_file(folder / "b.pt"), "zip archive");
  }
  write_file_atomically(folder / "train.pt", std::string_view("um cachorro\ndois gatos\n"));
  EXPECT_EQ(inspect_file(folder / "train.pt").kind, FileKind::text) << "Portuguese";
}

}  // namespace
}  // namespace cairn::io
