#include "cairn/io/torch_file.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "cairn/io/pickle.h"
#include "cairn/io/zip.h"

namespace cairn::io {
namespace {

using Kind = Pickled::Kind;
constexpr uint64_t kMostCopied = 64 << 20;  // beside as much as the file has
constexpr size_t kMostTensors = 1 << 20;
constexpr size_t kMostValues = 1 << 20;  // looked at, shared ones as often as they occur
constexpr int kDeepest = 32;

struct Type {
  const char *storage, *dtype;  // names after "torch "
  DType type;
};
constexpr Type kTypes[] = {
    {"FloatStorage", "float32", DType::f32}, {"DoubleStorage", "float64", DType::f64},
    {"HalfStorage", "float16", DType::f16},  {"BFloat16Storage", "bfloat16", DType::bf16},
    {"LongStorage", "int64", DType::i64},    {"IntStorage", "int32", DType::i32},
    {"CharStorage", "int8", DType::i8},      {"ByteStorage", "uint8", DType::u8},
    {"BoolStorage", "bool", DType::boolean}, {"", "float8_e4m3fn", DType::f8e4m3},
    {"", "float8_e5m2", DType::f8e5m2}};
// Known, but of no type here.
constexpr const char* kUnread[] = {"ShortStorage",
                                   "ComplexFloatStorage",
                                   "ComplexDoubleStorage",
                                   "QUInt8Storage",
                                   "QInt8Storage",
                                   "QInt32Storage",
                                   "uint16",
                                   "uint32",
                                   "uint64",
                                   "int16",
                                   "complex64",
                                   "complex128",
                                   "float8_e4m3fnuz",
                                   "float8_e5m2fnuz",
                                   "float8_e8m0fnu"};
constexpr const char* kCalls[] = {
    "collections OrderedDict",         "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_tensor_v3", "torch._utils _rebuild_parameter",
    "torch.storage UntypedStorage",    "torch Size"};

const Type* find_type(const std::string& global) {
  for (const Type& type : kTypes)
    if ((*type.storage && global == fmt::format("torch {}", type.storage)) ||
        global == fmt::format("torch {}", type.dtype))
      return &type;
  return nullptr;
}

void allow(const std::string& global, const std::string& file) {
  if (find_type(global) || std::ranges::find(kCalls, global) != std::end(kCalls)) return;
  for (const char* unread : kUnread)
    if (global == fmt::format("torch {}", unread)) return;
  std::string name = global;
  std::replace(name.begin(), name.end(), ' ', '.');
  fail(
      "'{}': the file wants to call '{}', which no state dict needs; nothing in a file is executed "
      "here. Save the weights alone: torch.save(model.state_dict(), ...)",
      file, name);
}

class TorchReader {
 public:
  TorchReader(Bytes bytes, const std::string& name) : name_(name), bytes_(bytes) {
    for (ZipEntry& entry : read_zip(bytes, name)) {
      const size_t slash = entry.name.find('/');
      if (slash == entry.name.npos) continue;
      files_.emplace(entry.name.substr(slash + 1), entry.data);
    }
    const auto order = files_.find("byteorder");
    check(order == files_.end() || text_of(order->second) == "little",
          "'{}': numbers of the other byte order are not read", name);
  }

  TorchContent read() {
    const auto pickle = files_.find("data.pkl");
    check(pickle != files_.end(), "'{}': a zip archive without data.pkl; not of torch.save()",
          name_);
    const Pickle values(pickle->second, name_ + ", data.pkl", allow);
    collect(weights_of(values.value()), "", 0);
    return std::move(content_);
  }

 private:
  static bool is_tensor(const Pickled& v) { return v.kind == Kind::call; }

  // Of a training's file the weights alone.
  static const Pickled& weights_of(const Pickled& v) {
    if (v.kind != Kind::dict) return v;
    for (const auto& [key, value] : v.entries)
      if (is_tensor(*value)) return v;
    for (const char* name : {"state_dict", "model_state_dict", "model"})
      for (const auto& [key, value] : v.entries)
        if (key->kind == Kind::text && key->text == name && value->kind == Kind::dict)
          return *value;
    return v;
  }

  void collect(const Pickled& v, const std::string& name, int depth) {
    check(depth < kDeepest && ++looked_at_ < kMostValues, "'{}': values nested too deeply", name_);
    const auto below = [&](const std::string& key) {
      return name.empty() ? key : name + "." + key;
    };
    if (is_tensor(v)) return add(v, name);
    for (const auto& [key, value] : v.entries) {
      if (key->kind == Kind::text) collect(*value, below(key->text), depth + 1);
      if (key->kind == Kind::whole) collect(*value, below(std::to_string(key->whole)), depth + 1);
    }
    if (v.kind != Kind::tuple && v.kind != Kind::list) return;
    for (size_t i = 0; i < v.items.size(); ++i)
      collect(*v.items[i], below(std::to_string(i)), depth + 1);
  }

