#!/usr/bin/env python3
"""Holds Cairn's functions against PyTorch on PyTorch's own tables of samples (op_db).

compare_op_db.py [--only WORD] [--dtypes float32,float64,int64] [--edges] [--list] [--calls build/op_calls]

For each function that both have, every sample becomes a call of Cairn's (op_db/rows.py says how), which build/op_calls
runs eagerly, compiled and by the reference back end: values, first and second gradients. Prints a line a function that
differs or refuses, and the counts: equal, differ, refused (PyTorch takes it, Cairn says why not), elsewhere (the sample asks for what
Cairn has under another name or not at all), and which functions of the tables have no counterpart.
Build first: cmake --build build --target op_calls. Needs PyTorch (2.15 was used), expecttest, safetensors.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._pytree import tree_flatten, tree_unflatten

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from op_db import rows

MODES = ("eager", "compiled", "reference")


def weights(like, first):
    """0.5 to 1.5 by place: op_calls computes the same."""
    k = torch.arange(like.numel(), dtype=torch.float32) + first
    return (0.5 + 0.125 * (k % 9)).reshape(like.shape).to(like.dtype)


def as_real(t):
    return torch.view_as_real(t.resolve_conj()) if t.is_complex() else t


EDGES = (float("nan"), 0.0, float("inf"), -1.0, 1e6, float("-inf"), 1.0, -1e-30, -0.0)


class Sample:
    """Fresh leaves of a sample: complex ones are real pairs, of which the tensor is a view."""

    def __init__(self, given, symmetric, edges):
        self.symmetric, self.edges = symmetric, edges
        flat, self.spec = tree_flatten((given.input, given.args, given.kwargs))
        self.leaf = {}
        self.flat = [self.fresh(x) if torch.is_tensor(x) else x for x in flat]

    def fresh(self, x):
        if x.layout != torch.strided:
            raise rows.Elsewhere("sparse tensors")
        base = as_real(x.detach()).clone(memory_format=torch.contiguous_format)
        base = (base + base.mT) / 2 if self.symmetric else base
        if self.edges and x.is_floating_point() and x.numel():
            place = torch.arange(x.numel()) % 3 == 0
            base.view(-1)[place] = torch.tensor(EDGES, dtype=x.dtype)[torch.arange(int(place.sum())) % len(EDGES)]
        if x.requires_grad:
            base.requires_grad_()
        y = torch.view_as_complex(base) if x.is_complex() else base
        self.leaf[id(y)] = base
        return y

    def arguments(self):
        x, args, kwargs = tree_unflatten(self.flat, self.spec)
        return (x, *args), kwargs


def results_of(op, sample, row, call):
    """What PyTorch gives: results, gradients and those of the gradients, as far as it goes."""
    args, kwargs = sample.arguments()
    out = op.op(*args, **kwargs)
    out = row.results(out, call) if row.results else out
    out = [as_real(t) for t in tree_flatten(out)[0] if torch.is_tensor(t)]
    leaves = [sample.leaf[id(t)] for t in call.tensors if t is not None and sample.leaf[id(t)].requires_grad]
    parts, orders, last = [[t.detach() for t in out]], 0, out
    for order in (1, 2):
        taken = [t for t in last if t.requires_grad and t.is_floating_point()]
        if not leaves or not taken or row.gradients < order or (order == 2 and leaves[0].dtype != torch.float64):
            break
        total = sum(((t * weights(t, i)).sum().to(taken[0].dtype) for i, t in enumerate(taken)))
        try:
            last = torch.autograd.grad(total, leaves, create_graph=True, allow_unused=True, materialize_grads=True)
        except (RuntimeError, NotImplementedError) as e:
            if order == 1 and "does not require grad" not in str(e) and "not implemented" not in str(e):
                raise
            break
        parts.append([g.detach() for g in last])
        orders = order
    return parts, orders


def allowed(dtype, order, row):
    base = 1e-6 if dtype == torch.float64 else 1e-4
    return base * row.tolerance * (1, 3, 10)[order]


def same(got, expected, tolerance, floor):
    """None, or what is different."""
    if tuple(got.shape) != tuple(expected.shape):
        return f"shape {list(got.shape)}, PyTorch {list(expected.shape)}"
    if got.dtype != expected.dtype:
        return f"dtype {got.dtype}, PyTorch {expected.dtype}".replace("torch.", "")
    if not expected.is_floating_point():
        bad = got != expected
    else:
        g, e = got.double(), expected.double()
        finite = e[e.isfinite()]
        scale = 1e-1 * tolerance * (float(finite.abs().max()) if finite.numel() else 0) + 1e-12 + floor
        bad = ~((g - e).abs() <= tolerance * e.abs() + scale) & ~(g == e) & ~(g.isnan() & e.isnan())
    if not bad.any():
        return None
    k = int(bad.flatten().int().argmax())
    return f"{int(bad.sum())} of {bad.numel()} elements, the first {got.flatten()[k].item():.9g}, PyTorch {expected.flatten()[k].item():.9g}"


def compared(i, parts, orders, file, metadata, row, dtype):
    """'' when all modes are equal, else the first difference; or ('refused', why)."""
    for mode in MODES:
        said = metadata[f"{mode}.{i}"]
        if said.startswith("refused: "):
            if mode == "compiled" and not row.traced:
                continue
            return "refused", said[9:] if mode == "eager" else f"{mode}: {said[9:]}"
        counts = json.loads(said)
        k = 0
        for order in range(orders + 1):
            if order > 0 and counts[order] != len(parts[order]):
                return "differ", f"{mode}: {counts[order]} gradients, PyTorch {len(parts[order])}"
            for j in range(counts[order]):
                if j < len(parts[order]):
                    what = same(file.get_tensor(f"{mode}.{i}.{k}"), parts[order][j], allowed(dtype, order, row), row.floor * (1 if dtype == torch.float32 else 1e-6))
                    if what:
                        return "differ", f"{mode}, {('value', 'gradient', 'second gradient')[order]} {j}: {what}"
                k += 1
            if order == 0 and counts[0] < len(parts[0]):
                return "differ", f"{mode}: {counts[0]} results, PyTorch {len(parts[0])}"
    return "equal", ""


def calls_of(op, dtype, counts, where, edges):
    """The calls of an op's samples with what PyTorch makes of them."""
    row = rows.find(op.name, op.variant_test_name)
    grad = dtype.is_floating_point and op.supports_autograd
    torch.manual_seed(0)
    for n, given in enumerate(op.sample_inputs("cpu", dtype, requires_grad=grad)):
        try:
            if row.floats and not dtype.is_floating_point:
                raise rows.Elsewhere("integers")
            sample = Sample(given, row.symmetric, edges)
            args, kwargs = sample.arguments()
            call = row.make(*args, **kwargs)
            for t in call.tensors:
                if t is not None:
                    sample.leaf.setdefault(id(t), t)
            parts, orders = results_of(op, sample, row, call)
        except rows.Elsewhere as e:
            counts["elsewhere"] += 1
            where[f"{op.name}: {e}"] += 1
            continue
        yield n, call, sample, parts, orders, row


