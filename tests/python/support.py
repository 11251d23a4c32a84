"""What the tests share: the module, numbers without a generator, and a trained run."""
import os
import pathlib
import subprocess
import tempfile

import numpy as np

import cairn


def numbers(shape, phase=0.0, scale=1.0):
    """The same float32 numbers everywhere: sines of a running index."""
    count = int(np.prod(shape, dtype=np.int64))
    return (scale * np.sin(0.7 * np.arange(count) + phase)).astype(np.float32).reshape(shape)


def fill(names_and_shapes):
    """Values for a state dict, by name: what tools/dump_python_curves.py gives PyTorch's networks too."""
    values = {}
    for name, shape in names_and_shapes:
        last = name.rsplit(".", 1)[-1]
        if last == "num_batches_tracked":
            values[name] = np.zeros(shape, np.int64)
        elif last == "running_var":
            values[name] = np.ones(shape, np.float32)
        else:
            values[name] = numbers(shape, phase=float(len(name)), scale=0.3)
    return values


def filled(net):
    net.load_state_dict(fill([(name, t.shape) for name, t in net.state_dict().items()]))
    return net


_run = None


def trained_run():
    """A run folder and a folder of pictures, made once by the program (CAIRN_PROGRAM)."""
    global _run
    if _run is None:
        program = os.environ["CAIRN_PROGRAM"]
        _run = tempfile.TemporaryDirectory()
        folder = pathlib.Path(_run.name)
        for arguments in (["train", "image-classification", "--steps", "40", "--batch", "32", "--eval-every", "40", "--out", str(folder / "run")],
                          ["sample", "image-classification", "--out", str(folder / "pictures")]):
            subprocess.run([program, *arguments], check=True, capture_output=True)
    return pathlib.Path(_run.name) / "run", pathlib.Path(_run.name) / "pictures"


__all__ = ["cairn", "fill", "filled", "numbers", "trained_run"]
