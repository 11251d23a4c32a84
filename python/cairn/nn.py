"""Modules: the library's layers under PyTorch's names and options, and modules of one's own.

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 3, padding=1)
            self.head = nn.Linear(8, 10)

        def forward(self, x):
            x = cairn.relu(self.conv(x))
            return self.head(x.mean((2, 3)))

Names of parameters are PyTorch's ("conv.weight"), so state dicts move both ways. Called inside a
compiled function, a module becomes part of its graph; train() and eval() choose another graph.
"""
from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from . import _cairn
from ._cairn import Tensor

Sizes = Union[int, Sequence[int]]


class Parameter:
    """The initial value of a parameter: self.scale = nn.Parameter(cairn.ones((8,)))."""

    def __init__(self, initial: Tensor) -> None:
        self.initial = initial


class Buffer:
    """The initial value of a State that is saved but not trained."""

    def __init__(self, initial: Tensor) -> None:
        self.initial = initial


class Module:
    """What has parameters and children, and a forward(). Assigning one to an attribute makes it a child."""

    _layer: _cairn.Layer

    def __init__(self) -> None:
        object.__setattr__(self, "_layer", _cairn.Layer(type(self).__name__))

    def forward(self, *inputs: Any, **options: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no forward()")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return self._layer.run(self.forward, *inputs, **options)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Module, Parameter, Buffer)):
            if "_layer" not in self.__dict__:
                raise AttributeError(f"{type(self).__name__}: call super().__init__() before '{name}' is assigned")
            if isinstance(value, Module):
                self._layer.add_child(name, value._layer)
            elif isinstance(value, Parameter):
                value = self._layer.add_parameter(name, value.initial)
            else:
                value = self._layer.add_buffer(name, value.initial)
        elif isinstance(self.__dict__.get(name), Module) or (name in self.__dict__ and name in self._layer.own_tensors()):
            raise AttributeError(f"{type(self).__name__}.{name} is registered: give a parameter another value by assign()")
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):  # a parameter of a layer of the library
            found = self._layer.own_tensors().get(name)
            if found is not None:
                return found
        raise AttributeError(f"{type(self).__name__} has no '{name}'")

    def parameters(self) -> List[Tensor]:
        return self._layer.parameters()

    def named_parameters(self) -> Dict[str, Tensor]:
        return self._layer.named_parameters()

    def named_buffers(self) -> Dict[str, Tensor]:
        return self._layer.named_buffers()

    def num_parameters(self) -> int:
        return self._layer.num_parameters()

    def state_dict(self) -> Dict[str, Tensor]:
        """Parameters and buffers by name: the States themselves. cairn.save_file() writes them."""
        return self._layer.state_dict()

    def load_state_dict(self, values: Dict[str, Any], strict: bool = True) -> Tuple[List[str], List[str]]:
        """Assigns tensors or arrays, all or nothing; gives the names that are missing and unknown."""
        return self._layer.load_state_dict(dict(values), strict)

    @property
    def training(self) -> bool:
        return self._layer.training

    def train(self, on: bool = True) -> "Module":
        self._layer.train(on)
        return self

    def eval(self) -> "Module":
        return self.train(False)

    def to(self, dtype: Any) -> "Module":
        self._layer.to(dtype)
        return self

    def zero_grad(self) -> None:
        self._layer.zero_grad()

    def freeze(self, frozen: bool = True) -> "Module":
        self._layer.freeze(frozen)
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_parameters()} parameters)"


class _Native(Module):
    """A layer of the library."""

    def __init__(self, name: str, **options: Any) -> None:
        object.__setattr__(self, "_layer", _cairn.layer(name, options))

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return self._layer(*inputs, **options)


class Sequential(Module):
    """Calls its modules one after another."""

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for i, module in enumerate(modules):
            setattr(self, str(i), module)
        object.__setattr__(self, "_modules", modules)

    def forward(self, x: Tensor) -> Tensor:
        for module in self._modules:
            x = module(x)
        return x

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, i: int) -> Module:
        return self._modules[i]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules)


class ModuleList(Module):
    """A list of modules that its owner calls."""

    def __init__(self, modules: Sequence[Module] = ()) -> None:
        super().__init__()
        self._layer.be_list()
        object.__setattr__(self, "_modules", [])
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> None:
        setattr(self, str(len(self._modules)), module)
        self._modules.append(module)

    def __len__(self) -> int:
        return len(self._modules)

    def __getitem__(self, i: int) -> Module:
        return self._modules[i]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules)


