#!/usr/bin/env python3
"""Training steps of detection, series, speech and music in Cairn and in PyTorch, in one run, by turns.

torch_steps.py CAIRN [NAME...] [--rounds 3] [--seconds 2] [--threads 2] [--modes eager,onednn]

NAMEs are rows of `cairn bench`: detector, bilstm_ctc, gru_forecast, patch_forecast, music_gan (tests/models/steps_test.cpp holds Cairn's networks against
these, from equal weights; here the numbers of parameters must agree). The modes of PyTorch: eager; onednn, whose f32 products
are oneDNN's instead of MKL's; channels-last, of networks of pictures; compile and compile+onednn (torch.compile, tens of seconds to begin). Each measurement is a process; for PyTorch glibc keeps
freed memory, as with tcmalloc. Prints a line a row: the median of the rounds' median steps and the fastest step, the ratios
to PyTorch's best mode, and the highest resident memory (PyTorch's: the least of its runs, one of them as glibc does by itself).
Needs torch.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time


def workloads(mode):
    import torch
    import torch.nn.functional as F
    import torch_models as models

    def supervised(compiled, net, x, y, loss):
        if "channels-last" in mode:
            net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
        ready = compiled(net)
        adam = torch.optim.AdamW(net.parameters(), lr=1e-3)

        def step():
            adam.zero_grad(set_to_none=True)
            value = loss(ready(x), y)
            value.backward()
            adam.step()
            return value
        return step, [net]

    def bilstm_ctc(compiled):
        frames, lengths = torch.full((16,), 200), torch.full((16,), 30)
        return supervised(compiled, models.BiLstmCtc(), torch.randn(200, 16, 80), torch.randint(1, 29, (16, 30)),
                          lambda out, y: F.ctc_loss(out, y, frames, lengths))

    def gru_forecast(compiled):
        return supervised(compiled, models.GruForecast(), torch.randn(32, 96, 7), torch.randn(32, 24, 7), F.mse_loss)

    def patch_forecast(compiled):
        net = models.PatchForecaster()
        return supervised(compiled, net, torch.randn(32, 512, 7), torch.randn(32, 96, 7), net.loss)

    def music_gan(compiled):
        g, d = models.RollGenerator(), models.RollDiscriminator()
        steps_g, steps_d = (torch.optim.Adam(net.parameters(), lr=5e-4, betas=(0.0, 0.9)) for net in (g, d))
        real, z, eps = F.one_hot(torch.randint(48, (32, 4, 32)), 48).float(), torch.randn(32, 64), torch.rand(32, 1, 1, 1)
        generator = compiled(g)  # the critic's gradient of a gradient cannot be compiled

        def step():
            fake = generator(z)
            steps_d.zero_grad(set_to_none=True)
            value = models.critic_loss(d, real, fake.detach(), eps)
            value.backward()
            steps_d.step()
            steps_g.zero_grad(set_to_none=True)
            (-d(fake).mean()).backward()
            steps_g.step()
            return value
        return step, [g, d]

    def detector(compiled):
        net, points = models.Detector(), models.Detector.points(320, 416)
        places = 8, len(points)
        label = torch.where(torch.rand(places) < 1 / 30, torch.randint(3, places), 3)
        corner = torch.rand(*places, 2) * 280
        box = torch.cat([corner, corner + 10 + torch.rand(*places, 2) * 100], 2)
        return supervised(compiled, net, torch.randn(8, 3, 320, 416), label, lambda out, y: models.detection_loss(out, y, box, points))
    return dict(detector=detector, bilstm_ctc=bilstm_ctc, gru_forecast=gru_forecast, patch_forecast=patch_forecast, music_gan=music_gan)


NAMES = ("detector", "bilstm_ctc", "gru_forecast", "patch_forecast", "music_gan")


def measure(name, mode, threads, seconds):
    """PyTorch's side, in a process of its own."""
    import torch
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    if "onednn" in mode:
        torch.set_float32_matmul_precision("medium")
    step, nets = workloads(mode)[name](torch.compile if "compile" in mode else lambda net: net)
    first = float(step().detach())
    for _ in range(2):
        step()
    taken, end = [], time.perf_counter() + seconds
    while len(taken) < 5 or time.perf_counter() < end:
        begin = time.perf_counter()
        float(step().detach())
        taken.append((time.perf_counter() - begin) * 1e3)
    print(json.dumps({"ms": statistics.median(taken), "fastest": min(taken), "loss": first, "version": torch.__version__,
                      "params": sum(p.numel() for net in nets for p in net.parameters()),
                      "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def torch_row(name, mode, given, keeps=True):
    kept = {"MALLOC_TRIM_THRESHOLD_": "2000000000", "MALLOC_MMAP_THRESHOLD_": "2000000000"} if keeps else {}
    command = [sys.executable, __file__, "--measure", mode, given.cairn, name, "--threads", str(given.threads), "--seconds", str(given.seconds)]
    run = subprocess.run(command, capture_output=True, text=True, env=kept | os.environ)
    if run.returncode != 0:
        sys.exit(f"{name}, {mode}: {run.stderr[-1500:]}")
    return json.loads(run.stdout.splitlines()[-1])


def cairn_row(name, given):
    with tempfile.TemporaryDirectory() as folder:
        rows = os.path.join(folder, "rows.json")
        subprocess.run([given.cairn, "bench", name, "--threads", str(given.threads), "--seconds", str(given.seconds), "--json", rows],
                       check=True, capture_output=True)
        with open(rows) as file:
            row = json.load(file)
    return row[0] if isinstance(row, list) else row


def compare(name, given):
    ours, theirs = [], {mode: [] for mode in given.modes.split(",")}
    for _ in range(given.rounds):
        ours.append(cairn_row(name, given))
        for mode, rows in theirs.items():
            rows.append(torch_row(name, mode, given))
    least = torch_row(name, "eager", given, keeps=False)
    assert least["params"] == ours[0]["params"], f"{name}: {least['params']} parameters in PyTorch, {ours[0]['params']} in Cairn"
    median = lambda rows: statistics.median(row["ms"] for row in rows)
    fastest = lambda rows: min(row["fastest"] for row in rows)
    mode = min(theirs, key=lambda mode: median(theirs[mode]))
    quickest = min(fastest(rows) for rows in theirs.values())
    memory = max(row["peak_mb"] for row in ours), min([least["peak_mb"]] + [row["peak_mb"] for rows in theirs.values() for row in rows])
    print(f"{name:<15} {ours[0]['params']:>9,} parameters  Cairn {median(ours):8.2f} ({fastest(ours):.2f}) ms, PyTorch {least['version']} "
          f"{median(theirs[mode]):8.2f} ({quickest:.2f}) ms, {mode}: {median(theirs[mode]) / median(ours):.2f} ({quickest / fastest(ours):.2f}) times; "
          f"peak {memory[0]:.0f} and {memory[1]:.0f} MB, 1/{memory[1] / memory[0]:.1f}; first losses {ours[0]['loss']:.4f}, {least['loss']:.4f}", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("cairn")
    options.add_argument("names", nargs="*", default=NAMES)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=float, default=2)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--modes", default="eager,onednn")
    options.add_argument("--measure", metavar="MODE", help="one measurement of PyTorch, as a line of JSON")
    given = options.parse_args()
    unknown = set(given.names) - set(NAMES)
    if unknown:
        options.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    for name in given.names:
        if given.measure:
            measure(name, given.measure, given.threads, given.seconds)
        else:
            compare(name, given)


main()
