#!/usr/bin/env python3
"""Times ONNX files in Cairn and in onnxruntime, in one run, by turns.

onnx_speed.py BUILD FILE[:BATCH[:LENGTH]]...: BUILD holds `bench_onnx`, which computes as the program does, and `libcairn_infer.so`.
For each file both run with one thread and with all processors; the better of each counts. Prints a line a file: milliseconds
(the median of rounds that alternate, and the fastest) and their ratios, then the geometric means. Outputs for the same inputs must
agree within 1e-3 first. Needs numpy, onnx and onnxruntime.

(Cairn's own time is not taken inside Python: there oneDNN's parallel regions run on libgomp's team beside Cairn's, onednn/openmp.h.)
"""
import math
import pathlib
import statistics
import subprocess
import sys
import time

import numpy
import onnxruntime

from check_onnx import Cairn, Context

ROUNDS, SECONDS = 15, 0.1


def timed(run):
    """Seconds a run, of as many as fit."""
    begin, count = time.perf_counter(), 0
    while True:
        run()
        count += 1
        taken = time.perf_counter() - begin
        if taken > SECONDS:
            return taken / count


def session(file, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def agree(cairn, file, batch, length):
    """The inputs, for which both give the same."""
    model = cairn.open(file)
    inputs = cairn.inputs(model, batch, length, numpy.random.default_rng(1))
    inputs = {name: numpy.ones_like(a) if "mask" in name else a for name, a in inputs}
    with Context(cairn, model, batch, length, 1) as context:
        for a, b in zip(context.run(list(inputs.values())), session(file, 1).run(None, inputs), strict=True):
            numpy.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * max(1, abs(b).max()))
    return inputs


def measure(build, file, batch, length, inputs):
    ours = subprocess.Popen([build / "bench_onnx", file, str(batch), str(length), str(SECONDS)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)

    def cairn(threads):
        print(threads, file=ours.stdin, flush=True)
        return float(ours.stdout.readline()) / 1e3

    sessions = [session(file, threads) for threads in (1, 0)]
    runs = [lambda: cairn(1), lambda: cairn(0), *(lambda s=s: timed(lambda: s.run(None, inputs)) for s in sessions)]
    for run in runs:
        run()
    seconds = [[] for _ in runs]
    for _ in range(ROUNDS):
        for run, list_ in zip(runs, seconds):
            list_.append(run())
    ours.communicate()
    return [(min(map(of, seconds[:2])), min(map(of, seconds[2:]))) for of in (statistics.median, min)]


def main(build, files):
    cairn = Cairn(str(build / "libcairn_infer.so"))
    ratios = []
    for given in files:
        file, *sizes = given.split(":")
        batch, length = (int(sizes[i]) if i < len(sizes) else 1 for i in (0, 1))
        inputs = agree(cairn, pathlib.Path(file), batch, length)
        median, fastest = measure(build, pathlib.Path(file), batch, length, inputs)
        ratios.append((median[1] / median[0], fastest[1] / fastest[0]))
        print(f"{pathlib.Path(file).name:<22} batch {batch}, length {length}: Cairn {median[0] * 1e3:7.2f} ({fastest[0] * 1e3:.2f}) ms, onnxruntime "
              f"{median[1] * 1e3:7.2f} ({fastest[1] * 1e3:.2f}) ms, {ratios[-1][0]:.2f} ({ratios[-1][1]:.2f}) times", flush=True)
    means = [math.exp(statistics.mean(map(math.log, list_))) for list_ in zip(*ratios)]
    print(f"geometric mean {means[0]:.2f} ({means[1]:.2f}) times (onnxruntime {onnxruntime.__version__}; in brackets: of the fastest)")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:])