  template <class... Args>
  [[noreturn]] void wrong(const std::string& tensor, fmt::format_string<Args...> why,
                          Args&&... args) const {
    fail("'{}', tensor '{}': {}", name_, tensor, fmt::format(why, std::forward<Args>(args)...));
  }

  int64_t whole(const Pickled& v, const std::string& tensor) const {
    if (v.kind != Kind::whole || v.whole < 0) wrong(tensor, "a size or place that is no number");
    return v.whole;
  }
  Shape sizes(const Pickled& v, const std::string& tensor) const {
    if (v.kind != Kind::tuple || v.items.size() > 8) wrong(tensor, "sizes that are no short tuple");
    Shape shape;
    for (const auto& item : v.items) shape.push_back(whole(*item, tensor));
    return shape;
  }

  // The storage's bytes; its type, where it has one.
  Bytes storage(const Pickled& v, const std::string& tensor, const Type*& type) const {
    const auto& id = v.items;
    if (v.kind != Kind::persistent || id[0]->kind != Kind::tuple || id[0]->items.size() != 5 ||
        id[0]->items[1]->kind != Kind::global || id[0]->items[2]->kind != Kind::text)
      wrong(tensor, "its storage is not as PyTorch describes one");
    const std::string& kind = id[0]->items[1]->text;
    type = find_type(kind);
    if (!type && kind != "torch.storage UntypedStorage")
      wrong(tensor, "elements of '{}' are not read here; convert the tensor first", kind.substr(6));
    const std::string& key = id[0]->items[2]->text;
    const auto file = files_.find("data/" + key);
    if (file == files_.end()) wrong(tensor, "its data ('data/{}') are not in the archive", key);
    return file->second;
  }

  void add(const Pickled& v, const std::string& tensor) {
    check(content_.tensors.size() < kMostTensors, "'{}': more than {} tensors", name_,
          kMostTensors);
    const Pickled* call = &v;
    for (int i = 0; i < 2 && call->items[0]->text == "torch._utils _rebuild_parameter"; ++i) {
      const auto& arguments = call->items[1]->items;
      if (arguments.empty() || !is_tensor(*arguments[0])) wrong(tensor, "a parameter of no tensor");
      call = arguments[0].get();
    }
    const std::string& function = call->items[0]->text;
    const auto& arguments = call->items[1]->items;
    const bool typed = function == "torch._utils _rebuild_tensor_v2";
    if (function == "torch Size") return;
    if ((!typed && function != "torch._utils _rebuild_tensor_v3") ||
        arguments.size() < (typed ? 6 : 7))
      wrong(tensor, "it is not built as PyTorch builds tensors");
    const Type* type = nullptr;
    const Bytes data = storage(*arguments[0], tensor, type);
    if (!typed) {
      const Pickled& dtype = *arguments[6];
      type = dtype.kind == Kind::global ? find_type(dtype.text) : nullptr;
      if (!type)
        wrong(tensor, "elements of '{}' are not read here; convert the tensor first",
              dtype.kind == Kind::global ? dtype.text.substr(6) : "?");
    }
    if (!type) wrong(tensor, "a storage without a type");
    if (!names_.insert(tensor).second) wrong(tensor, "its name is there twice");
    add_view(tensor, type->type, data, static_cast<uint64_t>(whole(*arguments[1], tensor)),
             sizes(*arguments[2], tensor), sizes(*arguments[3], tensor));
  }

  void add_view(const std::string& tensor, DType dtype, Bytes data, uint64_t offset,
                const Shape& shape, const Shape& strides) {
    if (shape.ssize() != strides.ssize()) wrong(tensor, "as many strides as sizes are wanted");
    const auto bytes = checked_bytes(shape, dtype);
    if (!bytes) wrong(tensor, "a shape too large");
    const uint64_t item = size_of(dtype), room = data.size() / item;
    uint64_t last = offset;  // of the elements seen
    bool dense = true;
    int64_t dense_stride = 1;
    for (int i = shape.ssize(); i-- > 0 && *bytes > 0;) {
      if (static_cast<uint64_t>(strides[i]) > room && shape[i] > 1)
        wrong(tensor, "it reaches beyond its storage; the file is cut or damaged");
      if (shape[i] > 1) {
        if (static_cast<uint64_t>(shape[i] - 1) >
            (uint64_t{1} << 62) / std::max<uint64_t>(strides[i], 1))
          wrong(tensor, "it reaches beyond its storage; the file is cut or damaged");
        last += static_cast<uint64_t>(strides[i]) * static_cast<uint64_t>(shape[i] - 1);
        dense = dense && strides[i] == dense_stride;
        if (last >= room) break;
      }
      dense_stride *= shape[i];
    }
    if (*bytes > 0 && (offset >= room || last >= room))
      wrong(tensor, "it reaches beyond its storage; the file is cut or damaged");
    if (*bytes == 0) return content_.tensors.push_back({tensor, dtype, shape, {}});
    if (dense)
      return content_.tensors.push_back(
          {tensor, dtype, shape, data.subspan(offset * item, *bytes)});
    copied_ += *bytes;
    if (copied_ > bytes_.size() + kMostCopied)
      wrong(tensor, "views of far more elements than the file has; save contiguous tensors");
    content_.owned.push_back(std::make_unique<ByteVector>(*bytes));
    copy_rows(data.data() + offset * item, shape, strides, item, content_.owned.back()->data());
    content_.tensors.push_back({tensor, dtype, shape, *content_.owned.back()});
  }

