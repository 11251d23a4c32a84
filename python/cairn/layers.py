"""The library's layers under PyTorch's names and options: a class each, whose constructor says options and defaults."""
from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Union

from . import _cairn
from .modules import Module, _options

Sizes = Union[int, Sequence[int]]


class _Native(Module):
    """A layer of the library: the row of its class's name in python/layer_table.cpp, which checks the options."""

    _row = ""

    def __init_subclass__(cls) -> None:
        if cls.__module__ == __name__:  # a class derived from a layer elsewhere is of that layer
            cls._row = cls.__name__

    def __init__(self) -> None:
        self._make({})

    def _make(self, values: Dict[str, Any]) -> None:
        """values: what the constructor was given, by name (and itself)."""
        object.__setattr__(self, "_layer", _cairn.layer(self._row, _options(values)))

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return self._layer(*inputs, **options)


class Linear(_Native):
    """x [..., in] -> x weight^T + bias [..., out]."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        self._make(locals())


class Bilinear(_Native):
    """a^T W b + bias."""

    def __init__(self, in1_features: int, in2_features: int, out_features: int, bias: bool = True) -> None:
        self._make(locals())


class Embedding(_Native):
    """Rows of weight for indices of any shape."""

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: Optional[int] = None) -> None:
        self._make(locals())


class Dropout(_Native):
    """Zeroes elements with probability p while training."""

    def __init__(self, p: float = 0.5) -> None:
        self._make(locals())


class LockedDropout(_Native):
    """Drops the same features of a sequence at every step."""

    def __init__(self, p: float = 0.5, batch_first: bool = False) -> None:
        self._make(locals())


class Flatten(_Native):
    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self._make(locals())


class Unflatten(_Native):
    """One dimension as several."""

    def __init__(self, dim: int, sizes: Sequence[int]) -> None:
        self._make(locals())


class Identity(_Native):
    """x."""


class ReLU(_Native):
    """max(x, 0)."""


class ReLU6(_Native):
    """min(max(x, 0), 6)."""


class LeakyReLU(_Native):
    def __init__(self, negative_slope: float = 0.01) -> None:
        self._make(locals())


class PReLU(_Native):
    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        self._make(locals())


class ELU(_Native):
    def __init__(self, alpha: float = 1.0) -> None:
        self._make(locals())


class CELU(_Native):
    def __init__(self, alpha: float = 1.0) -> None:
        self._make(locals())


class SELU(_Native):
    """Klambauer et al. 2017."""


class GELU(_Native):
    def __init__(self, approximate: str = "none") -> None:
        self._make(locals())


class SiLU(_Native):
    """x sigmoid(x)."""


class Mish(_Native):
    """Misra 2019."""


class Softplus(_Native):
    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self._make(locals())


class Softsign(_Native):
    """x / (1 + |x|)."""


class Sigmoid(_Native):
    """1 / (1 + exp(-x))."""


class LogSigmoid(_Native):
    """log(sigmoid(x))."""


class Tanh(_Native):
    """The hyperbolic tangent."""


class Hardtanh(_Native):
    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        self._make(locals())


class Hardswish(_Native):
    """Howard et al. 2019."""


class Hardsigmoid(_Native):
    """clip(x / 6 + 1/2, 0, 1)."""


class GLU(_Native):
    def __init__(self, dim: int = -1) -> None:
        self._make(locals())


class Softmax(_Native):
    def __init__(self, dim: int = -1) -> None:
        self._make(locals())


class LogSoftmax(_Native):
    def __init__(self, dim: int = -1) -> None:
        self._make(locals())


class _Conv(_Native):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Union[str, Sizes] = 0,
                 dilation: Sizes = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros") -> None:
        self._make(locals())


class Conv1d(_Conv):
    """x [N, in, length]; padding is a number, one a dimension, or "same"."""


class Conv2d(_Conv):
    """x [N, in, height, width]; padding is a number, one a dimension, or "same"."""


class Conv3d(_Conv):
    """x [N, in, depth, height, width]; padding is a number, one a dimension, or "same"."""


class _ConvTranspose(_Native):
    def __init__(self, in_channels: int, out_channels: int, kernel_size: Sizes, stride: Sizes = 1, padding: Sizes = 0,
                 output_padding: Sizes = 0, groups: int = 1, bias: bool = True, dilation: Sizes = 1) -> None:
        self._make(locals())


class ConvTranspose1d(_ConvTranspose):
    """The gradient of a convolution with respect to its input."""


class ConvTranspose2d(_ConvTranspose):
    """The gradient of a convolution with respect to its input."""


class ConvTranspose3d(_ConvTranspose):
    """The gradient of a convolution with respect to its input."""


class _BatchNorm(_Native):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: Optional[float] = 0.1, affine: bool = True,
                 track_running_stats: bool = True) -> None:
        self._make(locals())


class BatchNorm1d(_BatchNorm):
    """Ioffe & Szegedy 2015."""


class BatchNorm2d(_BatchNorm):
    """Ioffe & Szegedy 2015."""


class BatchNorm3d(_BatchNorm):
    """Ioffe & Szegedy 2015."""


class LayerNorm(_Native):
    """Ba et al. 2016, over the last dimensions."""

    def __init__(self, normalized_shape: Sizes, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True) -> None:
        self._make(locals())


class RMSNorm(_Native):
    """Zhang & Sennrich 2019, over the last dimensions."""

    def __init__(self, normalized_shape: Sizes, eps: float = 1e-6, elementwise_affine: bool = True) -> None:
        self._make(locals())


class GroupNorm(_Native):
    """Wu & He 2018."""

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        self._make(locals())


class InstanceNorm(_Native):
    """Ulyanov et al. 2016; 1 to 3 spatial dimensions."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
                 track_running_stats: bool = False) -> None:
        self._make(locals())


