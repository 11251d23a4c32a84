// What in a file moved the decision of a trained run: by leaving parts out where there are few
// (columns, tokens: Li, Monroe and Jurafsky 2016), else by the gradient times the input
// (Shrikumar, Greenside and Kundaje 2017).
#include <algorithm>
#include <cmath>
#include <numeric>

#include "cairn/autograd/autograd.h"
#include "cairn/base/round.h"
#include "cairn/io/file.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/explain/topics.h"
#include "cairn/tasks/outputs.h"
#include "cairn/train/report/filters.h"

namespace cairn::tasks::explain {
namespace {

using namespace train::report;

constexpr int64_t kMostTokens = 192, kMostBars = 12, kMostFrames = 24;
constexpr int64_t kAtOnce = 16;  // variants of an input in one forward()

// What was decided: in words, and how strongly each row of a first output speaks for it.
struct Decided {
  std::string words;
  bool is_class = false;  // strength is a log probability
  std::function<Tensor(const Tensor& out)> strength;
};

std::string percent(double log_probability) {
  return fmt::format("{:.1f} %", 100 * std::exp(log_probability));
}

Decided class_of(const Tensor& out, const std::vector<std::string>& labels, const std::string& of) {
  const int64_t best = static_cast<int64_t>(argmax(flatten(out), 0).item());
  const auto label = static_cast<size_t>(best) % labels.size();
  const auto strength = [best](const Tensor& o) { return select(log(flatten(o, 1)), 1, best); };
  return {fmt::format("{} looks like {} ({})", of, labels[label], percent(strength(out).item())),
          true, strength};
}

Decided next_of(const Tensor& out, const std::string& next_name, int64_t best,
                const std::string& of) {
  const auto strength = [best](const Tensor& o) {
    return select(log_softmax(select(o, 1, o.size(1) - 1), 1), 1, best);
  };
  return {fmt::format("After {} comes '{}' ({})", of, next_name, percent(strength(out).item())),
          true, strength};
}

// A token among others: blanks can be seen, and special tokens, which say nothing, have a name.
std::string quoted(std::string token) {
  if (token.empty() || token == " ") return token.empty() ? "(special)" : "' '";
  for (size_t at = 0; (at = token.find('\n', at)) != std::string::npos; at += 2)
    token.replace(at, 1, "\\n");
  return "'" + token + "'";
}

class Decision {
 public:
  Decision(Model& model, const std::string& input) : model_(model), input_(input) {
    in_ = model.read(input);
    rows_ = in_.at(0).size(0);
    check(in_[0].numel() > 0, "'{}' is empty", input);
    const auto ports = model.takes();
    for (size_t i = 0; i < in_.size(); ++i)
      if (rows_ > 1) in_[i] = slice(in_[i], axis_of_rows(ports, i), 0, 1);
    // Texts of several are padded.
    if (is_text() && in_.size() > 1 && in_[1].dtype() == DType::i64 && in_[1].rank() == 1)
      in_[0] = slice(in_[0], 1, 0, static_cast<int64_t>(in_[1].item()));
    if (is_text() && in_[0].size(1) > kMostTokens && model.gives()[0] == "logits")
      in_[0] = slice(in_[0], 1, in_[0].size(1) - kMostTokens, kMostTokens);
    names_ = model.names(in_);
    decide();
  }

  void write(Page& page) {
    page.headline(decided_.words);
    if (rows_ > 1)
      page.paragraph(fmt::format("Of {}, the first of its {} rows.", short_name(input_), rows_));
    const Tensor& x = in_[0];
    if (is_text()) return write_tokens(page);
    if (x.rank() == 2) return write_columns(page);
    if (x.rank() == 3 && !names_.empty()) return write_series(page);
    if (x.rank() == 3) return write_sound(page);
    if (x.rank() == 4) return write_picture(page);
    write_frames(page);
  }

