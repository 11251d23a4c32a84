#!/usr/bin/env python3
"""Times ResNet-50 in 8 bits in Cairn and in onnxruntime, by turns, in one run.

onnx_int8_speed.py CAIRN FILE.onnx [--batch 1] [--rounds 3] [--seconds 1]: FILE is a ResNet-50 of 224 x 224 in f32 whose first
dimension is the batch, as PyTorch's exporter writes it; onnxruntime's own tool makes a QDQ network of it (activations u8, weights s8
a channel, calibrated on random pictures: times do not depend on them), which runs with one thread and with two; the better counts.
Cairn's side is `cairn bench resnet50_infer_bN --dtype int8`. Prints medians and fastest milliseconds and their ratios. Needs numpy, onnx
and onnxruntime.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Pictures(CalibrationDataReader):
    def __init__(self, name, batch):
        draw = numpy.random.default_rng(0)
        self.left = iter([{name: draw.standard_normal((batch, 3, 224, 224), dtype=numpy.float32)} for _ in range(4)])

    def get_next(self):
        return next(self.left, None)


def session(file, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def quantized(file, batch, folder):
    clean, to = folder / "clean.onnx", folder / "int8.onnx"
    quant_pre_process(str(file), str(clean))
    name = session(file, 1).get_inputs()[0].name
    quantize_static(str(clean), str(to), Pictures(name, batch), quant_format=QuantFormat.QDQ, per_channel=True,
                    activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    return to, name


def milliseconds(run, seconds):
    run()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        run()
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times), min(times)


def cairn(program, batch, seconds):
    line = subprocess.run([program, "bench", f"resnet50_infer_b{batch}", "--dtype", "int8", "--threads", "2", "--seconds", str(seconds)],
                          check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    row = json.loads(line)
    return row["ms"], row["fastest"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--batch", type=int, choices=(1, 16), default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1)
    a = parser.parse_args()
    for file in (pathlib.Path(a.program), a.file):
        if not file.is_file():
            parser.error(f"{file}: no such file")
    with tempfile.TemporaryDirectory() as folder:
        try:
            file, name = quantized(a.file, a.batch, pathlib.Path(folder))
        except Exception as error:  # of onnx, onnxruntime or protobuf, whichever reads it first
            parser.error(f"{a.file}: no network that can be quantized: {error}")
        x = {name: numpy.random.default_rng(1).standard_normal((a.batch, 3, 224, 224), dtype=numpy.float32)}
        theirs = [session(file, threads) for threads in (1, 2)]
        rows = []
        for _ in range(a.rounds):
            ours = cairn(a.program, a.batch, a.seconds)
            best = min(milliseconds(lambda s=s: s.run(None, x), a.seconds) for s in theirs)
            rows.append((*ours, *best))
            print("cairn {:.2f} ms ({:.2f} fastest), onnxruntime QDQ {:.2f} ({:.2f})".format(*rows[-1]), flush=True)
    medians = [statistics.median(column) for column in zip(*rows)]
    print(f"batch {a.batch}: {medians[2] / medians[0]:.2f} times by medians, {medians[3] / medians[1]:.2f} by fastest steps")


if __name__ == "__main__":
    main()
