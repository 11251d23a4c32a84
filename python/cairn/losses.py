"""The library's losses as layers, under PyTorch's names."""
from __future__ import annotations

from typing import Any, Dict, Optional

from . import _cairn
from ._cairn import Tensor
from .modules import Module, _options


class _Loss(Module):
    """A loss as a layer: what its constructor takes are the options of the function."""

    def _make(self, function: Any, values: Dict[str, Any]) -> None:
        super().__init__()
        self._function, self._options = function, _options(values)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return self._function(x, target, **self._options)


class CrossEntropyLoss(_Loss):
    def __init__(self, weight: Optional[Tensor] = None, ignore_index: int = -100, label_smoothing: float = 0.0,
                 reduction: str = "mean") -> None:
        self._make(_cairn.cross_entropy, locals())


class NLLLoss(_Loss):
    def __init__(self, weight: Optional[Tensor] = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        self._make(_cairn.nll_loss, locals())


class MSELoss(_Loss):
    def __init__(self, reduction: str = "mean") -> None:
        self._make(_cairn.mse_loss, locals())


class L1Loss(_Loss):
    def __init__(self, reduction: str = "mean") -> None:
        self._make(_cairn.l1_loss, locals())


class HuberLoss(_Loss):
    def __init__(self, delta: float = 1.0, reduction: str = "mean") -> None:
        self._make(_cairn.huber_loss, locals())


class SmoothL1Loss(_Loss):
    def __init__(self, beta: float = 1.0, reduction: str = "mean") -> None:
        self._make(_cairn.smooth_l1_loss, locals())


class BCELoss(_Loss):
    def __init__(self, weight: Optional[Tensor] = None, reduction: str = "mean") -> None:
        self._make(_cairn.binary_cross_entropy, locals())


class BCEWithLogitsLoss(_Loss):
    def __init__(self, weight: Optional[Tensor] = None, pos_weight: Optional[Tensor] = None, reduction: str = "mean") -> None:
        self._make(_cairn.binary_cross_entropy_with_logits, locals())


class KLDivLoss(_Loss):
    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        self._make(_cairn.kl_div, locals())
