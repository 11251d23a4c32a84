#!/usr/bin/env python3
"""Predictions a second of a run through Python against the C++ library's, one thread, in turns.

python_speed.py RUN [--batch 1] [--rounds 7] [--seconds 1]; with PYTHONPATH=build/python, after building bench_infer.
Prints both medians and the median of the rounds' ratios (the bar is 0.95).
"""
import argparse
import pathlib
import statistics
import subprocess
import time

import numpy as np

import cairn

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("run")
parser.add_argument("--batch", type=int, default=1)
parser.add_argument("--rounds", type=int, default=7)
parser.add_argument("--seconds", type=float, default=1.0)
parser.add_argument("--program", default=str(pathlib.Path(__file__).parent.parent / "build/bench_infer"))
options = parser.parse_args()

KINDS = {"f32": np.float32, "i64": np.int64, "f64": np.float64, "u8": np.uint8, "i32": np.int32}
model = cairn.load(options.run)
inputs = [np.zeros([options.batch if d == 0 else 1 if size is None else size for d, size in enumerate(shape)], KINDS[dtype]) for _, dtype, shape in model.inputs]


def by_python():
    for _ in range(10):
        model.predict(*inputs)
    tens, passed = [], 0.0  # seconds of ten calls: their median is not moved by who else computes
    while passed < options.seconds:
        start = time.perf_counter()
        for _ in range(10):
            result = np.asarray(model.predict(*inputs))
        tens.append(time.perf_counter() - start)
        passed += tens[-1]
    assert np.isfinite(result).all()
    return 10 * options.batch / statistics.median(tens)


def by_cpp():
    run = subprocess.run([options.program, options.run, str(options.batch), str(options.seconds)], check=True, capture_output=True, text=True)
    return float(run.stdout)


rounds = []
for i in range(options.rounds):
    pair = [by_cpp, by_python] if i % 2 else [by_python, by_cpp]
    found = {f: f() for f in pair}
    rounds.append((found[by_cpp], found[by_python]))
cpp, python = (statistics.median(r) for r in zip(*rounds))
ratio = statistics.median(p / c for c, p in rounds)
print(f"{model.task}, batch {options.batch}: {cpp:.0f} a second by C++, {python:.0f} by Python, ratio {ratio:.3f} ({min(p / c for c, p in rounds):.3f} to {max(p / c for c, p in rounds):.3f})")
