#!/usr/bin/env python3
"""Trains in PyTorch the DCGAN that `cairn train image-gan` trains, and writes samples for `cairn eval --samples`.

Same network, initial distribution, data order apart from the shuffle's seed, losses, Adam, running mean of weights
and number of steps; the classes of a conditional run are drawn in turn. Needs torch and numpy.

  cairn train image-gan --data fashion-mnist/ --steps 2000 --seed 0 --threads 1 --out runs/fashion --json
  python3 tools/torch_gan.py --data fashion-mnist/ --steps 2000 --seed 0 --threads 1 --out torch.npy
  cairn eval runs/fashion --features runs/fashion-classifier --json
  cairn eval runs/fashion --features runs/fashion-classifier --samples torch.npy --json
"""
import argparse
import gzip
import json
import os
import sys
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

LABEL_FEATURES = 32


def read_idx(folder, name):
    for path in (os.path.join(folder, name), os.path.join(folder, name + ".gz")):
        if os.path.exists(path):
            with (gzip.open if path.endswith(".gz") else open)(path, "rb") as f:
                raw = f.read()
            rank = raw[3]
            shape = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(rank)]
            return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)
    sys.exit(f"{folder}: no {name} or {name}.gz")


def narrow_side(side):
    steps = 0
    while side >= 8 and side % 2 == 0:
        side, steps = side // 2, steps + 1
    return side, steps


class Generator(nn.Module):
    def __init__(self, side, channels, width, z, classes):
        super().__init__()
        narrow, steps = narrow_side(side)
        self.label = nn.Embedding(classes, LABEL_FEATURES) if classes else None
        c = width << (steps - 1)
        layers = self.up(z + (LABEL_FEATURES if classes else 0), c, narrow, 1, 0)
        while c > width:
            layers += self.up(c, c // 2, 4, 2, 1)
            c //= 2
        self.net = nn.Sequential(*layers, nn.ConvTranspose2d(c, channels, 4, 2, 1), nn.Tanh())

    @staticmethod
    def up(i, o, kernel, stride, padding):
        return [nn.ConvTranspose2d(i, o, kernel, stride, padding, bias=False), nn.BatchNorm2d(o), nn.ReLU()]

    def forward(self, z, y):
        if self.label is not None:
            z = torch.cat([z, self.label(y)], 1)
        return self.net(z[:, :, None, None])


class Discriminator(nn.Module):
    def __init__(self, side, channels, width, classes):
        super().__init__()
        narrow, steps = narrow_side(side)
        layers = [nn.Conv2d(channels, width, 4, 2, 1), nn.LeakyReLU(0.2)]
        for s in range(1, steps):
            i, o = width << (s - 1), width << s
            layers += [nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.2)]
        wide = width << (steps - 1)
        self.net = nn.Sequential(*layers, nn.Conv2d(wide, 1, narrow))
        self.label = nn.Embedding(classes, wide * narrow * narrow) if classes else None
        if classes:
            nn.init.normal_(self.label.weight, 0, 0.02)

    def forward(self, x, y):
        h = self.net[:-1](x)
        score = self.net[-1](h).flatten()
        return score if self.label is None else score + (h.flatten(1) * self.label(y)).sum(1)


