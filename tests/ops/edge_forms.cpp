// Rows whose edge is the form of a call.
#include <algorithm>
#include <cmath>

#include "cairn/ops/grid.h"
#include "cairn/ops/numeric.h"
#include "cairn/ops/pick.h"
#include "tests/ops/edges.h"

namespace cairn::edges {
namespace {

using T = const Tensors&;
// Shapes that depend on values, and lengths that are read on the host: not inside a compiled step.
Row on_host(const char* name, std::function<Tensor(T)> run) {
  Row row{name, std::move(run)};
  row.traced = false;
  return row;
}

std::vector<Row> losses() {
  return {
      {"cross_entropy_of_chances", [](T in) { return cross_entropy(in[0], in[1]); }},
      {"cross_entropy_of_chances_smooth",
       [](T in) { return cross_entropy(in[0], in[1], {.weight = in[2], .label_smoothing = 0.2}); }},
      on_host("ctc_concatenated",
              [](T in) { return ctc_loss(log_softmax(in[0], 2), in[1], in[2], in[3]); }),
  };
}

// `row` may give 0 at `places` of the gradients `parts` where PyTorch's value is one that `theirs`
// accepts.
using Accepts = bool (*)(double got, double expected);
Row zero_in(std::set<std::string> parts, Accepts theirs, size_t places, const char* why, Row row) {
  row.differs = std::move(parts), row.may_differ = theirs, row.places = places, row.why = why;
  return row;
}
bool zero_for_nan(double got, double expected) { return got == 0 && std::isnan(expected); }
bool zero_for_rounding(double got, double expected) {
  return got == 0 && std::fabs(expected) < 1e14;
}  // of 1e20
bool zero_for_any(double got, double) { return got == 0; }

std::vector<Row> numbers() {
  std::vector<Row> rows = {
      {"einsum_dots",
       [](T in) {
         return einsum("...ij,...jk->...ik", {in[0], in[1]});
       }},
      {"einsum_dots_broadcast",
       [](T in) {
         return einsum("i...,i...->...", {in[0], in[1]});
       }},
      {"einsum_dots_implicit",
       [](T in) {
         return einsum("b...a,ac", {in[0], in[1]});
       }},
      {"max_along", [](T in) { return max(in[0], 1).values; }},
      {"min_place", [](T in) { return min(in[0], 1).indices; }},
      {"nan_to_num", [](T in) { return nan_to_num(in[0], 1, 2, 3); }},
      {"nansum", [](T in) { return nansum(in[0], {1}); }},
      zero_in({"first"}, zero_for_nan, 4, "a mean of NaN alone depends on none of them",
              {"nanmean", [](T in) { return nanmean(in[0], {1}); }}),
      {"isclose", [](T in) { return isclose(in[0], in[1]); }},
      zero_in({"first", "second"}, zero_for_any, 5,
              "0 log y is taken for constant where y has no logarithm",
              {"xlogy", [](T in) { return xlogy(in[0], in[1]); }}),
      zero_in({"second"}, zero_for_rounding, 1, "PyTorch has a rest of rounding at 1e-20 beside 0",
              {"hypot", [](T in) { return hypot(in[0], in[1]); }}),
      {"copysign", [](T in) { return copysign(in[0], in[1]); }},
      {"sinc", [](T in) { return sinc(in[0]); }},
      {"diff", [](T in) { return diff(in[0], 2); }},
      {"outer", [](T in) { return outer(in[0], in[1]); }},
      {"diag", [](T in) { return diag(in[0]); }},
      {"diagonal_above", [](T in) { return diagonal(in[0], 1); }},
      {"diagonal_below", [](T in) { return diagonal(in[0], -1); }},
      {"trace", [](T in) { return trace(in[0]); }},
  };
  for (const auto& [name, p] : std::vector<std::pair<std::string, double>>{
           {"0", 0}, {"0.5", 0.5}, {"3", 3}, {"inf", INFINITY}, {"-inf", -INFINITY}})
    rows.push_back({"vector_norm_" + name, [p = p](T in) {
                      return vector_norm(in[0], p, {0, 2});
                    }});
  return rows;
}

std::vector<Row> places() {
  std::vector<Row> rows = {
      {"repeat_interleave", [](T in) { return repeat_interleave(in[0], 3, 1); }},
      {"index_put",
       [](T in) {
         return index_put(in[0], {in[1], in[2]}, in[3]);
       }},
      {"index_put_added", [](T in) { return index_put(in[0], {in[1]}, in[2], true); }},
      {"index_fill", [](T in) { return index_fill(in[0], 1, in[1], 7); }},
      {"index_copy", [](T in) { return index_copy(in[0], 1, in[1], in[2]); }},
      {"searchsorted", [](T in) { return searchsorted(in[0], in[1]); }},
      {"searchsorted_right", [](T in) { return searchsorted(in[0], in[1], true); }},
      {"bincount", [](T in) { return bincount(in[0], 6); }},
      {"bincount_weighted", [](T in) { return bincount(in[0], 6, in[1]); }},
      {"linspace", [](T) { return linspace(-1, 2, 7); }},
      {"meshgrid_xy",
       [](T in) {
         return meshgrid({in[0], in[1]}, Indexing::xy)[0] * 2.0;
       }},
      on_host("nonzero", [](T in) { return nonzero(in[0]); }),
      on_host("masked_select", [](T in) { return masked_select(in[0], in[1]); }),
      on_host("unique", [](T in) { return unique(in[0]); }),
  };
  for (const auto& [name, reduce] : std::vector<std::pair<std::string, ScatterReduce>>{
           {"sum", ScatterReduce::sum}, {"mean", ScatterReduce::mean}})
    for (const bool own : {false, true})
      rows.push_back(
          {"scatter_reduce_" + name + "_" + std::to_string(int{own}), [=, reduce = reduce](T in) {
             return scatter_reduce(in[0], 0, in[1], in[2], reduce, own);
           }});
  for (const bool corners : {false, true}) {
    const std::string end = "_" + std::to_string(int{corners});
    rows.push_back({"affine_grid" + end,
                    [=](T in) {
                      return affine_grid(in[0], {1, 1, 3, 4}, corners);
                    },
                    2e-5, 1e-7});
    for (const auto& [mode, sample] : std::vector<std::pair<std::string, GridSample>>{
             {"bilinear", GridSample::bilinear}, {"nearest", GridSample::nearest}})
      for (const auto& [outside, padding] : std::vector<std::pair<std::string, GridPadding>>{
               {"zeros", GridPadding::zeros},
               {"border", GridPadding::border},
               {"reflection", GridPadding::reflection}})
        rows.push_back({"grid_sample_" + mode + "_" + outside + end,
                        [=, sample = sample, padding = padding](T in) {
                          return grid_sample(
                              in[0], in[1],
                              {.mode = sample, .padding = padding, .align_corners = corners});
                        },
                        2e-5, 1e-6});
  }
  return rows;
}

}  // namespace

std::vector<Row> form_rows() {
  std::vector<Row> rows = losses();
  for (const auto& more : {numbers(), places()}) rows.insert(rows.end(), more.begin(), more.end());
  for (Row& row : rows) row.least = std::max(row.least, 1e-7);
  return rows;
}

}  // namespace cairn::edges
