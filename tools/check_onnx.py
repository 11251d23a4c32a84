#!/usr/bin/env python3
"""Exports every model that the program trains and compares onnxruntime's outputs with Cairn's own, of the run and of the file.

check_onnx.py BUILD [FOLDER [MODEL...]]: BUILD holds the program `cairn` and `libcairn_infer.so`; runs and files go to
FOLDER (a temporary one); MODEL: only those, by the names below. Prints a line a model: the largest difference over several batch sizes and lengths, relative to the
largest value. Exit status 1 when one is above 1e-4. Needs numpy, onnx and onnxruntime (seen with 1.23 and 1.32).
"""
import ctypes
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

BOUND = 1e-4
TINY = ["--steps", "6", "--eval-every", "6"]
TEXT = ["language-model", "--width", "32", "--context", "16", *TINY]
SEQUENCES = ["--vocab", "300", "--width", "16", "--layers", "1", "--batch", "4", *TINY]
PAIRS = ["--heads", "2", *SEQUENCES]
MODELS = {  # what `cairn train` is given
    "lenet": ["image-classification", "--model", "lenet", "--batch", "16", *TINY],
    "resnet9": ["image-classification", "--model", "resnet9", "--batch", "8", *TINY],
    "resnet18": ["image-classification", "--model", "resnet18", "--batch", "8", *TINY],
    "rnn": [*TEXT, "--model", "rnn"],
    "lstm": [*TEXT, "--model", "lstm"],
    "gru": [*TEXT, "--model", "gru"],
    "gpt": [*TEXT, "--model", "gpt", "--heads", "2"],
    "dcgan": ["image-gan", "--model", "dcgan", "--width", "8", "--steps", "4"],
    "dcgan, labels": ["image-gan", "--conditional", "--width", "8", "--steps", "4"],
    "wgan-gp": ["image-gan", "--model", "wgan-gp", "--width", "8", "--steps", "4"],
    "vae, labels": ["image-generation", "--conditional", "--width", "32", "--batch", "8", *TINY],
    "pixelcnn": ["image-generation", "--model", "pixelcnn", "--width", "8", "--blocks", "2", "--batch", "8", *TINY],
    "diffusion, labels": ["image-generation", "--model", "diffusion", "--conditional", "--width", "8", "--batch", "8", *TINY],
    "pix2pix": ["image-to-image", "--width", "8", "--batch", "4", "--steps", "4"],
    "style": ["style-transfer", "--width", "4", "--blocks", "1", "--image-size", "32", "--style-size", "32", "--batch", "2", *TINY],
    "cyclegan": ["style-transfer", "--model", "cyclegan", "--width", "4", "--blocks", "1", "--image-size", "32", *TINY],
    "r2plus1d": ["video-classification", "--width", "4", "--batch", "4", *TINY],
    "cnn-lstm": ["video-classification", "--model", "cnn-lstm", "--width", "4", "--batch", "4", *TINY],
    "translation": ["machine-translation", *PAIRS],
    "translation by lstm": ["machine-translation", "--model", "lstm", *SEQUENCES],
    "pointer-generator": ["summarization", *PAIRS],
    "summaries without copying": ["summarization", "--model", "transformer", *PAIRS],
    "text-gan": ["text-gan", "--width", "16", "--looks", "2", "--steps", "4"],
    "mlp": ["tabular", "--steps", "20"],
    "mlp of numbers": ["tabular", "--steps", "20", "--target", "NUMBER"],
}
DTYPES = {0: numpy.float32, 9: numpy.int64}


class Info(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dtype", ctypes.c_int), ("rank", ctypes.c_size_t),
                ("shape", ctypes.c_int64 * 8), ("bytes", ctypes.c_size_t)]


class Cairn:
    """The models of cairn::infer, by its C interface (cairn/infer_c.h)."""

    def __init__(self, library):
        self.lib = ctypes.CDLL(library)
        self.lib.cairn_last_error.restype = ctypes.c_char_p
        for count in ("inputs", "outputs"):
            getattr(self.lib, "cairn_model_" + count).restype = ctypes.c_size_t
        self.lib.cairn_context_memory.restype = ctypes.c_size_t
        self.lib.cairn_context_new.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int, ctypes.c_void_p]

    def must(self, status):
        if status:
            raise RuntimeError(self.lib.cairn_last_error().decode())

    def open(self, run):
        model = ctypes.c_void_p()
        self.must(self.lib.cairn_model_open(str(run).encode(), ctypes.byref(model)))
        return model

    def inputs(self, model, batch, length, random):
        made = []
        for i in range(self.lib.cairn_model_inputs(model)):
            info = Info()
            self.must(self.lib.cairn_model_input(model, ctypes.c_size_t(i), ctypes.byref(info)))
            shape = [{-1: batch, -2: length}.get(d, d) for d in info.shape[:info.rank]]
            numbers = random.standard_normal(shape) if info.dtype == 0 else random.integers(0, 10, shape)
            if info.name == b"lengths":  # of texts in a batch
                numbers = random.integers(1, length + 1, shape)
            made.append((info.name.decode(), numpy.ascontiguousarray(numbers.astype(DTYPES[info.dtype]))))
        return made

    def run(self, model, batch, length, inputs):
        with Context(self, model, batch, length, 1) as context:
            return context.run([a for _, a in inputs])


