// The kinds of networks as data: what their config.json calls things, and what their weights are
// called. Reading and writing walk the same rows.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/pretrained/spec.h"

namespace cairn::pretrained {

// A key of config.json: as it is called there, where it goes, and what it is when it is left out.
struct WholeKey {
  const char* key;
  int64_t Spec::*to;
  int64_t standard;  // kWanted: it must be there
};
inline constexpr int64_t kWanted = -1;
struct NumberKey {
  const char* key;
  double Spec::*to;
  double standard;
};
struct FlagKey {
  const char* key;
  bool Spec::*to;
  bool standard;
};
// A key that changes the computation and has one value here.
struct Demand {
  const char* key;
  const char* value;  // JSON
};

// How the numbers of a parameter lie in the file.
enum class Lie {
  plain,
  transposed,  // [in, out] (GPT-2)
  by_head,     // rows of queries, keys and values head by head (GPT-NeoX)
  row,         // [1, n] instead of [n]
};
// A module's weight and bias, or (where `ours` ends in .weight or .bias) one parameter, without the
// prefix. '*' is a layer's number. Parts 0, 1, 2 of one of ours are joined by rows; rows of one
// part are alternatives, the first of which is written.
struct Name {
  const char *theirs, *ours;
  int part = 0;
  Lie lie = Lie::plain;
};

struct Family {
  const char* name;    // model_type
  const char* prefix;  // of all names but the head's, where there is a head: "bert."
  Spec common;         // what all networks of the kind have
  std::span<const WholeKey> wholes;
  std::span<const NumberKey> numbers;
  std::span<const FlagKey> flags;
  const char* activation;  // its key
  const char* usual_activation;
  std::span<const Demand> demands;
  std::span<const Name> names;         // below the prefix
  std::span<const Name> head_names;    // never below it
  std::span<const char* const> heads;  // architectures by Head; nullptr: it has none such
};

std::span<const Family> families();
const Family& family_of(const std::string& model_type);  // throws Error, naming those known

}  // namespace cairn::pretrained
