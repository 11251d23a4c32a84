// Rows of the options that functions have: those of losses, pools, resizing; running extremes.
#include <cmath>

#include "cairn/ops/numeric.h"
#include "cairn/ops/pick.h"
#include "tests/ops/edges.h"

namespace cairn::edges {
namespace {

using T = const Tensors&;

std::vector<Row> losses() {
  std::vector<Row> rows;
  for (const auto& [end, r] : std::vector<std::pair<std::string, Reduction>>{
           {"none", Reduction::none}, {"mean", Reduction::mean}, {"sum", Reduction::sum}}) {
    const auto add = [&rows, end = end](const std::string& name, std::function<Tensor(T)> run) {
      rows.push_back({name + "_" + end, std::move(run)});
    };
    add("bce_pos_weight", [r = r](T in) {
      return binary_cross_entropy_with_logits(in[0], in[1], {.pos_weight = in[2], .reduction = r});
    });
    add("bce_weights", [r = r](T in) {
      return binary_cross_entropy_with_logits(
          in[0], in[1], {.weight = in[2], .pos_weight = in[3], .reduction = r});
    });
    add("bce_of_chances_weight", [r = r](T in) {
      return binary_cross_entropy(in[0], in[1], {.weight = in[2], .reduction = r});
    });
    add("mse_loss_weight", [r = r](T in) { return mse_loss(in[0], in[1], r, in[2]); });
    add("l1_loss_weight", [r = r](T in) { return l1_loss(in[0], in[1], r, in[2]); });
    add("huber_loss_weight", [r = r](T in) { return huber_loss(in[0], in[1], 0.5, r, in[2]); });
    add("triplet_swap", [r = r](T in) {
      return triplet_margin_loss(in[0], in[1], in[2], {.margin = 2, .swap = true, .reduction = r});
    });
    add("multilabel_soft_margin_loss",
        [r = r](T in) { return multilabel_soft_margin_loss(in[0], in[1], in[2], r); });
    for (const int64_t p : {1, 2})
      add("multi_margin_loss_" + std::to_string(p), [=, r = r](T in) {
        return multi_margin_loss(in[0], in[1],
                                 {.p = p, .margin = 1.5, .weight = in[2], .reduction = r});
      });
  }
  for (const bool full : {false, true})
    for (const bool log_input : {false, true})
      rows.push_back(
          {"poisson_" + std::to_string(int{full}) + std::to_string(int{log_input}), [=](T in) {
             return poisson_nll_loss(in[0], in[1], {.log_input = log_input, .full = full});
           }});
  const std::vector<Row> more = {
      {"kl_div_batchmean", [](T in) { return kl_div(in[0], in[1], Reduction::batchmean); }},
      {"kl_div_batchmean_log",
       [](T in) { return kl_div(in[0], in[1], Reduction::batchmean, true); }},
      {"gaussian_full",
       [](T in) { return gaussian_nll_loss(in[0], in[1], in[2], 1e-6, Reduction::mean, true); }},
      {"mse_loss_broadcast", [](T in) { return mse_loss(in[0], in[1]); }},
      {"huber_loss_broadcast", [](T in) { return huber_loss(in[0], in[1]); }},
      {"smooth_l1_loss_broadcast", [](T in) { return smooth_l1_loss(in[0], in[1]); }},
      {"kl_div_broadcast", [](T in) { return kl_div(in[0], in[1]); }},
      {"triplet_broadcast", [](T in) { return triplet_margin_loss(in[0], in[1], in[2]); }},
      {"margin_ranking_broadcast", [](T in) { return margin_ranking_loss(in[0], in[1], in[2]); }},
  };
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

struct Window {
  int64_t kernel, stride, padding, dilation;
  bool ceil, count;
};
std::vector<Row> pools() {
  std::vector<Row> rows;
  const auto digit = [](int64_t v) { return std::to_string(v); };
  for (int64_t dims = 1; dims <= 3; ++dims) {
    for (const Window& w : std::vector<Window>{{2, 2, 0, 1, true, true},
                                               {3, 2, 1, 1, true, true},
                                               {2, 1, 0, 2, false, true},
                                               {3, 2, 1, 2, true, true},
                                               {2, 3, 1, 1, true, true}})
      rows.push_back({"max_pool" + digit(dims) + "_" + digit(w.kernel) + digit(w.stride) +
                          digit(w.padding) + digit(w.dilation) + digit(w.ceil),
                      [=](T in) {
                        return max_pool(in[0], {.kernel = {w.kernel},
                                                .stride = {w.stride},
                                                .padding = {w.padding},
                                                .ceil_mode = w.ceil,
                                                .dilation = {w.dilation}});
                      }});
    for (const Window& w : std::vector<Window>{{2, 2, 0, 1, true, true},
                                               {3, 2, 1, 1, true, true},
                                               {3, 2, 1, 1, true, false},
                                               {3, 2, 1, 1, false, false},
                                               {2, 3, 1, 1, true, true}})
      rows.push_back({"avg_pool" + digit(dims) + "_" + digit(w.kernel) + digit(w.stride) +
                          digit(w.padding) + digit(w.ceil) + digit(w.count),
                      [=](T in) {
                        return avg_pool(in[0], {.kernel = {w.kernel},
                                                .stride = {w.stride},
                                                .padding = {w.padding},
                                                .count_padding = w.count,
                                                .ceil_mode = w.ceil});
                      }});
    if (dims > 1)
      rows.push_back(
          {"avg_pool" + digit(dims) + "_divisor", [](T in) {
             return avg_pool(
                 in[0],
                 {.kernel = {3}, .stride = {2}, .padding = {1}, .ceil_mode = true, .divisor = 5});
           }});
    rows.push_back({"max_pool" + digit(dims) + "_places", [](T in) {
                      return max_pool_with_indices(in[0],
                                                   {.kernel = {3}, .stride = {2}, .padding = {1}})
                          .indices;
                    }});
    const Ints spatial = dims == 1 ? Ints{11} : dims == 2 ? Ints{8, 7} : Ints{6, 5, 7};
    rows.push_back(
        {"max_unpool" + digit(dims), [=](T in) { return max_unpool(in[0], in[1], spatial); }});
  }
  rows.push_back({"lp_pool_ceil", [](T in) {
                    return lp_pool(in[0], 3, {.kernel = {3}, .stride = {2}, .ceil_mode = true});
                  }});
  return rows;
}

std::vector<Row> resizing() {
  std::vector<Row> rows;
  for (const auto& [name, mode] : std::vector<std::pair<std::string, Interpolation>>{
           {"bilinear", Interpolation::linear}, {"bicubic", Interpolation::cubic}}) {
    for (const bool corners : {false, true})
      for (const Ints& size : std::vector<Ints>{{4, 5}, {3, 20}, {20, 4}, {1, 1}})
        rows.push_back(
            {"antialias_" + name + "_" + std::to_string(int{corners}) + "_" +
                 std::to_string(size[0]) + "x" + std::to_string(size[1]),
             [=, mode = mode](T in) {
               return interpolate(
                   in[0],
                   {.size = size, .mode = mode, .align_corners = corners, .antialias = true});
             }});
    rows.push_back(
        {"antialias_" + name + "_scale", [mode = mode](T in) {
           return interpolate(in[0], {.scale = {0.4, 0.7}, .mode = mode, .antialias = true});
         }});
  }
  for (Row& row : rows) row.tolerance = 1e-4, row.least = 3e-6;  // PyTorch's weights are f32
  return rows;
}

std::vector<Row> running() {
  std::vector<Row> rows = {
      {"conv_transpose_wide_padding",
       [](T in) {
         return conv_transpose(
             in[0], in[1], {},
             {.stride = {2, 1}, .padding = {1}, .output_padding = {3, 2}, .dilation = {4, 3}});
       }},
      {"clamp_by_tensors", [](T in) { return clamp(in[0], in[1], in[2]); }},
      {"clamp_low_by_tensor", [](T in) { return clamp(in[0], in[1], Tensor()); }},
      {"lerp_by_tensor", [](T in) { return lerp(in[0], in[1], in[2]); }},
      {"cdist_1", [](T in) { return cdist(in[0], in[1], 1); }},
      {"cdist_3", [](T in) { return cdist(in[0], in[1], 3); }},
      {"cdist_inf", [](T in) { return cdist(in[0], in[1], INFINITY); }},
      {"std_mean", [](T in) { return std_mean(in[0], {1}).spread; }},
      {"normalize_0.5", [](T in) { return normalize(in[0], 0.5, 1); }},
      {"normalize_-1", [](T in) { return normalize(in[0], -1, 1); }},
      {"sum_of_a_number", [](T in) { return sum(in[0], {0}); }},
      {"var_of_a_number", [](T in) { return var(in[0], {0}, 0); }},
      {"amax_of_a_number", [](T in) { return amax(in[0], {-1}); }},
      {"prelu_of_a_number", [](T in) { return prelu(in[0], in[1]); }},
      {"logcumsumexp", [](T in) { return logcumsumexp(in[0], 1); }},
      {"logcumsumexp_numbers", [](T in) { return logcumsumexp(in[0], 1); }},
      {"cummax", [](T in) { return cummax(in[0], 1).values; }},
      {"cummin", [](T in) { return cummin(in[0], 1).values; }},
      {"cummax_places", [](T in) { return cummax(in[0], 1).indices; }},
      {"cummin_places", [](T in) { return cummin(in[0], 1).indices; }},
      {"local_response_norm", [](T in) { return local_response_norm(in[0], 3, 0.1, 0.75, 2); }},
      {"local_response_norm_even", [](T in) { return local_response_norm(in[0], 4, 0.1); }},
      {"bilinear", [](T in) { return bilinear(in[0], in[1], in[2], in[3]); }},
      {"channel_shuffle", [](T in) { return channel_shuffle(in[0], 2); }},
      {"rms_norm_over",
       [](T in) {
         return rms_norm_over(in[0], {3, 4}, in[1], 1e-5);
       }},
      {"instance_norm_running",
       [](T in) { return instance_norm(in[0], in[1], in[2], in[3], in[4], false); }},
      {"unique_inverse", [](T in) { return unique_with_counts(in[0]).inverse; }},
      {"unique_counts", [](T in) { return unique_with_counts(in[0]).counts; }},
  };
  for (Row& row : rows)
    if (row.name.starts_with("unique")) row.traced = false;
  for (const auto& [name, reduce] :
       std::vector<std::pair<std::string, ScatterReduce>>{{"prod", ScatterReduce::prod},
                                                          {"amax", ScatterReduce::amax},
                                                          {"amin", ScatterReduce::amin}})
    for (const bool own : {false, true})
      rows.push_back(
          {"scatter_reduce_" + name + "_" + std::to_string(int{own}), [=, reduce = reduce](T in) {
             return scatter_reduce(in[0], 0, in[1], in[2], reduce, own);
           }});
  return rows;
}

}  // namespace

std::vector<Row> option_rows() {
  std::vector<Row> rows = losses();
  for (const auto& more : {pools(), resizing(), running()})
    rows.insert(rows.end(), more.begin(), more.end());
  for (Row& row : rows) row.least = std::max(row.least, 1e-7);
  return rows;
}

}  // namespace cairn::edges
