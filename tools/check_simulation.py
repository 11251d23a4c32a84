#!/usr/bin/env python3
"""Holds tools/simulate_ranks.py against two hosts: check_simulation.py CAIRN [NETWORK ...] [--gbit 1 0.3] [--steps N].

The hosts are two network namespaces of this machine, joined by a pair of virtual Ethernet devices whose rates tc (tbf) sets at both ends.
Each has one processor of its own (taskset) and one rank of one thread, so that the thread which speaks MPI shares the processor with the
one that computes. Needs root, iproute2 and Open MPI's mpirun; nothing else should run.

For each NETWORK (lstm, gpt) it measures
- compute: a step on a rank's part of the batch, by two processes at once that know nothing of each other;
- free: both ranks over a link without a limit, which says what the ranks themselves can move (--own of the simulation);
- each rate, and says what the simulation makes of compute, megabytes, rate and --own, as measured, and how far it is off.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import mpi_speed
import simulate_ranks

HOSTS = {"cairn-a": ("10.77.7.1", "0"), "cairn-b": ("10.77.7.2", "1")}  # namespace: address, processor
LM = mpi_speed.LM + ["--threads", "1", "--context", "64"]
NETWORKS = {
    "lstm": LM + ["--model", "lstm", "--width", "256", "--layers", "2"],
    "gpt": LM + ["--model", "gpt", "--width", "192", "--layers", "4", "--heads", "6"],
}
LATE = set()  # of which nothing is sent before backward is through (see the simulation)
FIRST, LATENCY = 8, 20  # a step; microseconds


def sh(*words, check=True):
    return subprocess.run(words, check=check, capture_output=True, text=True)


class Hosts:
    """Two namespaces, gone again at the end."""

    def __enter__(self):
        self.__exit__()
        for name in HOSTS:
            sh("ip", "netns", "add", name)
        a, b = HOSTS
        sh("ip", "link", "add", "cairn-va", "netns", a, "type", "veth", "peer", "name", "cairn-vb", "netns", b)
        for (name, (address, _)), device in zip(HOSTS.items(), ("cairn-va", "cairn-vb")):
            inside = ("ip", "netns", "exec", name)
            sh(*inside, "ip", "link", "set", "lo", "up")
            sh(*inside, "ip", "address", "add", f"{address}/24", "dev", device)
            sh(*inside, "ip", "link", "set", device, "up")
        return self

    def __exit__(self, *_):
        for name in HOSTS:
            sh("ip", "netns", "delete", name, check=False)

    @staticmethod
    def limit(gbit):
        """None: no limit."""
        for name, device in zip(HOSTS, ("cairn-va", "cairn-vb")):
            inside = ("ip", "netns", "exec", name, "tc", "qdisc")
            sh(*inside, "delete", "dev", device, "root", check=False)
            if gbit:
                sh(*inside, "add", "dev", device, "root", "tbf", "rate", f"{int(gbit * 1000)}mbit", "burst", "128kb", "latency", "50ms")


def on_both_hosts(command, folder):
    """mpirun on the first host, which starts its helper on the second by an agent in place of ssh."""
    agent = pathlib.Path(folder) / "agent"
    (a, (first, own)), (b, (second, other)) = HOSTS.items()
    agent.write_text(f'#!/bin/sh\nshift\nexec ip netns exec {b} taskset -c {other} sh -c "$*"\n')
    agent.chmod(0o755)
    return ["ip", "netns", "exec", a, "taskset", "-c", own, "mpirun", "-n", "2", "-H", f"{first},{second}", "--bind-to", "none",
            "--mca", "plm_rsh_agent", str(agent), "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "10.77.7.0/24",
            "--mca", "oob_tcp_if_include", "10.77.7.0/24", *command]


def timed(commands, runs, steps):
    """Milliseconds a step, and the last line of the log."""
    processes = [subprocess.Popen(c, env=mpi_speed.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for c in commands]
    path = pathlib.Path(runs[0]) / "metrics.jsonl"
    began, first, seen = None, 0, 0
    while seen < FIRST + steps:
        if any(p.poll() is not None for p in processes):
            raise SystemExit(f"{commands[0]}: {[p.stderr.read().decode() for p in processes if p.poll() is not None]}")
        time.sleep(0.01)
        rows = mpi_speed.lines_of(path)
        seen = rows[-1]["step"] if rows else 0
        if began is None and seen >= FIRST:
            began, first = time.perf_counter(), seen
    took = (time.perf_counter() - began) / (seen - first)
    for p in processes:
        p.terminate()
    for p in processes:
        p.wait()
    return took * 1e3, rows[-1]


def measured(cairn, arguments, batch, steps, alone, gbit):
    with tempfile.TemporaryDirectory() as folder:
        command = [cairn, *arguments, "--steps", "400", "--batch", str(batch), "--out"]
        if alone:
            runs = [f"{folder}/{name}" for name in HOSTS]
            commands = [["taskset", "-c", core, *command, run] for run, (_, core) in zip(runs, HOSTS.values())]
        else:
            Hosts.limit(gbit)
            runs = [f"{folder}/run"]
            commands = [on_both_hosts([*command, runs[0]], folder)]
        return timed(commands, runs, steps)


def own_rate(free, compute, megabytes, late):
    """Gbit/s at which the simulation needs as long as was measured without a limit."""
    low, high = 0.01, 1000.0
    for _ in range(50):
        middle = (low * high) ** 0.5
        slow = simulate_ranks.step_ms(2, compute, megabytes, 1e6, LATENCY, own=middle, late=late) > free
        low, high = (middle, high) if slow else (low, middle)
    return high


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cairn")
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--gbit", type=float, nargs="+", default=[1, 0.3])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=1)
    a = parser.parse_args()
    cairn = str(pathlib.Path(a.cairn).resolve())
    with Hosts():
        for name in a.networks:
            def measure(alone, gbit):
                all_rounds = [measured(cairn, NETWORKS[name], a.batch // 2 if alone else a.batch, a.steps, alone, gbit)
                              for _ in range(a.rounds)]
                return sorted(all_rounds, key=lambda one: one[0])[len(all_rounds) // 2]

            compute = measure(True, None)[0]
            free, row = measure(False, None)
            own = own_rate(free, compute, row["sent_mb"], name in LATE)
            print(json.dumps({"network": name, "compute_ms": round(compute, 2), "sent_mb": round(row["sent_mb"], 3), "free_ms": round(free, 2),
                              "own_gbit": round(own, 2)}), flush=True)
            for gbit in a.gbit:
                took, row = measure(False, gbit)
                expected = simulate_ranks.step_ms(2, compute, row["sent_mb"], gbit, LATENCY, own=own, late=name in LATE)
                print(json.dumps({"network": name, "gbit": gbit, "measured_ms": round(took, 2), "simulated_ms": round(expected, 2),
                                  "off": round(expected / took - 1, 3), "sending_ms": round(row["sending_seconds"] * 1e3, 2),
                                  "waited_ms": round(row["waited_seconds"] * 1e3, 2)}), flush=True)


if __name__ == "__main__":
    main()
