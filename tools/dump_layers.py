#!/usr/bin/env python3
"""Writes inputs, weights and outputs of PyTorch's layers to tests/nn/data/layers.safetensors.

tests/nn/like_pytorch.h loads the weights into Cairn's layers and compares.
Needs torch and safetensors.
"""

import os
import sys
import torch
import torch.nn as nn
from safetensors.torch import save_file

torch.manual_seed(0)
out = {}


def case(name, layer, *inputs, call=None):
    """call(layer, *inputs) gives a tensor or a tuple of them."""
    layer.eval()
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn_like(p) * 0.4)
        for b in layer.buffers():
            if b.is_floating_point():
                b.copy_(torch.rand_like(b) + 0.5)
        result = (call or (lambda l, *x: l(*x)))(layer, *inputs)
    for k, t in layer.state_dict().items():
        out[f"{name}.w.{k}"] = t.clone().contiguous()
    for i, t in enumerate(inputs):
        out[f"{name}.in.{i}"] = t.clone().contiguous()
    for i, t in enumerate(result if isinstance(result, tuple) else (result,)):
        out[f"{name}.out.{i}"] = t.clone().contiguous()


rnn = lambda l, *x: (lambda r: (r[0], *(r[1] if isinstance(r[1], tuple) else (r[1],))))(
    l(*x) if len(x) < 3 else l(x[0], x[1:])
)
x3 = torch.randn(4, 2, 3)
case("conv1d_reflect", nn.Conv1d(2, 3, 3, padding=2, padding_mode="reflect"), torch.randn(2, 2, 7))
case(
    "conv2d",
    nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
    torch.randn(2, 4, 7, 6),
)
case("conv3d", nn.Conv3d(2, 3, 2, padding=1, bias=False), torch.randn(1, 2, 3, 4, 3))
case("conv_transpose1d", nn.ConvTranspose1d(3, 2, 4, stride=3, padding=1), torch.randn(2, 3, 5))
case(
    "conv_transpose2d",
    nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, dilation=2),
    torch.randn(2, 4, 4, 3),
)
case("batch_norm1d", nn.BatchNorm1d(3), torch.randn(4, 3, 2))
case("layer_norm", nn.LayerNorm((3, 4)), torch.randn(2, 3, 4))
case("group_norm", nn.GroupNorm(2, 6), torch.randn(2, 6, 3))
case("instance_norm", nn.InstanceNorm2d(3, affine=True), torch.randn(2, 3, 4, 3))
case("prelu", nn.PReLU(3), torch.randn(2, 3, 4))
case("adaptive_pool", nn.AdaptiveAvgPool2d((3, 2)), torch.randn(1, 2, 7, 5))
case(
    "lstm",
    nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True),
    torch.randn(2, 4, 3),
    torch.randn(4, 2, 4),
    torch.randn(4, 2, 4),
    call=rnn,
)
case("lstm_zero", nn.LSTM(3, 4, bias=False), x3, call=rnn)
case("gru", nn.GRU(3, 4, 2, bidirectional=True), x3, torch.randn(4, 2, 4), call=rnn)
case("rnn", nn.RNN(3, 4, nonlinearity="relu"), x3, call=rnn)
case(
    "attention",
    nn.MultiheadAttention(8, 2),
    torch.randn(3, 2, 8),
    torch.randn(5, 2, 8),
    call=lambda l, q, k: l(q, k, k, need_weights=False)[0],
)
case("encoder_layer", nn.TransformerEncoderLayer(8, 2, 12, batch_first=True), torch.randn(2, 4, 8))
case(
    "decoder_layer",
    nn.TransformerDecoderLayer(8, 2, 12, norm_first=True, activation="gelu"),
    torch.randn(3, 2, 8),
    torch.randn(4, 2, 8),
)


def spectral(name, layer, x):
    """Two training forwards; then output, singular vectors, a gradient and a second one of it."""
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn_like(p) * 0.4)
    layer = nn.utils.spectral_norm(layer)
    for k, t in layer.state_dict().items():
        out[f"{name}.w.{k}"] = t.clone().contiguous()
    out[f"{name}.in.0"] = x.clone()
    layer(x)
    x = x.clone().requires_grad_(True)
    y = layer(x)
    (first,) = torch.autograd.grad(y.square().sum(), layer.weight_orig, retain_graph=True)
    (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(slope.square().sum(), layer.weight_orig)
    for i, t in enumerate((y, layer.weight_u, layer.weight_v, first, second)):
        out[f"{name}.out.{i}"] = t.detach().clone().contiguous()


spectral("spectral_linear", nn.Linear(5, 4), torch.randn(3, 5))
spectral("spectral_conv2d", nn.Conv2d(2, 4, 3, padding=1), torch.randn(2, 2, 4, 5))
spectral(
    "spectral_conv_transpose2d",
    nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1),
    torch.randn(2, 3, 3, 2),
)

pair = lambda l, x, h, c: l(x, (h, c))
case(
    "lstm_cell",
    nn.LSTMCell(3, 4),
    torch.randn(2, 3),
    torch.randn(2, 4),
    torch.randn(2, 4),
    call=pair,
)
case("gru_cell", nn.GRUCell(3, 4), torch.randn(2, 3), torch.randn(2, 4))
case("rnn_cell", nn.RNNCell(3, 4, nonlinearity="relu"), torch.randn(2, 3), torch.randn(2, 4))
case("rnn_cell_zero", nn.RNNCell(3, 4, bias=False), torch.randn(2, 3))


def packed(layer, x, lengths, *state):
    y, (h, c) = layer(
        nn.utils.rnn.pack_padded_sequence(x, lengths, layer.batch_first, enforce_sorted=False),
        state or None,
    )
    return (
        nn.utils.rnn.pad_packed_sequence(
            y, layer.batch_first, total_length=x.shape[layer.batch_first]
        )[0],
        h,
        c,
    )


