// Reads event files of TensorBoard back: records with their checksums, and protobuf by its wire
// format, without a schema.
#pragma once
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "cairn/io/bytes.h"
#include "cairn/io/tensorboard.h"

namespace cairn::io {

// Walks the records: every length and both masked sums must fit.
inline std::vector<std::string> events_of(const std::string& path) {
  const ByteVector content = read_file(path);
  ByteReader reader(path, content);
  const auto masked = [](Bytes bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8u; };
  std::vector<std::string> events;
  while (reader.remaining() > 0) {
    const Bytes head = Bytes(content).subspan(reader.offset(), 8);
    const auto length = reader.little<uint64_t>("length");
    EXPECT_EQ(reader.little<uint32_t>("sum"), masked(head));
    const Bytes data = reader.take(length, "event");
    EXPECT_EQ(reader.little<uint32_t>("sum"), masked(data));
    events.emplace_back(text_of(data));
  }
  return events;
}

// The fields of a message: numbers as they are (whole ones, or bits), everything else as bytes.
struct Fields {
  std::map<int, std::vector<uint64_t>> numbers;
  std::map<int, std::vector<std::string>> bytes;

  bool has(int field) const { return numbers.count(field) || bytes.count(field); }
  std::string text(int field) const {
    const auto it = bytes.find(field);
    return it == bytes.end() ? "" : it->second.front();
  }
  Fields message(int field) const { return Fields(text(field)); }
  std::vector<Fields> messages(int field) const {
    std::vector<Fields> all;
    if (const auto it = bytes.find(field); it != bytes.end())
      for (const std::string& one : it->second) all.emplace_back(one);
    return all;
  }
  double real(int field) const { return std::bit_cast<double>(numbers.at(field).front()); }
  std::vector<double> reals(int field) const {  // packed
    const std::string packed = text(field);
    std::vector<double> values(packed.size() / 8);
    std::memcpy(values.data(), packed.data(), values.size() * 8);
    return values;
  }

  Fields() = default;
  explicit Fields(const std::string& message) {
    size_t at = 0;
    const auto varint = [&] {
      uint64_t value = 0;
      for (int shift = 0; at < message.size(); shift += 7) {
        const auto byte = static_cast<uint8_t>(message[at++]);
        value |= uint64_t{byte & 0x7fu} << shift;
        if (byte < 0x80) break;
      }
      return value;
    };
    while (at < message.size()) {
      const uint64_t key = varint();
      const int field = static_cast<int>(key >> 3);
      size_t length = 0;
      switch (key & 7) {
        case 0: numbers[field].push_back(varint()); continue;
        case 1: length = 8; break;
        case 2: length = varint(); break;
        case 5: length = 4; break;
        default: ADD_FAILURE() << "wire type " << (key & 7); return;
      }
      EXPECT_LE(length, message.size() - at);
      if (length > message.size() - at) return;
      const std::string piece = message.substr(at, length);
      at += length;
      if ((key & 7) == 2) {
        bytes[field].push_back(piece);
      } else {
        uint64_t bits = 0;
        std::memcpy(&bits, piece.data(), length);
        numbers[field].push_back(bits);
      }
    }
  }
};

// What a file tells TensorBoard: tags by kind, and the ops of its graph.
struct Told {
  std::map<std::string, int> scalars, images, histograms, texts;
  std::vector<Fields> graph;
};
inline Told told_by(const std::string& path) {
  Told told;
  for (const std::string& bytes : events_of(path)) {
    const Fields event(bytes);
    if (event.has(4)) told.graph = event.message(4).messages(1);
    for (const Fields& value : event.message(5).messages(1)) {
      const std::string tag = value.text(1);
      if (value.has(2)) ++told.scalars[tag];
      if (value.has(4)) ++told.images[tag];
      if (value.has(5)) ++told.histograms[tag];
      if (value.has(8)) ++told.texts[tag];
    }
  }
  return told;
}

}  // namespace cairn::io
