#!/usr/bin/env python3
"""Writes what torchvision's TrivialAugmentWide makes of small pictures to tests/data/data/augmentations.json.

tests/data/trivial_augment_test.cpp compares. Needs torchvision 0.29.2 and Pillow 13.0 (the changes of pictures are Pillow's).
"""

import json

import numpy as np
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.autoaugment import TrivialAugmentWide, _apply_op

rng = np.random.default_rng(0)


def picture(channels, height, width):
    slopes = np.linspace(20, 200, width)[None, :, None] + np.linspace(-15, 40, height)[:, None, None]
    values = slopes + rng.normal(0, 18, (height, width, channels)) + np.arange(channels) * 9
    values[2:4, 1:3] = 255  # what is cut elsewhere
    return np.clip(values, 0, 255).astype(np.uint8)


def planes(image):
    values = np.asarray(image)
    return (values[:, :, None] if values.ndim == 2 else values).transpose(2, 0, 1).tobytes().hex()


pictures = [picture(3, 7, 9), picture(1, 8, 8)]
strengths = TrivialAugmentWide()._augmentation_space(31)
cases = []
for number, values in enumerate(pictures):
    image = Image.fromarray(values[:, :, 0] if values.shape[2] == 1 else values)
    for name, (steps, signed) in strengths.items():
        for step in [0] if steps.ndim == 0 else [1, 7, 20, 30]:
            size = float(steps if steps.ndim == 0 else steps[step])
            for strength in [size, -size] if signed and step % 2 else [size]:
                out = _apply_op(image, name, strength, InterpolationMode.NEAREST, None)
                cases.append({"picture": number, "change": name, "step": step, "strength": strength, "out": planes(out)})
content = {
    "pictures": [{"shape": [v.shape[2], v.shape[0], v.shape[1]], "pixels": v.transpose(2, 0, 1).tobytes().hex()} for v in pictures],
    "strengths": {name: [float(s) for s in steps.reshape(-1)] for name, (steps, _) in strengths.items()},
    "cases": cases,
}
with open("tests/data/data/augmentations.json", "w") as file:
    file.write("{\n" + ",\n".join(f'"{k}": ' + ("[\n" + ",\n".join(map(json.dumps, v)) + "]" if k == "cases" else json.dumps(v)) for k, v in content.items()) + "\n}\n")