 private:
  bool is_text() const { return in_[0].dtype() == DType::i64 && in_[0].rank() == 2; }
  static int64_t axis_of_rows(const std::vector<Port>& ports, size_t i) {
    const auto& sizes = ports[i].shape;
    return std::find(sizes.begin(), sizes.end(), kAnyBatch) - sizes.begin();
  }

  void decide() {
    const bool is_float = in_[0].dtype() == DType::f32 && in_[0].rank() >= 2 && in_[0].rank() <= 5;
    const NoGrad no_grad;
    const std::string gives = model_.gives()[0], of = fmt::format("'{}'", short_name(input_));
    const Tensor out = model_.forward(in_)[0];
    const auto labels = model_.labels();
    const bool is_next = is_text() && gives == "logits";
    check((is_text() && !names_.empty() && (is_next || !labels.empty())) || is_float,
          "'{}': what a run of {} reads from it has no parts that could be left out; its report "
          "shows what it attends to (cairn report {})",
          input_, model_.task(), model_.path());
    check(!labels.empty() || is_next || (is_float && in_[0].rank() <= 3),
          "a run of {} decides nothing", model_.task());
    if (!labels.empty()) decided_ = class_of(out, labels, of);
    else if (is_next) {
      const int64_t best = static_cast<int64_t>(argmax(select(out, 1, out.size(1) - 1), 1).item());
      const Tensor one = from_host(&best, {1, 1}, DType::i64);
      decided_ = next_of(out, model_.names({one})[0], best, of);
    } else if (gives == "log_probabilities") {
      const auto heard = [](const Tensor& o) { return sum(amax(o, {2}), {1}); };
      decided_ = {fmt::format("What moved what was heard in {}", of), false, heard};
    } else {
      const auto whole = [](const Tensor& o) { return mean(flatten(o, 1), {1}); };
      decided_ = {fmt::format("Of {} the network says {} {:.4g}{}", of, gives, whole(out).item(),
                              out.numel() > 1 ? " on average" : ""),
                  false, whole};
    }
    strength_ = decided_.strength(out).item();
  }

