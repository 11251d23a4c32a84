#!/usr/bin/env python3
"""Writes names and shapes of torchvision's networks, and what they say with weights by a rule, to
tests/models/data/torchvision.json.

tests/models/torchvision_test.cpp fills its own by the same rule and compares. Needs torchvision 0.29.
"""

import json
import os

import numpy as np
import torch
from torchvision import models

SIDE, CLASSES = 64, 10
vit = {"image_size": SIDE, "patch_size": 16, "num_layers": 12, "num_heads": 3, "hidden_dim": 192, "mlp_dim": 768}
NETWORKS = {
    "resnet34": models.resnet34(num_classes=CLASSES),
    "resnet50": models.resnet50(num_classes=CLASSES),
    "mobilenet_v2": models.mobilenet_v2(num_classes=CLASSES),
    "convnext_tiny": models.convnext_tiny(num_classes=CLASSES),
    "vit_tiny": models.VisionTransformer(**vit, num_classes=CLASSES),
}


def waves(count, phase):
    return np.sin(np.arange(count, dtype=np.float64) * 0.7 + phase)


def filled(network):
    """Tensor number k, by name in alphabetical order, holds waves of phase k, of a size that suits what it is."""
    state = network.state_dict()
    for k, name in enumerate(sorted(state)):
        shape = tuple(state[name].shape)
        if not shape:
            continue
        values = waves(int(np.prod(shape)), k)
        if name.endswith("running_var"):
            values = 1 + 0.5 * values
        elif name.endswith("weight") and len(shape) == 1 or name.endswith("layer_scale"):
            values = 1 + 0.1 * values
        elif len(shape) > 1 and name.endswith("weight"):
            values = values * np.sqrt(0.5 / np.prod(shape[1:]))
        else:
            values = 0.1 * values
        state[name] = torch.from_numpy(values.reshape(shape).astype(np.float32))
    network.load_state_dict(state)


rows = []
for name, network in NETWORKS.items():
    filled(network)
    x = torch.from_numpy(waves(3 * SIDE * SIDE, 0.5).astype(np.float32).reshape(1, 3, SIDE, SIDE))
    with torch.no_grad():
        logits = network.eval()(x)[0]
    shapes = {n: "x".join(map(str, t.shape)) for n, t in sorted(network.state_dict().items())}
    rows.append({"model": name, "logits": [float(v) for v in logits], "tensors": shapes})
    print(name, logits.tolist())
path = os.path.join(os.path.dirname(__file__), "..", "tests", "models", "data", "torchvision.json")
os.makedirs(os.path.dirname(path), exist_ok=True)
with open(path, "w", encoding="utf-8") as out:
    out.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
