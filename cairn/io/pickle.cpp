#include "cairn/io/pickle.h"

#include <cmath>
#include <unordered_map>

namespace cairn::io {

using Kind = Pickled::Kind;
using Ptr = Pickled::Ptr;

// The stack machine. Marks are places in the stack.
class PickleReader {
 public:
  using Called = void (*)(const std::string& global, const std::string& name);
  PickleReader(Pickle& pickle, Bytes bytes, const std::string& name, Called called)
      : pickle_(pickle), in_(name, bytes), called_(called) {}

  Ptr read() {
    while (true) {
      const auto opcode = in_.little<uint8_t>("an opcode");
      if (opcode == '.') return pop();
      step(opcode);
    }
  }

 private:
  Ptr make(Kind kind) {
    pickle_.all_.push_back(std::make_shared<Pickled>());
    pickle_.all_.back()->kind = kind;
    return pickle_.all_.back();
  }
  void push(Ptr value) { stack_.push_back(std::move(value)); }
  void push_whole(Kind kind, int64_t value) {
    push(make(kind));
    stack_.back()->whole = value;
  }
  Ptr pop() {
    if (stack_.size() <= bottom()) in_.fail_here("a pickle takes from an empty stack");
    Ptr top = std::move(stack_.back());
    stack_.pop_back();
    return top;
  }
  Ptr& top(Kind kind, const char* what) {
    if (stack_.size() <= bottom() || stack_.back()->kind != kind)
      in_.fail_here("a pickle wants {} here", what);
    return stack_.back();
  }
  size_t bottom() const { return marks_.empty() ? 0 : marks_.back(); }
  std::vector<Ptr> pop_to_mark() {
    if (marks_.empty()) in_.fail_here("a pickle takes to a mark that is not there");
    std::vector<Ptr> taken(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()),
                           stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return taken;
  }
  void tuple(size_t count) {
    std::vector<Ptr> items(count);
    for (size_t i = count; i-- > 0;) items[i] = pop();
    push(make(Kind::tuple));
    stack_.back()->items = std::move(items);
  }
  void text(uint64_t bytes) {
    const Bytes taken = in_.take(bytes, "a text");
    push(make(Kind::text));
    stack_.back()->text = text_of(taken);
  }
  std::string line() {
    std::string text;
    for (char c; (c = static_cast<char>(in_.little<uint8_t>("a name"))) != '\n';) text += c;
    return text;
  }
  void set_items(const std::vector<Ptr>& pairs) {
    if (pairs.size() % 2 != 0) in_.fail_here("a pickle sets a key without a value");
    Ptr& dict = top(Kind::dict, "a dict");
    for (size_t i = 0; i < pairs.size(); i += 2) dict->entries.emplace_back(pairs[i], pairs[i + 1]);
  }
  void remember(uint32_t place) {
    if (stack_.size() <= bottom()) in_.fail_here("a pickle remembers nothing");
    memo_[place] = stack_.back();
  }
  void recall(uint32_t place) {
    const auto it = memo_.find(place);
    if (it == memo_.end()) in_.fail_here("a pickle recalls what it does not remember");
    push(it->second);
  }
  void call() {
    Ptr arguments = pop(), function = pop();
    if (arguments->kind != Kind::tuple || function->kind != Kind::global)
      in_.fail_here("a pickle calls what is no name");
    const bool dict = function->text == "collections OrderedDict";
    if (dict && !arguments->items.empty())
      in_.fail_here("an OrderedDict that is made of something");
    push(make(dict ? Kind::dict : Kind::call));
    if (!dict) stack_.back()->items = {function, arguments};
  }
  // A number of `bytes` bytes, two's complement, little-endian.
  void long_number(uint8_t bytes) {
    const Bytes raw = in_.take(bytes, "a number");
    if (bytes > 8) in_.fail_here("a number of {} bytes is too large", bytes);
    uint64_t value = bytes > 0 && raw[bytes - 1] >= 128 ? ~uint64_t{0} : 0;
    for (size_t i = bytes; i-- > 0;) value = value << 8 | raw[i];
    push_whole(Kind::whole, static_cast<int64_t>(value));
  }
  void step(uint8_t opcode);

  Pickle& pickle_;
  ByteReader in_;
  Called called_;
  std::vector<Ptr> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, Ptr> memo_;
};

void PickleReader::step(uint8_t opcode) {
  switch (opcode) {
    case 0x80: {
      const auto protocol = in_.little<uint8_t>("the protocol");
      if (protocol > 3)
        in_.fail_here("a pickle of protocol {}; 2 is what PyTorch writes", protocol);
      return;
    }
    case '(': return marks_.push_back(stack_.size());
    case 'N': return push(make(Kind::none));
    case 0x88: return push_whole(Kind::boolean, 1);
    case 0x89: return push_whole(Kind::boolean, 0);
    case 'K': return push_whole(Kind::whole, in_.little<uint8_t>("a number"));
    case 'M': return push_whole(Kind::whole, in_.little<uint16_t>("a number"));
    case 'J':
      return push_whole(Kind::whole, static_cast<int32_t>(in_.little<uint32_t>("a number")));
    case 0x8a: return long_number(in_.little<uint8_t>("a number"));
    case 'G':
      push(make(Kind::number));
      stack_.back()->number = std::bit_cast<double>(in_.big<uint64_t>("a number"));
      return;
    case 'X': return text(in_.little<uint32_t>("a text"));
    case 0x8c: return text(in_.little<uint8_t>("a text"));
    case ')': return tuple(0);
    case 0x85: return tuple(1);
    case 0x86: return tuple(2);
    case 0x87: return tuple(3);
    case 't': {
      std::vector<Ptr> items = pop_to_mark();
      push(make(Kind::tuple));
      stack_.back()->items = std::move(items);
      return;
    }
    case ']': return push(make(Kind::list));
    case '}': return push(make(Kind::dict));
    case 'a': {
      const Ptr item = pop();
      top(Kind::list, "a list")->items.push_back(item);
      return;
    }
    case 'e': {
      const std::vector<Ptr> items = pop_to_mark();
      auto& list = top(Kind::list, "a list")->items;
      list.insert(list.end(), items.begin(), items.end());
      return;
    }
    case 's': {
      const Ptr value = pop(), key = pop();
      return set_items({key, value});
    }
    case 'u': return set_items(pop_to_mark());
    case 'c': {
      const std::string module = line(), global = module + " " + line();
      called_(global, in_.name());
      push(make(Kind::global));
      stack_.back()->text = global;
      return;
    }
    case 'Q': {
      const Ptr id = pop();
      push(make(Kind::persistent));
      stack_.back()->items = {id};
      return;
    }
    case 'R': return call();
    case 'b':  // attributes (a state dict's _metadata), which nothing here reads
      pop();
      top(Kind::dict, "a dict");
      return;
    case 'q': return remember(in_.little<uint8_t>("a place"));
    case 'r': return remember(in_.little<uint32_t>("a place"));
    case 'h': return recall(in_.little<uint8_t>("a place"));
    case 'j': return recall(in_.little<uint32_t>("a place"));
    default:
      in_.fail_here("the pickle's opcode {:#04x} does not occur in state dicts and is refused",
                    opcode);
  }
}

Pickle::Pickle(Bytes bytes, const std::string& name,
               void (*called)(const std::string&, const std::string&)) {
  value_ = PickleReader(*this, bytes, name, called).read();
}

Pickle::~Pickle() {
  for (const Ptr& value : all_) value->items.clear(), value->entries.clear();
}

}  // namespace cairn::io
