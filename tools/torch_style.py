#!/usr/bin/env python3
"""Style transfer in Cairn and in PyTorch, in one run, by turns: the search for a picture (Gatys et al.) and a network for a style.

torch_style.py CAIRN [--rounds 2] [--steps 300] [--size 256] [--pictures 8] [--side 512]

The same networks with random weights (SqueezeNet's layers that the losses look at; the network of `style-transfer`, 16 wide, 4 blocks), the
same losses, steps and sizes. Search: `cairn stylize` as it times itself, PyTorch from the picture in memory to the last step. Network: `cairn
predict` of PICTURES files less that of one, a picture, and PyTorch by files too, with Pillow. PyTorch at the best of its modes: eager,
channels-last, and each with oneDNN's f32 products. Prints seconds (the least of the rounds) and their ratios. Needs torch, numpy, Pillow.
"""
import argparse
import os
import pathlib
import re
import subprocess
import tempfile
import time

os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(1 << 40))  # glibc keeps freed memory
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(1 << 40))
import numpy
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn


class Fire(nn.Module):
    def __init__(self, given, squeezed, each):
        super().__init__()
        self.squeeze, self.one, self.three = nn.Conv2d(given, squeezed, 1), nn.Conv2d(squeezed, each, 1), nn.Conv2d(squeezed, each, 3, padding=1)

    def forward(self, x):
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.one(x)), F.relu(self.three(x))], 1)


class Eyes(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 96, 7, 2)
        self.fires = nn.ModuleList([Fire(96, 16, 64), Fire(128, 16, 64), Fire(128, 32, 128), Fire(256, 32, 128), Fire(256, 48, 192)])
        for p in self.parameters():
            nn.init.kaiming_normal_(p) if p.dim() == 4 else nn.init.zeros_(p)
            p.requires_grad_(False)

    def forward(self, x):
        f2, f3, f4, f5, f6 = self.fires
        style = [F.relu(self.first((x - 0.45) * 4))]
        style.append(f3(f2(F.avg_pool2d(style[-1], 3, 2))))
        content = f4(style[-1])
        style.append(f5(F.avg_pool2d(content, 3, 2)))
        style.append(f6(style[-1]))
        return style, content


def gram(maps):
    rows = maps.flatten(2)
    return rows @ rows.transpose(1, 2) / (rows.shape[1] * rows.shape[2])


def ratio(difference, wanted):
    return difference.square().mean() / (wanted.square().mean() + 1e-8)


