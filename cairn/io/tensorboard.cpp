#include "cairn/io/tensorboard.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace cairn::io {
namespace {

constexpr std::string_view kEventFile = "events.out.tfevents.";

constexpr std::array<uint32_t, 256> kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    table[i] = crc;
  }
  return table;
}();

// TensorFlow stores CRCs rotated and shifted, so that a CRC over data with CRCs inside stays
// meaningful.
uint32_t masked_crc(Bytes bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8u; }

// A protobuf message under construction. Wire types: 0 varint, 1 eight bytes, 2 length-delimited, 5
// four.
class Message {
 public:
  Message& integer(int field, uint64_t value) {
    varint(uint64_t(field) << 3);
    varint(value);
    return *this;
  }
  Message& real(int field, double value) { return fixed(field, 1, std::bit_cast<uint64_t>(value)); }
  Message& real(int field, float value) { return fixed(field, 5, std::bit_cast<uint32_t>(value)); }
  Message& text(int field, std::string_view value) {
    varint(uint64_t(field) << 3 | 2);
    varint(value.size());
    bytes_.append(value);
    return *this;
  }
  Message& reals(int field, const std::vector<double>& values) {  // packed
    Message packed;
    for (double v : values) packed.little(std::bit_cast<uint64_t>(v));
    return text(field, packed.bytes_);
  }
  Message& message(int field, const Message& value) { return text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  template <class T>
  Message& fixed(int field, int wire_type, T value) {
    varint(uint64_t(field) << 3 | wire_type);
    return little(value);
  }
  template <class T>
  Message& little(T value) {
    for (size_t i = 0; i < sizeof(T); ++i) bytes_ += static_cast<char>(value >> 8 * i);
    return *this;
  }
  std::string bytes_;
};

// message Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary =
// 5;
//                 SessionLog session_log = 7; }
Message event_at(int64_t step) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  Message event;
  event.real(1, now.count()).integer(2, static_cast<uint64_t>(step));
  return event;
}

// HistogramProto { double min = 1, max = 2, num = 3, sum = 4, sum_squares = 5; repeated double
// bucket_limit = 6, bucket = 7; }: bucket i counts what is above limit i - 1 and at most limit i.
Message histogram_of(const std::vector<double>& values) {
  constexpr size_t kRanges = 20;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double low = *least, high = *most;
  const double width = std::max((high - low) / kRanges, std::abs(low) * 1e-9 + 1e-12);
  double sum = 0, squares = 0;
  std::vector<double> limits = {low}, counts(kRanges + 1, 0);  // the first one is empty
  for (size_t i = 1; i <= kRanges; ++i) limits.push_back(low + width * static_cast<double>(i));
  for (double v : values) {
    sum += v, squares += v * v;
    ++counts[1 + std::min(kRanges - 1, static_cast<size_t>((v - low) / width))];
  }
  Message m;
  m.real(1, low).real(2, high).real(3, static_cast<double>(values.size()));
  return m.real(4, sum).real(5, squares).reals(6, limits).reals(7, counts);
}

// AttrValue { ListValue list = 1 { repeated TensorShapeProto shape = 7 { repeated Dim dim = 2 {
// int64 size = 1; } } } }
Message shapes_of(const GraphOp& op) {
  Message list;
  for (const auto& shape : op.results) {
    Message dims;
    for (int64_t size : shape) dims.message(2, Message().integer(1, static_cast<uint64_t>(size)));
    list.message(7, dims);
  }
  return Message().message(1, list);
}

// Readers take the files of a folder by their names, in which the time stands: a later one must not
// come before, even where the clock was set back.
int64_t time_after_all_in(const std::string& folder) {
  int64_t time = std::time(nullptr);
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kEventFile) && name.size() > kEventFile.size() + 10)
      time =
          std::max<int64_t>(time, std::strtoll(name.c_str() + kEventFile.size(), nullptr, 10) + 1);
  }
  return time;
}

std::string event_file_name(const std::string& folder) {
  static std::atomic<int> count{0};
  char host[256] = "localhost";
  gethostname(host, sizeof host - 1);
  return fmt::format("{}{:010}.{}.{}.{}", kEventFile, time_after_all_in(folder), host, getpid(),
                     count++);
}

}  // namespace