  // How strongly each of these variants of the first input speaks for the decision; some at a time,
  // so that long texts need no more memory.
  std::vector<float> strengths(const Tensor& variants) {
    std::vector<float> all;
    for (int64_t at = 0; at < variants.size(0); at += kAtOnce) {
      const auto some = strengths_of(
          contiguous(slice(variants, 0, at, std::min(kAtOnce, variants.size(0) - at))));
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  std::vector<float> strengths_of(const Tensor& variants) {
    Tensors in = in_;
    in[0] = variants;
    const auto ports = model_.takes();
    for (size_t i = 1; i < in.size(); ++i) {
      if (in[i].dtype() == DType::i64)  // lengths
        in[i] = full({variants.size(0)}, static_cast<double>(variants.size(1)), DType::i64);
      else
        in[i] = cat(Tensors(static_cast<size_t>(variants.size(0)), in[i]), axis_of_rows(ports, i));
    }
    const NoGrad no_grad;
    return decided_.strength(model_.forward(in)[0]).to_vector<float>();
  }

  std::string without(double strength) const {
    return decided_.is_class ? percent(strength) + " without it"
                             : fmt::format("{:.4g} without it", strength);
  }
  // The largest changes as bars; `effects`: what is lost with each.
  void write_bars(Page& page, const std::vector<std::string>& names,
                  const std::vector<double>& effects) {
    std::vector<size_t> order(names.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return std::abs(effects[a]) > std::abs(effects[b]);
    });
    order.resize(std::min<size_t>(order.size(), kMostBars));
    const double most = order.empty() ? 0 : std::abs(effects[order[0]]);
    std::vector<Bar> all;
    for (const size_t i : order)
      all.push_back(
          {names[i], most > 0 ? std::abs(effects[i]) / most : 0, without(strength_ - effects[i])});
    page.figures({{bars(all), decided_.is_class ? "how probable it is without each of them"
                                                : "what is said without each of them"}});
  }

  void write_columns(Page& page) {
    check(static_cast<int64_t>(names_.size()) == in_[0].size(1), "'{}': {} names of {} columns",
          input_, names_.size(), in_[0].size(1));
    const auto row = in_[0].to_vector<float>();
    std::vector<std::string> columns;
    std::vector<float> variants;
    for (size_t begin = 0, end; begin < names_.size(); begin = end) {
      end = begin;
      while (end < names_.size() && names_[end] == names_[begin]) ++end;
      columns.push_back(names_[begin]);
      const size_t at = variants.size();
      variants.insert(variants.end(), row.begin(), row.end());
      std::fill(variants.begin() + static_cast<int64_t>(at + begin),
                variants.begin() + static_cast<int64_t>(at + end), 0.f);
    }
    const auto count = static_cast<int64_t>(columns.size());
    std::vector<double> effects;
    for (const float s : strengths(from_host(variants.data(), {count, in_[0].size(1)}, DType::f32)))
      effects.push_back(strength_ - s);
    write_bars(page, columns, effects);
    page.paragraph(
        "Each column in turn was made unknown (a number the mean of the training, a word none), "
        "and the network asked again.");
  }

  void write_tokens(Page& page) {
    const auto tokens = in_[0].to_vector<int64_t>();
    const size_t length = tokens.size(), count = std::min<size_t>(length, kMostTokens);
    check(count > 1, "'{}': is one token; nothing of it can be left out", input_);
    std::vector<int64_t> variants;
    for (size_t left_out = 0; left_out < count; ++left_out)
      for (size_t i = 0; i < length; ++i)
        if (i != left_out) variants.push_back(tokens[i]);
    const auto rows = static_cast<int64_t>(count);
    std::vector<double> effects;
    for (const float s : strengths(
             from_host(variants.data(), {rows, static_cast<int64_t>(length) - 1}, DType::i64)))
      effects.push_back(strength_ - s);
    double most = 0;
    for (const double e : effects) most = std::max(most, std::abs(e));
    std::vector<std::pair<std::string, double>> pieces;
    for (size_t i = 0; i < count; ++i)
      pieces.emplace_back(names_[i], most > 0 ? effects[i] / most : 0);
    page.shaded("What speaks for it, and in the other colour against it", pieces);
    std::vector<std::string> shown;
    for (size_t i = 0; i < count; ++i) shown.push_back(quoted(names_[i]));
    write_bars(page, shown, effects);
    page.paragraph(fmt::format(
        "Each token{} in turn was left out, and the network asked again: the deeper its colour, "
        "the more that changed.",
        count < length ? fmt::format(" of the first {} (of {})", count, length) : ""));
  }

  // |gradient times input| of the first input, in its shape.
  Tensor moved() {
    Tensors in = in_;
    in[0] = parameter(in_[0]);
    const NoGrad taped(true);
    const Tensor strength = decided_.strength(model_.forward(in)[0]);
    const Tensor slope = grad({strength}, {in[0]}, {.grad_outputs = {full({1}, 1)}})[0];
    const NoGrad off;
    return abs(slope * in_[0]);
  }
  static Tensor to_one(const Tensor& map) {
    const double most = amax(map).item();
    return most > 0 ? map * (1 / most) : map;
  }
  static constexpr const char* kBySlope =
      "The gradient of what was decided (of a class the logarithm of its probability) by each "
      "number of the input, times the number (Shrikumar, Greenside and Kundaje 2017)";

  void write_series(Page& page) {
    const Tensor m = reshape(moved(), {in_[0].size(1), in_[0].size(2)});
    const auto by_row = sum(m, {1}).to_vector<float>(), by_column = sum(m, {0}).to_vector<float>();
    const auto rows = static_cast<double>(by_row.size());
    Series moves{"what moved it", {}, {}};
    for (size_t i = 0; i < by_row.size(); ++i) {
      moves.x.push_back(static_cast<double>(i) - rows);
      moves.y.push_back(by_row[i]);
    }
    page.figures({figure(LineChart{
        "Which rows count", "rows before the forecast", "gradient times input", {moves}, 0, ""})});
    std::vector<std::string> columns;
    std::vector<double> sums;
    double all = 0;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (columns.empty() || columns.back() != names_[i])
        columns.push_back(names_[i]), sums.push_back(0);
      sums.back() += by_column[i], all += by_column[i];
    }
    std::vector<Bar> parts;
    for (size_t i = 0; i < columns.size() && i < size_t{kMostBars}; ++i) {
      const double part = all > 0 ? sums[i] / all : 0;
      parts.push_back({columns[i], part, fmt::format("{:.1f} %", 100 * part)});
    }
    page.figures({{bars(parts), "which columns count"}});
    page.paragraph(
        fmt::format("{}, summed over the columns of a row and the rows of a column.", kBySlope));
  }

