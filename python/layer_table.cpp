// The library's layers by name, with PyTorch's names of their options.
#include "python/layers.h"

namespace cairn::python {
namespace {

using nn::Sizes;

struct Options : Arguments {
  using Arguments::Arguments;
  int64_t whole(const char* name) { return get<int64_t>(name); }
  double number(const char* name) { return get<double>(name); }
  bool yes(const char* name) { return get<bool>(name); }
  Ints ints(const char* name) { return get<Ints>(name); }
  Sizes sizes(const char* name) {
    Sizes sizes = 0;
    sizes.values = ints(name);
    return sizes;
  }
};

template <class M, class... A>
Layer made(A&&... a) {
  return {std::make_shared<M>(std::forward<A>(a)...)};
}

// ---- families

int padding_mode(const py::object& name) {
  using P = nn::PaddingMode;
  return named_value("padding_mode", name,
                     {{"zeros", int(P::zeros)},
                      {"reflect", int(P::reflect)},
                      {"replicate", int(P::replicate)},
                      {"circular", int(P::circular)}});
}

template <class M>
Layer conv(Options& a) {
  nn::ConvOptions o;
  const Sizes kernel = a.sizes("kernel_size");
  o.stride = a.sizes("stride"), o.dilation = a.sizes("dilation"), o.groups = a.whole("groups"),
  o.bias = a.yes("bias");
  const py::object padding = a.get<py::object>("padding");
  if (py::isinstance<py::str>(padding)) {
    named_value("padding (as a word)", padding, {{"same", 0}});
    o.padding = nn::same_padding(kernel, o.dilation);
  } else {
    o.padding = a.sizes("padding");
  }
  o.padding_mode = static_cast<nn::PaddingMode>(padding_mode(a.get<py::object>("padding_mode")));
  return made<M>(a.whole("in_channels"), a.whole("out_channels"), kernel, o);
}
template <class M>
Layer conv_transpose(Options& a) {
  nn::ConvTransposeOptions o;
  o.stride = a.sizes("stride"), o.padding = a.sizes("padding"),
  o.output_padding = a.sizes("output_padding");
  o.dilation = a.sizes("dilation"), o.groups = a.whole("groups"), o.bias = a.yes("bias");
  return made<M>(a.whole("in_channels"), a.whole("out_channels"), a.sizes("kernel_size"), o);
}
template <class M>
Layer batch_norm(Options& a) {
  nn::BatchNormOptions o;
  o.eps = a.number("eps"), o.affine = a.yes("affine"),
  o.track_running_stats = a.yes("track_running_stats");
  o.momentum = a.get<std::optional<double>>("momentum");
  return made<M>(a.whole("num_features"), o);
}
nn::PoolOptions pool_options(Options& a) {
  nn::PoolOptions o;
  if (!a.get<py::object>("stride").is_none()) o.stride = a.sizes("stride");
  o.padding = a.sizes("padding"), o.ceil_mode = a.yes("ceil_mode");
  return o;
}
template <class M>
Layer max_pool(Options& a) {
  nn::PoolOptions o = pool_options(a);
  o.dilation = a.sizes("dilation");
  return made<M>(a.sizes("kernel_size"), o);
}
template <class M>
Layer avg_pool(Options& a) {
  nn::PoolOptions o = pool_options(a);
  o.count_include_pad = a.yes("count_include_pad");
  return made<M>(a.sizes("kernel_size"), o);
}
template <class M>
Layer adaptive_pool(Options& a) {
  return made<M>(a.sizes("output_size"));
}
template <class M>
Layer padded(Options& a) {
  return made<M>(a.sizes("padding"));
}
template <class M>
Layer plain(Options&) {
  return made<M>();
}
template <class M>
Layer over_dim(Options& a) {
  return made<M>(a.whole("dim"));
}
template <class M>
Layer with_alpha(Options& a) {
  return made<M>(a.number("alpha"));
}

// ---- recurrent layers: their states go in and out

Tensor tensor_or_none(const py::args& a, size_t i) {
  if (i >= a.size() || a[i].is_none()) return {};
  if (!py::isinstance<Tensor>(a[i]))
    throw py::type_error(fmt::format("argument {} is a tensor or None", i));
  return a[i].cast<Tensor>();
}
Tensor lengths_of(const py::kwargs& k) {
  for (const auto& [key, value] : k)
    if (std::string(py::str(key)) != "lengths")
      throw py::type_error("of the options by name there is 'lengths' alone, not '" +
                           std::string(py::str(key)) + "'");
  return k.contains("lengths") && !k["lengths"].is_none() ? k["lengths"].cast<Tensor>() : Tensor();
}
nn::LstmState state_of(const py::args& a) {
  if (a.size() < 2 || a[1].is_none()) return {};
  const auto [h, c] = a[1].cast<std::pair<Tensor, Tensor>>();
  return {h, c};
}
nn::RecurrentOptions recurrent_options(Options& a) {
  nn::RecurrentOptions o;
  o.num_layers = a.whole("num_layers"), o.bias = a.yes("bias"),
  o.batch_first = a.yes("batch_first");
  o.dropout = a.number("dropout"), o.bidirectional = a.yes("bidirectional");
  return o;
}
Layer lstm(Options& a) {
  nn::RecurrentOptions o = recurrent_options(a);
  o.proj_size = a.whole("proj_size");
  auto m = std::make_shared<nn::LSTM>(a.whole("input_size"), a.whole("hidden_size"), o);
  return {m, [m](const py::args& in, const py::kwargs& k) -> py::object {
            const LstmResult r = (*m)(tensor_or_none(in, 0), state_of(in), lengths_of(k), Loc());
            return py::make_tuple(r.output, py::make_tuple(r.h, r.c));
          }};
}
template <class M>
Layer with_one_state(std::shared_ptr<M> m) {
  return {m, [m](const py::args& in, const py::kwargs& k) -> py::object {
            const RecurrentResult r =
                (*m)(tensor_or_none(in, 0), tensor_or_none(in, 1), lengths_of(k), Loc());
            return py::make_tuple(r.output, r.h);
          }};
}
nn::Nonlinearity nonlinearity(Options& a) {
  return static_cast<nn::Nonlinearity>(
      named_value("nonlinearity", a.get<py::object>("nonlinearity"),
                  {{"tanh", int(nn::Nonlinearity::tanh)}, {"relu", int(nn::Nonlinearity::relu)}}));
}
Layer gru(Options& a) {
  return with_one_state(std::make_shared<nn::GRU>(a.whole("input_size"), a.whole("hidden_size"),
                                                  recurrent_options(a)));
}
Layer rnn(Options& a) {
  return with_one_state(std::make_shared<nn::RNN>(a.whole("input_size"), a.whole("hidden_size"),
                                                  recurrent_options(a), nonlinearity(a)));
}
Layer lstm_cell(Options& a) {
  auto m = std::make_shared<nn::LSTMCell>(a.whole("input_size"), a.whole("hidden_size"),
                                          nn::CellOptions{a.yes("bias")});
  return {m, [m](const py::args& in, const py::kwargs&) -> py::object {
            const nn::LstmState s = (*m)(tensor_or_none(in, 0), state_of(in), Loc());
            return py::make_tuple(s.h, s.c);
          }};
}
template <class M>
Layer cell(std::shared_ptr<M> m) {
  return {m, [m](const py::args& in, const py::kwargs&) -> py::object {
            return py::cast((*m)(tensor_or_none(in, 0), tensor_or_none(in, 1), Loc()));
          }};
}
Layer gru_cell(Options& a) {
  return cell(std::make_shared<nn::GRUCell>(a.whole("input_size"), a.whole("hidden_size"),
                                            nn::CellOptions{a.yes("bias")}));
}
Layer rnn_cell(Options& a) {
  return cell(std::make_shared<nn::RNNCell>(a.whole("input_size"), a.whole("hidden_size"),
                                            nn::RNNCellOptions{a.yes("bias"), nonlinearity(a)}));
}

// ---- attention: masks go in by name

AttentionOptions attention_options(const char* layer, const py::kwargs& k) {
  Arguments a(layer, py::dict(k));
  AttentionOptions o;
  a("mask", o.mask)("lengths", o.lengths)("causal", o.causal);
  a.finish();
  return o;
}
Layer multihead_attention(Options& a) {
  nn::MultiheadAttentionOptions o;
  o.dropout = a.number("dropout"), o.bias = a.yes("bias"), o.batch_first = a.yes("batch_first");
  auto m = std::make_shared<nn::MultiheadAttention>(a.whole("embed_dim"), a.whole("num_heads"), o);
  return {
      m, [m](const py::args& in, const py::kwargs& k) -> py::object {
        return py::cast((*m)(tensor_or_none(in, 0), tensor_or_none(in, 1), tensor_or_none(in, 2),
                             attention_options("MultiheadAttention", k), Loc()));
      }};
}
nn::TransformerOptions transformer_options(Options& a) {
  using A = nn::Activation;
  nn::TransformerOptions o;
  o.dim_feedforward = a.whole("dim_feedforward"), o.dropout = a.number("dropout");
  o.norm_first = a.yes("norm_first"), o.batch_first = a.yes("batch_first");
  o.activation = static_cast<A>(
      named_value("activation", a.get<py::object>("activation"),
                  {{"relu", int(A::relu)}, {"gelu", int(A::gelu)}, {"swiglu", int(A::swiglu)}}));
  return o;
}
template <class M>
Layer encoder(std::shared_ptr<M> m) {
  return {m, [m](const py::args& in, const py::kwargs& k) -> py::object {
            return py::cast(
                (*m)(tensor_or_none(in, 0), attention_options("TransformerEncoder", k), Loc()));
          }};
}
Layer encoder_layer(Options& a) {
  return encoder(std::make_shared<nn::TransformerEncoderLayer>(a.whole("d_model"), a.whole("nhead"),
                                                               transformer_options(a)));
}
Layer encoder_stack(Options& a) {
  return encoder(std::make_shared<nn::TransformerEncoder>(a.whole("d_model"), a.whole("nhead"),
                                                          a.whole("num_layers"),
                                                          transformer_options(a), a.yes("norm")));
}

// ---- the rest

Layer linear(Options& a) {
  return made<nn::Linear>(a.whole("in_features"), a.whole("out_features"),
                          nn::LinearOptions{a.yes("bias")});
}
Layer bilinear(Options& a) {
  return made<nn::Bilinear>(a.whole("in1_features"), a.whole("in2_features"),
                            a.whole("out_features"), nn::LinearOptions{a.yes("bias")});
}
Layer embedding(Options& a) {
  nn::EmbeddingOptions o;
  a("padding_idx", o.padding_idx);
  return made<nn::Embedding>(a.whole("num_embeddings"), a.whole("embedding_dim"), o);
}
Layer dropout(Options& a) { return made<nn::Dropout>(a.number("p")); }
Layer locked_dropout(Options& a) {
  return made<nn::LockedDropout>(a.number("p"), a.yes("batch_first"));
}
Layer flatten(Options& a) { return made<nn::Flatten>(a.whole("start_dim"), a.whole("end_dim")); }
Layer unflatten(Options& a) { return made<nn::Unflatten>(a.whole("dim"), a.ints("sizes")); }
Layer leaky_relu(Options& a) { return made<nn::LeakyReLU>(a.number("negative_slope")); }
Layer prelu(Options& a) { return made<nn::PReLU>(a.whole("num_parameters"), a.number("init")); }
Layer gelu(Options& a) {
  return made<nn::GELU>(
      static_cast<Gelu>(named_value("approximate", a.get<py::object>("approximate"),
                                    {{"none", int(Gelu::exact)}, {"tanh", int(Gelu::tanh)}})));
}
Layer softplus(Options& a) { return made<nn::Softplus>(a.number("beta"), a.number("threshold")); }
Layer hardtanh(Options& a) { return made<nn::Hardtanh>(a.number("min_val"), a.number("max_val")); }
Layer layer_norm(Options& a) {
  return made<nn::LayerNorm>(
      a.ints("normalized_shape"),
      nn::LayerNormOptions{a.number("eps"), a.yes("elementwise_affine"), a.yes("bias")});
}
Layer rms_norm(Options& a) {
  return made<nn::RMSNorm>(a.ints("normalized_shape"),
                           nn::RMSNormOptions{a.number("eps"), a.yes("elementwise_affine")});
}
Layer group_norm(Options& a) {
  nn::GroupNormOptions o;
  o.eps = a.number("eps"), o.affine = a.yes("affine");
  return made<nn::GroupNorm>(a.whole("num_groups"), a.whole("num_channels"), o);
}
Layer instance_norm(Options& a) {
  nn::InstanceNormOptions o;
  o.eps = a.number("eps"), o.affine = a.yes("affine"),
  o.track_running_stats = a.yes("track_running_stats"), o.momentum = a.number("momentum");
  return made<nn::InstanceNorm>(a.whole("num_features"), o);
}
Layer local_response_norm(Options& a) {
  return made<nn::LocalResponseNorm>(a.whole("size"), a.number("alpha"), a.number("beta"),
                                     a.number("k"));
}
Layer upsample(Options& a) {
  InterpolateOptions o;
  using I = Interpolation;
  a("size", o.size);
  if (const py::object scale = a.get<py::object>("scale_factor"); PyNumber_Check(scale.ptr()))
    o.scale = {scale.cast<double>()};
  else a("scale_factor", o.scale);
  o.mode = static_cast<I>(named_value("mode", a.get<py::object>("mode"),
                                      {{"nearest", int(I::nearest)},
                                       {"nearest-exact", int(I::nearest_exact)},
                                       {"linear", int(I::linear)},
                                       {"bilinear", int(I::linear)},
                                       {"trilinear", int(I::linear)},
                                       {"bicubic", int(I::cubic)},
                                       {"area", int(I::area)}}));
  o.align_corners = a.yes("align_corners");
  return made<nn::Upsample>(o);
}
Layer pixel_shuffle(Options& a) { return made<nn::PixelShuffle>(a.whole("upscale_factor")); }

struct LayerRow {
  const char* name;
  Layer (*make)(Options& options);
};
constexpr LayerRow kLayers[] = {{"Linear", linear},
                                {"Bilinear", bilinear},
                                {"Embedding", embedding},
                                {"Dropout", dropout},
                                {"LockedDropout", locked_dropout},
                                {"Flatten", flatten},
                                {"Unflatten", unflatten},
                                {"Identity", plain<nn::Identity>},
                                {"ReLU", plain<nn::ReLU>},
                                {"ReLU6", plain<nn::ReLU6>},
                                {"LeakyReLU", leaky_relu},
                                {"PReLU", prelu},
                                {"ELU", with_alpha<nn::ELU>},
                                {"CELU", with_alpha<nn::CELU>},
                                {"SELU", plain<nn::SELU>},
                                {"GELU", gelu},
                                {"SiLU", plain<nn::SiLU>},
                                {"Mish", plain<nn::Mish>},
                                {"Softplus", softplus},
                                {"Softsign", plain<nn::Softsign>},
                                {"Sigmoid", plain<nn::Sigmoid>},
                                {"LogSigmoid", plain<nn::LogSigmoid>},
                                {"Tanh", plain<nn::Tanh>},
                                {"Hardtanh", hardtanh},
                                {"Hardswish", plain<nn::Hardswish>},
                                {"Hardsigmoid", plain<nn::Hardsigmoid>},
                                {"GLU", over_dim<nn::GLU>},
                                {"Softmax", over_dim<nn::Softmax>},
                                {"LogSoftmax", over_dim<nn::LogSoftmax>},
                                {"Conv1d", conv<nn::Conv1d>},
                                {"Conv2d", conv<nn::Conv2d>},
                                {"Conv3d", conv<nn::Conv3d>},
                                {"ConvTranspose1d", conv_transpose<nn::ConvTranspose1d>},
                                {"ConvTranspose2d", conv_transpose<nn::ConvTranspose2d>},
                                {"ConvTranspose3d", conv_transpose<nn::ConvTranspose3d>},
                                {"BatchNorm1d", batch_norm<nn::BatchNorm1d>},
                                {"BatchNorm2d", batch_norm<nn::BatchNorm2d>},
                                {"BatchNorm3d", batch_norm<nn::BatchNorm3d>},
                                {"LayerNorm", layer_norm},
                                {"RMSNorm", rms_norm},
                                {"GroupNorm", group_norm},
                                {"InstanceNorm", instance_norm},
                                {"LocalResponseNorm", local_response_norm},
                                {"MaxPool1d", max_pool<nn::MaxPool1d>},
                                {"MaxPool2d", max_pool<nn::MaxPool2d>},
                                {"MaxPool3d", max_pool<nn::MaxPool3d>},
                                {"AvgPool1d", avg_pool<nn::AvgPool1d>},
                                {"AvgPool2d", avg_pool<nn::AvgPool2d>},
                                {"AvgPool3d", avg_pool<nn::AvgPool3d>},
                                {"AdaptiveAvgPool1d", adaptive_pool<nn::AdaptiveAvgPool1d>},
                                {"AdaptiveAvgPool2d", adaptive_pool<nn::AdaptiveAvgPool2d>},
                                {"AdaptiveAvgPool3d", adaptive_pool<nn::AdaptiveAvgPool3d>},
                                {"AdaptiveMaxPool1d", adaptive_pool<nn::AdaptiveMaxPool1d>},
                                {"AdaptiveMaxPool2d", adaptive_pool<nn::AdaptiveMaxPool2d>},
                                {"AdaptiveMaxPool3d", adaptive_pool<nn::AdaptiveMaxPool3d>},
                                {"ZeroPad2d", padded<nn::ZeroPad2d>},
                                {"ReflectionPad2d", padded<nn::ReflectionPad2d>},
                                {"ReplicationPad2d", padded<nn::ReplicationPad2d>},
                                {"Upsample", upsample},
                                {"PixelShuffle", pixel_shuffle},
                                {"LSTM", lstm},
                                {"GRU", gru},
                                {"RNN", rnn},
                                {"LSTMCell", lstm_cell},
                                {"GRUCell", gru_cell},
                                {"RNNCell", rnn_cell},
                                {"MultiheadAttention", multihead_attention},
                                {"TransformerEncoderLayer", encoder_layer},
                                {"TransformerEncoder", encoder_stack}};

}  // namespace

Layer make_layer(const std::string& name, const py::dict& options) {
  for (const LayerRow& row : kLayers) {
    if (name != row.name) continue;
    Options a(name, options);
    Layer layer = row.make(a);
    a.finish();
    return layer;
  }
  throw py::value_error("no layer " + name);
}

std::vector<std::string> layer_names() {
  std::vector<std::string> names;
  for (const LayerRow& row : kLayers) names.emplace_back(row.name);
  return names;
}

}  // namespace cairn::python
