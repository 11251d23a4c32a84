// Parameters of a Transformer and what they are called in files.
#pragma once
#include <string>
#include <vector>

#include "cairn/pretrained/families.h"
#include "cairn/tensor/tensor.h"

namespace cairn::pretrained {

// One of the tensors that a parameter is joined from.
struct Place {
  std::string name;   // in a file, without the prefix
  bool below_prefix;  // where the file has one
  int part;
  Lie lie;
};
// Of one parameter, by parts; several of one part are alternatives. None: it is nobody's.
std::vector<Place> places_of(const Family& family, const std::string& own);

// A tensor of a file as a (part of a) parameter, and back.
Tensor laid_out(const Tensor& theirs, Lie lie, const Spec& spec);
Tensor laid_back(const Tensor& own, Lie lie, const Spec& spec);

}  // namespace cairn::pretrained
