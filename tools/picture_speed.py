#!/usr/bin/env python3
"""How many pictures a second a training could take: Cairn's loader beside torchvision's, by turns.

picture_speed.py BUILD [--files FOLDER] [--side 224] [--workers 2] [--rounds 5]

Both read JPEG files, take a random part of 0.08 to 1 of each one's area, size it to SIDE, mirror half of them and normalise, in batches of
64, with as many workers. torchvision's is the one of its training recipes: ImageFolder, RandomResizedCrop, RandomHorizontalFlip, and tensors
normalised; with pictures opened by Pillow and, the second, by torchvision's own decoder. --files: class folders, or a folder of pictures; else
400 files of 500 x 375 are made from smooth noise. Prints pictures a second (median of the rounds, the fastest) and how many times quicker
Cairn is than the quicker of the two. Needs BUILD/bench_pictures (ninja bench_pictures), torch, torchvision, Pillow, numpy.
"""
import argparse
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import numpy
import torch
import torchvision
from PIL import Image
from torchvision.transforms import v2

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH, SECONDS = 64, 2.5


def draw(folder, count=400):
    """Photograph-like: noise of several scales, at JPEG's quality of 90 (some 60 kB a file)."""
    random = numpy.random.default_rng(0)
    for i in range(count):
        picture = numpy.zeros((375, 500, 3), numpy.float32)
        for scale, height in ((4, 90), (16, 40), (64, 25), (250, 12)):
            noise = (random.random((scale * 3 // 4 + 1, scale, 3)) * 255).astype(numpy.uint8)
            picture += (numpy.asarray(Image.fromarray(noise).resize((500, 375), Image.BICUBIC), numpy.float32) - 128) * height / 80
        Image.fromarray((picture + 128).clip(0, 255).astype(numpy.uint8)).save(folder / f"{i:04}.jpg", quality=90)


def prepared(files, into):
    """Two class folders, as ImageFolder wants them."""
    folders = [into / "train" / name for name in ("a", "b")] + [into / "test" / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir(parents=True)
    if files is None:
        files = into / "drawn"
        files.mkdir()
        draw(files)
    for i, file in enumerate(sorted(p for p in files.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))):
        shutil.copy(file, folders[i % 2])
        if i < 2:
            shutil.copy(file, folders[2 + i])
    return into


def opened_by_pillow(path):
    with open(path, "rb") as file:
        return Image.open(file).convert("RGB")


def opened_by_torchvision(path):
    return torchvision.io.decode_image(str(path), mode="RGB")


def torch_loader(folder, side, workers, opener):
    changes = [v2.RandomResizedCrop(side, antialias=True), v2.RandomHorizontalFlip()]
    if opener is opened_by_pillow:
        changes.append(v2.PILToTensor())
    changes += [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, DEVIATION)]
    images = torchvision.datasets.ImageFolder(folder / "train", v2.Compose(changes), loader=opener)
    return torch.utils.data.DataLoader(images, BATCH, shuffle=True, num_workers=workers, persistent_workers=True, drop_last=True)


class Torch:
    def __init__(self, *given):
        self.loader = torch_loader(*given)
        self.batches = iter(self.loader)

    def __call__(self):
        begin, count = time.perf_counter(), 0
        while (taken := time.perf_counter() - begin) < SECONDS:
            try:
                count += len(next(self.batches)[0])
            except StopIteration:
                self.batches = iter(self.loader)
        return count / taken


class Cairn:
    def __init__(self, build, folder, side, workers):
        self.process = subprocess.Popen([build / "bench_pictures", folder, str(side), str(workers), str(SECONDS)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def __call__(self):
        print(file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--files", type=pathlib.Path)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as into:
        folder = prepared(a.files, pathlib.Path(into))
        readers = {"Cairn": Cairn(a.build.resolve(), folder, a.side, a.workers)}
        for opener in (opened_by_pillow, opened_by_torchvision):
            readers[opener.__name__.replace("opened_by_", "torchvision, opened by ")] = Torch(folder, a.side, a.workers, opener)
        rates = {name: [] for name in readers}
        for turn in range(a.rounds + 1):
            for name, read in readers.items():
                rate = read()
                if turn > 0:  # the first fills caches
                    rates[name].append(rate)
        for name, list_ in rates.items():
            print(f"{name:40} {statistics.median(list_):7.1f} ({max(list_):.1f}) pictures a second")
        own, *others = (statistics.median(list_) for list_ in rates.values())
        print(f"{own / max(others):.2f} times (torchvision {torchvision.__version__}, torch {torch.__version__}, {a.workers} workers)")


if __name__ == "__main__":
    main()