uint32_t crc32c(Bytes bytes) {
  uint32_t crc = ~0u;
  for (uint8_t byte : bytes) crc = crc >> 8 ^ kCrcTable[(crc ^ byte) & 0xff];
  return ~crc;
}

EventWriter::EventWriter(const std::string& folder, int64_t resumed_at_step)
    : path_(folder + "/" + event_file_name(folder)) {
  file_.reset(std::fopen(path_.c_str(), "wbe"));
  check(file_ != nullptr, "cannot write '{}': {}", path_, std::strerror(errno));
  write_record(event_at(0).text(3, "brain.Event:2").bytes());
  if (resumed_at_step > 0)  // SessionLog { status = START }
    write_record(event_at(resumed_at_step).message(7, Message().integer(1, 1)).bytes());
}

// Summary { repeated Value value = 1; }, Value { string tag = 1; float simple_value = 2; Image
// image = 4; TensorProto tensor = 8; SummaryMetadata metadata = 9; }
void EventWriter::add_scalar(const std::string& tag, int64_t step, float value) {
  const Message entry = Message().text(1, tag).real(2, value);
  write_record(event_at(step).message(5, Message().message(1, entry)).bytes());
}

// Image { int32 height = 1; int32 width = 2; int32 colorspace = 3; bytes encoded_image_string = 4;
// }
void EventWriter::add_image(const std::string& tag, int64_t step, const Image& image) {
  Message picture;
  picture.integer(1, image.height).integer(2, image.width).integer(3, image.channels);
  picture.text(4, text_of(encode_png(image)));
  const Message entry = Message().text(1, tag).message(4, picture);
  write_record(event_at(step).message(5, Message().message(1, entry)).bytes());
}

// Value { HistogramProto histo = 5; }
void EventWriter::add_histogram(const std::string& tag, int64_t step,
                                std::span<const float> values) {
  std::vector<double> finite;
  finite.reserve(values.size());
  for (float v : values)
    if (std::isfinite(v)) finite.push_back(v);
  if (finite.empty()) return;
  const Message entry = Message().text(1, tag).message(5, histogram_of(finite));
  write_record(event_at(step).message(5, Message().message(1, entry)).bytes());
}

// Event { bytes graph_def = 4; }, GraphDef { repeated NodeDef node = 1; VersionDef versions = 4 {
// int32 producer = 1; } }, NodeDef { string name = 1, op = 2; repeated string input = 3;
// map<string, AttrValue> attr = 5; }
void EventWriter::add_graph(const std::vector<GraphOp>& ops) {
  Message graph;
  for (const GraphOp& op : ops) {
    Message node;
    node.text(1, op.name).text(2, op.kind);
    for (const std::string& input : op.inputs) node.text(3, input);
    node.message(5, Message().text(1, "_output_shapes").message(2, shapes_of(op)));
    graph.message(1, node);
  }
  graph.message(4, Message().integer(1, 22));
  write_record(event_at(0).text(4, graph.bytes()).bytes());
}

// A string tensor (DT_STRING = 7, one element) that the text plugin shows.
void EventWriter::add_text(const std::string& tag, int64_t step, const std::string& markdown) {
  const Message shape = Message().message(2, Message().integer(1, 1));
  const Message tensor = Message().integer(1, 7).message(2, shape).text(8, markdown);
  const Message plugin = Message().message(1, Message().text(1, "text"));
  const Message entry = Message().text(1, tag).message(8, tensor).message(9, plugin);
  write_record(event_at(step).message(5, Message().message(1, entry)).bytes());
}

void EventWriter::write_record(const std::string& event) {
  ByteVector record;
  append_little(record, static_cast<uint64_t>(event.size()));
  append_little(record, masked_crc(record));
  record.insert(record.end(), event.begin(), event.end());
  append_little(record, masked_crc(bytes_of(event)));
  const bool written = std::fwrite(record.data(), 1, record.size(), file_.get()) == record.size();
  const bool flushed = std::fflush(file_.get()) == 0;
  check(written && flushed, "cannot write '{}': {}", path_, std::strerror(errno));
}

}  // namespace cairn::io
