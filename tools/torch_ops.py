#!/usr/bin/env python3
"""The rows of `cairn bench ops` that move more than they compute, in PyTorch beside Cairn.

  python3 tools/torch_ops.py --cairn build/cairn --threads 1

Cairn and PyTorch take turns (--rounds); the fastest time of each counts. Prints a table: microseconds
of both and PyTorch's over Cairn's (above 1: Cairn is quicker).
"""
import argparse
import json
import subprocess
import time

import torch
import torch.nn.functional as F


def fastest_us(body, seconds):
    best, spent = 1e30, 0.0
    while spent < seconds:
        begin = time.perf_counter()
        body()
        took = time.perf_counter() - begin
        best, spent = min(best, took), spent + took
    return best * 1e6


def rows():
    """Name as in Cairn -> what to time."""
    x = torch.randn(8, 64, 32, 32)
    leaf = x.clone().requires_grad_()
    of = {}

    def both(name, with_gradient, op):
        ones = torch.randn_like(op(x))
        of[name] = lambda: op(x)
        of[with_gradient] = lambda: torch.autograd.grad(op(leaf), leaf, ones)

    both("nearest x2, 8 x 64 x 32 x 32", "nearest x2, 8 x 64 x 32 x 32, gradient",
         lambda t: F.interpolate(t, scale_factor=2, mode="nearest"))
    both("bilinear x2, 8 x 64 x 32 x 32", "bilinear x2, 8 x 64 x 32 x 32, gradient",
         lambda t: F.interpolate(t, scale_factor=2, mode="bilinear"))
    both("adaptive average to 7, 8 x 64 x 32 x 32", "adaptive average to 7, gradient",
         lambda t: F.adaptive_avg_pool2d(t, 7))
    both("average 2 x 2, 8 x 64 x 32 x 32", "average 2 x 2, gradient", lambda t: F.avg_pool2d(t, 2))
    table, picks = torch.randn(50000, 64), torch.randint(0, 50000, (20000,))
    columns, scores = torch.randint(0, 64, (32,)), torch.randn(512, 10000)
    of["index_select, 20,000 of 50,000 rows of 64"] = lambda: torch.index_select(table, 0, picks)
    of["index_select, 32 of 64 columns of 50,000"] = lambda: torch.index_select(table, 1, columns)
    of["topk 10 of 10,000, 512 rows"] = lambda: torch.topk(scores, 10)
    of["topk 1,000 of 10,000, 512 rows"] = lambda: torch.topk(scores, 1000)
    of["sort of 10,000, 512 rows"] = lambda: torch.sort(scores)
    return of


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--cairn", required=True, help="the program")
    a.add_argument("--threads", type=int, default=1)
    a.add_argument("--rounds", type=int, default=2)
    a.add_argument("--seconds", type=float, default=0.2, help="of each row in each round")
    o = a.parse_args()
    torch.set_num_threads(o.threads)
    peer, ours, theirs = rows(), {}, {}
    for _ in range(o.rounds):
        printed = subprocess.run([o.cairn, "bench", "ops", "--threads", str(o.threads), "--seconds", str(o.seconds)],
                                 check=True, capture_output=True, text=True).stdout
        for line in printed.splitlines():
            row = json.loads(line)
            ours[row["name"]] = min(row["us"], ours.get(row["name"], 1e30))
        for name, body in peer.items():
            theirs[name] = min(fastest_us(body, o.seconds), theirs.get(name, 1e30))
    print(f"torch {torch.__version__}, {o.threads} thread(s)")
    for name in peer:
        print(f"{name:46} {ours[name]:10.1f} us  PyTorch {theirs[name]:10.1f} us  {theirs[name] / ours[name]:6.2f}")


if __name__ == "__main__":
    main()
