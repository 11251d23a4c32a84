#!/usr/bin/env python3
"""PyTorch's losses over the first 20 steps of the networks of tests/python/curves.py, with the same weights and data.

dump_python_curves.py FILE writes them as JSON; with PYTHONPATH=build/python:tests/python. Needs PyTorch.
"""
import json
import sys

import torch
from torch import nn

import curves
from support import fill


class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.pool = nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.MaxPool2d(2)
        self.conv2, self.head = nn.Conv2d(6, 8, 3, padding="same", bias=False), nn.Linear(8, 5)

    def forward(self, x):
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        return self.head(nn.functional.gelu(self.conv2(x)).mean((2, 3)))


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm = nn.Embedding(11, 6), nn.LSTM(6, 7, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(14, 11)

    def forward(self, x):
        return self.head(self.lstm(self.embed(x))[0])


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.0, activation="gelu", batch_first=True)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.norm(self.layer(x))).squeeze(-1)


def class_loss(y, target):
    return nn.functional.cross_entropy(y.reshape(-1, y.shape[-1]), target.reshape(-1))


NETWORKS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3)), lambda p: torch.optim.AdamW(p, lr=1e-2), class_loss),
    "conv": (Conv, lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3), class_loss),
    "lstm": (Sequence, lambda p: torch.optim.Adam(p, lr=1e-2), class_loss),
    "encoder": (Encoder, lambda p: torch.optim.RMSprop(p, lr=1e-3), nn.functional.mse_loss),
}


def losses(name):
    make, optimizer, loss_of = NETWORKS[name]
    x, target = (torch.from_numpy(a) for a in curves.CURVES[name][3:])
    net = make()
    values = fill([(n, tuple(t.shape)) for n, t in net.state_dict().items()])
    net.load_state_dict({n: torch.from_numpy(v) for n, v in values.items()})
    opt = optimizer(net.parameters())
    seen = []
    for _ in range(curves.STEPS):
        opt.zero_grad()
        loss = loss_of(net(x), target)
        loss.backward()
        opt.step()
        seen.append(round(loss.item(), 7))
    return seen


if len(sys.argv) != 2:
    sys.exit(__doc__)
torch.manual_seed(0)
with open(sys.argv[1], "w") as file:
    json.dump({name: losses(name) for name in NETWORKS}, file, indent=1)
    file.write("\n")