class Context:
    """Computes for one size. threads: 1, or 0 for all."""

    def __init__(self, cairn, model, batch, length, threads):
        self.lib, self.must = cairn.lib, cairn.must
        self.context = ctypes.c_void_p()
        self.must(self.lib.cairn_context_new(model, batch, length, threads, ctypes.byref(self.context)))
        self.memory = ctypes.create_string_buffer(self.lib.cairn_context_memory(self.context))
        self.must(self.lib.cairn_context_lend(self.context, self.memory, ctypes.c_size_t(len(self.memory))))
        self.outputs = []
        for i in range(self.lib.cairn_model_outputs(model)):
            info = Info()
            self.must(self.lib.cairn_context_output(self.context, ctypes.c_size_t(i), ctypes.byref(info)))
            self.outputs.append(numpy.empty(info.shape[:info.rank], DTYPES[info.dtype]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lib.cairn_context_free(self.context)

    def run(self, inputs):
        addresses = lambda arrays: (ctypes.c_void_p * len(arrays))(*[a.ctypes.data for a in arrays])
        self.must(self.lib.cairn_context_run(self.context, addresses(inputs), addresses(self.outputs)))
        return self.outputs


def column_of_numbers(program, folder):
    """The name of a column of the drawn table that holds numbers with a point."""
    subprocess.run([program, "sample", "tabular", "--out", folder / "sample"], check=True, capture_output=True)
    lines = (folder / "sample" / "fruits.csv").read_text().splitlines()
    for name, cell in zip(lines[0].split(","), lines[1].split(",")):
        if "." in cell:
            return name
    raise RuntimeError("no column of numbers in fruits.csv")


def difference(cairn, run, file):
    """The largest, of onnxruntime's outputs and of the ONNX file's in Cairn, from the run's."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    model, back = cairn.open(run), cairn.open(file)
    random = numpy.random.default_rng(1)
    worst = 0
    for batch, length in ((1, 1), (2, 7), (5, 16), (3, 12)):
        inputs = cairn.inputs(model, batch, length, random)
        ours = cairn.run(model, batch, length, inputs)
        theirs = session.run(None, dict(inputs))
        for a, b in [*zip(ours, theirs, strict=True), *zip(ours, cairn.run(back, batch, length, inputs), strict=True)]:
            if a.shape != b.shape:
                raise RuntimeError(f"shapes {a.shape} and {b.shape}")
            worst = max(worst, float(numpy.abs(a - b).max() / max(1.0, numpy.abs(a).max())))
    return worst


def main(build, folder, models):
    program = build / "cairn"
    cairn = Cairn(str(build / "libcairn_infer.so"))
    failed = 0
    for name in models:
        options = MODELS[name]
        options = [column_of_numbers(program, folder) if o == "NUMBER" else o for o in options]
        run, file = folder / name.replace(" ", "-"), folder / (name + ".onnx")
        try:
            subprocess.run([program, "train", *options, "--quiet", "--out", run], check=True, capture_output=True)
            subprocess.run([program, "export", run, "--format", "onnx", "--out", file], check=True, capture_output=True)
            onnx.checker.check_model(str(file), full_check=True)
            worst = difference(cairn, run, file)
            ok = worst <= BOUND
            text = f"largest difference {worst:.1e}, {file.stat().st_size:,} bytes"
        except subprocess.CalledProcessError as e:
            ok, text = False, e.stderr.decode().strip().splitlines()[-1]
        except Exception as e:  # of onnx, onnxruntime or Cairn: the line says it, the others go on
            ok, text = False, f"{type(e).__name__}: {e}"
        failed += not ok
        print(f"{'ok    ' if ok else 'FAILED'} {name:<16} {text}", flush=True)
    print(f"{len(models) - failed} of {len(models)} models within {BOUND} (onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__})")
    return 1 if failed else 0


if __name__ == "__main__":
    chosen = sys.argv[3:]
    if len(sys.argv) < 2 or not set(chosen) <= set(MODELS):
        sys.exit(__doc__ + "\nModels: " + ", ".join(MODELS))
    if len(sys.argv) > 2:
        target = pathlib.Path(sys.argv[2])
        target.mkdir(parents=True, exist_ok=True)
        sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), target, chosen or list(MODELS)))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(temporary), list(MODELS)))
