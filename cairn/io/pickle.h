// The few opcodes of Python's pickles that state dicts are written with (protocol 2, PyTorch's).
// Nothing is executed: a call is kept as a name and its arguments, and who reads the value decides
// which names it knows.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cairn/io/bytes.h"

namespace cairn::io {

// A value of a pickle. Values may be shared, and (in a hostile file) contain themselves.
struct Pickled {
  enum class Kind {
    none,
    boolean,
    whole,
    number,
    text,
    tuple,
    list,
    dict,
    global,
    call,
    persistent
  };
  using Ptr = std::shared_ptr<Pickled>;

  Kind kind = Kind::none;
  int64_t whole = 0;  // boolean, too
  double number = 0;
  std::string text;                          // global: "module name"
  std::vector<Ptr> items;                    // tuple, list; call: the global and its arguments;
                                             // persistent: its id
  std::vector<std::pair<Ptr, Ptr>> entries;  // dict
};

// Holds the values of a pickle; what it gives is alive as long as it is.
class Pickle {
 public:
  // `called` is asked about each name that the pickle would call, before anything is built with it;
  // it throws Error for those that are refused. Throws Error naming file, byte and opcode.
  Pickle(Bytes bytes, const std::string& name,
         void (*called)(const std::string& global, const std::string& name));
  ~Pickle();
  Pickle(const Pickle&) = delete;
  const Pickled& value() const { return *value_; }

 private:
  friend class PickleReader;
  std::vector<Pickled::Ptr> all_;  // for cycles: emptied one by one
  Pickled::Ptr value_;
};

}  // namespace cairn::io