def gradients(name, layer, *inputs, call):
    """As case(), and the gradients of the outputs' sum of squares by weights and float inputs."""
    case(name, layer, *inputs, call=call)
    inputs = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    sum(y.square().sum() for y in call(layer, *inputs)).backward()
    for k, p in layer.named_parameters():
        out[f"{name}.g.{k}"] = p.grad.clone()
    for i, x in enumerate(inputs):
        if x.grad is not None:
            out[f"{name}.g.in.{i}"] = x.grad.clone()


h2, c5 = torch.randn(4, 2, 2), torch.randn(4, 2, 5)
gradients(
    "lstm_projected",
    nn.LSTM(3, 5, 2, proj_size=2, bidirectional=True, batch_first=True),
    torch.randn(2, 4, 3),
    h2,
    c5,
    call=rnn,
)
gradients(
    "lstm_projected_zero", nn.LSTM(3, 5, proj_size=4, bias=False), torch.randn(4, 2, 3), call=rnn
)
gradients(
    "lstm_projected_packed",
    nn.LSTM(3, 5, 2, proj_size=2, bidirectional=True),
    torch.randn(5, 2, 3),
    torch.tensor((3, 5)),
    h2,
    c5,
    call=packed,
)


class SwiGLU(nn.Module):
    """LLaMA's feed-forward layer."""

    def __init__(self, dim, hidden, bias=False):
        super().__init__()
        self.w1, self.w2, self.w3 = (
            nn.Linear(dim, hidden, bias),
            nn.Linear(hidden, dim, bias),
            nn.Linear(dim, hidden, bias),
        )

    def forward(self, x):
        return self.w2(nn.functional.silu(self.w1(x)) * self.w3(x))


def with_swiglu(layer, dim, hidden):
    """A transformer layer whose feed-forward part is a SwiGLU."""
    del layer.linear1, layer.linear2
    layer.swiglu = SwiGLU(dim, hidden)
    layer._ff_block = layer.swiglu.forward
    return layer


torch.backends.mha.set_fastpath_enabled(False)
alone = lambda l, *x: (l(*x),)
gradients("swiglu", SwiGLU(6, 16), torch.randn(2, 3, 6), call=alone)
gradients("swiglu_bias", SwiGLU(6, 16, bias=True), torch.randn(4, 6), call=alone)
case(
    "encoder_layer_swiglu",
    with_swiglu(nn.TransformerEncoderLayer(8, 2, 12, batch_first=True), 8, 12),
    torch.randn(2, 4, 8),
)
case(
    "decoder_layer_swiglu",
    with_swiglu(nn.TransformerDecoderLayer(8, 2, 12, norm_first=True), 8, 12),
    torch.randn(3, 2, 8),
    torch.randn(4, 2, 8),
)

N = nn.MultiheadAttention
both = lambda average: lambda l, q, k, v: l(q, k, v, average_attn_weights=average)
q, k, v = torch.randn(3, 2, 8), torch.randn(5, 2, 6), torch.randn(5, 2, 4)
case("attention_widths", N(8, 2, kdim=6, vdim=4), q, k, v, call=both(True))
case("attention_per_head", N(8, 2, bias=False), q, q, q, call=both(False))
case("attention_added", N(8, 2, add_bias_kv=True, add_zero_attn=True), q, q, q, call=both(True))
mask = torch.randn(3, 3)
case("attention_added_mask", N(8, 2, add_zero_attn=True, batch_first=True), torch.randn(2, 3, 8), mask,
     call=lambda l, x, m: l(x, x, x, attn_mask=m))
case("encoder", nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 12, bias=False), 2, nn.LayerNorm(8, bias=False), enable_nested_tensor=False), torch.randn(3, 2, 8))
case("decoder", nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 12), 2), torch.randn(3, 2, 8), torch.randn(4, 2, 8))
case("group_norm_no_bias", nn.GroupNorm(2, 6, bias=False), torch.randn(2, 6, 3))
case("batch_norm_no_bias", nn.BatchNorm2d(3, bias=False), torch.randn(2, 3, 2, 2))
case("instance_norm_running", nn.InstanceNorm1d(3, affine=True, track_running_stats=True), torch.randn(2, 3, 4))
case("rms_norm_two", nn.RMSNorm((3, 4), eps=1e-5), torch.randn(2, 3, 4))
case("bilinear", nn.Bilinear(3, 4, 5), torch.randn(2, 3), torch.randn(2, 4))
case("pool_ceil", nn.MaxPool2d(3, 2, 1, dilation=2, ceil_mode=True), torch.randn(1, 2, 8, 9))
case("pool_average", nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), torch.randn(1, 2, 8, 9))


def running(name, layer, *batches):
    """Running statistics after several batches in training."""
    for x in batches:
        layer.train()(x)
    for i, x in enumerate(batches):
        out[f"{name}.in.{i}"] = x.clone()
    for i, t in enumerate((layer.running_mean, layer.running_var)):
        out[f"{name}.out.{i}"] = t.clone()


batches = [torch.randn(3, 2, 4) for _ in range(3)]
running("batch_norm_cumulative", nn.BatchNorm1d(2, momentum=None), *batches)
running("instance_norm_followed", nn.InstanceNorm1d(2, track_running_stats=True, momentum=0.3), *batches)

folder = (
    sys.argv[1]
    if len(sys.argv) > 1
    else os.path.join(os.path.dirname(__file__), "..", "tests", "nn", "data")
)
os.makedirs(folder, exist_ok=True)
path = os.path.join(folder, "layers.safetensors")
save_file(out, path)
print(f"{path}: {os.path.getsize(path)} bytes")