def init_dcgan(m):
    for name, p in m.named_parameters():
        with torch.no_grad():
            if name.endswith("bias"):
                p.zero_()
            elif p.dim() == 4:
                p.normal_(0, 0.02)
            elif p.dim() == 1:
                p.normal_(1, 0.02)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--data", required=True, help="folder with IDX files")
    a.add_argument("--out", required=True, help=".npy to write: u8 [count, channels, side, side]")
    a.add_argument("--conditional", action="store_true")
    a.add_argument("--steps", type=int, default=5000)
    a.add_argument("--batch", type=int, default=64)
    a.add_argument("--width", type=int, default=32)
    a.add_argument("--z", type=int, default=64)
    a.add_argument("--lr", type=float, default=4e-4)
    a.add_argument("--r1", type=float, help="default: 1 with --conditional, else 0")
    a.add_argument("--ema", type=float, default=0.999)
    a.add_argument("--seed", type=int, default=0)
    a.add_argument("--threads", type=int, default=os.cpu_count())
    a.add_argument("--count", type=int, default=10000)
    a.add_argument("--mode", choices=["eager", "channels-last", "compile"], default="eager")
    o = a.parse_args()

    r1 = o.r1 if o.r1 is not None else float(o.conditional)
    torch.manual_seed(o.seed)
    torch.set_num_threads(o.threads)
    pixels = read_idx(o.data, "train-images-idx3-ubyte")
    labels = torch.from_numpy(read_idx(o.data, "train-labels-idx1-ubyte").astype(np.int64))
    images = torch.from_numpy(pixels.copy())[:, None]
    side, classes = images.shape[-1], int(labels.max()) + 1 if o.conditional else 0
    g, d = Generator(side, 1, o.width, o.z, classes), Discriminator(side, 1, o.width, classes)
    init_dcgan(g), init_dcgan(d)
    if o.mode == "channels-last":
        g, d = g.to(memory_format=torch.channels_last), d.to(memory_format=torch.channels_last)
    opt_g = torch.optim.Adam(g.parameters(), o.lr, (0.5, 0.999))
    opt_d = torch.optim.Adam(d.parameters(), o.lr, (0.5, 0.999))
    average = [t.detach().clone() for t in (*g.parameters(), *(b for b in g.buffers() if b.is_floating_point()))]
    run_g, run_d = (torch.compile(g), torch.compile(d)) if o.mode == "compile" else (g, d)

    order, at, began, warm = torch.randperm(len(images)), 0, time.time(), None
    for step in range(o.steps):
        if at + o.batch > len(images):
            order, at = torch.randperm(len(images)), 0
        chosen, at = order[at:at + o.batch], at + o.batch
        x, y = images[chosen].float() / 127.5 - 1, labels[chosen]
        if o.mode == "channels-last":
            x = x.contiguous(memory_format=torch.channels_last)
        opt_d.zero_grad(set_to_none=True)
        fake = run_g(torch.randn(o.batch, o.z), y)
        loss_d = F.softplus(-run_d(x, y)).mean() + F.softplus(run_d(fake.detach(), y)).mean()
        if r1 > 0:
            at_real = x.clone().requires_grad_(True)
            slope, = torch.autograd.grad(run_d(at_real, y).sum(), at_real, create_graph=True)
            loss_d = loss_d + r1 / 2 * slope.flatten(1).square().sum(1).mean()
        loss_d.backward()
        opt_d.step()
        opt_g.zero_grad(set_to_none=True)
        loss_g = F.softplus(-run_d(fake, y)).mean()
        loss_g.backward()
        opt_g.step()
        with torch.no_grad():
            now = [*g.parameters(), *(b for b in g.buffers() if b.is_floating_point())]
            torch._foreach_lerp_(average, now, 1 - min(o.ema, (1 + step) / (10 + step)))
        if step == 9:
            warm = time.time()
        if (step + 1) % 500 == 0:
            print(f"step {step + 1}: D {loss_d.item():.3f} G {loss_g.item():.3f} {time.time() - began:.0f} s",
                  file=sys.stderr, flush=True)
    ended = time.time()

    g.eval()
    with torch.no_grad():
        now = [*g.parameters(), *(b for b in g.buffers() if b.is_floating_point())]
        for t, mean in zip(now, average):
            t.copy_(mean)
        parts = []
        for first in range(0, o.count, 250):
            y = torch.arange(first, min(first + 250, o.count)) % max(classes, 1)
            parts.append(g(torch.randn(len(y), o.z), y))
        drawn = ((torch.cat(parts) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    np.save(o.out, drawn.contiguous().numpy())
    per_step = (ended - warm) / (o.steps - 10) if warm and o.steps > 10 else None
    print(json.dumps({"framework": "torch " + torch.__version__, "mode": o.mode, "steps": o.steps,
                      "seconds": round(ended - began, 2), "ms_per_step": per_step and round(per_step * 1e3, 2)}))


if __name__ == "__main__":
    main()