class LocalResponseNorm(_Native):
    """Krizhevsky et al. 2012."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self._make(locals())


class _MaxPool(_Native):
    def __init__(self, kernel_size: Sizes, stride: Optional[Sizes] = None, padding: Sizes = 0, dilation: Sizes = 1,
                 ceil_mode: bool = False) -> None:
        self._make(locals())


class MaxPool1d(_MaxPool):
    pass


class MaxPool2d(_MaxPool):
    pass


class MaxPool3d(_MaxPool):
    pass


class _AvgPool(_Native):
    def __init__(self, kernel_size: Sizes, stride: Optional[Sizes] = None, padding: Sizes = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True) -> None:
        self._make(locals())


class AvgPool1d(_AvgPool):
    pass


class AvgPool2d(_AvgPool):
    pass


class AvgPool3d(_AvgPool):
    pass


class _AdaptivePool(_Native):
    def __init__(self, output_size: Sizes) -> None:
        self._make(locals())


class AdaptiveAvgPool1d(_AdaptivePool):
    """To a given size, whatever the input's."""


class AdaptiveAvgPool2d(_AdaptivePool):
    """To a given size, whatever the input's."""


class AdaptiveAvgPool3d(_AdaptivePool):
    """To a given size, whatever the input's."""


class AdaptiveMaxPool1d(_AdaptivePool):
    """To a given size, whatever the input's."""


class AdaptiveMaxPool2d(_AdaptivePool):
    """To a given size, whatever the input's."""


class AdaptiveMaxPool3d(_AdaptivePool):
    """To a given size, whatever the input's."""


class _Pad(_Native):
    def __init__(self, padding: Sizes) -> None:
        self._make(locals())


class ZeroPad2d(_Pad):
    pass


class ReflectionPad2d(_Pad):
    pass


class ReplicationPad2d(_Pad):
    pass


class Upsample(_Native):
    def __init__(self, size: Optional[Sizes] = None, scale_factor: Union[None, float, Sequence[float]] = None,
                 mode: str = "nearest", align_corners: bool = False) -> None:
        self._make(locals())


class PixelShuffle(_Native):
    def __init__(self, upscale_factor: int) -> None:
        self._make(locals())


class LSTM(_Native):
    """lstm(x, (h, c) or None, lengths=None) -> output, (h, c)."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False, proj_size: int = 0) -> None:
        self._make(locals())


class GRU(_Native):
    """gru(x, h or None, lengths=None) -> output, h."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False) -> None:
        self._make(locals())


class RNN(_Native):
    """rnn(x, h or None, lengths=None) -> output, h."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False, nonlinearity: str = "tanh") -> None:
        self._make(locals())


class LSTMCell(_Native):
    """cell(x, (h, c) or None) -> h, c."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        self._make(locals())


class GRUCell(_Native):
    """cell(x, h or None) -> h."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        self._make(locals())


class RNNCell(_Native):
    """cell(x, h or None) -> h."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh") -> None:
        self._make(locals())


class MultiheadAttention(_Native):
    """attention(query, key, value, mask=None, lengths=None, causal=False) -> output."""

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, batch_first: bool = False) -> None:
        self._make(locals())


class TransformerEncoderLayer(_Native):
    """layer(x, mask=None, lengths=None, causal=False)."""

    def __init__(self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1, activation: str = "relu",
                 batch_first: bool = False, norm_first: bool = False) -> None:
        self._make(locals())


class TransformerEncoder(_Native):
    """Encoder layers in a row; norm: a normalisation behind them."""

    def __init__(self, d_model: int, nhead: int, num_layers: int, norm: bool = False, dim_feedforward: int = 2048,
                 dropout: float = 0.1, activation: str = "relu", batch_first: bool = False, norm_first: bool = False) -> None:
        self._make(locals())
