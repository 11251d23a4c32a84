#!/usr/bin/env python3
"""How long a training step takes on many machines: simulate_ranks.py --compute MS --megabytes MB [--ranks 8 64 1024] [--gbit 10 100].

--compute: milliseconds of a step of one rank on its part of the batch, without the others (measured with one process and that batch).
--megabytes: what each rank sends a step ("each sent ... MB a step", metrics.jsonl's sent_mb). Prints a line a case: milliseconds, and how
much of N times one rank's speed is reached (each rank keeps its part of the batch: weak scaling).

Assumptions:
- Backward is 60 % of a step, forward 30 %, the update 10 % (--forward, --backward); buckets of 4 MB become ready evenly over it.
- Each machine has one rank and one full-duplex link of the given rate, of which 94 % carry data (headers of Ethernet, IP and TCP);
  a message waits --latency microseconds. Links are not shared, no machine is slower than another.
- Open MPI's nonblocking sums (libnbc): up to 3 ranks a tree (all send to one, which sends back), else a ring: 2 (N - 1) messages of
  1 / N each. Buckets follow each other; those of a tree go up while others come down.
- Moving and adding costs the computing cores --cpu milliseconds a megabyte, 0 where the thread that speaks MPI has a core of its own.
- Nothing else slows a rank: where cores are shared with the system, measure --compute with as many processes as will run.
- Agreeing on whether to stop is one message of some bytes there and back in a tree.

Checked against two network namespaces of one 2-thread machine with rates set by tc (tbf), while others used the machine: a 2 x 256 LSTM (4.3 MB)
at 1 and 0.3 Gbit/s 14 % too little and 15 % too much; a small GPT (7.2 MB) 20 to 39 % too little, since there the thread that speaks
MPI shares the core that computes, which --cpu stands for. So it tells orders, not milliseconds, where there is no core to spare.
"""
import argparse
import json
import math

BUCKET = 4 * 2**20
PAYLOAD = 0.94


def buckets_of(total):
    count = max(1, round(total / BUCKET))
    return [total / count] * count


def step_ms(ranks, compute, megabytes, gbit, latency, forward=0.3, backward=0.6, cpu=0.0):
    total = megabytes * 1e6
    compute += cpu * megabytes
    per_ms = gbit * 1e9 * PAYLOAD / 8 / 1e3  # bytes
    wait = latency / 1e3
    start, span = compute * forward, compute * backward
    buckets = buckets_of(total)
    up = down = 0.0  # when the link is free in each direction
    for i, size in enumerate(buckets):
        ready = start + span * (i + 1) / len(buckets)
        if ranks < 4:
            rounds = math.ceil(math.log2(ranks))
            up = max(up, ready) + rounds * (size / per_ms + wait)
            down = max(down, up) + rounds * (size / per_ms + wait)
        else:
            down = max(down, ready) + 2 * (ranks - 1) * (size / ranks / per_ms + wait)
    agree = 2 * math.ceil(math.log2(ranks)) * wait
    return max(start + span, down) + compute * (1 - forward - backward) + agree


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compute", type=float, required=True)
    parser.add_argument("--megabytes", type=float, required=True)
    parser.add_argument("--ranks", type=int, nargs="+", default=[8, 16, 32, 64, 128, 256, 512, 1024])
    parser.add_argument("--gbit", type=float, nargs="+", default=[10, 100])
    parser.add_argument("--latency", type=float, default=20)
    parser.add_argument("--forward", type=float, default=0.3)
    parser.add_argument("--backward", type=float, default=0.6)
    parser.add_argument("--cpu", type=float, default=0)
    a = parser.parse_args()
    for gbit in a.gbit:
        for ranks in a.ranks:
            ms = step_ms(ranks, a.compute, a.megabytes, gbit, a.latency, a.forward, a.backward, a.cpu)
            print(json.dumps({"ranks": ranks, "gbit": gbit, "step_ms": round(ms, 2), "efficiency": round(a.compute / ms, 3)}))


if __name__ == "__main__":
    main()