class Linear(_Native):
    """x [..., in] -> x weight^T + bias [..., out]."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__("Linear", in_features=in_features, out_features=out_features, bias=bias)


class Bilinear(_Native):
    """a^T W b + bias."""

    def __init__(self, in1_features: int, in2_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__("Bilinear", in1_features=in1_features, in2_features=in2_features, out_features=out_features, bias=bias)


class Embedding(_Native):
    """Rows of weight for indices of any shape."""

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: Optional[int] = None) -> None:
        super().__init__("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim, padding_idx=padding_idx)


class Dropout(_Native):
    """Zeroes elements with probability p while training."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__("Dropout", p=p)


class LockedDropout(_Native):
    """Drops the same features of a sequence at every step."""

    def __init__(self, p: float = 0.5, batch_first: bool = False) -> None:
        super().__init__("LockedDropout", p=p, batch_first=batch_first)


class Flatten(_Native):
    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__("Flatten", start_dim=start_dim, end_dim=end_dim)


class Unflatten(_Native):
    """One dimension as several."""

    def __init__(self, dim: int, sizes: Sequence[int]) -> None:
        super().__init__("Unflatten", dim=dim, sizes=sizes)


class Identity(_Native):
    def __init__(self) -> None:
        super().__init__("Identity")


class ReLU(_Native):
    def __init__(self) -> None:
        super().__init__("ReLU")


class ReLU6(_Native):
    def __init__(self) -> None:
        super().__init__("ReLU6")


class LeakyReLU(_Native):
    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__("LeakyReLU", negative_slope=negative_slope)


class PReLU(_Native):
    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        super().__init__("PReLU", num_parameters=num_parameters, init=init)


class ELU(_Native):
    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__("ELU", alpha=alpha)


class CELU(_Native):
    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__("CELU", alpha=alpha)


class SELU(_Native):
    def __init__(self) -> None:
        super().__init__("SELU")


class GELU(_Native):
    def __init__(self, approximate: str = "none") -> None:
        super().__init__("GELU", approximate=approximate)


class SiLU(_Native):
    def __init__(self) -> None:
        super().__init__("SiLU")


class Mish(_Native):
    def __init__(self) -> None:
        super().__init__("Mish")


class Softplus(_Native):
    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__("Softplus", beta=beta, threshold=threshold)


class Softsign(_Native):
    def __init__(self) -> None:
        super().__init__("Softsign")


class Sigmoid(_Native):
    def __init__(self) -> None:
        super().__init__("Sigmoid")


class LogSigmoid(_Native):
    def __init__(self) -> None:
        super().__init__("LogSigmoid")


class Tanh(_Native):
    def __init__(self) -> None:
        super().__init__("Tanh")


class Hardtanh(_Native):
    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        super().__init__("Hardtanh", min_val=min_val, max_val=max_val)


class Hardswish(_Native):
    def __init__(self) -> None:
        super().__init__("Hardswish")


class Hardsigmoid(_Native):
    def __init__(self) -> None:
        super().__init__("Hardsigmoid")


class GLU(_Native):
    def __init__(self, dim: int = -1) -> None:
        super().__init__("GLU", dim=dim)


class Softmax(_Native):
    def __init__(self, dim: int = -1) -> None:
        super().__init__("Softmax", dim=dim)


class LogSoftmax(_Native):
    def __init__(self, dim: int = -1) -> None:
        super().__init__("LogSoftmax", dim=dim)


class Conv1d(_Native):
    """x [N, in, length]; padding is a number, one a dimension, or "same"."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Union[str, Sizes] = 0,
                 dilation: Sizes = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros") -> None:
        super().__init__("Conv1d", in_channels=in_channels, out_channels=out_channels, kernel_size=kernel_size, stride=stride,
                         padding=padding, dilation=dilation, groups=groups, bias=bias, padding_mode=padding_mode)


class Conv2d(_Native):
    """x [N, in, height, width]; padding is a number, one a dimension, or "same"."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Union[str, Sizes] = 0,
                 dilation: Sizes = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros") -> None:
        super().__init__("Conv2d", in_channels=in_channels, out_channels=out_channels, kernel_size=kernel_size, stride=stride,
                         padding=padding, dilation=dilation, groups=groups, bias=bias, padding_mode=padding_mode)


