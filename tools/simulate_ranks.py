#!/usr/bin/env python3
"""How long a training step takes on many machines: simulate_ranks.py --compute MS --megabytes MB [--ranks 8 64 1024] [--gbit 10 100].

--compute: milliseconds of a step of one rank on its part of the batch, without the others (measured with one process and that batch).
--megabytes: what each rank sends a step ("each sent ... MB a step", metrics.jsonl's sent_mb). Prints a line a case: milliseconds, and how
much of N times one rank's speed is reached (each rank keeps its part of the batch: weak scaling).

Assumptions:
- Backward is 60 % of a step, forward 30 %, the update 10 % (--forward, --backward); buckets of 4 MB become ready evenly over it, or with --late
  all at its end: buckets are filled from the parameter that a network names last, and where that one is used first (the tied tokens of a GPT) nothing
  is sent before backward is through.
- Each machine has one rank and one full-duplex link of the given rate, of which 94 % carry data (headers of Ethernet, IP and TCP);
  a message waits --latency microseconds. Links are not shared with others, no machine is slower than another.
- A rank moves and adds no more than --own Gbit/s, whatever its link could carry: where the thread that speaks MPI has no core of its own,
  TCP and the copies take the one that computes.
- Open MPI's nonblocking sums (libnbc): up to 3 ranks a tree, in which all send to one, which sends the sum back: a bucket goes over a
  link twice, and buckets that are under way in the same direction share it evenly, so that two that start together take as long as if
  neither of them went ahead. Else a ring: 2 (N - 1) messages of 1 / N each, bucket after bucket.
- Agreeing on whether to stop is one message of some bytes there and back in a tree.

tools/check_simulation.py holds it against two hosts with links of a limited rate, and says how far it is off.
"""
import argparse
import json
import math

BUCKET = 4 * 2**20
PAYLOAD = 0.94


def end_of_tree(ready, size, per_ms, wait, rounds):
    """When all buckets have gone up and come down `rounds` links, each ready at its time; those in one direction share a link."""
    moves = [{"at": at + wait, "left": size, "hop": 0} for at in ready]
    now = end = 0.0
    while moves:
        moving = [m for m in moves if m["at"] <= now]
        share = {m["hop"] // rounds: sum(o["hop"] // rounds == m["hop"] // rounds for o in moving) for m in moving}
        finish = [now + m["left"] * share[m["hop"] // rounds] / per_ms for m in moving]
        later = [m["at"] for m in moves if m["at"] > now]
        then = min(finish + later)
        for m in moving:
            m["left"] -= (then - now) * per_ms / share[m["hop"] // rounds]
        now = then
        for m in moving:
            if m["left"] <= 1e-6 * size:
                m.update(hop=m["hop"] + 1, left=size, at=now + wait)
        end = max([end] + [now for m in moves if m["hop"] == 2 * rounds])
        moves = [m for m in moves if m["hop"] < 2 * rounds]
    return end


def step_ms(ranks, compute, megabytes, gbit, latency, forward=0.3, backward=0.6, own=math.inf, late=False):
    total = megabytes * 1e6
    per_ms = min(gbit * PAYLOAD, own) * 1e9 / 8 / 1e3  # bytes
    wait = latency / 1e3
    start, span = compute * forward, compute * backward
    count = max(1, round(total / BUCKET))
    size = total / count
    ready = [start + span if late else start + span * (i + 1) / count for i in range(count)]
    rounds = math.ceil(math.log2(ranks))
    if ranks < 4:
        end = end_of_tree(ready, size, per_ms, wait, rounds)
    else:
        end = 0.0
        for at in ready:
            end = max(end, at) + 2 * (ranks - 1) * (size / ranks / per_ms + wait)
    return max(start + span, end) + compute * (1 - forward - backward) + 2 * rounds * wait


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compute", type=float, required=True)
    parser.add_argument("--megabytes", type=float, required=True)
    parser.add_argument("--ranks", type=int, nargs="+", default=[8, 16, 32, 64, 128, 256, 512, 1024])
    parser.add_argument("--gbit", type=float, nargs="+", default=[10, 100])
    parser.add_argument("--latency", type=float, default=20)
    parser.add_argument("--forward", type=float, default=0.3)
    parser.add_argument("--backward", type=float, default=0.6)
    parser.add_argument("--own", type=float, default=math.inf)
    parser.add_argument("--late", action="store_true")
    a = parser.parse_args()
    for gbit in a.gbit:
        for ranks in a.ranks:
            ms = step_ms(ranks, a.compute, a.megabytes, gbit, a.latency, a.forward, a.backward, a.own, a.late)
            print(json.dumps({"ranks": ranks, "gbit": gbit, "step_ms": round(ms, 2), "efficiency": round(a.compute / ms, 3)}))


if __name__ == "__main__":
    main()
