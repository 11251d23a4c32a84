// What functions give at their edges, held against PyTorch: value, first and second gradients,
// eager, compiled and on the reference back end. tools/dump_edges.py wrote the file and says at
// which numbers.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/io/safetensors.h"
#include "tests/ops/edges.h"

namespace cairn::edges {
namespace {

const io::SafetensorsFile& file() {
  static const io::SafetensorsFile f(std::string(CAIRN_SOURCE_DIR) +
                                     "/tests/ops/data/edges.safetensors");
  return f;
}
const io::NamedTensor* find(const std::string& name) { return file().find(name); }
Tensor load(const io::NamedTensor& t) { return from_host(t.data.data(), t.shape, t.dtype); }

// The inputs of a case; those without a star have gradients.
struct Inputs {
  std::vector<std::string> names;
  std::vector<bool> leaf;
};
Inputs inputs_of(const std::string& name) {
  Inputs inputs;
  std::istringstream words(file().metadata().at(name));
  for (std::string word; words >> word;) {
    inputs.leaf.push_back(word.back() != '*');
    if (!inputs.leaf.back()) word.pop_back();
    inputs.names.push_back("input." + word);
  }
  return inputs;
}

// 0.5 to 1.5 by place, as in the script.
Tensor weights(const Tensor& like, int64_t first) {
  std::vector<float> w(like.numel());
  for (size_t k = 0; k < w.size(); ++k) w[k] = 0.5f + 0.125f * static_cast<float>((k + first) % 9);
  return from_host(w.data(), like.shape(), DType::f32);
}

// Value, first and second gradients, one after the other; an undefined gradient is zero.
Tensors step(const Row& row, const Inputs& inputs, std::span<const Tensor> given, size_t wanted) {
  Tensors in(given.begin(), given.end()), leaves;
  const bool gradients = wanted > 1;
  for (size_t i = 0; i < in.size(); ++i)
    if (gradients && inputs.leaf[i]) leaves.push_back(in[i] = in[i].detach().set_requires_grad());
  Tensors results = {row.run(in)};
  auto append = [&](const Tensor& of, bool again) {
    Tensors found;
    if (of.defined() && of.requires_grad())
      found = grad({of}, leaves, {.create_graph = again, .allow_unused = true});
    found.resize(leaves.size());
    for (size_t i = 0; i < leaves.size(); ++i)
      results.push_back(found[i].defined() ? found[i] : full(leaves[i].shape(), 0));
  };
  if (!gradients) return results;
  const bool second = wanted > 1 + leaves.size();
  append(sum(results[0] * weights(results[0], 0)), second);
  if (!second) return results;
  Tensor total;
  for (size_t i = 0; i < leaves.size(); ++i) {
    const Tensor part = sum(results[1 + i] * weights(results[1 + i], static_cast<int64_t>(1 + i)));
    total = i == 0 ? part : total + part;
  }
  append(total, false);
  return results;
}

std::string values_at(const Tensors& in, size_t k) {
  std::string text;
  for (const Tensor& t : in) {
    const auto v = t.to_vector<double>();
    text += fmt::format(" {:.6g}", v[v.empty() ? 0 : k % v.size()]);
  }
  return text;
}

bool close(double a, double b, double tolerance, double least) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (std::isinf(a) || std::isinf(b)) return a == b;
  return std::fabs(a - b) <= tolerance * std::fabs(b) + least;
}

// What rounding allows for a part of a row: the first gradient cancels, the second more so.
struct Allowed {
  double tolerance, least;
};
Allowed allowed_for(const Row& row, const std::string& part, double largest) {
  if (part == "out") return {row.tolerance, row.least};
  const bool first = part == "first";
  return {row.tolerance * (first ? 1 : 10),
          std::max(first ? 2e-7 : 2e-6, row.least) + (first ? 5e-6 : 5e-5) * largest};
}

// The elements that depend on each other: a row of a matrix, otherwise one place.
int64_t group_of(const Tensor& t) { return t.rank() == 2 ? t.size(-1) : 1; }
bool any_of(const Tensors& in, size_t k, bool (*f)(double)) {
  for (const Tensor& t : in) {
    const auto v = t.to_vector<double>();
    const size_t width = static_cast<size_t>(group_of(t)), row = k / width * width;
    for (size_t i = row; i < row + width && i < v.size(); ++i)
      if (f(v[i])) return true;
  }
  return false;
}
bool is_nan(double v) { return std::isnan(v); }
// Whether the value that element k of a gradient belongs to is NaN.
bool value_is_nan(const Tensor& value, const Tensor& gradient, size_t k) {
  const auto v = value.to_vector<double>();
  if (value.numel() == gradient.numel()) return any_of({value}, k, is_nan);
  return value.rank() == 1 && gradient.rank() == 2 &&
         std::isnan(v[k / static_cast<size_t>(gradient.size(-1))]);
}

class Edges : public testing::TestWithParam<Row> {};

TEST_P(Edges, LikePyTorch) {
  const Row& row = GetParam();
  const Inputs inputs = inputs_of(row.name);
  std::vector<std::string> parts = {".out"};
  for (const char* order : {".first.", ".second."})
    for (int i = 0; find(row.name + order + std::to_string(i)); ++i)
      parts.push_back(order + std::to_string(i));
  for (const char* mode : {"eager", "compiled", "reference"}) {
    if (!row.traced && mode == std::string("compiled")) continue;
    BackendScope scope(backend_named(mode == std::string("reference") ? "reference" : "cpu"));
    Tensors in;
    for (const std::string& name : inputs.names) in.push_back(load(*find(name)));
    auto run = [&](std::span<const Tensor> given) {
      return step(row, inputs, given, parts.size());
    };
    const Tensors got = mode == std::string("compiled") ? CompiledFunction(run).call(in) : run(in);
    ASSERT_GE(got.size(), parts.size());
    for (size_t p = 0; p < parts.size(); ++p) {
      const Tensor expected = load(*find(row.name + parts[p]));
      ASSERT_EQ(got[p].shape(), expected.shape()) << row.name << parts[p];
      const auto a = got[p].to_vector<double>(), b = expected.to_vector<double>();
      const std::string part = parts[p].substr(1, parts[p].find('.', 1) - 1);
      const size_t width = static_cast<size_t>(group_of(expected));
      size_t excused = 0;
      for (size_t k = 0; k < a.size(); ++k) {
        const bool has_nan =
            any_of(in, k, is_nan) || value_is_nan(load(*find(row.name + ".out")), expected, k);
        // PyTorch's formula has 0 * infinity in a gradient: any number is better. Where the input
        // is NaN, a gradient may be NaN or go on, but not vanish; its gradient says nothing. So
        // where only the value is NaN (infinity less itself).
        if (part != "out" && std::isnan(b[k]) && !any_of(in, k, is_nan)) continue;
        if (part == "first" && has_nan && a[k] != 0) continue;
        if (part == "second" && has_nan) continue;
        double largest = 0;
        for (size_t i = k / width * width; width > 1 && i < k / width * width + width; ++i)
          if (std::isfinite(b[i])) largest = std::max(largest, std::fabs(b[i]));
        const Allowed allowed = allowed_for(row, part, largest);
        if (close(a[k], b[k], allowed.tolerance, allowed.least)) continue;
        if (row.differs.count(part) && row.may_differ(a[k], b[k]) && ++excused <= row.places)
          continue;
        ADD_FAILURE() << row.name << parts[p] << ", " << mode << ", place " << k << " at"
                      << values_at(in, k) << ": " << a[k] << ", PyTorch " << b[k];
      }
      if (excused > 0) {
        EXPECT_LT(excused, a.size()) << row.name << parts[p] << ": nothing is compared";
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(All, Edges, testing::ValuesIn(all_rows()), [](const auto& info) {
  std::string name = info.param.name;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = c == '-' ? 'm' : '_';
  return name;
});

TEST(EdgeTable, EveryCaseOfTheFileIsWalked) {
  std::set<std::string> rows;
  for (const Row& row : all_rows()) EXPECT_TRUE(rows.insert(row.name).second) << row.name;
  for (const auto& [name, inputs] : file().metadata()) EXPECT_TRUE(rows.count(name)) << name;
}

}  // namespace
}  // namespace cairn::edges
