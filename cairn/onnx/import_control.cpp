// Branches whose condition is known, and loops of a known number of turns, which are unrolled.
#include <algorithm>

#include "cairn/onnx/node_call.h"
#include "cairn/onnx/interpreter.h"
#include "onnx.pb.h"

namespace cairn::onnx {
namespace {

int64_t only(const std::vector<int64_t>& values) {
  check(values.size() == 1, "its body's condition is of {} values, not one", values.size());
  return values[0];
}

void read_if(NodeCall& c) {
  const bool condition = c.host_integer(0) != 0;
  const Tensors out = c.inside().run_inner(c.graph(condition ? "then_branch" : "else_branch"), {});
  for (size_t i = 0; i < out.size(); ++i) c.give(out[i], i);
}

void read_loop(NodeCall& c) {
  constexpr int64_t kMost = 1 << 20;
  const auto& body = c.graph("body");
  const int64_t most = c.has(0) ? c.host_integer(0) : INT64_MAX;
  bool goes_on = !c.has(1) || c.host_integer(1) != 0;
  Tensors carried;
  for (size_t i = 2; i < c.inputs(); ++i) carried.push_back(c.in(i));
  const size_t states = carried.size();
  std::vector<Tensors> scanned(c.outputs() > states ? c.outputs() - states : 0);
  for (int64_t turn = 0; turn < most && goes_on; ++turn) {
    check(turn < kMost, "makes more than {} turns", kMost);
    Tensors in = {integers({turn}, {}), integers({1}, {}, DType::boolean)};
    in.insert(in.end(), carried.begin(), carried.end());
    const Tensors out = c.inside().run_inner(body, in);
    check(out.size() == 1 + states + scanned.size(), "its body gives {} results", out.size());
    if (!body.output(0).name().empty()) goes_on = only(integers_of(out[0])) != 0;
    carried.assign(out.begin() + 1, out.begin() + 1 + static_cast<int64_t>(states));
    for (size_t s = 0; s < scanned.size(); ++s) scanned[s].push_back(out[1 + states + s]);
  }
  for (size_t i = 0; i < states; ++i) c.give(carried[i], i);
  for (size_t s = 0; s < scanned.size(); ++s) {
    check(!scanned[s].empty(), "makes no turn, so that a result has no shape");
    c.give(stack(scanned[s], 0), states + s);
  }
}

void read_scan(NodeCall& c) {
  if (c.opset() < 9) c.refuse("is of opset 8, which is not read; export it with a newer one");
  const auto& body = c.graph("body");
  const auto scans = static_cast<size_t>(c.integer("num_scan_inputs", 1));
  check(scans >= 1 && scans <= c.inputs(), "{} scan inputs of {}", scans, c.inputs());
  const size_t states = c.inputs() - scans;
  check(c.outputs() >= states, "gives {} results for {} states", c.outputs(), states);
  const size_t results = c.outputs() - states;
  const Ints in_axes = c.ints("scan_input_axes", Ints(scans, 0)),
             in_back = c.ints("scan_input_directions", Ints(scans, 0)),
             out_axes = c.ints("scan_output_axes", Ints(results, 0)),
             out_back = c.ints("scan_output_directions", Ints(results, 0));
  check(in_axes.size() == scans && in_back.size() == scans && out_axes.size() == results &&
            out_back.size() == results,
        "axes or directions of another number");
  Tensors carried;
  for (size_t i = 0; i < states; ++i) carried.push_back(c.in(i));
  const auto input = [&](size_t s) -> const Tensor& { return c.in(states + s); };
  const int64_t steps = input(0).size(c.axis(in_axes[0], input(0).rank()));
  check(steps > 0, "over nothing, so that a result has no shape");
  std::vector<Tensors> scanned(results);
  for (int64_t t = 0; t < steps; ++t) {
    Tensors in = carried;
    for (size_t s = 0; s < scans; ++s)
      in.push_back(
          select(input(s), c.axis(in_axes[s], input(s).rank()), in_back[s] ? steps - 1 - t : t));
    const Tensors out = c.inside().run_inner(body, in);
    check(out.size() == states + results, "its body gives {} results", out.size());
    carried.assign(out.begin(), out.begin() + static_cast<int64_t>(states));
    for (size_t s = 0; s < results; ++s) scanned[s].push_back(out[states + s]);
  }
  for (size_t i = 0; i < states; ++i) c.give(carried[i], i);
  for (size_t s = 0; s < results; ++s) {
    if (out_back[s]) std::reverse(scanned[s].begin(), scanned[s].end());
    c.give(stack(scanned[s], c.axis(out_axes[s], scanned[s][0].rank() + 1)), states + s);
  }
}

constexpr OpRow kControl[] = {
    {"If", read_if},
    {"Loop", read_loop},
    {"Scan", read_scan},
};

}  // namespace

OpRows control_rows() { return kControl; }

}  // namespace cairn::onnx