  void write_planes(Page& page, const Tensor& seen, const Tensor& moves) {
    const io::Image picture = tiles(seen, 1);
    const int scale = std::max(1, 224 / std::max(1, picture.width));
    page.figures({figure(picture, "as the network sees it", scale),
                  figure(highlighted(picture, moves),
                         "red: where a change would change the answer most", scale)});
  }

  void write_sound(Page& page) {  // [1, time, features], low ones below
    const auto upright = [](const Tensor& x) {
      return unsqueeze(contiguous(flip(transpose(x, 1, 2), {1})), 0);
    };
    const Tensor moves = to_one(upright(moved()));
    write_planes(page, upright(in_[0]), reshape(moves, {moves.size(2), moves.size(3)}));
    page.paragraph(fmt::format("{}. Time goes to the right, low pitches are below.", kBySlope));
  }

  void write_picture(Page& page) {
    const Tensor moves = to_one(avg_pool2d(sum(moved(), {1}, true), 3, 1, 1));
    write_planes(page, in_[0], reshape(moves, {moves.size(2), moves.size(3)}));
    page.paragraph(
        fmt::format("{}, over all channels, as a mean of three by three pixels.", kBySlope));
  }

  void write_frames(Page& page) {  // [1, channels, frames, height, width]
    const auto apart = [](const Tensor& x) {
      return contiguous(
          permute(reshape(x, {x.size(1), x.size(2), x.size(3), x.size(4)}), {1, 0, 2, 3}));
    };
    const Tensor seen = apart(in_[0]);
    const Tensor moves = to_one(avg_pool2d(sum(apart(moved()), {1}, true), 3, 1, 1));
    std::vector<Figure> frames;
    const int64_t step = ceil_div(seen.size(0), kMostFrames);
    for (int64_t i = 0; i < seen.size(0); i += step) {
      const io::Image picture = tiles(slice(seen, 0, i, 1), 1);
      const Tensor map = reshape(slice(moves, 0, i, 1), {moves.size(2), moves.size(3)});
      frames.push_back(figure(highlighted(picture, map), fmt::format("frame {}", i),
                              std::max(1, 112 / std::max(1, picture.width))));
    }
    page.thumbnails(frames);
    page.paragraph(
        fmt::format("Red is where a change would change the answer most. {}.", kBySlope));
  }

  Model& model_;
  std::string input_;
  Tensors in_;
  int64_t rows_ = 1;
  std::vector<std::string> names_;
  Decided decided_;
  double strength_ = 0;
};

}  // namespace

void write_decision(Model& model, const std::string& input, const std::string& path) {
  io::check_writable(path);
  keep_given(input, path);
  keep_run(model.path(), path);
  Decision decision(model, input);
  Page page("Decision", "");
  page.section("What moved the decision");
  decision.write(page);
  page.write(path);
}

}  // namespace cairn::tasks::explain