def run(program, calls, folder):
    tensors, written, names = {}, [], {}
    for n, call, sample, parts, orders, row in calls:
        places = []
        for t in call.tensors:
            if t is None:
                places.append(None)
                continue
            base = sample.leaf[id(t)]
            name = names.setdefault(id(base), str(len(names)))
            tensors[name] = as_real(base.detach()).contiguous().clone()
            places.append([name, base.requires_grad and orders > 0])
        written.append({"function": call.function, "tensors": places, "options": call.options, "gradients": orders})
    tensors["none"] = torch.zeros(1)
    save_file(tensors, folder + "/in", metadata={"calls": json.dumps(written)})
    done = subprocess.run([program, folder + "/in", folder + "/out"], capture_output=True, text=True)
    return None if done.returncode == 0 else f"op_calls ends with {done.returncode} {done.stderr[-300:]}"


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--only", default="")
    p.add_argument("--dtypes", default="float32,float64,int64")
    p.add_argument("--calls", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../build/op_calls"))
    p.add_argument("--edges", action="store_true", help="a third of the floats are NaN, infinite, huge, tiny or zero")
    p.add_argument("--list", action="store_true", help="each sample that differs or is refused, not one of a kind")
    o = p.parse_args()
    total, where, refusals, functions, missing = collections.Counter(), collections.Counter(), collections.Counter(), set(), set()
    torch.set_num_threads(1)
    for op in op_db:
        title = op.name + ("|" + op.variant_test_name if op.variant_test_name else "")
        if o.only and not re.search(o.only, title):
            continue
        if not rows.find(op.name, op.variant_test_name):
            missing.add(op.name)
            continue
        for name in o.dtypes.split(","):
            dtype = getattr(torch, name)
            if rows.complex_only(op.name):
                dtype = {torch.float32: torch.complex64, torch.float64: torch.complex128}.get(dtype)
            if dtype is None or dtype not in op.dtypes:
                continue
            counts, shown = collections.Counter(), set()
            try:
                calls = list(calls_of(op, dtype, counts, where, o.edges))
            except Exception as e:
                print(f"{title} {name}: PyTorch's samples: {type(e).__name__} {str(e)[:200]}")
                total["not run"] += 1
                continue
            if calls:
                with tempfile.TemporaryDirectory() as folder:
                    failure = run(o.calls, calls, folder)
                    if failure:
                        print(f"{title} {name}: {failure}")
                        total["not run"] += len(calls)
                        continue
                    with safe_open(folder + "/out", "pt") as file:
                        said = file.metadata()
                        for i, (n, call, sample, parts, orders, row) in enumerate(calls):
                            kind, what = compared(i, parts, orders, file, said, row, torch.float64 if name == "float64" else torch.float32)
                            counts[kind] += 1
                            if kind == "equal":
                                continue
                            short = re.sub(r"[-+]?\d[\d.e+-]*", "#", what.split("; inputs")[0].split(" (at ")[0])
                            if kind == "refused":
                                refusals[f"{title}: {short[:110]}"] += 1
                            if o.list or (kind, short[:60]) not in shown:
                                shown.add((kind, short[:60]))
                                shapes = [None if t is None else list(t.shape) for t in call.tensors]
                                print(f"{title} {name} sample {n}: {kind}: {what[:230]}\n    {call.function} {shapes} {json.dumps(call.options)[:160]}")
            functions.add(op.name)
            total.update(counts)
            sys.stdout.flush()
    print("\nRefused, by what was said:")
    for what, n in refusals.most_common():
        print(f"  {n:4} {what}")
    print("Elsewhere:")
    for what, n in where.most_common():
        print(f"  {n:4} {what}")
    print(f"No counterpart ({len(missing)}): {' '.join(sorted(missing))}")
    print(f"{len(functions)} functions, {sum(total.values())} cases: " + ", ".join(f"{total[k]} {k}" for k in ("equal", "differ", "refused", "elsewhere", "not run")))


if __name__ == "__main__":
    main()
