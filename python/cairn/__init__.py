"""Cairn from Python: tensors, compiled training, trained models.

    model = cairn.load("runs/digits")
    probabilities = model.predict(pictures)          # numpy in, a tensor out: np.asarray(probabilities)

    net = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    opt = optim.AdamW(net.parameters(), lr=1e-3)

    @cairn.compile
    def step(x, y):
        loss = cairn.cross_entropy(net(x), y)
        opt.step(loss)
        return loss

Functions have the names of the C++ library (docs/python.md). A tensor's values never change; only
parameters and other States are assigned.
"""
from . import _cairn
from ._cairn import *  # noqa: F401,F403  every function on tensors
from ._cairn import Error, Model, Tensor, __version__, load
from . import nn, optim

f32, f64, bf16, f16, i8, u8, i32, i64 = "f32", "f64", "bf16", "f16", "i8", "u8", "i32", "i64"


def numpy(x):
    """The values as a new numpy array of your own. np.asarray(x) shares them instead, read-only."""
    import numpy as np

    x = _cairn._plain(x)  # an error where there are no values: numpy would ask _array() again
    if x.dtype == "bf16" or x.dtype.startswith("f8"):
        try:
            import ml_dtypes  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            raise TypeError(f"numpy has no {x.dtype} by itself: x.to('f32').numpy(), or install ml_dtypes") from None
        name = {"bf16": "bfloat16", "f8e4m3": "float8_e4m3fn", "f8e5m2": "float8_e5m2"}[x.dtype]
        return np.array(x.to("f32")).astype(getattr(ml_dtypes, name))
    return np.array(x)


def _array(self, dtype=None, copy=None):
    """What numpy asks where the buffer protocol has no answer: parameters, bf16."""
    if copy is False:
        raise ValueError("np.asarray shares a tensor's values; this one's can only be copied")
    array = numpy(self)
    return array if dtype is None else array.astype(dtype)


for _class in (Error, Model, Tensor):
    _class.__module__ = "cairn"
Tensor.numpy = numpy  # type: ignore[method-assign]
Tensor.__array__ = _array  # type: ignore[method-assign]

__all__ = [name for name in dir(_cairn) if not name.startswith("_") and name not in ("Layer", "layer", "layer_names", "Optimizer", "optimizer")]
__all__ += ["nn", "optim", "numpy", "f32", "f64", "bf16", "f16", "i8", "u8", "i32", "i64"]