def search(eyes, content, style, steps, layout):
    def go_on(canvas, content, style, steps):
        with torch.no_grad():
            grams, wanted = [gram(maps) for maps in eyes(style)[0]], eyes(content)[1]
        picture = canvas.clone().to(memory_format=layout).requires_grad_()
        adam = torch.optim.Adam([picture], lr=0.03)
        for _ in range(steps):
            seen, maps = eyes(picture)
            loss = ratio(maps - wanted, wanted)
            loss = loss + 10 * sum(ratio(gram(s) - g, g) for s, g in zip(seen, grams)) / len(grams)
            loss = loss + 3 * ((picture[..., 1:, :] - picture[..., :-1, :]).square().mean() + (picture[..., 1:] - picture[..., :-1]).square().mean())
            adam.zero_grad()
            loss.backward()
            adam.step()
            with torch.no_grad():
                picture.clamp_(0, 1)
        return picture.detach()

    begin = time.perf_counter()
    small = [F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True) for x in (content, style)]
    canvas = go_on(small[0], *small, steps // 3)
    go_on(F.interpolate(canvas, scale_factor=2, mode="bilinear"), content, style, steps - steps // 3)
    return time.perf_counter() - begin


class Styled(nn.Module):
    def __init__(self, given, made, kernel, stride=1, normed=True):
        super().__init__()
        layers = [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(given, made, kernel, stride, bias=not normed)]
        self.layers = nn.Sequential(*layers, *([nn.InstanceNorm2d(made, affine=True)] if normed else []))

    def forward(self, x):
        return self.layers(x)


class Styler(nn.Module):
    def __init__(self, width=16, blocks=4):
        super().__init__()
        self.down = nn.ModuleList([Styled(3, width, 9), Styled(width, 2 * width, 3, 2), Styled(2 * width, 4 * width, 3, 2)])
        self.inner = nn.ModuleList([Styled(4 * width, 4 * width, 3) for _ in range(2 * blocks)])
        self.up = nn.ModuleList([Styled(4 * width, 2 * width, 3), Styled(2 * width, width, 3), Styled(width, 3, 9, normed=False)])

    def forward(self, x):
        x = x - 0.5
        for layer in self.down:
            x = F.relu(layer(x))
        for first, second in zip(self.inner[::2], self.inner[1::2]):
            x = x + second(F.relu(first(x)))
        for i, layer in enumerate(self.up):
            x = layer(F.interpolate(x, scale_factor=2) if i < 2 else x)
            x = F.relu(x) if i < 2 else x
        return torch.sigmoid(x)


def of_file(file, layout=torch.contiguous_format):
    x = torch.from_numpy(numpy.asarray(Image.open(file).convert("RGB"), numpy.float32) / 255).permute(2, 0, 1)[None]
    return x.contiguous(memory_format=layout)


def paint_files(net, files, into, layout):
    begin = time.perf_counter()
    with torch.no_grad():
        for file in files:
            y = net(of_file(file, layout))[0].permute(1, 2, 0)
            Image.fromarray((y * 255).round().to(torch.uint8).numpy()).save(into / f"torch-{file.stem}.png")
    return (time.perf_counter() - begin) / len(files)


def torch_modes():
    for onednn in (False, True):
        torch.backends.mkldnn.matmul.fp32_precision = "ieee" if onednn else "none"
        for layout in (torch.contiguous_format, torch.channels_last):
            yield layout


def best_of_torch(body):
    return min(body(layout) for layout in torch_modes())


def cairn(*words):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def predict_seconds(program, run, files, into):
    begin = time.perf_counter()
    cairn(program, "predict", run, *files, "--out", into, "--threads", 2)
    return time.perf_counter() - begin


def draw(file, side, seed):
    noise = numpy.random.default_rng(seed).integers(0, 256, (side // 16, side // 16, 3), numpy.uint8)
    Image.fromarray(noise).resize((side, side), Image.BICUBIC).save(file)
    return file


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cairn", type=pathlib.Path)
    for name, value in (("rounds", 2), ("steps", 300), ("size", 256), ("pictures", 8), ("side", 512)):
        parser.add_argument(f"--{name}", type=int, default=value)
    a = parser.parse_args()
    torch.set_num_threads(2)
    program = a.cairn.resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        content, style = (draw(folder / f"{name}.png", a.size, i) for i, name in enumerate(("content", "style")))
        photos = folder / "photos"
        photos.mkdir()
        files = [draw(photos / f"{i}.png", a.side, i) for i in range(a.pictures + 1)]
        cairn(program, "train", "style-transfer", "--style", style, "--data", photos, "--steps", 2, "--quiet", "--out", folder / "run")
        own, other = {"search": [], "network": []}, {"search": [], "network": []}
        for _ in range(a.rounds):
            said = cairn(program, "stylize", "--content", content, "--style", style, "--size", a.size, "--steps", a.steps, "--quiet", "--threads", 2,
                         "--out", folder / "painted.png")
            own["search"].append(float(re.search(r"([\d.]+) s$", said.strip())[1]))
            other["search"].append(best_of_torch(lambda layout: search(
                Eyes().to(memory_format=layout), of_file(content, layout), of_file(style, layout), a.steps, layout)))
            one, all_ = (predict_seconds(program, folder / "run", chosen, folder / f"out{len(chosen)}") for chosen in (files[:1], files))
            own["network"].append((all_ - one) / a.pictures)
            other["network"].append(best_of_torch(lambda layout: paint_files(
                Styler().eval().to(memory_format=layout), files[:-1], folder, layout)))
    for name, what in (("search", f"{a.steps} steps at {a.size} px"), ("network", f"a picture of {a.side} px")):
        mine, theirs = min(own[name]), min(other[name])
        print(f"{name}, {what}: Cairn {mine:.3f} s, PyTorch {theirs:.3f} s, {theirs / mine:.2f} times")
    print(f"(torch {torch.__version__}, two threads)")


if __name__ == "__main__":
    main()