  static void copy_rows(const uint8_t* from, const Shape& shape, const Shape& strides, size_t item,
                        uint8_t* to) {
    std::vector<int64_t> index(shape.size(), 0);
    while (true) {
      uint64_t at = 0;
      for (size_t i = 0; i < index.size(); ++i)
        at += static_cast<uint64_t>(index[i]) * static_cast<uint64_t>(strides[i]);
      std::memcpy(to, from + at * item, item);
      to += item;
      size_t axis = index.size();
      while (axis-- > 0 && ++index[axis] == shape[axis]) index[axis] = 0;
      if (axis == size_t(-1)) return;
    }
  }

  std::string name_;
  Bytes bytes_;
  std::unordered_map<std::string, Bytes> files_;
  std::unordered_set<std::string> names_;
  TorchContent content_;
  uint64_t copied_ = 0;
  size_t looked_at_ = 0;
};

// Appends opcodes of a state dict.
class TorchWriter {
 public:
  void raw(std::string_view text) { out_.insert(out_.end(), text.begin(), text.end()); }
  void text(std::string_view text) {
    raw("X"), append_little(out_, static_cast<uint32_t>(text.size())), raw(text);
  }
  void whole(int64_t value) {
    raw("\x8a"), raw("\x08"), append_little(out_, static_cast<uint64_t>(value));
  }
  void tuple(const Shape& values) {
    raw("(");
    for (const int64_t value : values) whole(value);
    raw("t");
  }
  ByteVector take() { return std::move(out_); }

 private:
  ByteVector out_;
};

Shape row_major(const Shape& shape) {
  Shape strides = shape;
  int64_t stride = 1;
  for (int i = shape.ssize(); i-- > 0;)
    strides[i] = stride, stride *= std::max<int64_t>(shape[i], 1);
  return strides;
}

void write_tensor(TorchWriter& out, const NamedTensor& t, size_t key) {
  const auto type = std::ranges::find(kTypes, t.dtype, &Type::type);
  const bool typed = *type->storage != '\0';
  const uint64_t elements = t.data.size() / (typed ? size_of(t.dtype) : 1);
  out.text(t.name);
  out.raw(typed ? "ctorch._utils\n_rebuild_tensor_v2\n" : "ctorch._utils\n_rebuild_tensor_v3\n");
  out.raw("((");
  out.text("storage");
  out.raw(typed ? fmt::format("ctorch\n{}\n", type->storage) : "ctorch.storage\nUntypedStorage\n");
  out.text(std::to_string(key)), out.text("cpu"), out.whole(static_cast<int64_t>(elements));
  out.raw("tQ");
  out.whole(0), out.tuple(t.shape), out.tuple(row_major(t.shape));
  out.raw(
      "\x89"
      "ccollections\nOrderedDict\n)R");
  if (!typed) out.raw(fmt::format("ctorch\n{}\n", type->dtype));
  out.raw("tR");
}

}  // namespace

bool is_torch_file_name(const std::string& path) {
  for (const char* end : {".pt", ".pth", ".bin", ".ckpt"})
    if (path.ends_with(end)) return true;
  return false;
}

TorchContent parse_torch_file(Bytes bytes, const std::string& name) {
  check(!bytes.empty(), "'{}' is empty", name);
  check(bytes[0] != 0x80,
        "'{}': a file of PyTorch before 1.6 (a bare pickle); save it again with a newer one", name);
  check(text_of(bytes).starts_with("PK"),
        "'{}' is no file of torch.save(): it was cut, or another program wrote it", name);
  return TorchReader(bytes, name).read();
}

TorchFile::TorchFile(const std::string& path)
    : file_(path), content_(parse_torch_file(file_.bytes(), path)) {}

void write_torch_file(const std::string& path, const std::vector<NamedTensor>& tensors) {
  TorchWriter pickle;
  pickle.raw("\x80\x02}(");
  for (size_t i = 0; i < tensors.size(); ++i) write_tensor(pickle, tensors[i], i);
  pickle.raw("u.");
  const ByteVector program = pickle.take();
  std::vector<ZipEntry> files = {{"archive/data.pkl", program},
                                 {"archive/byteorder", bytes_of("little")}};
  for (size_t i = 0; i < tensors.size(); ++i)
    files.push_back({fmt::format("archive/data/{}", i), tensors[i].data});
  files.push_back({"archive/version", bytes_of("3\n")});
  write_file_atomically(path, zip_pieces(files, path).pieces);
}

}  // namespace cairn::io