class Conv3d(_Native):
    """x [N, in, depth, height, width]; padding is a number, one a dimension, or "same"."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Union[str, Sizes] = 0,
                 dilation: Sizes = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros") -> None:
        super().__init__("Conv3d", in_channels=in_channels, out_channels=out_channels, kernel_size=kernel_size, stride=stride,
                         padding=padding, dilation=dilation, groups=groups, bias=bias, padding_mode=padding_mode)


class ConvTranspose1d(_Native):
    """The gradient of a convolution with respect to its input."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Sizes = 0,
                 output_padding: Sizes = 0, groups: int = 1, bias: bool = True, dilation: Sizes = 1) -> None:
        super().__init__("ConvTranspose1d", in_channels=in_channels, out_channels=out_channels, kernel_size=kernel_size,
                         stride=stride, padding=padding, output_padding=output_padding, groups=groups, bias=bias, dilation=dilation)


class ConvTranspose2d(_Native):
    """The gradient of a convolution with respect to its input."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Sizes = 0,
                 output_padding: Sizes = 0, groups: int = 1, bias: bool = True, dilation: Sizes = 1) -> None:
        super().__init__("ConvTranspose2d", in_channels=in_channels, out_channels=out_channels, kernel_size=kernel_size,
                         stride=stride, padding=padding, output_padding=output_padding, groups=groups, bias=bias, dilation=dilation)


class ConvTranspose3d(_Native):
    """The gradient of a convolution with respect to its input."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Sizes = 0,
                 output_padding: Sizes = 0, groups: int = 1, bias: bool = True, dilation: Sizes = 1) -> None:
        super().__init__("ConvTranspose3d", in_channels=in_channels, out_channels=out_channels, kernel_size=kernel_size,
                         stride=stride, padding=padding, output_padding=output_padding, groups=groups, bias=bias, dilation=dilation)


class BatchNorm1d(_Native):
    """Ioffe & Szegedy 2015."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: Optional[float] = 0.1, affine: bool = True,
                 track_running_stats: bool = True) -> None:
        super().__init__("BatchNorm1d", num_features=num_features, eps=eps, momentum=momentum, affine=affine,
                         track_running_stats=track_running_stats)


class BatchNorm2d(_Native):
    """Ioffe & Szegedy 2015."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: Optional[float] = 0.1, affine: bool = True,
                 track_running_stats: bool = True) -> None:
        super().__init__("BatchNorm2d", num_features=num_features, eps=eps, momentum=momentum, affine=affine,
                         track_running_stats=track_running_stats)


class BatchNorm3d(_Native):
    """Ioffe & Szegedy 2015."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: Optional[float] = 0.1, affine: bool = True,
                 track_running_stats: bool = True) -> None:
        super().__init__("BatchNorm3d", num_features=num_features, eps=eps, momentum=momentum, affine=affine,
                         track_running_stats=track_running_stats)


class LayerNorm(_Native):
    """Ba et al. 2016, over the last dimensions."""

    def __init__(self, normalized_shape: Sizes, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True) -> None:
        super().__init__("LayerNorm", normalized_shape=normalized_shape, eps=eps, elementwise_affine=elementwise_affine, bias=bias)


class RMSNorm(_Native):
    """Zhang & Sennrich 2019, over the last dimensions."""

    def __init__(self, normalized_shape: Sizes, eps: float = 1e-6, elementwise_affine: bool = True) -> None:
        super().__init__("RMSNorm", normalized_shape=normalized_shape, eps=eps, elementwise_affine=elementwise_affine)


class GroupNorm(_Native):
    """Wu & He 2018."""

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__("GroupNorm", num_groups=num_groups, num_channels=num_channels, eps=eps, affine=affine)


class InstanceNorm(_Native):
    """Ulyanov et al. 2016; 1 to 3 spatial dimensions."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False, track_running_stats: bool
                 = False) -> None:
        super().__init__("InstanceNorm", num_features=num_features, eps=eps, momentum=momentum, affine=affine,
                         track_running_stats=track_running_stats)


