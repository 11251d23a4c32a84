#!/usr/bin/env python3
"""Runs ONNX's own node tests (package `onnx`) by `cairn predict` and prints how many pass.

onnx_node_tests.py BUILD [PATTERN]: BUILD holds the program `cairn`. Every test is one of: passed; wrong (other numbers, or an
error of an op that is read); not read (an op or a type that docs/onnx.md leaves out, named with how many tests have it). Exit
status 1 when one is wrong. Needs numpy and onnx (seen with 1.23).
"""
import collections
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy

warnings.simplefilter("ignore")
WIDER = {"uint16": "int32", "int16": "int32", "uint32": "int64", "uint64": "int64", "int4": "int8", "uint4": "uint8", "int2": "int8",
         "uint2": "uint8"}
# What a message says of a file that asks for what is not read.
NOT_READ = ("uses ops that are not read", "which is not read", "is not read", "which are not read", "which is not done here",
            "drops at random")


def plain(array):
    """In a type that NumPy's files and Cairn have."""
    name = array.dtype.name
    if name in WIDER:
        return array.astype(WIDER[name])
    if name.startswith(("bfloat", "float8")):
        return array.astype(numpy.float32)
    return array


def run(program, folder, model, inputs):
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    names = [i.name for i in model.graph.input if i.name not in {t.name for t in model.graph.initializer}]
    numpy.savez(folder / "in.npz", **{n: plain(a) for n, a in zip(names, inputs)})
    done = subprocess.run([program, "predict", folder / "model.onnx", folder / "in.npz", "--out", folder / "out.npz", "--threads", "1"],
                          capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or f"ended by {done.returncode}")
    with numpy.load(folder / "out.npz") as out:
        return [out[o.name] for o in model.graph.output]


def compare(ours, theirs, rtol, atol):
    for a, b in zip(ours, theirs, strict=True):
        b = numpy.asarray(b)
        wide = numpy.float64 if b.dtype.name.startswith(("bfloat", "float")) else numpy.int64
        assert a.shape == b.shape, f"shape {a.shape}, {b.shape} wanted"
        assert a.dtype == plain(b).dtype, f"type {a.dtype}, {plain(b).dtype} wanted"
        coarse = {"float16": 2e-3, "bfloat16": 2 ** -6}.get(b.dtype.name, rtol)
        numpy.testing.assert_allclose(a.astype(wide), plain(b).astype(wide), rtol=max(rtol, coarse), atol=max(atol, 1e-6))


def main(program, pattern):
    from onnx import TensorProto
    from onnx.backend.test.loader import load_model_tests
    from onnx.numpy_helper import to_array
    counts, left_out, wrong = collections.Counter(), collections.Counter(), []
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for test in load_model_tests(kind="node"):
            if pattern not in test.name:
                continue
            ops = {n.op_type for n in test.model.graph.node}
            (folder / "out.npz").unlink(missing_ok=True)
            try:
                for given, wanted in test.data_sets:
                    inputs, outputs = ([to_array(a) if isinstance(a, TensorProto) else a for a in list_] for list_ in (given, wanted))
                    if not all(isinstance(a, (numpy.ndarray, numpy.generic)) and a.dtype.kind not in "OUSc" for a in [*inputs, *outputs]):
                        raise RuntimeError("text, a sequence or complex numbers, which is not read")
                    compare(run(program, folder, test.model, [numpy.asarray(a) for a in inputs]), outputs, test.rtol, test.atol)
                counts["passed"] += 1
            except Exception as e:  # the line says it, the others go on
                text = str(e).strip().splitlines()
                text = " ".join(text[:8])
                if any(reason in text for reason in NOT_READ):
                    counts["not read"] += 1
                    reason = text.split("not read:")[1].split(" (node")[0].strip() if "uses ops that are not read:" in text else text.split(": ", 2)[-1][:90]
                    left_out[reason] += 1
                else:
                    counts["wrong"] += 1
                    wrong.append((test.name, sorted(ops), text))
    for name, ops, text in wrong:
        print(f"WRONG {name} {'+'.join(ops)[:60]}: {text[:300]}")
    print("not read: " + ", ".join(f"{what} ({n})" for what, n in left_out.most_common()))
    print(f"{counts['passed']} passed, {counts['wrong']} wrong, {counts['not read']} not read, of {sum(counts.values())}")
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    sys.exit(main(str(pathlib.Path(sys.argv[1]).resolve() / "cairn"), sys.argv[2] if len(sys.argv) == 3 else ""))
