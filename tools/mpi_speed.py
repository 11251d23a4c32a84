#!/usr/bin/env python3
"""How quick 2 ranks of 1 thread are beside one process of 2 threads: mpi_speed.py CAIRN [NETWORK ...] [--rounds N] [--cifar FOLDER].

NETWORK: resnet18_cifar (needs CIFAR-10's binary files), gpt_mini, lstm_lm: trainings of the sizes of `cairn bench`'s workloads. Each
is run by turns, timed by when lines of metrics.jsonl appear, between step 6 and the last that is asked for, and stopped. Prints the
medians of milliseconds a step and their ratio. Needs a build with CAIRN_MPI and Open MPI's mpirun.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

FIRST = 6
LM = ["train", "language-model", "--eval-every", "100000", "--dropout", "0"]
NETWORKS = {  # arguments, steps that are timed
    "resnet18_cifar": (["train", "image-classification", "--model", "resnet18", "--batch", "64", "--augment", "none", "--optimizer", "sgd",
                        "--eval-every", "100000"], 16),
    "gpt_mini": (LM + ["--model", "gpt", "--width", "384", "--layers", "6", "--heads", "6", "--context", "256", "--batch", "12"], 12),
    "lstm_lm": (LM + ["--model", "lstm", "--tokens", "word", "--vocab-size", "10000"], 16),
}


def environment():
    return os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def lines_of(path):
    try:
        rows = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    except (FileNotFoundError, ValueError):
        return []
    return [r for r in rows if "loss" in r]


def timed(command, run, steps):
    """Milliseconds a step, and the last line of the log."""
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    began, seen, rows = None, 0, []
    path = pathlib.Path(run) / "metrics.jsonl"
    while seen < FIRST + steps:
        if process.poll() is not None:
            raise SystemExit(f"{' '.join(command)}: {process.stderr.read().decode()}")
        time.sleep(0.002)
        rows = lines_of(path)
        now = time.perf_counter()
        count = rows[-1]["step"] if rows else 0
        if began is None and count >= FIRST:
            began, first = now, count
        seen = count
    took = (now - began) / (seen - first)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return took * 1e3, rows[-1]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cairn")
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cifar", default="cifar10")
    parser.add_argument("--more", default="", help="further options for the ranks")
    args = parser.parse_args()
    for name in args.networks:
        arguments, steps = NETWORKS[name]
        if name == "resnet18_cifar":
            arguments = arguments + ["--data", args.cifar]
        times, sent = {1: [], 2: []}, {}
        for _ in range(args.rounds):
            for ranks in (1, 2):
                folder = tempfile.mkdtemp()
                run = f"{folder}/run"
                threads = str(3 - ranks)
                # As many steps in all as make each one a line of the log.
                command = [args.cairn, *arguments, "--steps", "90", "--threads", threads, "--out", run]
                if ranks == 2:
                    command = ["mpirun", "-n", "2", *command, *args.more.split()]
                took, row = timed(command, run, steps)
                times[ranks].append(took)
                if ranks == 2:
                    sent = row
                shutil.rmtree(folder, ignore_errors=True)
        one, two = (statistics.median(times[r]) for r in (1, 2))
        print(json.dumps({"network": name, "one_process_ms": round(one, 2), "two_ranks_ms": round(two, 2), "ratio": round(one / two, 3),
                          "ratios": [round(a / b, 3) for a, b in zip(times[1], times[2])], "sent_mb": round(sent["sent_mb"], 3),
                          "sending_ms": round(sent["sending_seconds"] * 1e3, 2), "waited_ms": round(sent["waited_seconds"] * 1e3, 2)}),
              flush=True)


if __name__ == "__main__":
    main()