class LocalResponseNorm(_Native):
    """Krizhevsky et al. 2012."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__("LocalResponseNorm", size=size, alpha=alpha, beta=beta, k=k)


class MaxPool1d(_Native):
    def __init__(self, kernel_size: Sizes, stride: Optional[Sizes] = None, padding: Sizes = 0, dilation: Sizes = 1, ceil_mode: bool
                 = False) -> None:
        super().__init__("MaxPool1d", kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
                         ceil_mode=ceil_mode)


class MaxPool2d(_Native):
    def __init__(self, kernel_size: Sizes, stride: Optional[Sizes] = None, padding: Sizes = 0, dilation: Sizes = 1, ceil_mode: bool
                 = False) -> None:
        super().__init__("MaxPool2d", kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
                         ceil_mode=ceil_mode)


class MaxPool3d(_Native):
    def __init__(self, kernel_size: Sizes, stride: Optional[Sizes] = None, padding: Sizes = 0, dilation: Sizes = 1, ceil_mode: bool
                 = False) -> None:
        super().__init__("MaxPool3d", kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
                         ceil_mode=ceil_mode)


class AvgPool1d(_Native):
    def __init__(self, kernel_size: Sizes, stride: Optional[Sizes] = None, padding: Sizes = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True) -> None:
        super().__init__("AvgPool1d", kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
                         count_include_pad=count_include_pad)


class AvgPool2d(_Native):
    def __init__(self, kernel_size: Sizes, stride: Optional[Sizes] = None, padding: Sizes = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True) -> None:
        super().__init__("AvgPool2d", kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
                         count_include_pad=count_include_pad)


class AvgPool3d(_Native):
    def __init__(self, kernel_size: Sizes, stride: Optional[Sizes] = None, padding: Sizes = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True) -> None:
        super().__init__("AvgPool3d", kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
                         count_include_pad=count_include_pad)


class AdaptiveAvgPool1d(_Native):
    """To a given size, whatever the input's."""

    def __init__(self, output_size: Sizes) -> None:
        super().__init__("AdaptiveAvgPool1d", output_size=output_size)


class AdaptiveAvgPool2d(_Native):
    """To a given size, whatever the input's."""

    def __init__(self, output_size: Sizes) -> None:
        super().__init__("AdaptiveAvgPool2d", output_size=output_size)


class AdaptiveAvgPool3d(_Native):
    """To a given size, whatever the input's."""

    def __init__(self, output_size: Sizes) -> None:
        super().__init__("AdaptiveAvgPool3d", output_size=output_size)


class AdaptiveMaxPool1d(_Native):
    """To a given size, whatever the input's."""

    def __init__(self, output_size: Sizes) -> None:
        super().__init__("AdaptiveMaxPool1d", output_size=output_size)


class AdaptiveMaxPool2d(_Native):
    """To a given size, whatever the input's."""

    def __init__(self, output_size: Sizes) -> None:
        super().__init__("AdaptiveMaxPool2d", output_size=output_size)


class AdaptiveMaxPool3d(_Native):
    """To a given size, whatever the input's."""

    def __init__(self, output_size: Sizes) -> None:
        super().__init__("AdaptiveMaxPool3d", output_size=output_size)


class ZeroPad2d(_Native):
    def __init__(self, padding: Sizes) -> None:
        super().__init__("ZeroPad2d", padding=padding)


class ReflectionPad2d(_Native):
    def __init__(self, padding: Sizes) -> None:
        super().__init__("ReflectionPad2d", padding=padding)


class ReplicationPad2d(_Native):
    def __init__(self, padding: Sizes) -> None:
        super().__init__("ReplicationPad2d", padding=padding)


class Upsample(_Native):
    def __init__(self, size: Optional[Sizes] = None, scale_factor: Union[None, float, Sequence[float]] = None, mode: str =
                 "nearest", align_corners: bool = False) -> None:
        super().__init__("Upsample", size=size, scale_factor=scale_factor, mode=mode, align_corners=align_corners)


class PixelShuffle(_Native):
    def __init__(self, upscale_factor: int) -> None:
        super().__init__("PixelShuffle", upscale_factor=upscale_factor)


class LSTM(_Native):
    """lstm(x, (h, c) or None, lengths=None) -> output, (h, c)."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0) -> None:
        super().__init__("LSTM", input_size=input_size, hidden_size=hidden_size, num_layers=num_layers, bias=bias,
                         batch_first=batch_first, dropout=dropout, bidirectional=bidirectional, proj_size=proj_size)


class GRU(_Native):
    """gru(x, h or None, lengths=None) -> output, h."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False) -> None:
        super().__init__("GRU", input_size=input_size, hidden_size=hidden_size, num_layers=num_layers, bias=bias,
                         batch_first=batch_first, dropout=dropout, bidirectional=bidirectional)


class RNN(_Native):
    """rnn(x, h or None, lengths=None) -> output, h."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False, nonlinearity: str = "tanh") -> None:
        super().__init__("RNN", input_size=input_size, hidden_size=hidden_size, num_layers=num_layers, bias=bias,
                         batch_first=batch_first, dropout=dropout, bidirectional=bidirectional, nonlinearity=nonlinearity)


class LSTMCell(_Native):
    """cell(x, (h, c) or None) -> h, c."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__("LSTMCell", input_size=input_size, hidden_size=hidden_size, bias=bias)


class GRUCell(_Native):
    """cell(x, h or None) -> h."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__("GRUCell", input_size=input_size, hidden_size=hidden_size, bias=bias)


class RNNCell(_Native):
    """cell(x, h or None) -> h."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh") -> None:
        super().__init__("RNNCell", input_size=input_size, hidden_size=hidden_size, bias=bias, nonlinearity=nonlinearity)


class MultiheadAttention(_Native):
    """attention(query, key, value, mask=None, lengths=None, causal=False) -> output."""

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, batch_first: bool = False) -> None:
        super().__init__("MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads, dropout=dropout, bias=bias,
                         batch_first=batch_first)


class TransformerEncoderLayer(_Native):
    """layer(x, mask=None, lengths=None, causal=False)."""

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1, activation: str = "relu",
                 batch_first: bool = False, norm_first: bool = False) -> None:
        super().__init__("TransformerEncoderLayer", d_model=d_model, nhead=nhead, dim_feedforward=dim_feedforward, dropout=dropout,
                         activation=activation, batch_first=batch_first, norm_first=norm_first)


class TransformerEncoder(_Native):
    """Encoder layers in a row; norm: a normalisation behind them."""

    def __init__(self, d_model: int, nhead: int, num_layers: int, norm: bool = False, dim_feedforward: int = 2048, dropout: float =
                 0.1, activation: str = "relu", batch_first: bool = False, norm_first: bool = False) -> None:
        super().__init__("TransformerEncoder", d_model=d_model, nhead=nhead, num_layers=num_layers, norm=norm,
                         dim_feedforward=dim_feedforward, dropout=dropout, activation=activation, batch_first=batch_first,
                         norm_first=norm_first)


class _Loss(Module):
    """A loss as a layer: what its constructor takes are the options of the function."""

    def __init__(self, function: Any, **options: Any) -> None:
        super().__init__()
        self._function, self._options = function, options

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return self._function(x, target, **self._options)


class CrossEntropyLoss(_Loss):
    def __init__(self, weight: Optional[Tensor] = None, ignore_index: int = -100, label_smoothing: float = 0.0, reduction: str =
                 "mean") -> None:
        super().__init__(_cairn.cross_entropy, weight=weight, ignore_index=ignore_index, label_smoothing=label_smoothing,
                         reduction=reduction)


class NLLLoss(_Loss):
    def __init__(self, weight: Optional[Tensor] = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(_cairn.nll_loss, weight=weight, ignore_index=ignore_index, reduction=reduction)


class MSELoss(_Loss):
    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(_cairn.mse_loss, reduction=reduction)


class L1Loss(_Loss):
    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(_cairn.l1_loss, reduction=reduction)


class HuberLoss(_Loss):
    def __init__(self, delta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(_cairn.huber_loss, delta=delta, reduction=reduction)


class SmoothL1Loss(_Loss):
    def __init__(self, beta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(_cairn.smooth_l1_loss, beta=beta, reduction=reduction)


class BCELoss(_Loss):
    def __init__(self, weight: Optional[Tensor] = None, reduction: str = "mean") -> None:
        super().__init__(_cairn.binary_cross_entropy, weight=weight, reduction=reduction)


class BCEWithLogitsLoss(_Loss):
    def __init__(self, weight: Optional[Tensor] = None, pos_weight: Optional[Tensor] = None, reduction: str = "mean") -> None:
        super().__init__(_cairn.binary_cross_entropy_with_logits, weight=weight, pos_weight=pos_weight, reduction=reduction)


class KLDivLoss(_Loss):
    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(_cairn.kl_div, reduction=reduction, log_target=log_target)
